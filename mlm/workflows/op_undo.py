"""`mlm op undo`: what waits is cancelled, what is local is taken back, and what stands on chain is named.

It is named with the command that makes up for it: nobody takes a transaction back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlm.core.errors import Reverted, StateConflict
from mlm.core.plan import NOTHING, Move, Step, thawed
from mlm.ports.bundle import Ports
from mlm.ports.signer import Fate
from mlm.workflows.journalled import (
    DONE,
    UNDONE,
    Progress,
    ended,
    progress,
    receipt_entry,
    signed_entry,
)
from mlm.workflows.objects import move
from mlm.workflows.op import check_owner, find


@dataclass(frozen=True)
class UndoneStep:
    """What has become of one step: never sent, cancelled, taken back, or standing (`reference` names it)."""

    number: int
    title: str
    state: str
    reference: str


@dataclass(frozen=True)
class Undone:
    """An operation that was given up. `next` says how what stands can be made up for; None when nothing stands."""

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
    summary = find(ports, op)
    if ended(summary["outcome"]) and summary["outcome"] != DONE:
        raise StateConflict(f"operation {op} ({summary['operation']}) is {summary['outcome']}")
    check_owner(ports, op, summary["params"])
    records, outcome = summary["params"]["steps"], str(summary["outcome"])
    steps = []
    with ports.journal.hold(op):
        known = progress(ports.journal.entries(op))
        for number, record in reversed(list(enumerate(records))):
            state, reference = _undo_step(ports, op, number, thawed(record), known.get(number, Progress()))
            steps.append(UndoneStep(number, record["title"], state, reference))
        if outcome != DONE or all(step.state != STANDS for step in steps):
            outcome = UNDONE
            ports.journal.close(op, UNDONE)
    stands = any(step.state == STANDS for step in steps)
    following = compensations.get(summary["operation"], "") if stands else None
    return Undone(op, summary["operation"], outcome, tuple(reversed(steps)), following)


NEVER, CANCELLED, STANDS, STAYS, BACK = "never sent", "cancelled", "stands", "stays stored", "taken back"


def _undo_step(ports: Ports, op: str, number: int, step: Step, found: Progress) -> tuple[str, str]:
    if isinstance(step, Move):
        return _move_back(ports, op, number, step, found)
    if found.local:  # blocks bind nobody; what nothing refers to is collected some day
        return STAYS, found.local
    if not found.signed:
        return (CANCELLED if found.cancelled else NEVER), ""
    outcome = ports.sender.fate(*found.signed)
    fate = outcome.fate
    if fate is Fate.CONTESTED:
        raise StateConflict(
            f"nonce {found.signed[-1].nonce} was taken by another transaction, in a block that is not safe yet",
            hint="Try again later.",
        )
    if fate is Fate.INCLUDED:
        return STANDS, outcome.tx_hash
    if fate is Fate.DISPLACED:
        return NEVER, ""
    return _cancel(ports, op, number, found)


def _move_back(ports: Ports, op: str, number: int, step: Move, found: Progress) -> tuple[str, str]:
    if not found.local or found.cancelled:
        return (BACK if found.cancelled else NEVER), ""
    move(ports, Move(step.title, step.ref, step.after, step.before))
    ports.journal.record(op, number, {"taken_back": str(step.before or "")})
    return BACK, str(step.before or "")


def _cancel(ports: Ports, op: str, number: int, found: Progress) -> tuple[str, str]:
    """Take the nonce by a transaction that does nothing; whichever is included first decides."""
    sender, journal = ports.sender, ports.journal
    made = sender.sign(NOTHING, (*found.signed, *found.cancelling)[-1])
    journal.record(op, number, {"cancelling": signed_entry(made)})
    sender.broadcast(made)
    cancelling = (*found.cancelling, made)
    try:
        receipt = sender.wait(*found.signed, *cancelling)
    except Reverted:  # the one that was to be cancelled came first, and failed
        journal.record(op, number, {"failed": {"nonce": made.nonce}})
        return NEVER, ""
    if receipt.tx_hash in {signed.tx_hash for signed in cancelling}:
        journal.record(op, number, {"cancelled": {"tx_hash": receipt.tx_hash}})
        return CANCELLED, receipt.tx_hash
    journal.record(op, number, {"included": receipt_entry(receipt)})
    return STANDS, receipt.tx_hash
