"""Plans: what an operation will do, as typed values, before any of it is done.

A plan is made by reading only. `workflows/apply.py` is the only executor.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mlm.core.cid import Cid
from mlm.core.errors import InvalidData
from mlm.core.money import Amount

if TYPE_CHECKING:
    from mlm.core.auctions.kept import KeptBid

F = TypeVar("F")

JSON_ONLY: Mapping[str, Any] = {"table": False}  # metadata of a field that tables leave out
FIRST_PAGE: Mapping[str, Any] = {"quiet": 1}  # metadata of fields that tables leave out while they have this value
NO_MORE: Mapping[str, Any] = {"quiet": False}
NO_TEXT: Mapping[str, Any] = {"quiet": ""}
NOTE: Mapping[str, Any] = {"note": True}  # of a column that goes below its row where a terminal is too narrow for both
TITLED: Mapping[str, Any] = {"titled": True}  # of a record that stands under its name
NO_AMOUNT: Mapping[str, Any] = {"quiet": 0}
NO_ACCOUNT: Mapping[str, Any] = {"quiet": ""}


@dataclass(frozen=True)
class Call:
    """A contract call: contract by deployed name, function by name, arguments as the ABI takes them.

    Where the ABI takes bytes an argument may itself be a Call: it is encoded to its calldata (for `multicall`).
    Without a function's name the only argument is the whole calldata, encoded before.
    """

    contract: str
    function: str
    args: tuple[Any, ...] = ()
    value: int = 0  # wei


# A transaction to oneself that does nothing: it takes the nonce of one that waits, so that that one never happens.
NOTHING = Call("", "", (b"",))


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
    pin: bool = False  # pinning services are asked to keep it too


@dataclass(frozen=True)
class Move:
    """Let a name of the local history stand for another commit: a branch, or HEAD where no branch is checked out."""

    title: str
    ref: str  # heads/NAME or HEAD
    before: Cid | None
    after: Cid | None
    tree: bool = False  # the working tree and the index go along


@dataclass(frozen=True)
class Keep:
    """Write down what opens a sealed bid, on this machine alone: the journal knows it by its commitment."""

    title: str
    commitment: bytes
    bid: "KeptBid | None" = field(default=None, repr=False)  # kept before anything is journalled


Step = Tx | Store | Move | Keep


@dataclass(frozen=True)
class Plan(Generic[F]):
    """Steps in order. `facts` is what planning found and the result needs. No steps: there is nothing left to do."""

    operation: str
    steps: tuple[Step, ...]
    facts: F

    @property
    def concerns_others(self) -> bool:
        """Whether it sends or shares anything: then a person is asked first."""
        return any(isinstance(step, Tx) or (isinstance(step, Store) and step.push) for step in self.steps)

    @property
    def payment(self) -> Amount:
        """What leaves the account, fees apart."""
        return Amount(sum(step.payment for step in self.steps if isinstance(step, Tx)))

    @property
    def bond(self) -> Amount:
        """What is locked, and lost at worst to a proven fault."""
        return Amount(sum(step.bond for step in self.steps if isinstance(step, Tx)))


def frozen(step: Step, encode: Callable[[Call], bytes], address_of: Callable[[str], str]) -> dict[str, Any]:
    """A step as the journal keeps it: all that doing it later needs, but for a Store's blocks and a sealed bid."""
    if isinstance(step, Store):
        return {"kind": "store", "title": step.title, "root": str(step.root), "push": step.push, "pin": step.pin}
    if isinstance(step, Move):
        before, after = (None if cid is None else str(cid) for cid in (step.before, step.after))
        named = {"kind": "move", "title": step.title, "ref": step.ref, "before": before, "after": after}
        return {**named, "tree": step.tree}
    if isinstance(step, Keep):
        return {"kind": "keep", "title": step.title, "commitment": "0x" + step.commitment.hex()}
    call = step.call
    return {
        "kind": "transaction",
        "title": step.title,
        "contract": call.contract,
        "to": address_of(call.contract),
        "data": "0x" + encode(call).hex(),
        "value": str(call.value),
        "payment": str(int(step.payment)),
        "bond": str(int(step.bond)),
    }


def thawed(record: Mapping[str, Any]) -> Step:
    """The step of a journal's record; raises InvalidData for one that `frozen` did not write."""
    try:
        if record["kind"] == "store":
            push, pin = record["push"] is True, record.get("pin") is True
            return Store(record["title"], Cid.parse(record["root"]), push=push, pin=pin)
        if record["kind"] == "move":
            before, after = (record[name] and Cid.parse(record[name]) for name in ("before", "after"))
            return Move(record["title"], record["ref"], before, after, record.get("tree") is True)
        if record["kind"] == "keep":
            return Keep(record["title"], bytes.fromhex(record["commitment"].removeprefix("0x")))
        data = bytes.fromhex(record["data"].removeprefix("0x"))
        call = Call(record["contract"], "", (data,), int(record["value"]))
        return Tx(record["title"], call, Amount(int(record["payment"])), Amount(int(record["bond"])))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidData(f"the journal holds a step that mlm did not write: {str(record)[:60]}") from error
