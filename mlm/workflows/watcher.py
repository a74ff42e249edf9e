"""`mlm watcher run`: re-executes results of the tier optimistic, and sees the false ones convicted.

It looks, `core/dispute` decides, and it acts by the operations that `mlm dispute` and `mlm audit` use: journalled, so
that a killed watcher goes on where chain and journal stand. What fails is told, and tried again at the next look.
An account with stake as a watcher takes part in audits of what it finds true (docs/fault-proofs.md, 8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mlm.core.clock import Duration, Instant
from mlm.core.dispute import audit, challenge
from mlm.core.dispute.game import Game, Phase
from mlm.core.errors import MlmError, NotFound
from mlm.core.exact.trace import Trace
from mlm.core.job import Tier
from mlm.core.money import Amount, Wei
from mlm.core.plan import NO_AMOUNT, Call
from mlm.ports.bundle import Ports
from mlm.workflows import audit_look, audit_show, dispute, dispute_look, lookup
from mlm.workflows.apply import Operation
from mlm.workflows.audit import JOIN
from mlm.workflows.dispute_look import CONTRACT, Case
from mlm.workflows.job_close import JobName
from mlm.workflows.once import once
from mlm.workflows.sync import sync

POLL = 2.0  # seconds between two looks
STEP = 0.2
PAGE = 1000
# Gas of a challenge at most: a withheld node of 25 million multiply-accumulates, all moves (docs/gas.md).
CHALLENGE_GAS = 1_500_000


@dataclass(frozen=True)
class Run:
    """Parameters of `watcher run`. `most_bond` in base units, `most_fee` of a challenge in wei; None: any.

    `drawn`: only results that are drawn for an audit. It ends after `seconds` (None: never), or with `until_idle` once
    nothing is left to check or to play; an audit's next date is not waited for.
    """

    most_bond: Amount
    most_fee: Wei | None = None
    assets: tuple[str, ...] = ()
    drawn: bool = False
    observe: bool = False
    seconds: float | None = None
    until_idle: bool = False


@dataclass(frozen=True)
class Fact:
    """Something that the watcher found, did or would do about a job."""

    at: Instant
    job: str
    what: str


@dataclass(frozen=True)
class Watched:
    """What one run came to: results that were re-executed, those that were false, moves, and what failed.

    `audits` are those that it has committed to, `paid` what audits have paid it.
    """

    account: str
    seconds: Duration
    checked: int = field(metadata=NO_AMOUNT)
    false: int = field(metadata=NO_AMOUNT)
    moves: int = field(metadata=NO_AMOUNT)
    convictions: int = field(metadata=NO_AMOUNT)
    audits: int = field(metadata=NO_AMOUNT)
    paid: Amount = field(metadata=NO_AMOUNT)
    failures: int = field(metadata=NO_AMOUNT)


def watch(ports: Ports, params: Run, *, tell: Callable[[Fact], None], stopped: Callable[[], bool]) -> Watched:
    """Be this account's watcher until `stopped` says so, or as long as `params` say.

    Raises what makes the first look impossible, such as a node that cannot be reached; all that comes later is told.
    """
    return _Watcher(ports, params, tell).run(stopped)


class _Watcher:
    def __init__(self, ports: Ports, params: Run, tell: Callable[[Fact], None]) -> None:
        self._ports, self._params, self._tell = ports, params, tell
        self._true: set[str] = set()  # jobs whose trace is the one that this machine computes
        self._false: dict[str, Trace] = {}  # and those where it is not, with what this machine computes
        self._undrawn: set[str] = set()  # jobs that nobody is paid for looking at, where only the others are wanted
        self._audits: dict[str, None] = {}  # jobs whose audits may ask for a move
        self._rules: audit.Rules | None = None  # of audits; None where the deployment has none
        self._told: set[str] = set()
        self._now = self._moves = self._failures = self._committed = self._paid = 0

    def run(self, stopped: Callable[[], bool]) -> Watched:
        system = self._ports.system
        started = system.monotonic()
        self._wanted()  # what is wrong from the first is no failure to wait for
        self._begin_audits()
        while not stopped():
            busy = self._look()
            took = system.monotonic() - started
            if self._params.seconds is not None and took >= self._params.seconds:
                break
            if self._params.until_idle and not busy:
                break
            until = system.monotonic() + POLL
            while not stopped() and system.monotonic() < until:
                system.sleep(STEP)
        convicted = sum(bool(self._ports.state.query("convictions", job_id=job)) for job in self._false)
        return Watched(
            account=self._ports.sender.address,
            seconds=Duration(round(system.monotonic() - started)),
            checked=len(self._true) + len(self._false),
            false=len(self._false),
            moves=self._moves,
            convictions=convicted,
            audits=self._committed,
            paid=Amount(self._paid),
            failures=self._failures,
        )

    def _look(self) -> bool:
        """One look at all jobs; whether anything is left to do or to wait for."""
        try:
            jobs = self._wanted()
        except MlmError as error:
            self._fail("", error)
            return True
        busy = False
        for job in jobs:
            try:
                busy = self._attend(job) or busy
            except MlmError as error:
                self._fail(job.job_id, error)
                busy = True
        for name in list(self._audits):
            try:
                busy = self._audit(name) or busy
            except MlmError as error:
                self._fail(name, error)
        return busy

    def _wanted(self) -> list[lookup.Job]:
        """Jobs of the tier, of others, whose result can still be disputed; and those with games of ours."""
        sync(self._ports)
        self._now = self._ports.chain.block().timestamp
        me = self._ports.sender.address.lower()
        found = []
        for row in self._rows():
            if row["tier"] != Tier.OPTIMISTIC or (row["provider"] or "") == me:
                continue
            if row["job_id"] in self._true or row["job_id"] in self._undrawn:
                continue
            if self._params.assets and f"{row['handle']}/{row['name']}" not in self._params.assets:
                continue
            job = lookup.read_job(self._ports, row["job_id"])
            if job.state in dispute.CHALLENGEABLE or row["job_id"] in self._false:
                found.append(job)
        return found

    def _rows(self) -> Iterator[dict[str, Any]]:
        offset = 0
        while rows := self._ports.state.query("jobs", settled=False, limit=PAGE, offset=offset):
            yield from rows
            offset += len(rows)

    def _attend(self, job: lookup.Job) -> bool:
        """Check a result, or play on about it; whether something is left."""
        if self._params.drawn and job.job_id not in self._false and not self._is_drawn(job):
            return False
        case = dispute_look.case(self._ports, job.job_id, self._false.get(job.job_id))
        node = case.difference
        if node is None:
            self._true.add(job.job_id)
            self._audits[job.job_id] = None
            self._say(job.job_id, "true: every number of its trace is the one computed here")
            return False
        if job.job_id not in self._false:
            self._false[job.job_id] = case.own
            operator = case.own.graph.nodes[node].op.name
            self._say(job.job_id, f"false: node {node} ({operator}) is the first that differs")
        game = self._own_game(case, node)
        convicted = bool(self._ports.state.query("convictions", job_id=job.job_id))
        window = job.record.submitted_at + job.record.verification_window
        claim = challenge.Claim(job.state, window, case.claimed.roots, convicted, game)
        move = challenge.next_move(claim, case.own, self._now, self._limits())
        if move is None:
            waits = game is not None and game.phase is not Phase.ENDED
            if not waits and not convicted and job.state in dispute.CHALLENGEABLE:
                self._say(job.job_id, "left alone: a challenge would cost more than allowed, or come too late")
            return waits
        begins = isinstance(move, challenge.Commit | challenge.Open)
        operation: Operation[Any, Any] = dispute.OPEN if begins else dispute.RESPOND
        if self._params.observe:
            self._say(job.job_id, f"would run: mlm {operation.name} {job.short}")
            return False
        done = once(self._ports, operation, JobName(job.job_id))
        self._moves += 1
        for step in done.steps:
            self._tell(Fact(Instant(self._now), job.job_id, step.title))
        return True

    # ------------------------------------------------------------------ audits

    def _begin_audits(self) -> None:
        try:
            self._rules = audit_look.rules(self._ports)
        except NotFound:
            if self._params.drawn:
                raise
            return
        self._audits = dict.fromkeys(job for job, paid in audit_show.taken_part(self._ports).items() if not paid)

    def _is_drawn(self, job: lookup.Job) -> bool:
        """Whether a result is drawn; where nobody has drawn yet, this account does, if it may take part."""
        assert self._rules is not None
        found = audit_look.look(self._ports, job, self._rules)
        if found.is_drawn is False:
            self._undrawn.add(job.job_id)
        elif found.is_drawn is None:
            self._audits[job.job_id] = None
        return bool(found.is_drawn)

    def _audit(self, name: str) -> bool:
        """Make the next move in an audit; whether there was one."""
        if self._rules is None:
            return False
        job, block = lookup.read_job(self._ports, name), self._ports.chain.block()
        found = audit_look.look(self._ports, job, self._rules)
        if audit.is_over(found, block.timestamp):
            del self._audits[name]
            return False
        move = audit.next_move(found, block.timestamp, block.number)
        if move is None or (isinstance(move, audit.Commit) and name not in self._true):
            return False
        if self._params.observe:
            self._say(name, f"would run: mlm {JOIN.name} {job.short}")
            return False
        done = once(self._ports, JOIN, JobName(name))
        self._moves += 1
        for step in done.steps:
            self._tell(Fact(Instant(self._now), name, step.title))
        me = self._ports.sender.address.lower()
        if isinstance(move, audit.Commit):
            self._committed += 1
        if isinstance(move, audit.Claim):
            self._paid += sum(each.paid for each in done.result.auditors if each.auditor == me)
        return True

    def _own_game(self, case: Case, node: int) -> Game | None:
        me = self._ports.sender.address.lower()
        found = dispute_look.games(self._ports, case.job.job_id)
        own = [game for game in found if game.challenger.lower() == me and game.node == node]
        return next((game for game in own if game.phase is not Phase.ENDED), own[-1] if own else None)

    def _limits(self) -> challenge.Limits:
        most, cost = self._params.most_fee, 0
        if most is not None:
            (found,) = self._ports.sender.simulate((Call(CONTRACT, "commit", (bytes(32),)),))
            cost = CHALLENGE_GAS * (found.fee or 0) // (found.gas or 1)
        bond = self._ports.chain.call(CONTRACT, "bond")
        return challenge.Limits(cost, most or 0, int(bond), int(self._params.most_bond))

    def _say(self, job_id: str, what: str) -> None:
        if job_id + what not in self._told:
            self._told.add(job_id + what)
            self._tell(Fact(Instant(self._now), job_id, what))

    def _fail(self, job_id: str, error: MlmError) -> None:
        self._failures += 1
        hint = f" {error.hint}" if error.hint else ""
        self._say(job_id, f"failed: {error}.{hint}")
