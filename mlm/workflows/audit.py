"""`mlm audit fund` and `mlm audit join`: pay those who find results true, and be one of them."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.dispute import audit
from mlm.core.dispute.audit import Audit, Claim, Commit, Decide, Move, Open
from mlm.core.errors import StateConflict, UsageError, VerificationFailed
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Tx
from mlm.ports.bundle import Ports
from mlm.workflows import audit_look, audit_show, dispute_look, lookup, permit
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.audit_look import CONTRACT
from mlm.workflows.audit_show import AuditView
from mlm.workflows.dispute_look import Case
from mlm.workflows.job_close import JobName


@dataclass(frozen=True)
class Fund:
    """Parameters of `audit fund`: base units that leave for the pool."""

    amount: Amount


@dataclass(frozen=True)
class Funded:
    """What the pool holds that is not set aside for an audit yet."""

    amount: Amount
    pool: Amount


def plan_fund(ports: Ports, params: Fund) -> Plan[None]:
    """A permit and the payment in one transaction, or an approval before. Raises UsageError, InsufficientFunds."""
    if params.amount <= 0:
        raise UsageError("expected an amount of tokens above zero")
    call = Call(CONTRACT, "fund", (int(params.amount),))
    step = Tx(f"pay {params.amount} into the pool for audits", call, payment=params.amount)
    return Plan("audit fund", permit.steps(ports, step, params.amount), None)


def _after_fund(ports: Ports, params: Fund, plan: Plan[None], done: tuple[DoneStep, ...]) -> Funded:
    return Funded(params.amount, Amount(ports.chain.call(CONTRACT, "pool")))


def plan_join(ports: Ports, params: JobName) -> Plan[str]:
    """This account's next move in a result's audit: draw, commit, open, claim, release.

    Raises StateConflict where there is none, VerificationFailed where the result is not what this machine computes.
    """
    job = audit_look.named(ports, params.job)
    block = ports.chain.block()
    found = audit_look.look(ports, job, audit_look.rules(ports))
    move = audit.next_move(found, block.timestamp, block.number)
    if move is None:
        raise StateConflict(
            f"there is nothing for {ports.sender.address} to do about job {job.short}: {audit_show.why(found)}",
            hint=f"`mlm audit show {job.short}` tells how it stands.",
        )
    return Plan("audit join", steps(ports, job, found, move), job.job_id)


def steps(ports: Ports, job: lookup.Job, found: Audit, move: Move) -> tuple[Tx, ...]:
    """The transactions of a move. What is committed to, and what is opened, is this machine's own run."""
    match move:
        case Decide(period=period, begins=begins):
            begin = Tx(f"begin the draw of period {period}", Call(CONTRACT, "beginDraw", (period,)))
            end = Tx(f"record what period {period} has drawn", Call(CONTRACT, "endDraw", (period,)))
            return (begin, end) if begins else (end,)
        case Commit():
            root = audit_look.keyed(ports, job.job_id, _true(ports, job).own).root
            return (Tx(f"commit to the whole trace of {job.short}", Call(CONTRACT, "commit", (job.raw, root))),)
        case Open():
            keyed = audit_look.keyed(ports, job.job_id, _true(ports, job).own)
            call = Call(CONTRACT, "open", (job.raw, list(keyed.openings(found.positions.seed))))
            return (Tx(f"open the leaves of {job.short} that were drawn", call),)
        case Claim():
            return (Tx(f"take the pay for the audit of {job.short}", Call(CONTRACT, "claim", (job.raw,))),)
    return (Tx(f"put back what the audit of {job.short} was to pay", Call(CONTRACT, "release", (job.raw,))),)


def _true(ports: Ports, job: lookup.Job) -> Case:
    """The job's case, where its trace is the one that this machine computes."""
    case = dispute_look.case(ports, job.job_id)
    node = case.difference
    if node is not None:
        raise VerificationFailed(
            f"the trace of job {job.short} is not the one that this machine computes: it differs from node {node} on",
            hint=f"`mlm dispute open {job.short}` challenges it, which pays more.",
        )
    return case


def _after_join(ports: Ports, params: JobName, plan: Plan[str], done: tuple[DoneStep, ...]) -> AuditView:
    return audit_show.show(ports, plan.facts)


FUND = Operation(
    "audit fund",
    Fund,
    plan_fund,
    _after_fund,
    "The pool pays auditors: nothing of it comes back.",
)
JOIN = Operation(
    "audit join",
    JobName,
    plan_join,
    _after_join,
    "A move in an audit stands: the next one is made with `mlm audit join JOB`, or by a watcher.",
)
