"""A worker's moves as the operations that commands use: journalled; what was begun before a kill is gone on with."""

from __future__ import annotations

from typing import Any

from mlm.core import worker
from mlm.core.errors import MlmError
from mlm.core.money import Amount
from mlm.ports.bundle import Ports
from mlm.workflows import (
    announce,
    bid,
    complaint,
    dispute,
    job_award,
    job_close,
    job_reveal,
    lease,
    op,
    replica,
    wallet,
)
from mlm.workflows.apply import Operation, execute
from mlm.workflows.rerun import earlier, request_of

# What a worker begins; what its user has begun by hand and left is the user's.
_OWN = (
    bid.OPERATION,
    job_reveal.REVEAL,
    job_award.OPERATION,
    lease.ACCEPT,
    lease.FULFIL,
    complaint.ANSWER,
    dispute.RESPOND,
    replica.STEP,
    job_close.SETTLE,
    wallet.WITHDRAW,
)


def operation_of(move: worker.Move) -> tuple[Operation[Any, Any], Any] | None:
    """The command that does a move, and its parameters; None for one that sends nothing."""
    match move:
        case worker.Bid():
            return bid.OPERATION, bid.Bid(move.job_id, Amount(move.price), move.quantity)
        case worker.Reveal():
            return job_reveal.REVEAL, job_reveal.Reveal(move.job_id)
        case worker.Draw():
            return job_award.OPERATION, job_award.Award(move.job_id, every=True)
        case worker.Announce():
            return announce.OPERATION, announce.Announce()
        case worker.Fulfil():
            return lease.FULFIL, job_close.JobName(move.job_id)
        case worker.Answer():
            return complaint.ANSWER, job_close.JobName(move.job_id)
        case worker.Respond():
            return dispute.RESPOND, job_close.JobName(move.job_id)
        case worker.Replicate():
            return replica.STEP, replica.Step(move.job_id, move.secret)
        case worker.Settle():
            return job_close.SETTLE, job_close.JobName(move.job_id)
        case worker.Collect():
            return wallet.WITHDRAW, wallet.Withdraw()
    return None


def words_of(move: worker.Move) -> str:
    """A move that was done, in words."""
    match move:
        case worker.Bid():
            jobs = f" for each of {move.quantity} jobs of its round" if move.quantity else ""
            return f"bid {Amount(move.price)}{jobs}"
        case worker.Reveal():
            return "revealed the sealed bid"
        case worker.Draw():
            return "drew the awards of its round"
        case worker.Announce():
            return "announced the account's encryption key: the input is private"
        case worker.Fulfil():
            return "handed the result in"
        case worker.Answer():
            return "showed the outputs on chain: their consumer had complained"
        case worker.Respond():
            return "answered the games about the result"
        case worker.Replicate():
            return "made the next move about its replicas"
        case worker.Settle():
            return "settled"
    return type(move).__name__.lower()


def spell(move: worker.Move) -> str:
    """A move that would be done, as an observer reads it."""
    match move:
        case worker.Bid():
            return words_of(move)
        case worker.Compute():
            return "fetch, check, run and prove"
    return type(move).__name__.lower()


def act(ports: Ports, move: worker.Move) -> str:
    """Do a move that sends; what came of it, in words. Raises what the operation raises."""
    found = operation_of(move)
    if found is None:
        raise TypeError(f"{move} sends nothing")
    if not isinstance(move, worker.Collect):
        _do(ports, *found)
        return words_of(move)
    before = ports.chain.call("JobMarket", "creditOf", ports.sender.address)
    _do(ports, *found)
    return f"withdrew {Amount(before)}"


def _do(ports: Ports, operation: Operation[Any, Any], params: Any) -> None:
    """Execute it; where this very command was begun before and may have sent, that is gone on with instead."""
    left = earlier(ports, operation.name, request_of(ports, operation.name, params))
    if left is None:
        execute(ports, operation, params)
    else:
        op.resume(ports, left)


def go_on(ports: Ports) -> list[tuple[str, str]]:
    """Finish what a kill has left unfinished of a worker's moves in this account's journal: (operation, what came of
    it) of each.

    What cannot be finished any more (a bid on a job that has closed) stays in the journal, for `mlm op undo`.
    """
    came, own = [], {operation.name for operation in _OWN}
    for summary in ports.journal.operations(open_only=True):
        if summary["operation"] not in own:
            continue
        if summary["outcome"] is not None or summary["params"]["account"] != ports.sender.address:
            continue
        name = f"{summary['operation']} ({summary['op']})"
        try:
            op.resume(ports, summary["op"])
        except MlmError as error:
            came.append((name, f"not finished: {error}"))
        else:
            came.append((name, "finished"))
    return came
