"""Where a worker's long work is done, beside its decisions: models learned, inputs fetched, runs and proofs.

Each task has a thread and ports of its own; what computes runs in child processes, which end with this one. Nothing
here sends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod

from mlm.core import dagcbor
from mlm.core.errors import InvalidData, MlmError
from mlm.core.job import State, Tier
from mlm.core.manifest.parts import Tensor as Declared
from mlm.core.tensors import ITEM_BYTES, MAX_BYTES, Tensor, to_document
from mlm.core.worker import Result
from mlm.ports.bundle import Ports
from mlm.workflows import lease, lookup, model, outputs


@dataclass(frozen=True)
class Finished:
    """A task that ended: `seconds` is what a run took, `error` why there was none."""

    what: str  # learn or compute
    name: str  # the service, or the job's id
    seconds: float = 0.0
    error: Exception | None = None


class Desk:
    """Runs tasks in threads. `spare` makes a set of ports that no other thread uses."""

    def __init__(self, spare: Callable[[], Ports]) -> None:
        self._spare = spare
        self._lock = threading.Lock()
        self._running: dict[str, Result] = {}
        self._finished: list[Finished] = []

    def learn(self, version_id: str, tier: Tier) -> None:
        """Begin to learn a model in a tier."""
        self._begin("learn", service(version_id, tier), lambda ports: learn(ports, version_id, tier))

    def compute(self, job_id: str) -> None:
        """Begin to compute a job's result."""

        def work(ports: Ports) -> float:
            prepared = lease.prepare(ports, job_id, State.LEASED, State.READY)
            with self._lock:
                self._running[job_id] = Result.RUNNING
            return lease.compute(ports, prepared).seconds

        self._begin("compute", job_id, work)

    def at_work(self, name: str) -> Result | None:
        """How far a task that runs is; None where none does."""
        with self._lock:
            return self._running.get(name)

    @property
    def busy(self) -> int:
        """How many tasks run."""
        with self._lock:
            return len(self._running)

    def finished(self) -> list[Finished]:
        """The tasks that ended since this was asked last; until it is asked they count as running."""
        with self._lock:
            found, self._finished = self._finished, []
            for done in found:
                del self._running[done.name]
            return found

    def _begin(self, what: str, name: str, work: Callable[[Ports], float]) -> None:
        with self._lock:
            if name in self._running:
                return
            self._running[name] = Result.FETCHING

        def run() -> None:
            done = Finished(what, name)
            try:
                done = replace(done, seconds=work(self._spare()))
            except Exception as error:  # noqa: BLE001  # whatever it is, the worker tells it and goes on
                done = replace(done, error=error)
            finally:
                with self._lock:
                    self._finished.append(done)

        threading.Thread(target=run, name=f"mlm {what} {name[:10]}", daemon=True).start()


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
