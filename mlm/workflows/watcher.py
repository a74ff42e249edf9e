"""`mlm watcher run`: re-executes results that can be disputed, and sees the false ones convicted; and attesters by what
the quotes of results say.

It looks, `core/dispute/challenge.py` decides, and it acts by the operations that `mlm dispute` uses: journalled, so
that a killed watcher goes on where chain and journal stand. What fails is told, and tried again at the next look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from mlm.core.clock import Duration, Instant
from mlm.core.dispute import challenge
from mlm.core.dispute.game import Game, Phase
from mlm.core.dispute.present import MOST_AGE, Seen, judge
from mlm.core.errors import ChainError, MlmError
from mlm.core.exact.trace import Trace
from mlm.core.job import State, Tier
from mlm.core.money import Amount, Wei
from mlm.core.plan import NO_AMOUNT, Call
from mlm.ports.bundle import Ports
from mlm.workflows import dispute, dispute_look, lookup, tiers
from mlm.workflows.apply import DoneStep, Operation, Preview
from mlm.workflows.dispute_look import CONTRACT
from mlm.workflows.job_close import JobName
from mlm.workflows.once import once
from mlm.workflows.sync import sync
from mlm.workflows.tiers.optimistic import evidence_of
from mlm.workflows.watcher_audits import Audits
from mlm.workflows.watcher_replicas import Replicating
from mlm.workflows.watcher_reports import Reporting

_CHALLENGED = tuple(int(tier) for tier, rules in tiers.RULES.items() if rules.challenged)
POLL = 2.0  # seconds between two looks
STEP = 0.2
PAGE = 1000
CHECKING = 60.0  # seconds for which a look checks results, one at least: no game waits for all of them
# Gas of a challenge at most: a withheld node of 25 million multiply-accumulates, all moves (docs/gas.md).
CHALLENGE_GAS = 1_500_000


@dataclass(frozen=True)
class Run:
    """Parameters of `watcher run`. `most_bond` in base units, `most_fee` of a challenge in wei; None: any.

    `drawn`: only results that are drawn for an audit. It ends after `seconds` (None: never), or with `until_idle` once
    nothing is left that can be checked or played; an audit's next date is not waited for. `secrets` of the beacon it
    adds by itself where it stays to show them, while fewer of its deposits are lost or wait.
    """

    most_bond: Amount
    most_fee: Wei | None = None
    assets: tuple[str, ...] = ()
    observe: bool = False
    drawn: bool = False
    seconds: float | None = None
    until_idle: bool = False
    secrets: int = 0


@dataclass(frozen=True)
class Fact:
    """Something that the watcher found, did or would do about a job."""

    at: Instant
    job: str
    what: str


@dataclass(frozen=True)
class Watched:
    """What one run came to: results that were re-executed, those that were false, moves, and what failed.

    `unchecked` are jobs whose result could not be run again: their input or model is not there, or is refused.
    `audits` are those that it has committed to, `paid` what audits have paid it. `replicas` are the jobs that it was
    drawn for, has run and has committed to. `reports` are those about attesters.
    """

    account: str
    seconds: Duration
    checked: int = field(metadata=NO_AMOUNT)
    unchecked: tuple[str, ...]
    false: int = field(metadata=NO_AMOUNT)
    moves: int = field(metadata=NO_AMOUNT)
    convictions: int = field(metadata=NO_AMOUNT)
    audits: int = field(metadata=NO_AMOUNT)
    replicas: int = field(metadata=NO_AMOUNT)
    reports: int = field(metadata=NO_AMOUNT)
    paid: Amount = field(metadata=NO_AMOUNT)
    failures: int = field(metadata=NO_AMOUNT)


class NodeBehind(ChainError):
    """The newest block that the node shows may be an old one."""

    code = "node_behind"
    hint = "Nothing is done until the node has caught up; if it is this machine's clock that is wrong, for a minute."

    def __init__(self, age: int) -> None:
        wanted, found = Duration(MOST_AGE), Duration(age - age % 60)
        super().__init__(
            f"expected a newest block at most {wanted} older than this machine's clock, found one {found} older"
        )


def watch(ports: Ports, params: Run, *, tell: Callable[[Fact], None], stopped: Callable[[], bool]) -> Watched:
    """Be this account's watcher until `stopped` says so, or as long as `params` say.

    Raises what makes the first look impossible, such as a node that cannot be reached; all that comes later is told.
    """
    return _Watcher(ports, params, tell).run(stopped)


class _Watcher:
    def __init__(self, ports: Ports, params: Run, tell: Callable[[Fact], None]) -> None:
        sync(ports)  # what is wrong from the first is no failure to wait for
        self._ports, self._params, self._tell = ports, params, tell
        # Of each result, what was claimed. A reorganisation may have another take its place: that is another result.
        self._true: dict[str, bytes] = {}
        self._false: dict[str, Trace] = {}  # what this machine computes instead, without its tensors: some KB
        self._unchecked: dict[str, None] = {}
        self._told: set[str] = set()
        self._now = self._moves = self._failures = 0
        self._since: Seen | None = None  # what the node's newest block is judged by
        self._replicating = Replicating(ports, observe=params.observe, secrets=params.secrets)
        self._begun = ports.system.monotonic()
        self._undrawn: list[str] = []  # leased jobs that wait for a draw
        self._reporting = Reporting(ports, observe=params.observe, affordable=self._affords)
        self._attested: list[lookup.Job] = []  # results whose quotes are to be looked at
        self._audits = Audits(ports, observe=params.observe, needed=params.drawn)

    def run(self, stopped: Callable[[], bool]) -> Watched:
        system = self._ports.system
        while not stopped():
            busy = self._look()
            took = system.monotonic() - self._begun
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
            seconds=Duration(round(system.monotonic() - self._begun)),
            checked=len(self._true) + len(self._false),
            unchecked=tuple(self._unchecked),
            false=len(self._false),
            moves=self._moves,
            convictions=convicted,
            audits=self._audits.committed,
            replicas=self._replicating.committed,
            reports=self._reporting.made,
            paid=Amount(self._audits.paid),
            failures=self._failures,
        )

    def _look(self) -> bool:
        """One look at all jobs; whether anything is left to do or to wait for."""
        try:
            jobs = self._wanted()
            self._replicating.look(self._left())
        except MlmError as error:
            self._fail("", error)
            return True
        busy, begun = False, self._ports.system.monotonic()
        for at, job in enumerate(jobs):
            if job.job_id not in self._false and self._ports.system.monotonic() - begun > CHECKING and at:
                busy = busy or any(left.job_id not in self._unchecked for left in jobs[at:])
                break
            try:
                busy = self._attend(job) or busy
            except MlmError as error:
                self._fail(job.job_id, error)
                busy = True
        return self._report() or self._audit() or self._replicate() or busy

    def _report(self) -> bool:
        """Look at what attesters have signed; whether something was reported."""
        moved = False
        for job in self._attested:
            try:
                steps = self._reporting.move(job, self._say)
            except MlmError as error:
                self._fail(job.job_id, error)
                continue
            if steps:
                self._made(job.job_id, steps)
                moved = True
        return moved

    def _affords(self, shown: Preview) -> bool:
        """Whether what is about to be sent locks and costs no more than is allowed."""
        most = self._params.most_fee
        return shown.bond <= self._params.most_bond and (most is None or shown.fee <= most)

    def _left(self) -> float | None:
        """Seconds for which it is to run yet; None: without end."""
        if self._params.until_idle:
            return 0.0
        if self._params.seconds is None:
            return None
        return max(0.0, self._begun + self._params.seconds - self._ports.system.monotonic())

    def _replicate(self) -> bool:
        """Make what moves there are about replicas; whether there was one, or one is near."""
        busy = False
        for name in self._replicating.names(self._undrawn):
            try:
                steps, near = self._replicating.move(name, self._say)
            except MlmError as error:
                self._fail(name, error)
                continue
            if steps:
                self._made(name, steps)
                sync(self._ports)
            busy = busy or near
        return busy

    def _audit(self) -> bool:
        """Make what moves there are in audits; whether there was one."""
        moved = False
        for name in self._audits.names:
            try:
                steps = self._audits.move(name, is_true=name in self._true, say=self._say)
            except MlmError as error:
                self._fail(name, error)
                continue
            if steps:
                self._made(name, steps)
                moved = True
        return moved

    def _wanted(self) -> list[lookup.Job]:
        """Jobs of the tier, of others, whose result can still be disputed; and those with games of ours."""
        self._refresh()
        me = self._ports.sender.address.lower()
        found = []
        self._undrawn, self._attested = [], []
        for row in self._rows():
            if row["tier"] not in (*_CHALLENGED, Tier.TEE) or (row["provider"] or "") == me:
                continue
            if self._params.assets and f"{row['handle']}/{row['name']}" not in self._params.assets:
                continue
            if row["tier"] == Tier.TEE:
                if self._reporting.may_judge(job := lookup.read_job(self._ports, row["job_id"])):
                    self._attested.append(job)
                continue
            if row["job_id"] in self._true and self._true[row["job_id"]] == self._claimed(row["job_id"]):
                continue
            if self._audits.is_undrawn(row["job_id"]):
                continue
            job = lookup.read_job(self._ports, row["job_id"])
            if job.tier is Tier.REDUNDANT and job.state is State.LEASED:
                self._undrawn.append(job.job_id)
            if job.state in dispute.CHALLENGEABLE or row["job_id"] in self._false:
                found.append(job)
        # Games first, what could not be checked last; and results of one model together, which is loaded once then.
        return sorted(
            found, key=lambda job: (job.job_id not in self._false, job.job_id in self._unchecked, job.version_id)
        )

    def _refresh(self) -> None:
        """Read the chain's present. Raises NodeBehind for a past: nothing is decided on it."""
        sync(self._ports)
        system, head = self._ports.system, self._ports.chain.block()
        seen = Seen(head.timestamp, system.now(), system.monotonic())
        self._since, present = judge(self._since, seen)
        if not present:
            raise NodeBehind(seen.age)
        self._now = head.timestamp

    def _rows(self) -> Iterator[dict[str, Any]]:
        offset = 0
        while rows := self._ports.state.query("jobs", settled=False, limit=PAGE, offset=offset):
            yield from rows
            offset += len(rows)

    def _claimed(self, job_id: str) -> bytes:
        """What its provider has committed to, as one digest; of nothing, where there is nothing."""
        return sha256(
            "".join(row["tensor_roots"] for row in self._ports.state.query("traces", job_id=job_id)).encode()
        ).digest()

    def _attend(self, job: lookup.Job) -> bool:
        """Check a result, or play on about it; whether something is left."""
        own = self._false.get(job.job_id)
        asked = self._params.drawn and job.job_id not in self._replicating.drawn
        if own is None and asked and not self._audits.is_drawn(job):
            return False
        if own is None:
            own = self._computed(job)
            if own is None:
                return False
            self._refresh()  # a run takes its time, and what is decided now is decided on the present
            job = lookup.read_job(self._ports, job.job_id)
        claimed = evidence_of(self._ports, job).roots
        node = challenge.first_difference(own.graph, own.roots, claimed)
        if node is None:
            self._false.pop(job.job_id, None)
            self._true[job.job_id] = self._claimed(job.job_id)
            self._audits.add(job.job_id)
            self._say(job.job_id, "true: every number of its trace is the one computed here")
            return False
        if job.job_id not in self._false:
            self._true.pop(job.job_id, None)
            self._false[job.job_id] = own
            operator = own.graph.nodes[node].op.name
            self._say(job.job_id, f"false: node {node} ({operator}) is the first that differs")
        return self._play(job, node, claimed)

    def _computed(self, job: lookup.Job) -> Trace | None:
        """What this machine computes; None where it cannot, now: input and model are looked for at each look again."""
        try:
            own = dispute_look.case(self._ports, job.job_id, keep=False).own
        except ChainError:
            raise
        except MlmError as error:
            self._unchecked[job.job_id] = None
            self._fail(job.job_id, error)
            return None
        self._unchecked.pop(job.job_id, None)
        return own

    def _play(self, job: lookup.Job, node: int, claimed: tuple[bytes, ...]) -> bool:
        """Challenge, or make the next move; whether something is left to wait for."""
        game = self._own_game(job, node)
        convicted = bool(self._ports.state.query("convictions", job_id=job.job_id))
        if game is None or game.phase is Phase.NONE:
            window = job.record.submitted_at + job.record.verification_window
            claim = challenge.Claim(job.state, window, claimed, convicted)
            if not challenge.may_begin(claim, self._now, self._limits()):
                if not convicted and job.state in dispute.CHALLENGEABLE:
                    self._say(job.job_id, "left alone: a challenge would cost more than allowed, or come too late")
                return False
            operation: Operation[Any, Any] = dispute.OPEN
        elif challenge.is_due(game, self._now, convicted):
            operation = dispute.RESPOND
        else:
            return game.phase is not Phase.ENDED
        if self._params.observe:
            self._say(job.job_id, f"would run: mlm {operation.name} {job.short}")
            return False
        self._made(job.job_id, once(self._ports, operation, JobName(job.job_id)).steps)
        return True

    def _made(self, job_id: str, steps: Sequence[DoneStep]) -> None:
        """A move was made: tell of it."""
        self._moves += 1
        for step in steps:
            self._tell(Fact(Instant(self._now), job_id, step.title))

    def _own_game(self, job: lookup.Job, node: int) -> Game | None:
        me = self._ports.sender.address.lower()
        found = dispute_look.games(self._ports, job.job_id)
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
