"""Plans: what an operation will do, as typed values, before any of it is done.

A plan is made by reading only. `workflows/apply.py` is the only executor.
"""

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mlm.core.cid import Cid
from mlm.core.money import Amount

F = TypeVar("F")


@dataclass(frozen=True)
class Call:
    """A contract call: contract by deployed name, function by name, arguments as the ABI takes them.

    Where the ABI takes bytes an argument may itself be a Call: it is encoded to its calldata (for `multicall`).
    """

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
    blocks: tuple[tuple[Cid, bytes], ...] = field(default=(), repr=False)  # new ones, put into the local objects first
    push: bool = True  # False: local objects only


Step = Tx | Store


@dataclass(frozen=True)
class Plan(Generic[F]):
    """Steps in order. `facts` is what planning found and the result needs. No steps: there is nothing left to do."""

    operation: str
    steps: tuple[Step, ...]
    facts: F

    @property
    def payment(self) -> Amount:
        """What leaves the account, fees apart."""
        return Amount(sum(step.payment for step in self.steps if isinstance(step, Tx)))

    @property
    def bond(self) -> Amount:
        """What is locked, and lost at worst to a proven fault."""
        return Amount(sum(step.bond for step in self.steps if isinstance(step, Tx)))
