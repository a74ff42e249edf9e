"""Signing and sending transactions of one account."""

from dataclasses import dataclass
from typing import Any, Protocol

from mlm.core.plan import Call
from mlm.ports.chain import Receipt


@dataclass(frozen=True)
class Simulated:
    """What a call would do at a block. `gas` is None when the node could not simulate it on top of `after`."""

    gas: int | None
    fee: int | None  # wei, gas times the fee cap
    block: int


@dataclass(frozen=True)
class Signed:
    """A signed transaction, complete before it is broadcast."""

    raw: bytes
    tx_hash: str
    nonce: int


class Sender(Protocol):
    """Simulation comes first: `sign` raises Reverted, decoded, when the call would fail."""

    @property
    def address(self) -> str:
        """Checksummed."""

    def encode(self, call: Call) -> bytes:
        """Calldata of a call: selector and ABI-encoded arguments."""

    def simulate(self, calls: tuple[Call, ...]) -> list[Simulated]:
        """Simulate calls in order, each on top of the ones before it where the node can (eth_simulateV1)."""

    def sign(self, call: Call) -> Signed: ...

    def broadcast(self, signed: Signed) -> None:
        """Idempotent: a transaction that the node already knows is no error."""

    def wait(self, signed: Signed, timeout: float | None = None) -> Receipt:
        """Bounded wait for inclusion, by default for as long as the settings say.

        Raises Reverted when it failed, ChainError when time ran out.
        """

    def sign_typed(self, domain: dict[str, Any], types: dict[str, Any], message: dict[str, Any]) -> bytes:
        """EIP-712 signature, 65 bytes r‖s‖v."""
