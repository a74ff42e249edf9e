"""`mlm job list|show|watch|bids`: a job as people read it, with its state, its deadline and whose turn it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.clock import Duration, Instant
from mlm.core.errors import StateConflict, UsageError
from mlm.core.job import JobFacts, Reason, State, whose_turn
from mlm.core.money import Amount
from mlm.core.plan import FIRST_PAGE, NO_MORE
from mlm.ports.bundle import Ports
from mlm.workflows import lookup
from mlm.workflows.sync import sync

PAGE = 50


@dataclass(frozen=True)
class Credit:
    """Money that a settlement credited, and why."""

    account: str
    reason: Reason
    amount: Amount


@dataclass(frozen=True)
class JobView:
    """One job. `deadline` is on the chain's clock; `left` is what remains of the current window."""

    job: str
    asset: str
    state: State
    turn: str  # who must act now: consumer, providers, provider, anyone, nobody
    deadline: Instant | None
    left: Duration | None
    tier: str
    auction: str
    consumer: str
    provider: str | None
    max_price: Amount
    price: Amount | None
    bond: Amount
    input: Cid  # of the block that the lease holder fetches
    output_commitment: str | None
    settled: bool
    finality: str  # of the job's newest event: included, safe (act on it) or finalized (money can no longer move back)
    credits: tuple[Credit, ...] = ()


@dataclass(frozen=True)
class JobRow:
    """A job in a list."""

    job: str
    asset: str
    state: State
    price: Amount
    consumer: str
    provider: str


@dataclass(frozen=True)
class JobList:
    """One page of jobs, newest first; `more` says that another page follows."""

    jobs: tuple[JobRow, ...]
    page: int = field(metadata=FIRST_PAGE)
    more: bool = field(metadata=NO_MORE)


@dataclass(frozen=True)
class BidRow:
    """One bid, in the order of the chain."""

    provider: str
    price: Amount
    block: int
    best: bool


@dataclass(frozen=True)
class Bids:
    """All bids on a job."""

    job: str
    bids: tuple[BidRow, ...]


def view(ports: Ports, job: lookup.Job) -> JobView:
    """A job as people read it."""
    now = ports.chain.block().timestamp
    turn = whose_turn(JobFacts.of(job.record), now)
    deadline = turn.deadline
    credits = ports.state.query("credits", job_id=job.job_id)
    output = job.record.output_commitment
    return JobView(
        job=job.job_id,
        asset=str(lookup.version_by_id(ports, job.version_id).asset),
        state=job.state,
        turn=f"{turn.who}: {turn.move}" if turn.move else turn.who,
        deadline=None if deadline is None else Instant(deadline),
        left=None if deadline is None else Duration(max(0, deadline - now)),
        tier=str(job.tier),
        auction=str(job.auction),
        consumer=job.record.consumer,
        provider=job.provider,
        max_price=Amount(job.record.max_price),
        price=Amount(job.record.price) if job.provider else None,
        bond=Amount(job.terms.snapshot.lock),
        input=Cid(DAG_CBOR, bytes.fromhex(job.terms.request.input[2:])),
        output_commitment="0x" + output.hex() if any(output) else None,
        settled=bool(job.record.settled_at),
        finality=job.finality,
        credits=tuple(Credit(row["account"], Reason(row["reason"]), Amount(row["amount"])) for row in credits),
    )


def show(ports: Ports, name: str) -> JobView:
    """One job by name."""
    return view(ports, lookup.job(ports, name))


def jobs(
    ports: Ports, *, consumer: str | None = None, provider: str | None = None, only_open: bool = False, page: int = 1
) -> JobList:
    """Jobs, newest first, PAGE to a page."""
    sync(ports)
    open_at = ports.chain.block().timestamp if only_open else None
    rows = ports.state.query(
        "jobs", consumer=consumer, provider=provider, open_at=open_at, limit=PAGE + 1, offset=(page - 1) * PAGE
    )
    found = [lookup.read_job(ports, row["job_id"]) for row in rows[:PAGE]]
    listed = tuple(
        JobRow(
            job=job.job_id,
            asset=str(lookup.version_by_id(ports, job.version_id).asset),
            state=job.state,
            price=Amount(job.record.price if job.provider else job.record.max_price),
            consumer=job.record.consumer,
            provider=job.provider or "",
        )
        for job in found
    )
    return JobList(listed, page, len(rows) > PAGE)


def bids(ports: Ports, name: str) -> Bids:
    """All bids on a job, the first first."""
    job = lookup.job(ports, name)
    rows = ports.state.query("bids", job_id=job.job_id)
    best = min((row["price"] for row in rows), default=0)
    listed = tuple(BidRow(row["provider"], Amount(row["price"]), row["block"], row["price"] == best) for row in rows)
    return Bids(job.job_id, listed)


def watch(
    ports: Ports,
    name: str,
    *,
    until: frozenset[State],
    timeout: float,
    tell: Callable[[JobView], None],
    poll: float = 2.0,
) -> JobView:
    """Follow a job until it is settled or in a state of `until`; `tell` is called at every change.

    Raises StateConflict when `timeout` seconds pass first.
    """
    if not 0 <= timeout < 1 << 32:  # NaN fails every comparison, so the loop below would never end
        raise UsageError(f"--timeout: expected seconds from 0, found {timeout}")
    deadline, last = ports.system.monotonic() + timeout, None
    while True:
        seen = show(ports, name)
        if (seen.state, seen.provider, seen.settled) != last:
            last = (seen.state, seen.provider, seen.settled)
            tell(seen)
        if seen.settled or seen.state in until:
            return seen
        if ports.system.monotonic() >= deadline:
            raise StateConflict(
                f"{seen.job[:10]} is still {seen.state} after {timeout:.0f} s; turn: {seen.turn}",
                hint="Watch longer with --timeout SECONDS.",
            )
        ports.system.sleep(poll)
