"""`mlm job reopen`: a job that came to nothing is posted again, with the same input, and without who failed it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mlm.core import requirements
from mlm.core.clock import Instant
from mlm.core.digest import keccak256
from mlm.core.errors import StateConflict, UsageError
from mlm.core.job import State
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Tx
from mlm.core.refs import ADDRESS
from mlm.core.requirements import Requirements
from mlm.core.terms import JobRecord, request_args
from mlm.ports.bundle import Ports
from mlm.workflows import job_requirements, lookup, permit, tiers, turns
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.events import event

FAILED = (State.DEFAULTED, State.UNDELIVERED, State.REJECTED)  # by their provider
_DOMAIN = b"mlm/reopen/1"
AGAIN = (*FAILED, State.EXPIRED, State.CANCELLED)


@dataclass(frozen=True)
class Reopen:
    """Parameters of `job reopen`: `without` are accounts that may not bid, besides who failed the job."""

    job: str
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reopened:
    """The new job; `without` may not bid on it."""

    job: str
    former: str
    without: tuple[str, ...]
    escrow: Amount
    bids_close_at: Instant
    next: str


@dataclass(frozen=True)
class _Facts:
    former: lookup.Job
    without: tuple[str, ...]
    before: str | None = None  # the job that it was posted again as, earlier


def plan(ports: Ports, params: Reopen) -> Plan[_Facts]:
    """Publish the requirements where they are new; then in one transaction settle, draw the credit, and post again; and
    pay for the replicas of the tier redundant.

    Nothing is left to do where that was done before. Raises StateConflict for a job that is not at its end, or that
    somebody else posted.
    """
    job, me = lookup.job(ports, params.job), ports.sender.address
    if job.state not in AGAIN:
        raise StateConflict(
            f"job {job.short} is {job.state}; it can be reopened when it has come to nothing", hint=_instead(ports, job)
        )
    if job.record.consumer.lower() != me.lower():
        raise StateConflict(
            f"job {job.short} was posted by {job.record.consumer}, not by {me}",
            hint="Post one of your own with `mlm job post`, or choose the account with -a NAME.",
        )
    failed = (job.provider,) if job.state in FAILED and job.provider else ()
    without = tuple(dict.fromkeys(each.lower() for each in (*failed, *map(_address, params.without))))
    if posted := lookup.posted(ports, again_nonce(job.job_id)):
        if params.without:  # whom else that one leaves out stands in its terms
            raise StateConflict(
                f"job {job.short} was reopened as {posted[:10]}",
                hint=f"If that one comes to nothing: `mlm job reopen {posted[:10]} --without …`.",
            )
        return Plan("job reopen", (), _Facts(job, without, posted))
    wanted = _denying(ports, job, without)
    request = replace(job.terms.request, requirements=job_requirements.named(wanted))
    before, credited = _before(ports, job)
    escrow = Amount(request.max_price)
    post = Tx(
        f"{'settle, ' if not job.record.settled_at else ''}post {job.short} again, escrow {escrow}",
        Call("JobMarket", "post", (request_args(request), again_nonce(job.job_id))),
        payment=escrow,
    )
    steps = (
        *job_requirements.publishing(ports, wanted),
        *permit.steps(ports, post, escrow, before, credited),
        *tiers.of(job.tier).with_posting(ports, request, again_nonce(job.job_id)),
    )
    return Plan("job reopen", steps, _Facts(job, without))


def again_nonce(job_id: str) -> int:
    """The nonce with which a job is posted again.

    It follows from the former job: reopened twice is one job, for the market takes no nonce twice.
    """
    return int.from_bytes(keccak256(_DOMAIN + bytes.fromhex(job_id[2:])), "big")


def _address(text: str) -> str:
    if not ADDRESS.fullmatch(text):
        raise UsageError(f"--without: expected an address of 40 hex digits behind 0x, found {text!r}")
    return text


def _denying(ports: Ports, job: lookup.Job, without: tuple[str, ...]) -> Requirements:
    """The job's requirements with more accounts denied. Raises UsageError where nobody could bid any more."""
    former = job_requirements.of(ports, job)
    if not without:
        return former
    deny = (*former.deny, *without)
    if former.allow and set(former.allow) <= set(deny):
        raise UsageError(
            f"only {', '.join(former.allow)} may bid on job {job.short}, and nobody would be left",
            hint="Post a new job with other requirements: `mlm job post … --require allow=0x…`.",
        )
    return requirements.made(former.clauses, former.auditors, former.threshold, former.reputation, former.allow, deny)


def _before(ports: Ports, job: lookup.Job) -> tuple[tuple[Call, ...], int]:
    """What the market does first in the same transaction, and the credit that this brings to the account."""
    credit = ports.chain.call("JobMarket", "creditOf", ports.sender.address)
    calls: list[Call] = []
    if not job.record.settled_at:
        calls.append(Call("JobMarket", "settle", (job.raw, job.terms.as_args())))
        snapshot = job.terms.snapshot
        credit += job.record.max_price
        credit -= snapshot.undelivered_fee if job.state is State.UNDELIVERED else 0
        credit += snapshot.gas_compensation if job.state is State.DEFAULTED else 0
    if credit:
        calls.append(Call("JobMarket", "withdraw", ()))
    return tuple(calls), credit


def _instead(ports: Ports, job: lookup.Job) -> str:
    """What to do with a job that cannot be reopened now."""
    if job.state is State.ACCEPTED:
        return f"It was done: `mlm job result {job.short}`; post another with `mlm job post`."
    if job.state is State.OPEN and job.provider is None and not job.record.commitments:
        return f"It takes bids still; `mlm job cancel {job.short}` ends that."
    turn = turns.of(ports, job, ports.chain.block().timestamp)
    until = f", until {Instant(turn.deadline)}" if turn.deadline else ""
    return f"It is the turn of: {turn.who} ({turn.move}){until}. Run this again when it has ended."


def result(ports: Ports, params: Reopen, plan: Plan[_Facts], done: tuple[DoneStep, ...]) -> Reopened:
    """What was posted, read from the JobPosted event."""
    me = ports.sender.address.lower()
    job_id = (
        plan.facts.before or event(ports, done, "JobPosted", lambda args: args["consumer"].lower() == me).args["jobId"]
    )
    record = JobRecord(*ports.chain.call("JobMarket", "jobOf", bytes.fromhex(job_id[2:])))
    return Reopened(
        job=job_id,
        former=plan.facts.former.job_id,
        without=plan.facts.without,
        escrow=Amount(record.max_price),
        bids_close_at=Instant(record.bids_close_at),
        next=f"mlm job watch {job_id[:10]}",
    )


OPERATION = Operation(
    "job reopen",
    Reopen,
    plan,
    result,
    "`mlm job cancel JOB` gives the escrow back while the job has no bid.",
)
