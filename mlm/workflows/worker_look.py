"""What a worker sees: jobs of the chain, with what this machine knows of each. Reads, and decides nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlm.core.dispute import answer, replica
from mlm.core.dispute.replica import Replicas
from mlm.core.errors import ChainError, StorageError
from mlm.core.job import AuctionKind, JobFacts, Role, State, Tier, Verdict, state
from mlm.core.pricing import Ask, Strategy
from mlm.core.worker import Known, Result, Seen, View
from mlm.ports.bundle import Ports
from mlm.ports.chain import Block
from mlm.ports.state import State as Index
from mlm.workflows import announce, dispute_look, lease, lookup, replica_look, rounds, sealed, tiers, turns
from mlm.workflows.job_show import bond_of
from mlm.workflows.sync import sync
from mlm.workflows.worker_desk import Desk, service

PAGE = 1000
RECENT = 15  # prices of a version that a strategy is told


@dataclass(frozen=True)
class Wanted:
    """Which jobs a worker takes, and how it prices them. `assets` are handle/name; none: any.

    `capacity` counts jobs at once; `collect_from` is the least credit that is withdrawn, 0: never. `secrets` are
    added to the beacon while fewer of its deposits are lost or wait; `until`, of the monotonic clock, is its end.
    """

    capacity: int
    threads: int  # of them computed at once
    collect_from: int
    assets: frozenset[str]
    strategy: Strategy
    secrets: int = 0
    until: float | None = None


@dataclass(frozen=True)
class _Known:
    """A job as it was read when the index had `mark` of it."""

    mark: tuple[Any, ...]
    job: lookup.Job
    sealed: bool  # a sealed bid of this account stands


@dataclass
class Memory:
    """What one run remembers; a kill loses it, and nothing depends on it but waiting and reading less.

    `rests`: by job, service or "collect", until when (monotonic) what failed is left alone. `unfit` holds services,
    `odd` jobs that could not be read.
    """

    rests: dict[str, float] = field(default_factory=dict)
    unfit: set[str] = field(default_factory=set)
    odd: set[str] = field(default_factory=set)
    jobs: dict[str, _Known] = field(default_factory=dict)
    at: Block | None = None  # the index's head when they were read

    def follow(self, index: Index) -> None:
        """Forget the readings once the chain has left the branch on which they were made.

        A transaction that is sent again after a reorganisation has its hash again, and may get its block's number: the
        index then marks the job as before, whatever was read of it between the two.
        """
        if self.at is not None and index.block_hash(self.at.number) != self.at.hash:
            self.jobs.clear()
        self.at = index.head()

    def rest(self, name: str, until: float) -> None:
        """Leave it alone until then."""
        self.rests[name] = until

    def resting(self, name: str, now: float) -> bool:
        """Whether what failed is to be left alone yet."""
        if self.rests.get(name, now) <= now:
            self.rests.pop(name, None)
            self.unfit.discard(name)
            return False
        return True

    def tidy(self, now: float) -> None:
        """Forget what is over."""
        for name in [name for name, until in self.rests.items() if until <= now]:
            self.resting(name, now)


@dataclass(frozen=True)
class _Round:
    """A round of a batch auction, with this account's part in it."""

    id: str
    lock: int
    offered: int
    mine: frozenset[str]  # jobs whose award is not drawn, and falls to this account


class Look:
    """One look at everything, at one block."""

    def __init__(self, ports: Ports, memory: Memory, desk: Desk, wanted: Wanted) -> None:
        self._ports, self._memory, self._desk, self._wanted = ports, memory, desk, wanted
        self._me, self._clock = ports.sender.address.lower(), ports.system.monotonic()
        self._now = 0
        self._rounds: dict[tuple[Any, ...], _Round] = {}
        self._recent: dict[str, tuple[int, ...]] = {}
        self.odd: dict[str, Exception] = {}  # what was found odd in this look, by job

    def view(self) -> View:
        """The index brought up to the chain, and from it all that the decision depends on."""
        ports, call = self._ports, self._ports.chain.call
        sync(ports)
        self._memory.follow(ports.state)
        self._now = ports.chain.block().timestamp
        rows = {row["job_id"]: row for row in self._unsettled() if self._concerns(row)}
        self._memory.jobs = {job_id: found for job_id, found in self._memory.jobs.items() if job_id in rows}
        self._memory.odd.intersection_update(rows)
        self._memory.tidy(self._clock)
        jobs = tuple(job for row in rows.values() if (job := self._sound(row)) is not None)
        if ports.shelf is not None:  # what a lease needs stays here: its remote may be gone when it is computed
            ours = [job for job in jobs if job.mine or job.sealed]
            ports.shelf.keep({job.version_id for job in ours} | {job.job_id for job in ours})
        return View(
            now=self._now,
            capacity=self._wanted.capacity,
            free_stake=call("StakeVault", "freeOf", ports.sender.address, int(Role.PROVIDER)),
            credit=0 if self._resting("collect") else call("JobMarket", "creditOf", ports.sender.address),
            collect_from=self._wanted.collect_from,
            jobs=jobs,
        )

    def _unsettled(self) -> Iterator[Mapping[str, Any]]:
        offset = 0
        while rows := self._ports.state.query("jobs", settled=False, limit=PAGE, offset=offset):
            yield from rows
            offset += len(rows)

    def _concerns(self, row: Mapping[str, Any]) -> bool:
        """Jobs that take bids, wait for reveals or draws, and all that this account leads or holds."""
        return self._now < row["reveals_close_at"] or (row["provider"] or "").lower() == self._me

    def _sound(self, row: Mapping[str, Any]) -> Seen | None:
        """A job; None also where it cannot be read: one that is odd must not hide all others."""
        job_id = row["job_id"]
        if job_id in self._memory.odd and self._resting(job_id):
            return None
        self._memory.odd.discard(job_id)
        try:
            return self._seen(row)
        except (ChainError, StorageError):
            raise
        except Exception as error:  # noqa: BLE001  # whatever a consumer or a node has made up
            self.odd[job_id] = error
            self._memory.odd.add(job_id)
            return None

    def _seen(self, row: Mapping[str, Any]) -> Seen | None:
        """A job; None where this account neither has a part in it nor wants one."""
        known = self._read(row)
        job, facts = known.job, JobFacts.of(known.job.record)
        mine = job.provider is not None and job.provider.lower() == self._me
        now_open = state(facts, self._now) is State.OPEN
        wanted = now_open and self._wants(row, job)
        batch = self._round(job) if job.auction is AuctionKind.BATCH and not mine else None
        if not (mine or wanted or known.sealed or (batch and batch.offered)):
            return None
        fit = self._fit(service(job.version_id, job.tier))
        challenged = job.tier in tiers.RULES and tiers.of(job.tier).challenged
        replicas = self._replicas(job) if mine and job.tier is Tier.REDUNDANT else None
        step = replica.next_move(replicas, self._now) if replicas is not None else None
        waits = mine and turns.of(self._ports, job, self._now).who == "consumer"
        return Seen(
            job_id=job.job_id,
            version_id=job.version_id,
            tier=job.tier,
            auction=job.auction,
            facts=facts,
            max_price=job.record.max_price,
            floor=job.record.floor,
            bond=batch.lock if batch else int(bond_of(job)),
            price=job.record.price if job.provider else 0,
            start_price=job.terms.request.start_price,
            price_step=job.terms.request.price_step,
            mine=mine,
            sealed=known.sealed,
            round_id=batch.id if batch else "",
            offered=batch.offered if batch else 0,
            drawable=bool(batch and job.job_id in batch.mine),
            verdict=self._verdict(job, facts) if mine else Verdict.PENDING,
            asked=self._asked(row, job) if wanted and fit is Known.FIT and not self._resting(job.job_id) else None,
            known=fit if wanted else Known.UNFIT,
            seconds=self._seconds(job) * -(-self._wanted.capacity // self._wanted.threads),  # others may be before it
            result=self._result(job) if mine else Result.NONE,
            waits=waits,
            complained=not challenged or (mine and turns.complaint_of(self._ports, job) is not None),
            challenged=mine and challenged and job.state is State.DISPUTED and self._challenged(job),
            held=replicas is not None and self._held(job, replicas),
            steps=step is not None,
            secret=isinstance(step, replica.Add),
            keyless=waits and not announce.of(self._ports, self._me),
            rests=self._resting(job.job_id),
        )

    def _read(self, row: Mapping[str, Any]) -> _Known:
        """The job as the contract has it, read again whenever the index has anything new of it."""
        mark: tuple[Any, ...] = (
            row["last_block"],
            row["tx_hash"],
            row["finality"],
            row["bid_count"],
            row["commitments"],
        )
        found = self._memory.jobs.get(row["job_id"])
        if found is None or found.mark != mark:
            job = lookup.read_job(self._ports, row["job_id"])
            under_seal = job.auction is AuctionKind.SEALED and sealed.standing(self._ports, job, self._me) is not None
            if (row["provider"] or "").lower() != (job.provider or "").lower():
                mark = ()  # the chain has moved since the index was brought up to it: to be read again
            found = self._memory.jobs[row["job_id"]] = _Known(mark, job, under_seal)
        return found

    def _wants(self, row: Mapping[str, Any], job: lookup.Job) -> bool:
        named = f"{row['handle']}/{row['name']}"
        return job.tier in tiers.RULES and (not self._wanted.assets or named in self._wanted.assets)

    def _challenged(self, job: lookup.Job) -> bool:
        """Whether a game about the result waits for this account, or for it to say that a challenger was silent."""
        found = dispute_look.games(self._ports, job.job_id)
        return any(answer.is_due(game, self._now) for game in found)

    def _replicas(self, job: lookup.Job) -> Replicas | None:
        """What is known of the replicas of a job of this account that waits for them."""
        if job.state not in (State.LEASED, State.READY):
            return None
        rules, until = replica_look.rules(self._ports), self._wanted.until
        left = None if until is None else max(0.0, until - self._clock)
        secret = replica_look.may_add(self._ports, rules, self._wanted.secrets, left)
        return replica_look.look(self._ports, job, rules, secret=secret)

    def _held(self, job: lookup.Job, found: Replicas) -> bool:
        """Whether a result cannot be handed in yet, nor its input be accepted."""
        return not found.drawn if job.state is State.LEASED else not found.may_submit(self._now)

    def _round(self, job: lookup.Job) -> _Round:
        """The round of a batch job: one reading for all of its jobs."""
        key = (*rounds.job_class(job), job.record.bids_close_at)
        if key not in self._rounds:
            found = rounds.of(self._ports, job)
            mine = [offer for offer, provider in rounds.offers(self._ports, found) if provider.lower() == self._me]
            due: frozenset[str] = frozenset()
            if mine and found.closes_at <= self._now < found.ends_at:
                pairs = rounds.pairs(self._ports, found)
                due = frozenset(pair.job_id for pair in pairs if pair.provider.lower() == self._me)
            offered = sum(offer.quantity for offer in mine)
            self._rounds[key] = _Round("0x" + found.batch_id.hex(), found.lock, offered, due)
        return self._rounds[key]

    def _verdict(self, job: lookup.Job, facts: JobFacts) -> Verdict:
        """What the verifier says, where the state depends on it: the contract is asked."""
        if not facts.submitted_at or facts.verified or facts.settled_at:
            return Verdict.PENDING
        said = State(self._ports.chain.call("JobMarket", "stateOf", job.raw))
        verdicts = {
            State.DISPUTED: Verdict.DISPUTED,
            State.REJECTED: Verdict.REJECTED,
            State.ACCEPTED: Verdict.ACCEPTED,
        }
        return verdicts.get(said, Verdict.PENDING)

    def _fit(self, name: str) -> Known:
        if self._desk.at_work(name):
            return Known.LEARNING
        if self._resting(name) and name in self._memory.unfit:
            return Known.UNFIT
        return Known.FIT if seconds_of(self._ports, name) is not None else Known.NEW

    def _result(self, job: lookup.Job) -> Result:
        if found := self._desk.at_work(job.job_id):
            return found
        if lease.kept(self._ports, job.job_id) is not None:
            return Result.KEPT
        return Result.FAILED if self._resting(job.job_id) else Result.NONE

    def _resting(self, name: str) -> bool:
        return self._memory.resting(name, self._clock)

    def _asked(self, row: Mapping[str, Any], job: lookup.Job) -> int | None:
        """The strategy's price; where it fails, that job is left alone."""
        try:
            return self._wanted.strategy.price(self._ask(row, job))
        except (ChainError, StorageError):
            raise
        except Exception as error:  # noqa: BLE001  # the user's own code, or odd terms
            self.odd[job.job_id] = error
            return None

    def _ask(self, row: Mapping[str, Any], job: lookup.Job) -> Ask:
        snapshot = job.terms.snapshot
        if job.version_id not in self._recent:
            self._recent[job.version_id] = self._paid(job.version_id)
        return Ask(
            asset=f"{row['handle']}/{row['name']}@{row['version']}",
            tier=job.tier,
            auction=job.auction,
            max_price=job.record.max_price,
            floor=job.record.floor,
            bond=int(bond_of(job)),
            fee_bps=snapshot.protocol_fee_bps,
            use_price=snapshot.use_price,
            owner_bps=snapshot.owner_bps,
            seconds=self._seconds(job),
            recent=self._recent[job.version_id],
        )

    def _seconds(self, job: lookup.Job) -> float:
        return seconds_of(self._ports, service(job.version_id, job.tier)) or 0.0

    def _paid(self, version_id: str) -> tuple[int, ...]:
        rows = self._ports.state.query("jobs", version_id=version_id, settled=True, limit=2 * RECENT)
        paid = [row["settled_price"] for row in rows if row["settled_state"] == State.ACCEPTED]
        return tuple(paid[:RECENT])


def seconds_of(ports: Ports, name: str) -> float | None:
    """What a run of a service takes on this machine, as measured; None before it was learned."""
    data = ports.works.find(_measured_as(name))
    if data is None:
        return None
    try:
        seconds = float(json.loads(data)["seconds"])
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None  # damaged: it is learned again
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def measure(ports: Ports, name: str, seconds: float) -> None:
    """Remember what a run took: a newer one counts for half of it."""
    before = seconds_of(ports, name)
    mean = seconds if before is None else (before + seconds) / 2
    ports.works.keep(_measured_as(name), b'{"seconds": %.3f}' % mean)


def _measured_as(name: str) -> str:
    return f"seconds-{name}"
