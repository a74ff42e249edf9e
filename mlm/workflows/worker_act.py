"""A worker's moves as the operations that commands use: journalled; what was begun before a kill is gone on with."""

from __future__ import annotations

from typing import Any

from mlm.core import worker
from mlm.core.errors import MlmError
from mlm.core.money import Amount
from mlm.ports.bundle import Ports
from mlm.workflows import announce, bid, complaint, job_award, job_close, job_reveal, lease, op, wallet
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
    job_close.SETTLE,
    wallet.WITHDRAW,
)


def act(ports: Ports, move: worker.Move) -> str:
    """Do a move that sends; what came of it, in words. Raises what the operation raises."""
    match move:
        case worker.Bid():
            return _bid(ports, move)
        case worker.Reveal():
            _do(ports, job_reveal.REVEAL, job_reveal.Reveal(move.job_id))
            return "revealed the sealed bid"
        case worker.Draw():
            _do(ports, job_award.OPERATION, job_award.Award(move.job_id, every=True))
            return "drew the awards of its round"
        case worker.Announce():
            _do(ports, announce.OPERATION, announce.Announce())
            return "announced the account's encryption key: the input is private"
        case worker.Fulfil():
            _do(ports, lease.FULFIL, job_close.JobName(move.job_id))
            return "handed the result in"
        case worker.Answer():
            _do(ports, complaint.ANSWER, job_close.JobName(move.job_id))
            return "showed the outputs on chain: their consumer had complained"
        case worker.Settle():
            _do(ports, job_close.SETTLE, job_close.JobName(move.job_id))
            return "settled"
        case worker.Collect():
            before = ports.chain.call("JobMarket", "creditOf", ports.sender.address)
            _do(ports, wallet.WITHDRAW, wallet.Withdraw())
            return f"withdrew {Amount(before)}"
    raise TypeError(f"{move} sends nothing")


def _bid(ports: Ports, move: worker.Bid) -> str:
    _do(ports, bid.OPERATION, bid.Bid(move.job_id, Amount(move.price), move.quantity))
    return f"bid {Amount(move.price)}" + (f" for each of {move.quantity} jobs of its round" if move.quantity else "")


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
    for summary in ports.journal.operations():
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
