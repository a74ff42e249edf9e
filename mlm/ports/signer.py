"""Signing and sending transactions of one account."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from mlm.core.eip712 import Signable
from mlm.core.plan import Call
from mlm.ports.chain import Receipt


@dataclass(frozen=True)
class Simulated:
    """What a call would do at a block. `gas` is None when the node could not simulate it on top of `after`."""

    gas: int | None
    fee: int | None  # wei at most: gas times the fee cap, and what a rollup charges beside it
    block: int
    data_fee: int = 0  # wei, the part of `fee` for publishing to a parent chain; 0 where there is none


@dataclass(frozen=True)
class Signed:
    """A signed transaction, complete before it is broadcast. Fees are wei for a unit of gas; 0: not known."""

    raw: bytes
    tx_hash: str
    nonce: int
    priority_fee: int = 0
    max_fee: int = 0


class Fate(StrEnum):
    """What has become of transactions that share a nonce, of which one at most is ever included."""

    INCLUDED = "included"  # one of them is in a block, and did what it was to do
    FAILED = "failed"  # one of them is in a block, and was reverted there
    WAITING = "waiting"  # the node holds one of them, or the nonce is still free: broadcasting again does no harm
    DISPLACED = "displaced"  # another transaction has provably used the nonce: none of them ever counts
    CONTESTED = "contested"  # the nonce is used, and the node cannot show by what


@dataclass(frozen=True)
class Outcome:
    """The fate, and the transaction that took the nonce, where it was found.

    It may be none of those asked about: a wallet's "speed up" makes the same call with the same nonce.
    `receipt` is missing where the node has lost it, `safe`: no reorganisation is expected to change this any more.
    """

    fate: Fate
    tx_hash: str = ""
    safe: bool = False
    receipt: Receipt | None = None

    @property
    def lost(self) -> bool:
        """Whether none of the transactions will ever do what it was to do: only then it may be signed anew."""
        return self.fate in (Fate.FAILED, Fate.DISPLACED) and self.safe


class Account(Protocol):
    """Somebody on the chain."""

    @property
    def address(self) -> str:
        """Checksummed."""


class Signer(Account, Protocol):
    """Signatures that are no transactions."""

    def sign_typed(self, domain: dict[str, Any], types: dict[str, Any], message: dict[str, Any]) -> bytes:
        """EIP-712 signature, 65 bytes r‖s‖v."""

    def sign_members(self, signable: Signable, members: bytes) -> bytes:
        """The same of a struct of single words, `members`, that is signed thousands of times a second."""


class Recover(Protocol):
    """Who signed. Pure, but for the library that it takes."""

    def __call__(self, domain: dict[str, Any], types: dict[str, Any], message: dict[str, Any], signature: bytes) -> str:
        """The address in lower case; raises InvalidData for what is no signature of anybody."""


class Sender(Account, Protocol):
    """Simulation comes first: `sign` raises Reverted, decoded, when the call would fail."""

    def encode(self, call: Call) -> bytes:
        """Calldata of a call: selector and ABI-encoded arguments."""

    def simulate(self, calls: tuple[Call, ...]) -> list[Simulated]:
        """Simulate calls in order, each on top of the ones before it where the node can (eth_simulateV1)."""

    def turn(self) -> AbstractContextManager[None]:
        """Until the block ends nobody else signs for this account: from the choice of a nonce to the broadcast.

        Raises StateConflict when another process takes too long.
        """

    def sign(self, call: Call, replaces: Signed | None = None) -> Signed:
        """With `replaces`: the same nonce, and fees so much higher that nodes take the one for the other."""

    def broadcast(self, signed: Signed) -> None:
        """Idempotent: a transaction that the node already knows is no error."""

    def wait(self, *signed: Signed, timeout: float | None = None) -> Receipt:
        """Bounded wait, by default for as long as the settings say, until one of these is included deep enough.

        They share a nonce. Raises Reverted when it failed, StateConflict when another transaction took the nonce,
        ChainError when time ran out.
        """

    def fate(self, *signed: Signed) -> Outcome:
        """What has become of transactions that share a nonce, without waiting."""
