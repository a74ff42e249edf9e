"""`mlm job list|show|watch`: a job as people read it, with its state, its deadline and whose turn it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.clock import Duration, Instant
from mlm.core.errors import StateConflict, UsageError
from mlm.core.job import AuctionKind, JobFacts, Reason, State
from mlm.core.money import Amount
from mlm.core.plan import FIRST_PAGE, NO_AMOUNT, NO_MORE
from mlm.ports.bundle import Ports
from mlm.workflows import job_requirements, lookup, requirements, rounds, tiers, turns
from mlm.workflows.clock import offered_now
from mlm.workflows.rows import every
from mlm.workflows.sync import sync

PAGE = 50


@dataclass(frozen=True)
class Credit:
    """Money that a settlement credited, and why."""

    account: str
    reason: Reason
    amount: Amount


@dataclass(frozen=True)
class RoundView:
    """The round of a batch job; before its close the price is what it would be now.

    The first `awards` jobs by `rank` are done, all at `round_price`; the highest maximum price goes first.
    """

    draws_close_at: Instant
    round_price: Amount
    awards: int
    rank: int  # this job's, from 1
    awarded: bool


@dataclass(frozen=True)
class JobView:
    """One job. `deadline` is on the chain's clock; `left` is what remains of the current window.

    `price` is what the provider is paid if nothing changes; of a sealed auction the second lowest price shown so far.
    """

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
    bond: Amount  # what a bid locks
    value_at_risk: Amount | None  # beyond the price, as its consumer declared; the bond covers it
    policy: str | None  # what its consumer accepts in the tier, in words; None where the tier has no such terms
    clock: Amount | None  # what an open Dutch auction offers now
    start_price: Amount | None
    price_step: Amount | None
    sealed_bids: int | None = field(metadata=NO_AMOUNT)  # that stand: neither revealed, withdrawn nor burned
    bids_close_at: Instant
    bids_extended: Duration | None  # by how much late bids of a reverse auction have moved the close
    reveals_close_at: Instant | None
    requirements: tuple[str, ...]  # of who may bid; none: anybody
    input: Cid  # of the block that the lease holder fetches
    output_commitment: str | None
    settled: bool
    finality: str  # of the job's newest event: included, safe (act on it) or finalized (money can no longer move back)
    round: RoundView | None = None
    credits: tuple[Credit, ...] = ()


@dataclass(frozen=True)
class JobRow:
    """A job in a list."""

    job: str
    asset: str
    state: State
    auction: AuctionKind
    price: Amount  # the best so far, or the most that is paid
    consumer: str
    provider: str


@dataclass(frozen=True)
class JobList:
    """One page of jobs, newest first; `more` says that another page follows."""

    jobs: tuple[JobRow, ...]
    page: int = field(metadata=FIRST_PAGE)
    more: bool = field(metadata=NO_MORE)


def view(ports: Ports, job: lookup.Job) -> JobView:
    """A job as people read it."""
    now, facts = ports.chain.block().timestamp, JobFacts.of(job.record)
    turn = turns.of(ports, job, now)
    deadline = turn.deadline
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
        bond=bond_of(job),
        value_at_risk=Amount(job.terms.request.value_at_risk) if job.terms.request.value_at_risk else None,
        policy=tiers.of(job.tier).spell_policy(bytes.fromhex(job.terms.request.policy[2:])) or None,
        clock=offered_now(ports, job) if job.auction is AuctionKind.DUTCH and job.state is State.OPEN else None,
        start_price=Amount(job.terms.request.start_price) if job.terms.request.start_price else None,
        price_step=Amount(job.terms.request.price_step) if job.terms.request.price_step else None,
        sealed_bids=job.record.commitments if job.auction is AuctionKind.SEALED else None,
        bids_close_at=Instant(job.record.bids_close_at),
        bids_extended=extended(job),
        reveals_close_at=Instant(facts.reveals_close_at) if job.auction is AuctionKind.SEALED else None,
        requirements=job_requirements.words(ports, job),
        input=Cid(DAG_CBOR, bytes.fromhex(job.terms.request.input[2:])),
        output_commitment="0x" + output.hex() if any(output) else None,
        settled=bool(job.record.settled_at),
        finality=job.finality,
        round=_round(ports, job) if job.auction is AuctionKind.BATCH else None,
        credits=credits_of(ports, job.job_id),
    )


def extended(job: lookup.Job) -> Duration | None:
    """By how much late bids of a reverse auction have moved the close of bids; None where they have not."""
    if job.auction is not AuctionKind.REVERSE:
        return None
    moved = job.record.bids_close_at - job.record.posted_at - job.terms.request.bidding_window
    return Duration(moved) if moved > 0 else None


def credits_of(ports: Ports, job_id: str) -> tuple[Credit, ...]:
    """Every credit of a job's settlement, in the index."""
    rows = ports.state.query("credits", job_id=job_id)
    return tuple(Credit(row["account"], Reason(row["reason"]), Amount(row["amount"])) for row in rows)


def bond_of(job: lookup.Job) -> Amount:
    """What a bid on a job locks: under seal at least the escrow, since not revealing could pay otherwise."""
    lock = job.terms.snapshot.lock
    return Amount(max(lock, job.record.max_price) if job.auction is AuctionKind.SEALED else lock)


def _round(ports: Ports, job: lookup.Job) -> RoundView:
    found = rounds.of(ports, job)
    return RoundView(Instant(found.ends_at), found.price, found.volume, found.rank + 1, found.awarded)


def show(ports: Ports, name: str) -> JobView:
    """One job by name."""
    return view(ports, lookup.job(ports, name))


def jobs(
    ports: Ports,
    *,
    consumer: str | None = None,
    provider: str | None = None,
    only_open: bool = False,
    suiting: str | None = None,
    text: str = "",
    page: int = 1,
) -> JobList:
    """Jobs, newest first, PAGE to a page; `suiting` keeps those whose requirements that account meets, `text` those on
    an asset whose handle/name contains it."""
    sync(ports)
    open_at = ports.chain.block().timestamp if only_open else None
    filters = {"consumer": consumer, "provider": provider, "open_at": open_at}
    rows = every(ports, "jobs", **filters)
    if text:
        rows = (row for row in rows if text.lower() in f"{row['handle']}/{row['name']}".lower())
    if suiting is not None:
        rows = filter(_suiting(ports, suiting), rows)
    ids = [row["job_id"] for row in islice(rows, (page - 1) * PAGE, page * PAGE + 1)]
    found = [lookup.read_job(ports, job_id) for job_id in ids[:PAGE]]
    listed = tuple(
        JobRow(
            job=job.job_id,
            asset=str(lookup.version_by_id(ports, job.version_id).asset),
            state=job.state,
            auction=job.auction,
            price=Amount(job.record.price if job.provider else job.record.max_price),
            consumer=job.record.consumer,
            provider=job.provider or "",
        )
        for job in found
    )
    return JobList(listed, page, len(ids) > PAGE)


def _suiting(ports: Ports, account: str) -> Callable[[dict[str, Any]], bool]:
    met = requirements.suits(ports, account)
    return lambda row: met(row["requirements"])


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
        if (now := (seen.state, seen.provider, seen.price, seen.bids_close_at, seen.sealed_bids, seen.settled)) != last:
            last = now
            tell(seen)
        if seen.settled or seen.state in until:
            return seen
        if ports.system.monotonic() >= deadline:
            raise StateConflict(
                f"{seen.job[:10]} is still {seen.state} after {timeout:.0f} s; turn: {seen.turn}",
                hint="Watch longer with --timeout SECONDS.",
            )
        ports.system.sleep(poll)
