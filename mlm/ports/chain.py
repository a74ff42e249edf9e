"""Reading an EVM chain."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol


@dataclass(frozen=True)
class Block:
    number: int
    hash: str  # 0x-prefixed
    parent_hash: str
    timestamp: int  # seconds
    gas_limit: int = field(default=0, compare=False)  # of all its transactions; 0: not known, as in an index


class Log(NamedTuple):
    """One event log, undecoded. Addresses and hashes are 0x-prefixed lower-case hex. Made by the hundred thousand."""

    address: str
    topics: tuple[str, ...]
    data: bytes
    block_number: int
    block_hash: str
    tx_hash: str
    log_index: int


@dataclass(frozen=True)
class Receipt:
    tx_hash: str
    block_number: int
    block_hash: str
    ok: bool
    gas_used: int
    effective_gas_price: int  # wei
    logs: tuple[Log, ...]
    data_fee: int = 0  # wei, what a rollup charged for publishing the transaction to its parent chain

    @property
    def fee(self) -> int:
        """All that the sender paid besides the value, in wei."""
        return self.gas_used * self.effective_gas_price + self.data_fee


class History(Protocol):
    """Blocks and logs. Every call has a time limit and raises ChainError, NotFound for a block that is not there."""

    first_block: int  # no log of the contracts is older

    def block(self, tag: "int | str" = "latest") -> Block:
        """`tag` is a number or latest, safe, finalized."""

    def blocks(self, numbers: Sequence[int]) -> list[Block]:
        """Many blocks, in the order asked for, in few exchanges with the node."""

    def logs(self, from_block: int, to_block: int) -> list[Log]:
        """All logs of the deployed contracts in [from_block, to_block], in chain order."""


class Chain(History, Protocol):
    """Every call has a time limit and raises ChainError; a revert raises Reverted, decoded."""

    depth: str  # how settled a block must be before money or results follow it: included, safe or finalized

    def chain_id(self) -> int: ...

    def call(self, contract: str, function: str, *args: Any, block: int | None = None) -> Any:
        """Read a function of a deployed contract; one output comes bare, several as a tuple, structs as tuples.

        At the newest block unless another is named; a node need not know the state of old ones.
        """

    def balance(self, address: str) -> int:
        """Wei."""

    def transaction_input(self, tx_hash: str) -> bytes:
        """Calldata of a mined transaction."""

    def address_of(self, contract: str) -> str:
        """The deployed address of a contract by its name."""
