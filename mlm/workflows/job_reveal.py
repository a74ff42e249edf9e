"""`mlm job reveal|withdraw-bid`: a sealed bid is opened, or a bid that stands taken back."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.auctions.kept import KeptBid
from mlm.core.auctions.reverse import withdrawable_until
from mlm.core.clock import Duration, Instant
from mlm.core.errors import InvalidData, NotFound, StateConflict, UsageError
from mlm.core.job import AuctionKind, JobFacts, State
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Tx
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, sealed
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.job_close import JobName
from mlm.workflows.job_show import JobView, view


@dataclass(frozen=True)
class Reveal:
    """Parameters of `job reveal`: `price`, in base units, for a machine that has not kept it."""

    job: str
    price: Amount | None = None


@dataclass(frozen=True)
class Revealed:
    """A bid that everybody can see now. `leads`: the job is yours, at `pays`, unless a lower bid is revealed yet.

    `pays` is the second lowest price, or the maximum while there is but one; `left` counts the bids under seal.
    """

    job: str
    price: Amount
    leads: bool
    pays: Amount
    left: int
    reveal_until: Instant
    next: str


@dataclass(frozen=True)
class _Facts:
    job: lookup.Job
    price: Amount


def plan(ports: Ports, params: Reveal) -> Plan[_Facts]:
    """Open this account's commitment. Raises StateConflict, NotFound, UsageError."""
    job = lookup.job(ports, params.job)
    now, facts = ports.chain.block().timestamp, JobFacts.of(job.record)
    if job.auction is not AuctionKind.SEALED:
        raise StateConflict(f"job {job.short} is a {job.auction} auction: there is nothing to reveal")
    standing = sealed.standing(ports, job, ports.sender.address)
    if standing is None:
        raise StateConflict(
            f"{ports.sender.address} has no sealed bid on job {job.short} that could be revealed",
            hint=f"`mlm job bids {job.short}` lists them; choose the account with -a NAME.",
        )
    if job.state is State.OPEN:
        raise StateConflict(
            f"job {job.short} takes bids until {Instant(job.record.bids_close_at)}: until then yours is to stay secret",
            hint=f"Reveal in {Duration(job.record.bids_close_at - now)}, before {Instant(facts.reveals_close_at)}.",
        )
    if job.state is not State.REVEALING:
        raise StateConflict(
            f"job {job.short} is {job.state}: bids could be revealed until {Instant(facts.reveals_close_at)}, "
            f"it is {Instant(now)}",
            hint="A bid that is not revealed counts for nothing, and its bond burns.",
        )
    bid = _opening(ports, job, standing, params.price)
    call = Call("JobMarket", "revealBid", (job.raw, bid.price, bid.salt))
    return Plan(
        "job reveal",
        (Tx(f"reveal the bid of {Amount(bid.price)} on {job.short}", call),),
        _Facts(job, Amount(bid.price)),
    )


def _opening(ports: Ports, job: lookup.Job, standing: bytes, price: Amount | None) -> KeptBid:
    """What opens the commitment: made again from the key with a given price, otherwise as it was kept."""
    if price is not None:
        made = sealed.made(ports, job, price)
        if made.commitment == standing:
            return made
    try:
        kept = ports.bids.find(standing)
    except InvalidData:
        kept = None
    if kept is None and price is None:
        raise NotFound(
            f"this machine has not kept the price that you bid on job {job.short}",
            hint=f"Give it: `mlm job reveal {job.short} --price PRICE`. The key finds the rest.",
        )
    if kept is None or (price is not None and price != kept.price):
        expected = "another price" if kept is None else str(Amount(kept.price))
        raise UsageError(
            f"--price: the sealed bid on job {job.short} was of {expected}, found {price}",
            hint="Without --price the one that was kept is revealed."
            if kept
            else "Try the price that you bid, and the account.",
        )
    return kept


def result(ports: Ports, params: Reveal, plan: Plan[_Facts], done: tuple[DoneStep, ...]) -> Revealed:
    """How the auction stands now."""
    job = lookup.read_job(ports, plan.facts.job.job_id)
    leads = job.provider is not None and job.provider.lower() == ports.sender.address.lower()
    return Revealed(
        job=job.job_id,
        price=plan.facts.price,
        leads=leads,
        pays=Amount(job.record.price),
        left=job.record.commitments,
        reveal_until=Instant(JobFacts.of(job.record).reveals_close_at),
        next=_next(job) if leads else "mlm job list --open",
    )


def _next(job: lookup.Job) -> str:
    """What the leader does: while others can still reveal a lower bid, it waits."""
    return f"mlm {'lease fulfil' if job.state is State.LEASED else 'job watch'} {job.short}"


def plan_withdraw(ports: Ports, params: JobName) -> Plan[str]:
    """Take this account's bid back, and say what that costs. Raises StateConflict."""
    job, me = lookup.job(ports, params.job), ports.sender.address
    if job.auction is AuctionKind.BATCH:
        raise StateConflict(
            f"an offer in the round of job {job.short} cannot be withdrawn: others enter because it stands",
            hint="What it reserves and no job takes is free again by itself when the draws end.",
        )
    if job.state is not State.OPEN:
        raise StateConflict(
            f"job {job.short} is {job.state}, bids can be withdrawn while it is open",
            hint="Whoever holds a lease accepts the input, or loses a part of the bond."
            if job.state is State.LEASED
            else f"`mlm job show {job.short}` tells whose turn it is.",
        )
    if job.auction is AuctionKind.SEALED:
        if sealed.standing(ports, job, me) is None:
            raise _no_bid(job, me)
        return _withdrawal(job, f"withdraw the sealed bid on {job.short}, free of charge", 0)
    if job.provider is None or job.provider.lower() != me.lower():
        raise _no_bid(job, me)
    fee = Amount(job.terms.snapshot.undelivered_fee)
    until = withdrawable_until(job.record.posted_at, job.terms.request.bidding_window)
    if ports.chain.block().timestamp >= until:
        raise StateConflict(
            f"the best bid on job {job.short} stands since {Instant(until)}, when half of the time for bids had passed",
            hint=f"Whoever holds the lease and does not accept the input loses {fee}, as for a withdrawal.",
        )
    return _withdrawal(job, f"withdraw the best bid on {job.short}; {fee} of its bond burn", fee)


def _withdrawal(job: lookup.Job, title: str, fee: int) -> Plan[str]:
    call = Call("JobMarket", "withdrawBid", (job.raw,))
    return Plan("job withdraw-bid", (Tx(title, call, payment=Amount(fee)),), job.job_id)


def _no_bid(job: lookup.Job, me: str) -> StateConflict:
    return StateConflict(
        f"{me} has no bid on job {job.short} that stands",
        hint=f"`mlm job bids {job.short}` lists them; who was outbid is free already.",
    )


def result_withdraw(ports: Ports, params: JobName, plan: Plan[str], done: tuple[DoneStep, ...]) -> JobView:
    """The job without the bid."""
    return view(ports, lookup.read_job(ports, plan.facts))


REVEAL = Operation(
    "job reveal",
    Reveal,
    plan,
    result,
    "What was revealed stays known; the job runs its course.",
)
WITHDRAW = Operation(
    "job withdraw-bid",
    JobName,
    plan_withdraw,
    result_withdraw,
    "`mlm bid JOB` bids again, while bids are open.",
)
