"""Where a worker's long work is done, beside its decisions: models learned, inputs fetched, runs and proofs.

What computes runs in child processes, which end with this one. Nothing here sends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from mlm.core import dagcbor
from mlm.core.errors import InvalidData, MlmError
from mlm.core.job import State, Tier
from mlm.core.manifest.parts import Tensor as Declared
from mlm.core.tensors import ITEM_BYTES, MAX_BYTES, Tensor, to_document
from mlm.core.worker import Result
from mlm.ports.bundle import Ports
from mlm.workflows import lease, lookup, model, outputs

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


class Desk:
    """So many threads, each with ports of its own from `spare`. Jobs that are alike run as one batch."""

    def __init__(self, spare: Callable[[], Ports], threads: int) -> None:
        self._spare, self._threads = spare, threads
        self._changed = threading.Condition()
        self._todo: list[_Task] = []
        self._running: dict[str, Result] = {}
        self._finished: list[Finished] = []
        self._started = self._idle = 0

    def learn(self, version_id: str, tier: Tier) -> None:
        """Begin to learn a model in a tier."""
        self._begin(_Task("learn", service(version_id, tier), (version_id, tier)))

    def compute(self, job_id: str, version_id: str, tier: Tier) -> None:
        """Begin to compute a job's result."""
        self._begin(_Task("compute", job_id, (version_id, tier)))

    def at_work(self, name: str) -> Result | None:
        """How far a task is that runs or waits; None where there is none."""
        with self._changed:
            return self._running.get(name)

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
                del self._running[done.name]
            return found

    def _begin(self, task: _Task) -> None:
        with self._changed:
            if task.name in self._running:
                return
            self._running[task.name] = Result.RUNNING
            self._todo.append(task)
            if not self._idle and self._started < self._threads:
                self._started += 1
                threading.Thread(target=self._work, name=f"mlm desk {self._started}", daemon=True).start()
            self._changed.notify()

    def _work(self) -> None:
        """One thread, for as long as the worker lives: what its child processes have loaded stays loaded."""
        ports: Ports | None = None
        while True:
            with self._changed:
                self._idle += 1
                while not self._todo:
                    self._changed.wait()
                self._idle -= 1
                tasks = self._take()
            try:
                ports = ports or self._spare()
                done = self._do(ports, tasks)
            except Exception as error:  # noqa: BLE001  # whatever it is, the worker tells it and goes on
                done = [Finished(task.what, task.name, error=error) for task in tasks]
            with self._changed:
                self._finished += done

    def _take(self) -> list[_Task]:
        """The task that has waited longest, and those that can run in one batch with it."""
        first = self._todo[0]
        alike = [first]
        if first.what == "compute" and first.service[1] is Tier.NONE:
            alike = [task for task in self._todo if (task.what, task.service) == (first.what, first.service)][:BATCH]
        self._todo = [task for task in self._todo if task not in alike]
        return alike

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


def _computed(ports: Ports, works: list[lease.Work]) -> list[Finished]:
    """Results of works on one model: in one run where they can be, each by itself where that fails."""
    started, done = ports.system.monotonic(), []
    try:
        runs = ports.runner.run_many(works[0].model.onnx, [work.input.tensors for work in works]) if works[1:] else []
    except MlmError:
        runs = []  # one of them is to blame, and says so alone
    for number, work in enumerate(works):
        try:
            kept = lease.keep(ports, work, runs[number], started) if runs else lease.compute(ports, work)
            done.append(Finished("compute", work.job.job_id, kept.seconds / (len(works) if runs else 1)))
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
    if tier is Tier.NONE:
        outputs.check_fits(loaded.manifest)
    else:
        model.check_key(ports, loaded, version)
    signature = loaded.manifest.signature
    assert signature is not None
    inputs = ports.tensors.from_block(dagcbor.encode(to_document([_zeros(spec) for spec in signature.inputs])))
    started = ports.system.monotonic()
    ports.runner.run(loaded.onnx, inputs)
    if tier is not Tier.NONE:
        ports.prover.prove(loaded.onnx, model.zk_settings(loaded), inputs)
    return ports.system.monotonic() - started


def _zeros(spec: Declared) -> Tensor:
    """A tensor of a model's input; an axis without a size has 1."""
    shape = tuple(axis if isinstance(axis, int) else 1 for axis in spec.shape)
    size = prod(shape) * ITEM_BYTES.get(spec.dtype, 1)
    if not 0 <= size <= MAX_BYTES:
        raise InvalidData(f"the input {spec.name[:60]!r} takes {size} bytes, more than the limit of {MAX_BYTES}")
    return Tensor(spec.name, spec.dtype, shape, bytes(size))


def words(error: Exception) -> str:
    """An error as the log has it: one line, with what to do next; of a bug with its type."""
    told = f"{error}. {error.hint}" if isinstance(error, MlmError) else f"{type(error).__name__}: {error}"
    return " ".join(told.split())[:400]
