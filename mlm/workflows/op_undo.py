"""`mlm op undo`: what waits is cancelled, what is local is taken back, and what stands on chain is named.

It is named with the command that makes up for it: nobody takes a transaction back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mlm.core.errors import Reverted, StateConflict
from mlm.core.plan import NOTHING, Keep, Move, Step, Store, thawed
from mlm.ports.bundle import Ports
from mlm.ports.signer import Fate
from mlm.workflows.journalled import DONE, UNDONE, Progress, ended, find, progress, signed_entry
from mlm.workflows.moving import check_move, commit_at, move, put_back
from mlm.workflows.op import check_owner
from mlm.workflows.sending import unsettled

NEVER, CANCELLED, STANDS, STAYS, BACK = "never sent", "cancelled", "stands", "stays stored", "taken back"
SETTLING = "cancelled, not settled yet"


@dataclass(frozen=True)
class UndoneStep:
    """What has become of one step: never sent, cancelled, taken back, or standing (`reference` names it)."""

    number: int
    title: str
    state: str
    reference: str


@dataclass(frozen=True)
class Undone:
    """An operation that was given up; `outcome` is settling until the block of a cancellation is safe.

    `next` says how what stands can be made up for, or that undoing is to be finished; None when nothing is left.
    """

    op: str
    operation: str
    outcome: str
    steps: tuple[UndoneStep, ...]
    next: str | None


def undo(ports: Ports, op: str, compensations: Mapping[str, str]) -> Undone:
    """Give an operation up: cancel what was signed and waits, name what stands; it cannot be resumed afterwards.

    `compensations` holds, by operation, how what it did is taken back on chain. Raises StateConflict when it was given
    up before, while a living process works on it, or while it cannot be told what took a nonce.
    """
    check_owner(ports, op, find(ports.journal, op)["params"])
    with ports.journal.hold(op):
        summary = find(ports.journal, op)
        if ended(summary["outcome"]) and summary["outcome"] != DONE:
            raise StateConflict(f"operation {op} ({summary['operation']}) is {summary['outcome']}")
        before = ports.journal.entries(op)
        known, records = progress(before), list(enumerate(summary["params"]["steps"]))
        steps: list[UndoneStep] = []
        for number, record in reversed(records):
            state, reference = _undo_step(ports, op, number, thawed(record), known.get(number, Progress()))
            steps.insert(0, UndoneStep(number, record["title"], state, reference))
        states = {step.state for step in steps}
        outcome = DONE
        if SETTLING in states:
            outcome = "settling"
        elif summary["outcome"] != DONE or ports.journal.entries(op) != before:
            outcome = UNDONE
            ports.journal.close(op, UNDONE)
    following = compensations.get(summary["operation"], "") if STANDS in states else None
    if SETTLING in states:
        following = f"mlm op undo {op}"
    return Undone(op, summary["operation"], outcome, tuple(steps), following)


def _undo_step(ports: Ports, op: str, number: int, step: Step, found: Progress) -> tuple[str, str]:
    if isinstance(step, Store):  # blocks bind nobody; what nothing refers to is collected some day
        return STAYS, str(step.root)
    if isinstance(step, Keep):  # the bid may stand all the same
        return STAYS, "0x" + step.commitment.hex()
    if isinstance(step, Move):
        return _move_back(ports, op, number, step, found)
    if not found.signed or found.cancelled:
        return (CANCELLED if found.cancelled else NEVER), ""
    outcome = ports.sender.fate(*found.signed, *found.cancelling)
    if outcome.fate is Fate.WAITING:
        found = _cancel(ports, op, number, found)
        outcome = ports.sender.fate(*found.signed, *found.cancelling)
    if outcome.lost:  # it failed, or another program's transaction came first
        return NEVER, ""
    if outcome.fate is not Fate.INCLUDED:
        raise unsettled(found.signed[-1], outcome)
    if outcome.tx_hash not in {signed.tx_hash for signed in found.cancelling}:
        return STANDS, outcome.tx_hash
    if not outcome.safe:  # a reorganisation could bring the transaction back that was to be cancelled
        return SETTLING, outcome.tx_hash
    ports.journal.record(op, number, {"cancelled": {"tx_hash": outcome.tx_hash}})
    return CANCELLED, outcome.tx_hash


def _move_back(ports: Ports, op: str, number: int, step: Move, found: Progress) -> tuple[str, str]:
    """What the name stands for decides: a kill may have come between the move and its line in the journal."""
    if found.cancelled:
        return BACK, str(step.before or "")
    moved = commit_at(ports, step.ref) == step.after
    if not moved and not found.local:
        put_back(ports, step)
        return NEVER, ""
    back = Move(step.title, step.ref, step.after, step.before, step.tree)
    check_move(ports, back)
    ports.journal.record(op, number, {"undoing": True})
    move(ports, back)
    ports.journal.record(op, number, {"taken_back": str(step.before or "")})
    return BACK, str(step.before or "")


def _cancel(ports: Ports, op: str, number: int, found: Progress) -> Progress:
    """Take the nonce by a transaction that does nothing; whichever is included first decides."""
    with ports.sender.turn():
        made = ports.sender.sign(NOTHING, (*found.signed, *found.cancelling)[-1])
        ports.journal.record(op, number, {"cancelling": signed_entry(made)})
        ports.sender.broadcast(made)
    found = replace(found, cancelling=(*found.cancelling, made))
    try:
        ports.sender.wait(*found.signed, *found.cancelling)
    except Reverted:
        return found  # the one that was to be cancelled came first, and failed
    return found
