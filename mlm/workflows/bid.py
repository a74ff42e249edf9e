"""`mlm bid`: check the model and the requirements, then offer a price as the job's auction takes it."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core.auctions import batch, dutch
from mlm.core.clock import Duration, Instant
from mlm.core.errors import InsufficientFunds, NotFound, StateConflict, UsageError
from mlm.core.job import AuctionKind, JobFacts, Role, State
from mlm.core.money import Amount, format_units
from mlm.core.plan import FIRST_PAGE, Call, Keep, Plan, Step, Tx
from mlm.ports.bundle import Ports
from mlm.workflows import announce, inputs, job_requirements, lookup, model, rounds, sealed, stake, tiers, using
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.clock import offered_now
from mlm.workflows.job_show import bond_of


@dataclass(frozen=True)
class Bid:
    """Parameters of `bid`: the price in base units, of a Dutch clock the least that is taken.

    None: what the clock offers, or the price of a fixed job. `quantity` counts the jobs of a batch that are offered;
    `stake` deposits what the bond still lacks.
    """

    job: str
    price: Amount | None
    quantity: int | None = None
    stake: bool = False


@dataclass(frozen=True)
class BidPlaced:
    """A standing bid. `best` is False when it has been outbid since, None where that shows later.

    `next` can be done in [next_from, next_until): a sealed bid must be revealed then, or its whole bond burns.
    """

    job: str
    auction: AuctionKind
    price: Amount
    quantity: int = field(metadata=FIRST_PAGE)
    bond: Amount
    best: bool | None
    next: str
    next_from: Instant | None
    next_until: Instant | None


@dataclass(frozen=True)
class _Facts:
    job: lookup.Job
    price: Amount
    bond: Amount


@dataclass(frozen=True)
class _Offer:
    """What is sent: the steps, what they lock, and what the bidder asks."""

    steps: tuple[Step, ...]
    bond: Amount
    price: Amount
    locked: Amount = Amount(0)  # of the bond, what this job has locked already


def plan(ports: Ports, params: Bid) -> Plan[_Facts]:
    """The bid, and before it a deposit where the bond lacks one, and the keeping of what opens a sealed bid.

    Raises StateConflict, UsageError, InsufficientFunds, and VerificationFailed for a model unlike its key.
    """
    job = lookup.settled_job(ports, params.job)
    if job.state is not State.OPEN:
        raise StateConflict(
            f"job {job.short} is {job.state}, bids need it open", hint="`mlm job list --open` shows others."
        )
    price = _price(ports, job, params)
    if params.quantity is not None and job.auction is not AuctionKind.BATCH:
        raise UsageError(f"--quantity: a {job.auction} auction is about one job", hint="Leave it out.")
    wanted = job_requirements.need_met(ports, job)
    version = lookup.version_by_id(ports, job.version_id)
    loaded = model.load(ports, version)
    using.lasting(ports, version, loaded.manifest, "do others' jobs on it")
    rules = tiers.of(job.tier)
    rules.check(ports, loaded, version)
    rules.check_offer(ports, job, loaded)
    match job.auction:
        case AuctionKind.SEALED:
            offer = _sealed(ports, job, price, wanted)
        case AuctionKind.BATCH:
            offer = _batch(ports, job, price, 1 if params.quantity is None else params.quantity, wanted)
        case _:
            offer = _open(ports, job, price, wanted)
    deposit = _deposit(ports, Amount(offer.bond - offer.locked), params.stake)
    return Plan("bid", (*_announcing(ports, job), *deposit, *offer.steps), _Facts(job, offer.price, offer.bond))


def _announcing(ports: Ports, job: lookup.Job) -> tuple[Tx, ...]:
    """Where the input is private: its key cannot be delivered to a winner without one. What is not there can wait."""
    try:
        private = inputs.message(ports, job) is not None
    except NotFound:
        return ()
    return announce.steps(ports, announce.own(ports)) if private else ()


def _price(ports: Ports, job: lookup.Job, params: Bid) -> Amount:
    """The contract's own rule, said in tokens and before any stake is moved. Raises UsageError, StateConflict."""
    if job.auction is AuctionKind.DUTCH:
        return _clock(ports, job, params.price)
    price, most, least = params.price, Amount(job.record.max_price), Amount(job.record.floor)
    if price is None and job.auction is AuctionKind.FIXED:
        price = most  # no other is possible
    if price is None:
        raise UsageError(
            f"--price: a {job.auction} auction needs it: what you ask, at most {most}",
            hint=f"From {format_units(least)} to {format_units(most)}.",
        )
    if job.auction is AuctionKind.FIXED and price != most:
        raise UsageError(
            f"the job's price is fixed at {most}, found {price}", hint=f"Bid --price {format_units(most)}."
        )
    if price > most and job.auction is not AuctionKind.BATCH:
        raise UsageError(f"the job pays at most {most}, found {price}", hint="Bid less, or leave the job to others.")
    if price < least:
        raise UsageError(
            f"the job pays at least {least}, found {price}: fee and owner are paid from it", hint="Bid more."
        )
    return price


def _clock(ports: Ports, job: lookup.Job, price: Amount | None) -> Amount:
    """The least that a bidder takes of a Dutch clock, which offers it by now. Raises StateConflict."""
    offered, most = offered_now(ports, job), Amount(job.record.max_price)
    least = offered if price is None else price
    if least > most:
        raise UsageError(f"the clock stops at {most}, found {least}", hint="Take less, or leave the job to others.")
    if least > offered:
        window = job.record.bids_close_at - job.record.posted_at
        after = dutch.reached_after(job.record.start_price, most, window, least)
        left = job.record.posted_at + after - ports.chain.block().timestamp
        raise StateConflict(
            f"the clock of job {job.short} offers {offered} now, you take {least} or more",
            hint=f"It offers that in {Duration(left)}, unless another bids before; without --price you take it now.",
        )
    return least


def _open(ports: Ports, job: lookup.Job, price: Amount, wanted: bytes) -> _Offer:
    """A bid that everybody sees. Who betters its own bid keeps its lock."""
    bond = Amount(job.terms.snapshot.lock)
    leads = job.provider is not None and job.provider.lower() == ports.sender.address.lower()
    title = f"bid {price} on {job.short}"
    if job.auction is AuctionKind.DUTCH:
        title = f"take {job.short} at the clock's price, {price} or more"
    call = Call("JobMarket", "bid", (job.raw, int(price), wanted))
    return _Offer((Tx(title, call, bond=bond),), bond, price, bond if leads else Amount(0))


def _sealed(ports: Ports, job: lookup.Job, price: Amount, wanted: bytes) -> _Offer:
    """A commitment, and before it what opens it, kept: without it the whole bond burns."""
    if sealed.standing(ports, job, ports.sender.address):
        raise StateConflict(
            f"this account has a sealed bid on job {job.short} already",
            hint=f"`mlm job withdraw-bid {job.short}` takes it back, free of charge; then bid again.",
        )
    bond = bond_of(job)
    bid = sealed.made(ports, job, price)
    call = Call("JobMarket", "commitBid", (job.raw, bid.commitment, wanted))
    steps = (
        Keep("keep price and salt of the sealed bid on this machine", bid.commitment, bid),
        Tx(f"bid on {job.short} under seal; the bond burns unless you reveal", call, bond=bond),
    )
    return _Offer(steps, bond, price)


def _batch(ports: Ports, job: lookup.Job, price: Amount, quantity: int, wanted: bytes) -> _Offer:
    """An offer in the book of the job's round, for any of its jobs."""
    request = job.terms.request
    if quantity < 1:
        raise UsageError(f"--quantity: expected 1 or more, found {quantity}")
    tick = batch.tick_of(price, start_price=request.start_price, price_step=request.price_step)
    lock = Amount(rounds.of(ports, job).lock)
    bond = Amount(lock * quantity)
    call = Call("BatchAuction", "offer", (rounds.job_class(job), job.record.bids_close_at, tick, quantity, wanted))
    jobs = "1 job" if quantity == 1 else f"{quantity} jobs"
    # Any job of the grid may fall to it, so each unit locks what the highest price asks.
    why = f"each locks {lock}, for the grid's highest price, free when the draws end unless a job takes it"
    return _Offer((Tx(f"offer {jobs} of the round at {price} each or more; {why}", call, bond=bond),), bond, price)


def _deposit(ports: Ports, bond: Amount, allowed: bool) -> tuple[Step, ...]:
    """What the bond lacks of free stake, as a step. Raises InsufficientFunds where that is not `allowed`."""
    free = Amount(ports.chain.call("StakeVault", "freeOf", ports.sender.address, int(Role.PROVIDER)))
    if free >= bond:
        return ()
    if not allowed:
        raise InsufficientFunds(
            f"a bid locks {bond}, free stake is {free}",
            hint="Add --stake, or run `mlm stake deposit AMOUNT` once for many bids.",
        )
    return stake.plan_deposit(ports, stake.Deposit(Amount(bond - free))).steps


def result(ports: Ports, params: Bid, plan: Plan[_Facts], done: tuple[DoneStep, ...]) -> BidPlaced:
    """The bid as the chain has it now."""
    facts = plan.facts
    job = lookup.read_job(ports, facts.job.job_id)
    hidden = job.auction in (AuctionKind.SEALED, AuctionKind.BATCH)
    best = job.provider is not None and job.provider.lower() == ports.sender.address.lower()
    open_next = "lease fulfil" if best and job.state is State.LEASED else "job watch"
    following = {AuctionKind.SEALED: "job reveal", AuctionKind.BATCH: "job award"}.get(job.auction, open_next)
    return BidPlaced(
        job=job.job_id,
        auction=job.auction,
        price=Amount(job.record.price) if job.auction is AuctionKind.DUTCH else facts.price,
        quantity=params.quantity or 1,
        bond=facts.bond,
        best=None if hidden else best,
        next=f"mlm {following} {job.short}",
        next_from=Instant(job.record.bids_close_at) if hidden else None,
        next_until=Instant(JobFacts.of(job.record).reveals_close_at) if hidden else None,
    )


OPERATION = Operation(
    "bid",
    Bid,
    plan,
    result,
    "A bid stands until a lower one replaces it or the bids close; `mlm job withdraw-bid JOB` takes it back.",
)
