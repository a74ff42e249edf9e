"""Where a worker's long work is done, beside its decisions: models learned, inputs fetched, runs and proofs.

What computes runs in child processes, which end with this one. Nothing here sends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from mlm.core.errors import MlmError
from mlm.core.job import State, Tier
from mlm.core.worker import Result
from mlm.ports.bundle import Ports
from mlm.ports.runner import Run
from mlm.workflows import lease, lookup, model, tiers, zeros
from mlm.workflows.tiers.rules import Work

BATCH = 32  # jobs that run together at most


@dataclass(frozen=True)
class Finished:
    """A task that ended: `seconds` is what a run took, `error` why there was none."""

    what: str  # learn or compute
    name: str  # the service, or the job's id
    seconds: float = 0.0
    error: Exception | None = None


@dataclass(frozen=True)
class _Task:
    what: str
    name: str
    service: tuple[str, Tier]


class _Lane:
    """Tasks of one kind that wait, and the threads that do them."""

    def __init__(self, threads: int) -> None:
        self.threads, self.todo = threads, []  # type: int, list[_Task]
        self.started = self.idle = 0


class Desk:
    """So many threads for jobs, and one that learns, each with ports of its own from `spare`.

    A model that hangs while it is learned holds up no lease. Public jobs that are alike run as one batch.
    """

    def __init__(self, spare: Callable[[], Ports], threads: int) -> None:
        self._spare = spare
        self._changed = threading.Condition()
        self._lanes = {"learn": _Lane(1), "compute": _Lane(threads)}
        self._running: set[str] = set()
        self._finished: list[Finished] = []
        self._threads: list[threading.Thread] = []
        self._closed = False

    def learn(self, version_id: str, tier: Tier) -> None:
        """Begin to learn a model in a tier. One waits at most: what promises most is found anew at each look."""
        with self._changed:
            if self._lanes["learn"].todo:
                return
        self._begin(_Task("learn", service(version_id, tier), (version_id, tier)))

    def compute(self, job_id: str, version_id: str, tier: Tier) -> None:
        """Begin to compute a job's result."""
        self._begin(_Task("compute", job_id, (version_id, tier)))

    def at_work(self, name: str) -> Result | None:
        """How far a task is that runs or waits; None where there is none."""
        with self._changed:
            return Result.RUNNING if name in self._running else None

    @property
    def busy(self) -> int:
        """How many tasks run or wait."""
        with self._changed:
            return len(self._running)

    def finished(self) -> list[Finished]:
        """The tasks that ended since this was asked last; until it is asked they count as running."""
        with self._changed:
            found, self._finished = self._finished, []
            for done in found:
                self._running.discard(done.name)
            return found

    def close(self, seconds: float) -> None:
        """End the threads, and wait so long for each that computes; what it leaves ends with this process."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(seconds)

    def _begin(self, task: _Task) -> None:
        with self._changed:
            if task.name in self._running:
                return
            lane = self._lanes[task.what]
            self._running.add(task.name)
            lane.todo.append(task)
            if not lane.idle and lane.started < lane.threads:
                lane.started += 1
                name = f"mlm {task.what} {lane.started}"
                self._threads.append(threading.Thread(target=self._work, args=(lane,), name=name, daemon=True))
                self._threads[-1].start()
            self._changed.notify_all()

    def _work(self, lane: _Lane) -> None:
        """One thread, for as long as the worker lives: what its child processes have loaded stays loaded."""
        ports: Ports | None = None
        while True:
            with self._changed:
                lane.idle += 1
                while not lane.todo and not self._closed:
                    self._changed.wait()
                lane.idle -= 1
                if self._closed:
                    return
                tasks = _take(lane)
            try:
                ports = ports or self._spare()
                done = self._do(ports, tasks)
            except Exception as error:  # noqa: BLE001  # whatever it is, the worker tells it and goes on
                done = [Finished(task.what, task.name, error=error) for task in tasks]
            with self._changed:
                self._finished += done

    def _do(self, ports: Ports, tasks: list[_Task]) -> list[Finished]:
        if tasks[0].what == "learn":
            return [Finished("learn", tasks[0].name, learn(ports, *tasks[0].service))]
        works, done = [], []
        for task in tasks:
            try:
                works.append(lease.prepare(ports, task.name, State.LEASED, State.READY))
            except Exception as error:  # noqa: BLE001  # as above; the others of the batch go on
                done.append(Finished("compute", task.name, error=error))
        return done + _computed(ports, works)


def _take(lane: _Lane) -> list[_Task]:
    """The task that has waited longest, and those that can run in one batch with it."""
    first = lane.todo[0]
    alike = [first]
    if first.what == "compute" and tiers.of(first.service[1]).together:
        alike = [task for task in lane.todo if task.service == first.service][:BATCH]
    lane.todo = [task for task in lane.todo if task not in alike]
    return alike


def _computed(ports: Ports, works: list[Work]) -> list[Finished]:
    """Results of works on one model: in one run where they can be, each by itself where that fails.

    A private input runs alone: a model may mix what it is given together, and who wrote it may have a job in the batch.
    """
    public = [work for work in works if not work.input.private]
    runs: dict[str, Run] = {}
    started = ports.system.monotonic()
    if public[1:]:
        try:
            ran = ports.runner.run_many(public[0].model.onnx, [work.input.tensors for work in public])
            runs = {work.job.job_id: run for work, run in zip(public, ran, strict=True)}
        except MlmError:
            runs = {}  # one of them is to blame, and says so alone
    share, done = (ports.system.monotonic() - started) / max(1, len(runs)), []
    for work in works:
        try:
            began = ports.system.monotonic()
            run = runs.get(work.job.job_id)
            kept = lease.keep(ports, work, run, began - share) if run else lease.compute(ports, work)
            done.append(Finished("compute", work.job.job_id, kept.seconds))
        except Exception as error:  # noqa: BLE001  # as above
            done.append(Finished("compute", work.job.job_id, error=error))
    return done


def service(version_id: str, tier: Tier) -> str:
    """The name of what a worker offers: a version in a tier."""
    return f"{version_id}-{tier}"


def learn(ports: Ports, version_id: str, tier: Tier) -> float:
    """Fetch a model, check what the tier asks of it, and measure one run on zeros, proved in the tier zk, in seconds.

    Raises what makes the model unfit: InvalidData, VerificationFailed, StateConflict, NotFound, ProverError.
    """
    version = lookup.version_by_id(ports, version_id)
    loaded = model.load(ports, version)
    rules = tiers.of(tier)
    rules.check(ports, loaded, version)
    inputs = zeros.of(ports, loaded.manifest)
    started = ports.system.monotonic()
    rules.rehearse(ports, loaded, inputs)
    return ports.system.monotonic() - started


def words(error: Exception) -> str:
    """An error as the log has it: one line, with what to do next; of a bug with its type."""
    told = f"{error}. {error.hint}" if isinstance(error, MlmError) else f"{type(error).__name__}: {error}"
    return " ".join(told.split())[:400]
