"""One transaction of an operation: signed once, journalled, broadcast; signed anew only when it provably never counts.

INVARIANT: of every step at most one transaction ever does what it was to do.
"""

from __future__ import annotations

from mlm.core.errors import StateConflict
from mlm.core.plan import Tx
from mlm.ports.bundle import Ports
from mlm.ports.signer import Fate, Outcome, Signed
from mlm.workflows.journalled import signed_entry


def send(ports: Ports, op: str, number: int, step: Tx, signed: tuple[Signed, ...], faster: bool) -> Outcome:
    """Sign what was not signed yet, broadcast, wait. What was signed is sent byte for byte: it is included once only.

    Only what provably never counts any more is signed anew: what failed in a safe block, and what another transaction
    displaced. Raises Reverted when it failed in its block, StateConflict while it cannot be told what became of it.
    """
    journal, sender = ports.journal, ports.sender
    found = sender.fate(*signed) if signed else Outcome(Fate.WAITING)
    if found.lost:
        name = "failed" if found.fate is Fate.FAILED else "displaced"
        cost = {"fee": found.receipt.fee} if found.fate is Fate.FAILED and found.receipt else {}
        journal.record(op, number, {name: {"nonce": signed[-1].nonce, "tx_hash": found.tx_hash, **cost}})
        signed, found = (), Outcome(Fate.WAITING)
    if found.fate in (Fate.CONTESTED, Fate.FAILED):
        raise unsettled(signed[-1], found)
    if found.fate is Fate.INCLUDED and found.receipt is None:
        return found  # the node has lost the receipt, not the transaction
    if found.fate is Fate.INCLUDED and found.tx_hash not in {entry.tx_hash for entry in signed}:
        # The same call was made with this nonce elsewhere, by a wallet's "speed up": it counts as ours.
        adopted = Signed(b"", found.tx_hash, signed[-1].nonce)
        journal.record(op, number, {"signed": signed_entry(adopted)})
        signed = (*signed, adopted)
    if found.fate is Fate.WAITING:
        with sender.turn():
            if not signed or faster:
                made = sender.sign(step.call, signed[-1] if signed else None)
                journal.record(op, number, {"signed": signed_entry(made)})
                signed = (*signed, made)
            sender.broadcast(next(entry for entry in reversed(signed) if entry.raw))
    receipt = sender.wait(*signed)
    return Outcome(Fate.INCLUDED, receipt.tx_hash, receipt=receipt)


def unsettled(signed: Signed, found: Outcome) -> StateConflict:
    """Why nothing can be done about a transaction now."""
    hint = "Acting now could pay twice: try again when its block is safe, or ask a node that keeps older state."
    if found.fate is Fate.FAILED:
        return StateConflict(f"transaction {found.tx_hash} failed in a block that is not safe yet", hint=hint)
    return StateConflict(
        f"nonce {signed.nonce} was taken by another transaction than {signed.tx_hash}, "
        "in a block that is not safe yet or that the node cannot show",
        hint=hint,
    )
