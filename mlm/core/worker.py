"""What a compute provider's worker does next: pure, from what chain and disk say. Nothing here reads a clock.

`next_actions` is the whole decision; mlm/workflows/worker.py looks, asks it, and acts. It holds no memory of its own:
after a kill the same facts give the same moves. Amounts are base units, times seconds of the chain's clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from mlm.core.auctions import batch
from mlm.core.auctions.dutch import offered_down
from mlm.core.job import AuctionKind, JobFacts, State, Tier, Verdict, state, whose_turn

# What a run may take, in times of what it was measured to take, before a delivery window is too short for it. A result
# comes before the acceptance: whoever accepts without one risks the whole lock on an input that its consumer chose.
SLACK = 2


class Known(Enum):
    """What this machine knows of a model in a tier."""

    NEW = "new"
    LEARNING = "learning"
    FIT = "fit"  # it is here, it is what the tier asks for, and a run was measured
    UNFIT = "unfit"


class Result(Enum):
    """How far this machine is with a job's result."""

    NONE = "none"
    RUNNING = "running"  # input and model are fetched and checked, and the result is made
    KEPT = "kept"  # on the disk
    FAILED = "failed"  # to be tried again later, if there is time


@dataclass(frozen=True)
class Seen:
    """A job as the chain has it, with what this machine knows of it."""

    job_id: str
    version_id: str
    tier: Tier
    auction: AuctionKind
    facts: JobFacts
    max_price: int
    floor: int
    bond: int  # what a bid locks; of a batch, for each job of the round
    price: int = 0  # the best bid; 0: none
    start_price: int = 0  # of a Dutch clock, or of a batch's grid
    price_step: int = 0  # of a batch's grid
    mine: bool = False  # this account leads, or holds the lease
    sealed: bool = False  # a sealed bid of this account stands
    round_id: str = ""  # of a batch job
    offered: int = 0  # jobs of the round that this account has offered
    drawable: bool = False  # an award of the round that this account has a part in waits to be drawn
    verdict: Verdict = Verdict.PENDING
    asked: int | None = None  # the strategy's price; None: it declines
    known: Known = Known.NEW
    seconds: float = 0.0  # until a result is in hand, as far as this machine can tell
    result: Result = Result.NONE
    waits: bool = False  # the input is private, and its consumer has not delivered the key
    complained: bool = True  # of a disputed job: its consumer waits for the outputs
    challenged: bool = False  # a game about its result waits for this account
    held: bool = False  # a result in hand waits for others: for replicas that are drawn, or that commit
    steps: bool = False  # about its replicas there is something that anybody may do
    secret: bool = False  # it is to add a secret to the seed that draws them
    keyless: bool = False  # and cannot: this account has announced none to encrypt it under
    rests: bool = False  # a move on it failed a moment ago

    def state(self, now: int) -> State:
        """The job's state."""
        return state(self.facts, now, self.verdict)

    @property
    def settled(self) -> bool:
        """Nothing is left to do."""
        return bool(self.facts.settled_at or self.facts.cancelled)


@dataclass(frozen=True)
class View:
    """All that the decision depends on. `collect_from` is the least credit that is worth a withdrawal; 0: never."""

    now: int
    capacity: int  # jobs at once, bids that could win included
    free_stake: int
    credit: int
    collect_from: int
    jobs: tuple[Seen, ...]


@dataclass(frozen=True)
class Learn:
    """Fetch a model, check what the tier asks of it, and measure a run."""

    version_id: str
    tier: Tier


@dataclass(frozen=True)
class Bid:
    """Offer a price: of a batch for so many of its jobs, of a Dutch clock the least that is taken."""

    job_id: str
    price: int
    quantity: int | None = None


@dataclass(frozen=True)
class Reveal:
    """Open the sealed bid: its whole bond burns otherwise."""

    job_id: str


@dataclass(frozen=True)
class Draw:
    """Draw the awards of a batch job's round that this account has a part in."""

    job_id: str


@dataclass(frozen=True)
class Announce:
    """Announce the account's encryption key: an award of a batch may be of a private job, which a bid did not know."""

    job_id: str


@dataclass(frozen=True)
class Compute:
    """Fetch and check the input, run, prove, and keep the result."""

    job_id: str


@dataclass(frozen=True)
class Fulfil:
    """Accept the input, if need be, and hand the kept result in."""

    job_id: str


@dataclass(frozen=True)
class Answer:
    """Show the outputs on chain: their consumer complains that they did not arrive."""

    job_id: str


@dataclass(frozen=True)
class Respond:
    """Make the provider's moves in the games about a job: show what its challengers have asked for."""

    job_id: str


@dataclass(frozen=True)
class Replicate:
    """Draw a job's replicas, adding a secret to their seed before or not; or settle them."""

    job_id: str
    secret: bool = False


@dataclass(frozen=True)
class Settle:
    """Draw the job's credits, and free what is left of the lock."""

    job_id: str


@dataclass(frozen=True)
class Collect:
    """Withdraw what is credited."""


# Moves that may share a transaction, and how many of one kind: its title names them all.
TOGETHER, MOST_TOGETHER = (Bid, Reveal, Fulfil, Settle), 32

Move = Learn | Bid | Reveal | Draw | Announce | Compute | Fulfil | Answer | Respond | Replicate | Settle | Collect
_NEVER = 1 << 62


def next_actions(view: View) -> tuple[Move, ...]:
    """What to do now, the most urgent first; nothing where all that is left is to wait.

    What is due is done before new work is taken: first what a deadline threatens, in the order of deadlines, then
    settlements and the withdrawal, then models to learn and bids while capacity and stake last.
    """
    held = sorted((job for job in view.jobs if _ours(job) and not job.rests), key=lambda job: _deadline(job, view.now))
    due = tuple(move for job in held if (move := _due(job, view.now)) is not None)
    collect = (Collect(),) if 0 < view.collect_from <= view.credit else ()
    return (*_once(due, view.jobs), *collect, *_learn(view), *_bids(view))


def together(moves: tuple[Move, ...]) -> tuple[tuple[Move, ...], ...]:
    """The moves in groups, each of one kind, that can be sent at once: a group stands where its first move stood."""
    groups: list[list[Move]] = []
    filling: dict[type[Move], list[Move]] = {}
    for move in moves:
        group = filling.get(type(move))
        if group is None or len(group) == MOST_TOGETHER:
            groups.append(group := [])
            if isinstance(move, TOGETHER):
                filling[type(move)] = group
        group.append(move)
    return tuple(map(tuple, groups))


def idle(view: View) -> bool:
    """Whether nothing of this account is under way: no lease, no bid that could win, no credit of a job to draw."""
    return not any(_ours(job) and not job.settled for job in view.jobs)


def busy(view: View) -> int:
    """How much of the capacity is taken: leases, best bids, sealed bids, and what is offered in rounds."""
    rounds = {job.round_id: job.offered for job in view.jobs if job.offered and job.state(view.now) <= State.REVEALING}
    return sum(rounds.values()) + sum(_occupies(job, view.now) for job in view.jobs)


def _occupies(job: Seen, now: int) -> bool:
    current = job.state(now)
    if job.mine and current in (State.OPEN, State.REVEALING, State.LEASED, State.READY):
        return True
    return job.sealed and current in (State.OPEN, State.REVEALING)


def _ours(job: Seen) -> bool:
    return not job.settled and (job.mine or job.sealed or bool(job.offered))


def _deadline(job: Seen, now: int) -> tuple[int, str]:
    return whose_turn(job.facts, now, job.verdict).deadline or _NEVER, job.job_id


def _due(job: Seen, now: int) -> Move | None:
    """What this account owes a job that it leads, holds or has bid on."""
    match job.state(now):
        case State.REVEALING if job.sealed:
            return Reveal(job.job_id)
        case State.REVEALING if job.drawable:
            return Draw(job.job_id)
        case State.LEASED | State.READY if job.mine:
            if job.steps:
                return Replicate(job.job_id, job.secret)
            if job.result is Result.KEPT:
                return None if job.held else Fulfil(job.job_id)
            if job.waits:
                return Announce(job.job_id) if job.keyless else None
            return Compute(job.job_id) if job.result is Result.NONE else None
        case State.DISPUTED if job.mine and job.challenged:
            return Respond(job.job_id)
        case State.DISPUTED if job.mine and job.complained:
            return Answer(job.job_id)
        case current if current.is_final and job.mine:
            return Settle(job.job_id)
    return None


def _once(moves: Iterable[Move], jobs: tuple[Seen, ...]) -> tuple[Move, ...]:
    """One draw for each round: it draws all of them."""
    rounds, seen, kept = {job.job_id: job.round_id for job in jobs}, set(), []
    for move in moves:
        if isinstance(move, Draw):
            if rounds[move.job_id] in seen:
                continue
            seen.add(rounds[move.job_id])
        kept.append(move)
    return tuple(kept)


def _learn(view: View) -> tuple[Move, ...]:
    """Models of jobs that take bids, the most promising first."""
    wanted: dict[tuple[str, Tier], int] = {}
    for job in view.jobs:
        if job.state(view.now) is State.OPEN and job.known is Known.NEW and not job.rests:
            service = job.version_id, job.tier
            wanted[service] = max(wanted.get(service, 0), job.max_price)
    return tuple(Learn(*service) for service in sorted(wanted, key=lambda service: (-wanted[service], service)))


def _bids(view: View) -> tuple[Move, ...]:
    """Bids that could win, those that leave most above what is asked first, within free capacity and free stake."""
    room, stake, moves = view.capacity - busy(view), view.free_stake, []
    rounds: dict[str, int] = {}
    for job in view.jobs:
        rounds[job.round_id] = rounds.get(job.round_id, 0) + 1
    offered = {job.round_id for job in view.jobs if job.offered}
    for job, price in sorted(_worth(view), key=lambda found: (found[1] - found[0].max_price, found[0].job_id)):
        quantity = None
        if job.auction is AuctionKind.BATCH:
            if job.round_id in offered:
                continue
            quantity = min(room, rounds[job.round_id], stake // job.bond if job.bond else room)
        taken = 1 if quantity is None else quantity
        if taken < 1 or room < taken or stake < job.bond * taken:
            continue
        offered.add(job.round_id or job.job_id)
        room, stake = room - taken, stake - job.bond * taken
        moves.append(Bid(job.job_id, price, quantity))
    return tuple(moves)


def _worth(view: View) -> Iterable[tuple[Seen, int]]:
    """The open jobs that a bid of this account could win, whose result it would have in time, and that bid."""
    for job in view.jobs:
        if job.mine or job.sealed or job.rests or job.known is not Known.FIT or job.asked is None:
            continue
        if SLACK * job.seconds > job.facts.delivery_window:
            continue
        if job.state(view.now) is State.OPEN and (price := _bid(job, view.now, max(job.asked, job.floor))) is not None:
            yield job, price


def _bid(job: Seen, now: int, asked: int) -> int | None:
    """The price to bid, where `asked` is enough for this machine; None where it cannot win, or not yet."""
    if asked > job.max_price and job.auction is not AuctionKind.BATCH:
        return None  # a batch's jobs ask for one price of the grid together
    match job.auction:
        case AuctionKind.FIXED:
            return job.max_price
        case AuctionKind.REVERSE:
            return asked if not job.price or asked < job.price else None
        case AuctionKind.DUTCH:
            window = job.facts.bids_close_at - job.facts.posted_at
            offered = offered_down(job.start_price, job.max_price, window, now - job.facts.posted_at)
            return asked if asked <= offered else None
        case AuctionKind.BATCH:
            tick = max(0, -(-(asked - job.start_price) // job.price_step))
            return job.start_price + tick * job.price_step if tick < batch.TICKS else None
    return asked
