"""`mlm worker`: a compute provider that follows the chain by itself. It looks, `core/worker.py` decides, and it acts.

Everything that matters lies on the chain, in the journal and among the kept works: killed at any instant, it goes on
where they stand. One move that fails makes it leave that job alone for a while; a dead node, a full disk or a missing
coin makes it wait and say so, never end.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mlm.core import worker
from mlm.core.clock import Duration, Instant
from mlm.core.errors import ChainError, MlmError, StorageError, UsageError
from mlm.core.job import AuctionKind, JobFacts, Reason, State, Tier, whose_turn
from mlm.core.money import Amount
from mlm.core.plan import NO_AMOUNT
from mlm.core.pricing import Strategy
from mlm.ports.bundle import Ports
from mlm.workflows import lease, lookup, sealed
from mlm.workflows.job_show import bond_of
from mlm.workflows.worker_act import go_on, spell
from mlm.workflows.worker_bundle import Bundles
from mlm.workflows.worker_desk import Desk, Finished, service, words
from mlm.workflows.worker_look import Look, Memory, Wanted, measure

POLL = 2.0  # seconds between two looks
REST = 10.0  # seconds that a job is left alone after a move on it failed; doubled with each failure
LONGEST_REST = 600.0
LONGEST_UNFIT = 86_400.0  # of a model that could not be learned: to try costs up to the runner's time limit
REMEMBERED = 10_000  # jobs whose failures, and facts of which it is known that they were told
STEP = 0.2
PULSE = 10  # seconds of the wall clock between two signs of life
ALIVE, HELD = "alive", "held"
COLLECT = "collect"  # what the withdrawal is called among jobs
_DIGITS = 12  # of an instant that a file holds


@dataclass(frozen=True)
class Run:
    """Parameters of `worker run`. Amounts in base units, times in seconds; `threads` compute at once.

    `observe` decides and sends nothing. It ends after `seconds` (None: never), or with `until_idle` as soon as it has
    neither a bid nor a lease nor anything to bid on. `secrets` of the beacon it adds where it stays to show them, while
    fewer of its deposits are lost or wait.
    """

    capacity: int
    strategy: Strategy
    collect_from: Amount
    threads: int = 1
    assets: tuple[str, ...] = ()
    observe: bool = False
    seconds: float | None = None
    until_idle: bool = False
    secrets: int = 0


@dataclass(frozen=True)
class Fact:
    """Something that the worker did, saw or would do; `job` is the id of a job, or of a version, or empty."""

    at: Instant
    job: str
    what: str


@dataclass(frozen=True)
class Worked:
    """What one run came to. `earned` was credited for jobs; `lost` burned of locks.

    Of `seconds`, `looking` went into reading the chain and `sending` into what was sent; in the rest it waited, for
    time to pass or for what it computes beside.
    """

    account: str
    seconds: Duration
    looking: Duration
    sending: Duration
    bids: int = field(metadata=NO_AMOUNT)
    fulfilled: int = field(metadata=NO_AMOUNT)
    failures: int = field(metadata=NO_AMOUNT)
    earned: Amount
    lost: Amount
    leases_lost: int = field(metadata=NO_AMOUNT)


def work(
    ports: Ports, params: Run, spare: Callable[[], Ports], *, tell: Callable[[Fact], None], stopped: Callable[[], bool]
) -> Worked:
    """Be this account's worker until `stopped` says so, or as long as `params` say.

    `spare` makes ports for another thread, `tell` hears every fact. Raises UsageError, StateConflict beside another
    worker of the account, StorageError where its folder cannot be made; all that comes later is told, and waited for.
    """
    return _Worker(ports, params, spare, tell).run(stopped)


class _Worker:
    def __init__(self, ports: Ports, params: Run, spare: Callable[[], Ports], tell: Callable[[Fact], None]) -> None:
        if params.capacity < 1:
            raise UsageError(f"--jobs: expected 1 or more, found {params.capacity}")
        self._ports, self._params, self._tell = ports, params, tell
        until = None if params.seconds is None else ports.system.monotonic() + params.seconds
        least, assets = int(params.collect_from), frozenset(params.assets)
        self._wanted = Wanted(params.capacity, params.threads, least, assets, params.strategy, params.secrets, until)
        self._memory, self._desk, self._bundles = Memory(), Desk(spare, params.threads), Bundles()
        self._failures: dict[str, int] = {}
        self._causes: dict[str, str] = {}
        self._down: tuple[int, int] | None = None  # from when to when nobody cared for the leases
        self._pulse = self._now = 0  # seconds of this machine's clock, and of the chain's
        self._said: set[str] = set()
        self._waiting = self._awake = False
        self._counted: set[str] = set()  # ends that were told, and may stand in HELD yet
        self._bids = self._fulfilled = self._failed = self._lost = 0
        self._earned = self._burned = 0
        self._looking = self._sending = 0.0

    def run(self, stopped: Callable[[], bool]) -> Worked:
        system = self._ports.system
        started = system.monotonic()
        with self._ports.works.hold():
            while not stopped():
                wait = self._turn(stopped)
                if wait is None or self._over():
                    break
                self._sleep(wait, stopped)
        self._desk.close(STEP)
        return Worked(
            account=self._ports.sender.address,
            seconds=Duration(int(system.monotonic() - started)),
            looking=Duration(int(self._looking)),
            sending=Duration(int(self._sending)),
            bids=self._bids,
            fulfilled=self._fulfilled,
            failures=self._failed,
            earned=Amount(self._earned),
            lost=Amount(self._burned),
            leases_lost=self._lost,
        )

    def _sleep(self, seconds: float, stopped: Callable[[], bool]) -> None:
        """Wait, and notice soon that it is to stop."""
        until = self._ports.system.monotonic() + seconds
        while not stopped() and (left := until - self._ports.system.monotonic()) > 0:
            self._ports.system.sleep(min(left, STEP))

    def _over(self) -> bool:
        until = self._wanted.until
        return until is not None and self._ports.system.monotonic() >= until

    def _wake(self) -> None:
        """Take up what a worker before this one has left."""
        before, now = read_instant(self._ports.works.find(ALIVE)), self._ports.system.now()
        if before:
            self._down = before, now
        self._awake = True
        if not self._params.observe:
            for operation, came in go_on(self._ports):
                self._say("", f"{operation} of an earlier run: {came}")

    def _turn(self, stopped: Callable[[], bool]) -> float | None:
        """One look and its moves; the seconds to wait, None at the end."""
        began, started = 0, self._ports.system.monotonic()
        try:
            if not self._awake:
                self._wake()
            self._live()
            for done in self._desk.finished():
                self._learn_from(done)
            look = Look(self._ports, self._memory, self._desk, self._wanted)
            view = look.view()
            self._now = view.now
            for job_id, error in look.odd.items():
                self._fail(job_id, error)
            self._account_for(view)
            moves = worker.next_actions(view)
            self._looking += (looked := self._ports.system.monotonic()) - started
            for group in worker.together(moves):
                if stopped():
                    break
                began += self._begin(group, view)
            self._sending += self._ports.system.monotonic() - looked
        except Exception as error:  # noqa: BLE001  # a dead node, a full disk, a bug: the leases stay what they are
            self._failed += 1
            self._waiting = True
            self._once(f"waits: {words(error)}")
            return REST
        if self._waiting:
            self._waiting = False
            self._said.clear()  # should it come back, it is told again
        ended = not moves and not self._desk.busy and worker.idle(view) and not self._waits(view)
        if self._params.until_idle and ended:
            return None
        return 0.0 if began else POLL

    def _waits(self, view: worker.View) -> bool:
        """Whether a job that takes bids may still be bid on: a clock rises, a failure is forgotten."""
        return any(job.state(view.now) is State.OPEN and job.rests for job in view.jobs)

    def _begin(self, group: tuple[worker.Move, ...], view: worker.View) -> int:
        """Do moves of one kind, or begin them; how many changed anything at once."""
        move = group[0]
        if isinstance(move, worker.Learn):
            self._desk.learn(move.version_id, move.tier)
            return 0
        if self._params.observe:
            for move in group:
                self._once(f"would {spell(move)}", _name(move))
            return 0
        if isinstance(move, worker.Compute):
            self._desk.compute(move.job_id, *_service(view, move.job_id))
            return 0
        waiting, began = list(group), 0
        try:
            for done, came in self._bundles.do(self._ports, group):
                waiting.remove(done)
                began += self._came(done, came)
        except (ChainError, StorageError):
            # Should it be these moves alone, the others come first the next time.
            for move in waiting:
                self._memory.rest(_name(move), self._ports.system.monotonic() + 2 * REST)
            raise
        except Exception as error:  # noqa: BLE001  # what is left of an earlier bundle stands in the way of all of them
            for move in waiting:
                self._fail(_name(move), error)
        return began

    def _came(self, move: worker.Move, came: str | Exception) -> int:
        """Tell what came of a move; 1 when it was done."""
        name = _name(move)
        if isinstance(came, Exception):
            self._fail(name, came)
            return 0
        self._failures.pop(name, None)
        self._bids += isinstance(move, worker.Bid)
        self._fulfilled += isinstance(move, worker.Fulfil)
        self._say(name if name != COLLECT else "", came)
        return 1

    def _fail(self, name: str, error: Exception, longest: float = LONGEST_REST) -> None:
        """Leave it alone for a while, longer each time; say why, and remember it as the cause of what may come."""
        rest = self._rest(name, longest)
        self._failed += 1
        self._causes[name] = words(error)
        _trim(self._causes)
        self._say(name if name != COLLECT else "", f"failed: {words(error)}; tried again in {Duration(int(rest))}")

    def _rest(self, name: str, longest: float) -> float:
        count = self._failures[name] = self._failures.pop(name, 0) + 1
        _trim(self._failures)
        rest = min(longest, max(REST, self._left(name) / 4), REST * 2.0 ** min(count - 1, 20))
        self._memory.rest(name, self._ports.system.monotonic() + rest)
        return rest

    def _left(self, name: str) -> float:
        """Seconds to the deadline of a lease of this account: near it a failure rests no longer than that allows."""
        found = self._memory.jobs.get(name)
        if found is None or (found.job.provider or "").lower() != self._ports.sender.address.lower():
            return LONGEST_UNFIT
        deadline = whose_turn(JobFacts.of(found.job.record), self._now).deadline
        return LONGEST_UNFIT if deadline is None else max(0, deadline - self._now)

    def _learn_from(self, done: Finished) -> None:
        """A model learned, a result in hand, or why there is none."""
        if done.error is not None:
            if done.what == "learn":
                self._memory.unfit.add(done.name)
            self._fail(done.name, done.error, LONGEST_UNFIT if done.what == "learn" else LONGEST_REST)
            return
        self._failures.pop(done.name, None)
        if done.what == "learn":
            measure(self._ports, done.name, done.seconds)
            self._say(done.name, f"learned: a run takes {done.seconds:.1f} s here")
            return
        if found := self._memory.jobs.get(done.name):
            measure(self._ports, service(found.job.version_id, found.job.tier), done.seconds)
        self._say(done.name, f"computed in {done.seconds:.1f} s; the result is in hand")

    # --- what became of leases -----------------------------------------------------------------------------------

    def _account_for(self, view: worker.View) -> None:
        """Leases and sealed bids that are no longer among ours have ended: what they came to, and why it was lost."""
        works = self._ports.works
        before = set(_read_list(works.find(HELD)))
        now = {job.job_id for job in view.jobs if job.sealed or (job.mine and job.state(view.now) is not State.OPEN)}
        now |= {job_id for job_id in before if job_id in self._memory.odd}
        for job_id in sorted(before - now - self._counted):
            self._ended(job_id)
            self._counted.add(job_id)
        if before != now:
            works.keep(HELD, json.dumps(sorted(now)).encode())
        self._counted.clear()

    def _ended(self, job_id: str) -> None:
        try:
            job = lookup.read_job(self._ports, job_id)
        except (ChainError, StorageError):
            raise  # it is asked again
        except MlmError as error:
            self._say(job_id, f"is gone from the chain: {words(error)}")  # a reorganisation took its posting back
            return
        me = self._ports.sender.address.lower()
        if (job.provider or "").lower() != me:
            self._unrevealed(job, me)
            return
        if not job.record.settled_at:
            return
        lease.forget(self._ports, job_id)
        if job.state is State.ACCEPTED:
            credits = self._ports.state.query("credits", job_id=job_id)
            paid = sum(row["amount"] for row in credits if row["account"] == me and row["reason"] == Reason.PAYMENT)
            self._say(job_id, f"paid {Amount(paid)}")
            self._earned += paid
            return
        terms = job.terms.snapshot  # others may have lost bonds of sealed bids on it besides
        burned = terms.undelivered_fee if job.state is State.UNDELIVERED else terms.lock
        self._lose(job_id, f"{job.state}; {Amount(burned)} of the lock burned. Cause: {self._cause(job)}", burned)

    def _unrevealed(self, job: lookup.Job, me: str) -> None:
        """Somebody else has the lease, or nobody: fine, unless a sealed bid was never opened."""
        if job.auction is not AuctionKind.SEALED or job.state in (State.OPEN, State.REVEALING, State.CANCELLED):
            return
        if sealed.standing(self._ports, job, me) is None:
            return
        bond = int(bond_of(job))
        why = f"its sealed bid was not revealed; the bond of {Amount(bond)} burns. Cause: {self._cause(job)}"
        self._lose(job.job_id, why, bond)

    def _lose(self, job_id: str, why: str, burned: int) -> None:
        self._say(job_id, f"lost: {why}")
        self._burned += burned
        self._lost += 1

    def _cause(self, job: lookup.Job) -> str:
        """Why a lease was lost."""
        if cause := self._causes.get(job.job_id):
            return cause
        facts = JobFacts.of(job.record)
        end = facts.accepted_at + facts.execution_window
        if (job.provider or "").lower() != self._ports.sender.address.lower():
            end = facts.reveals_close_at
        elif job.state is State.UNDELIVERED:
            end = facts.reveals_close_at + facts.delivery_window
        if self._down and self._down[0] <= end:
            return f"no worker ran from {Instant(self._down[0])} to {Instant(self._down[1])}"
        return f"it was not done by {Instant(end)}"

    # --- words ---------------------------------------------------------------------------------------------------

    def _live(self) -> None:
        now = self._ports.system.now()
        if now - self._pulse >= PULSE:
            self._ports.works.keep(ALIVE, str(now).encode())
            self._pulse = now

    def _say(self, job: str, what: str) -> None:
        fact = Fact(Instant(self._ports.system.now()), job, what)
        self._tell(fact)
        self._ports.works.note({"at": int(fact.at), "job": job, "what": what})

    def _once(self, what: str, job: str = "") -> None:
        """What is said again and again is told once, and only told: there may be no disk to write it to."""
        if (job + what) not in self._said:
            if len(self._said) >= REMEMBERED:
                self._said.clear()
            self._said.add(job + what)
            self._tell(Fact(Instant(self._ports.system.now()), job, what))


def _name(move: worker.Move) -> str:
    """What a move's failures are remembered under."""
    return getattr(move, "job_id", COLLECT)


def _service(view: worker.View, job_id: str) -> tuple[str, Tier]:
    """The version that a job runs, and its tier."""
    return next((job.version_id, job.tier) for job in view.jobs if job.job_id == job_id)


def read_instant(data: bytes | None) -> Instant:
    """Of the sign of life; never, where a disk has spoiled it."""
    return Instant(int(data) if data and len(data) <= _DIGITS and data.isdigit() else 0)


def _trim(remembered: dict[str, Any]) -> None:
    """Forget what was remembered first: anybody may post jobs without end."""
    while len(remembered) > REMEMBERED:
        del remembered[next(iter(remembered))]


def _read_list(data: bytes | None) -> list[str]:
    try:
        found = json.loads(data or b"[]")
    except (ValueError, RecursionError):
        return []
    return [str(item) for item in found] if isinstance(found, list) else []
