"""Plans: what an operation will do, as typed values, before any of it is done.

A plan is made by reading only. Identifiers are content, so the result is known before the first step runs;
`workflows/apply.py` is the only executor.
"""

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mlm.core.cid import Cid
from mlm.core.money import Amount

R = TypeVar("R")


@dataclass(frozen=True)
class Call:
    """A contract call: contract by deployed name, function by name, arguments as the ABI takes them."""

    contract: str
    function: str
    args: tuple[Any, ...] = ()
    value: int = 0  # wei


@dataclass(frozen=True)
class Tx:
    """Send one transaction. `payment` leaves the account for good, `bond` comes back unless a fault is proven."""

    title: str
    call: Call
    payment: Amount = Amount(0)
    bond: Amount = Amount(0)


@dataclass(frozen=True)
class Store:
    """Copy a DAG of blocks: to the remote that others read, or into the local objects."""

    title: str
    root: Cid
    blocks: tuple[tuple[Cid, bytes], ...] = field(default=(), repr=False)  # blocks that are not in the local objects yet
    push: bool = True  # False: local objects only


@dataclass(frozen=True)
class Wait:
    """Wait until the chain has at least `blocks` more blocks than when the step before was included."""

    title: str
    blocks: int = 1


@dataclass(frozen=True)
class Write:
    """Write a file, whole or not at all."""

    title: str
    path: str
    content: bytes = field(repr=False)


Step = Tx | Store | Wait | Write


@dataclass(frozen=True)
class Plan(Generic[R]):
    """Steps in order and the result they lead to. An empty plan means there is nothing left to do."""

    operation: str
    steps: tuple[Step, ...]
    result: R

    @property
    def payment(self) -> Amount:
        """What leaves the account, fees apart."""
        return Amount(sum(step.payment for step in self.steps if isinstance(step, Tx)))

    @property
    def bond(self) -> Amount:
        """What is locked, and lost at worst to a proven fault."""
        return Amount(sum(step.bond for step in self.steps if isinstance(step, Tx)))
