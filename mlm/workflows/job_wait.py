"""`mlm job wait`, `mlm job post --wait`: see a job of one's own through to its result, and act where its consumer can.

Nothing is remembered between two looks: which jobs were posted for the result is read from the chain, where each
attempt's nonce follows from the one before. Killed at any instant, the same command goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mlm.core import consumer
from mlm.core.consumer import Move
from mlm.core.dispute.replica import Add
from mlm.core.dispute.replica import next_move as next_about_replicas
from mlm.core.errors import ChainError, NoResult, Reverted, StateConflict, UsageError
from mlm.core.job import FINALITY, AuctionKind, State, Tier
from mlm.core.money import Amount
from mlm.core.tensors import check_suffix
from mlm.ports.bundle import Ports
from mlm.workflows import (
    complaint,
    inputs,
    job_award,
    job_close,
    job_deliver,
    job_reopen,
    job_result,
    lookup,
    replica,
    replica_look,
    rounds,
    tiers,
)
from mlm.workflows.apply import Operation
from mlm.workflows.job_show import Credit, JobView, credits_of, view
from mlm.workflows.once import once
from mlm.workflows.run import Output
from mlm.workflows.sync import sync

T = TypeVar("T")
POLL = 2.0  # seconds between two looks
MOST_RETRIES = 100
COMPLAIN_IN = 4  # the last quarter of the verification window
PATIENCE = 600.0  # seconds for which a node that does not answer is asked again

Tell = Callable[[JobView | str], None]


@dataclass(frozen=True)
class Attempt:
    """A job that was posted for the result, and what became of it."""

    job: str
    state: State
    provider: str
    price: Amount
    back: Amount  # what was credited to the consumer


@dataclass(frozen=True)
class Waited:
    """A job that was done: its outputs, who did it for what, and every credit of its settlement."""

    job: str
    asset: str
    provider: str
    price: Amount
    outputs: tuple[Output, ...]
    written: str | None
    attempts: tuple[Attempt, ...]  # oldest first; the last is the job
    credits: tuple[Credit, ...]


@dataclass(frozen=True)
class Seen:
    """The jobs that were posted for a result, oldest first, and what to do about the newest."""

    jobs: tuple[lookup.Job, ...]
    move: Move
    step: replica.Step | None = None  # about its replicas

    @property
    def job(self) -> lookup.Job:
        """The newest."""
        return self.jobs[-1]


@dataclass(frozen=True)
class Secrets:
    """How many deposits of the beacon may be lost, or wait, where a secret is added, and for how many seconds more
    (None: without end) somebody is there to show it."""

    most: int = 0
    seconds: float | None = None


def look(ports: Ports, job_id: str, retries: int, secrets: Secrets = Secrets()) -> Seen:
    """Every attempt from `job_id` on, as index and chain have them now; of one that has ended the index has the end."""
    seen = _look(ports, job_id, retries, secrets)
    if seen.move in (Move.READ, Move.STOP):
        # The contract was asked after the index: what ended the job may have come in between.
        sync(ports)
        seen = _look(ports, job_id, retries, secrets)
    return seen


def _look(ports: Ports, job_id: str, retries: int, secrets: Secrets) -> Seen:
    jobs = [lookup.read_job(ports, job_id)]
    while following := lookup.posted(ports, job_reopen.again_nonce(jobs[-1].job_id)):
        jobs.append(lookup.read_job(ports, following))
    job = jobs[-1]
    awarded = False
    if job.auction is AuctionKind.BATCH and job.state is State.REVEALING:
        found = rounds.of(ports, job)
        awarded = found.awarded and not found.drawn
    step = _step(ports, job, secrets)
    firm = FINALITY.index(job.finality) >= FINALITY.index(ports.chain.depth)
    seen = consumer.Attempt(
        state=job.state,
        settled=bool(job.record.settled_at),
        awarded=awarded,
        undelivered=job.state is State.LEASED and inputs.waits_for_key(ports, job),
        replicas=step is not None,
        missing=_missing(ports, job),
        firm=firm,
    )
    return Seen(tuple(jobs), consumer.next_move(seen, retries - len(jobs) + 1), step)


def _step(ports: Ports, job: lookup.Job, secrets: Secrets) -> replica.Step | None:
    """What is to be done about the replicas of a job of the tier redundant."""
    if job.tier is not Tier.REDUNDANT:
        return None
    rules = replica_look.rules(ports)
    secret = replica_look.may_add(ports, rules, secrets.most, secrets.seconds)
    move = next_about_replicas(replica_look.look(ports, job, rules, secret=secret), ports.chain.block().timestamp)
    return None if move is None else replica.Step(job.job_id, isinstance(move, Add))


def _missing(ports: Ports, job: lookup.Job) -> bool:
    """Whether a result of the tier none cannot be read near the end of the time to complain: until then it may come."""
    if not tiers.of(job.tier).delivers or job.state is not State.SUBMITTED:
        return False
    window = job.record.verification_window
    late = job.record.submitted_at + window - window // COMPLAIN_IN
    return ports.chain.block().timestamp >= late and complaint.missing(ports, job) is not None


def advance(ports: Ports, job_id: str, retries: int, secrets: Secrets = Secrets()) -> Seen:
    """Look, in an index that is up to date, do the one thing that is to be done, and look again.

    Raises what the operation raises.
    """
    seen = look(ports, job_id, retries, secrets)
    if seen.move not in _OPERATIONS:
        return seen
    operation, params = _OPERATIONS[seen.move]
    try:
        once(ports, operation, params(seen))
    except (Reverted, StateConflict):
        # Anybody may settle and draw awards: what another has done meanwhile is no failure.
        sync(ports)
        if look(ports, job_id, retries, secrets).move is seen.move:
            raise
    sync(ports)
    return look(ports, job_id, retries, secrets)


def _named(seen: Seen) -> job_close.JobName:
    return job_close.JobName(seen.job.job_id)


_OPERATIONS: dict[Move, tuple[Operation[Any, Any], Callable[[Seen], Any]]] = {
    Move.DELIVER: (job_deliver.OPERATION, _named),
    Move.COMPLAIN: (complaint.COMPLAIN, _named),
    Move.AWARD: (job_award.OPERATION, lambda seen: job_award.Award(seen.job.job_id, every=True)),
    Move.REPLICATE: (replica.STEP, lambda seen: seen.step),
    Move.SETTLE: (job_close.SETTLE, _named),
    Move.REOPEN: (job_reopen.OPERATION, lambda seen: job_reopen.Reopen(seen.job.job_id)),
}


class Patience:
    """Asks a node that does not answer again, for a bounded time, and says so once."""

    def __init__(self, ports: Ports, tell: Callable[[str], None], seconds: float = PATIENCE) -> None:
        self._system, self._tell, self._seconds = ports.system, tell, seconds
        self._since: float | None = None

    def __call__(self, act: Callable[[], T]) -> T | None:
        """What `act` returns; None where the node failed and is to be asked again. Raises ChainError at last."""
        try:
            found = act()
        except ChainError as error:
            now = self._system.monotonic()
            if self._since is None:
                self._since = now
                self._tell(f"{error}; asked again for {self._seconds:.0f} s")
            if now - self._since >= self._seconds:
                raise
            return None
        self._since = None
        return found


def wait(
    ports: Ports, name: str, output: Path | None, *, retries: int, timeout: float | None, tell: Tell, secrets: int = 0
) -> Waited:
    """Follow a job until it is accepted, and write its outputs; `tell` hears every change, and of a dead node once.

    `secrets`: deposits of the beacon that may be lost, or wait, where it adds a secret to the seed that draws replicas.
    Raises NoResult when all attempts came to nothing, StateConflict for a job of somebody else, or when `timeout`
    seconds pass (None: as long as its windows last, for each attempt), ChainError when the node stays dead.
    """
    check(output, retries, timeout)
    first = lookup.job(ports, name)
    if first.record.consumer.lower() != ports.sender.address.lower():
        raise StateConflict(
            f"job {first.short} was posted by {first.record.consumer}, not by {ports.sender.address}",
            hint=f"`mlm job watch {first.short}` follows it; choose the account with -a NAME.",
        )
    system, patience = ports.system, Patience(ports, tell)
    until = system.monotonic() + (consumer.longest(windows_of(first), retries) if timeout is None else timeout)
    newest, told = first, None

    def turn() -> Waited | None:
        nonlocal newest, told
        sync(ports)
        seen = advance(ports, first.job_id, retries, Secrets(secrets, max(0.0, until - system.monotonic())))
        newest = seen.job
        if (now := (newest.job_id, newest.state, newest.provider, newest.record.price)) != told:
            tell(view(ports, newest))
            told = now
        return waited(ports, seen, output) if seen.move in (Move.READ, Move.STOP) else None

    while (found := patience(turn)) is None:
        if system.monotonic() >= until:
            raise StateConflict(
                f"job {newest.short} was {newest.state} when the time to wait for it was over",
                hint="The same command goes on from here; --timeout SECONDS waits longer.",
            )
        system.sleep(POLL)
    return found


def check(output: Path | None, retries: int, timeout: float | None) -> None:
    """Raise UsageError for options that would fail only when a job has been paid for."""
    if output is not None:
        check_suffix(output.suffix)
    if not 0 <= retries <= MOST_RETRIES:
        raise UsageError(f"--retries: expected 0 to {MOST_RETRIES}, found {retries}")
    if timeout is not None and not 0 <= timeout < 1 << 32:  # NaN fails every comparison
        raise UsageError(f"--timeout: expected seconds from 0, found {timeout}")


def windows_of(job: lookup.Job) -> int:
    """The sum of a job's windows, in seconds."""
    asked = job.terms.request
    windows = (asked.bidding_window, asked.reveal_window, asked.delivery_window, asked.execution_window)
    return sum(windows) + asked.verification_window


def attempts_of(ports: Ports, seen: Seen) -> tuple[Attempt, ...]:
    """What became of each job that was posted for a result."""
    return tuple(
        Attempt(
            job=job.job_id,
            state=job.state,
            provider=job.provider or "",
            price=Amount(job.record.price if job.provider else 0),
            back=Amount(
                sum(
                    credit.amount
                    for credit in credits_of(ports, job.job_id)
                    if credit.account.lower() == job.record.consumer.lower()
                )
            ),
        )
        for job in seen.jobs
    )


def waited(ports: Ports, seen: Seen, output: Path | None) -> Waited:
    """The result of a job that has ended, read and written. Raises NoResult where there is none."""
    attempts, job = attempts_of(ports, seen), seen.job
    if seen.move is Move.STOP:
        raise nothing_came(job, attempts)
    found = job_result.result(ports, job.job_id, output)
    return Waited(
        job=job.job_id,
        asset=found.asset,
        provider=attempts[-1].provider,
        price=attempts[-1].price,
        outputs=found.outputs,
        written=found.written,
        attempts=attempts,
        credits=credits_of(ports, job.job_id),
    )


def nothing_came(job: lookup.Job, attempts: tuple[Attempt, ...]) -> NoResult:
    """How it ended, and what of the escrows came back."""
    escrow, back = Amount(job.record.max_price), attempts[-1].back
    times = f" (attempt {len(attempts)}: {', '.join(str(each.state) for each in attempts)})" if attempts[1:] else ""
    return NoResult(
        f"job {job.short} is {job.state}{times}: no result; {back} of the {escrow} in escrow came back",
        hint="`mlm wallet withdraw` draws what came back; more --retries post it again.",
    )
