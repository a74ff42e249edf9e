"""`mlm op`: the journal of operations. A stopped one continues where it stood, with the bytes that were signed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from mlm.core.clock import Instant
from mlm.core.errors import NotFound, StateConflict, WalletError
from mlm.core.plan import FIRST_PAGE, JSON_ONLY, NO_MORE, thawed
from mlm.ports.bundle import Ports
from mlm.ports.signer import Fate
from mlm.workflows.apply import DoneStep, carry_on
from mlm.workflows.journalled import DONE, Progress, ended, find, progress
from mlm.workflows.rerun import foreign

PAGE = 50


@dataclass(frozen=True)
class OpRow:
    """An operation in a list. `state` is running, unfinished, stopped, done, undone or superseded."""

    op: str
    operation: str
    state: str
    outcome: str | None = field(metadata=JSON_ONLY)  # None while it runs or after a kill
    steps: int
    done: int
    started_at: Instant
    account: str = field(metadata=JSON_ONLY)


@dataclass(frozen=True)
class OpList:
    """One page of operations, newest first."""

    operations: tuple[OpRow, ...]
    page: int = field(metadata=FIRST_PAGE)
    more: bool = field(metadata=NO_MORE)


@dataclass(frozen=True)
class OpStep:
    """One step and how far it came: planned, signed (its bytes may have been sent), done or cancelled."""

    number: int
    kind: str
    title: str
    state: str
    reference: str


@dataclass(frozen=True)
class Op:
    """An operation with its steps."""

    op: str
    operation: str
    outcome: str | None
    account: str
    steps: tuple[OpStep, ...]
    next: str | None


@dataclass(frozen=True)
class Resumed:
    """What resuming did; no steps when everything had been done before the kill."""

    op: str
    operation: str
    steps: tuple[DoneStep, ...]


def log(ports: Ports, page: int = 1) -> OpList:
    """Operations of this project (or of MLM_HOME outside one), newest first."""
    found = list(reversed(ports.journal.operations(page * PAGE + 1)))
    start = (page - 1) * PAGE
    rows = tuple(_row(ports, summary) for summary in found[start : start + PAGE])
    return OpList(rows, page, len(found) > start + PAGE)


def _row(ports: Ports, summary: dict[str, Any]) -> OpRow:
    params, outcome = summary["params"], summary["outcome"]
    done = sum(found.done for found in progress(ports.journal.entries(summary["op"])).values())
    state = (outcome or "").partition(":")[0] or ("running" if ports.journal.held(summary["op"]) else "unfinished")
    started_at = Instant(summary["started_at"])
    steps = len(params["steps"])
    return OpRow(summary["op"], summary["operation"], state, outcome, steps, done, started_at, params["account"])


def show(ports: Ports, op: str) -> Op:
    """One operation, as the journal has it; raises NotFound."""
    summary = find(ports.journal, op)
    known = progress(ports.journal.entries(op))
    steps = []
    for number, record in enumerate(summary["params"]["steps"]):
        found = known.get(number, Progress())
        steps.append(OpStep(number, record["kind"], record["title"], found.state, found.reference))
    verb = "undo" if any(found.given_up for found in known.values()) else "resume"
    following = None if ended(summary["outcome"]) else f"mlm op {verb} {op}"
    return Op(op, summary["operation"], summary["outcome"], summary["params"]["account"], tuple(steps), following)


def resume(ports: Ports, op: str, *, faster: bool = False) -> Resumed:
    """Do what is left of a stopped operation; what was signed is broadcast again, byte for byte, never signed twice.

    A step whose block a reorganisation has dropped is left too, also of an operation that had ended. `faster` offers
    higher fees for a transaction that waits. Raises StateConflict when nothing is left, or a living process works on
    it, WalletError when another account began it, Reverted when a step that was not sent yet would fail now.
    """
    check_owner(ports, op, find(ports.journal, op)["params"])
    with ports.journal.hold(op):
        # Only who holds it knows how it stands: another process may have gone on with it, or given it up.
        summary = find(ports.journal, op)
        if ended(summary["outcome"]) and summary["outcome"] != DONE:
            raise StateConflict(
                f"operation {op} ({summary['operation']}) is {summary['outcome']}",
                hint="`mlm op log` lists the others.",
            )
        before = progress(ports.journal.entries(op))
        if any(found.given_up for found in before.values()):
            raise StateConflict(
                f"operation {op} ({summary['operation']}) is being given up", hint=f"Finish that: `mlm op undo {op}`."
            )
        known = {number: _still(ports, found) for number, found in before.items()}
        steps = tuple(thawed(record) for record in summary["params"]["steps"])
        if summary["outcome"] == DONE and all(known.get(number, Progress()).done for number in range(len(steps))):
            raise StateConflict(f"operation {op} ({summary['operation']}) is done", hint="`mlm op log` lists others.")
        return Resumed(op, summary["operation"], carry_on(ports, op, steps, known, faster=faster))


def newest_unfinished(ports: Ports) -> str:
    """The operation that was stopped or killed last; raises NotFound when every one has ended."""
    for summary in reversed(ports.journal.operations(open_only=True)):
        if ended(summary["outcome"]) or ports.journal.held(summary["op"]):
            continue
        if not any(found.given_up for found in progress(ports.journal.entries(summary["op"])).values()):
            return str(summary["op"])
    raise NotFound("no operation is unfinished", hint="`mlm op log` lists what was done.")


def _still(ports: Ports, found: Progress) -> Progress:
    """A step's progress, without an inclusion that the chain no longer has. A node that cannot tell changes nothing."""
    if found.included and ports.sender.fate(*found.signed).fate not in (Fate.INCLUDED, Fate.CONTESTED):
        return replace(found, included="")
    return found


def check_owner(ports: Ports, op: str, params: dict[str, Any]) -> None:
    """Raises WalletError for another account's operation, StateConflict for another chain's."""
    if not params["account"]:
        return
    if (why := foreign(ports, params)) and params["account"] != ports.sender.address:
        raise WalletError(f"operation {op} {why}", hint="Choose the account with -a.")
    if why:
        raise StateConflict(f"operation {op} {why}", hint="Choose the network with --network.")
