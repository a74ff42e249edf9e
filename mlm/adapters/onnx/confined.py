"""ConfinedRunner: the Runner port in child processes. A model comes from anybody: what reads it may hang or crash."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm.adapters import confine
from mlm.adapters.confine import Answer, Limits, Request
from mlm.adapters.disk import replace_file, storage_errors
from mlm.adapters.onnx.folder import given, readable
from mlm.adapters.onnx.pool import Pool
from mlm.adapters.onnx.run import CPU, CUDA, NO_TELEMETRY, checked_provider
from mlm.adapters.onnx.tensors import read_numbered, write_numbered
from mlm.adapters.onnx.together import run_together
from mlm.core.errors import ModelStopped
from mlm.core.tensors import MAX_BYTES
from mlm.ports.runner import ModelInfo, Run, TensorSpec

if TYPE_CHECKING:
    from mlm.ports.runner import Tensors

_CHILD = "mlm.adapters.onnx.child"
_INSPECTED, _VERSION = "inspected", 1  # the version changes with what `inspect` checks
_CHECKED_EVERY, _MODELS = 8, 64
_INSPECTING, _RUNNING = "inspecting the model", "running the model"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Which of ONNX Runtime's providers runs a model, on how many threads (0: its own choice), and what bounds it."""

    provider: str = "auto"
    threads: int = 0
    memory_mb: int = 4096
    timeout_s: float = 120.0
    sandbox: str = "auto"

    def __post_init__(self) -> None:
        checked_provider(self.provider)


class ConfinedRunner:
    """Each call runs OnnxRunner in a process of its own, in a private folder under `folder`; `options` are Options'.

    `memory_mb`, `timeout_s` and the tier `sandbox` bound it; where CUDA runs the model, memory is not bounded, because
    CUDA maps far more address space than it uses. `environment` is what the child sees besides its own: where CUDA's
    libraries and devices are. What it passes its limits with, or crashes with, is ModelStopped.

    With `stay` above 0 a child that has run a model stays for the next run of the same one, so many of them at most.
    """

    def __init__(
        self,
        *,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        stay: int = 0,
        **options: Any,
    ) -> None:
        self._folder, chosen = folder.absolute(), Options(**options)
        self._request: Request = {"provider": chosen.provider, "threads": chosen.threads}
        self._limits = Limits(chosen.memory_mb, chosen.timeout_s, chosen.sandbox)
        self._lock = threading.Lock()
        self._alone: set[bytes] = set()  # models that were found to mix what they run on: never together again
        self._checked: dict[bytes, int] = {}  # by model, how often batches of it ran together
        given = {**(environment or {}), **dict([NO_TELEMETRY])}
        self._worker = confine.Worker(
            _CHILD, "runner", ModelStopped, MAX_BYTES, gpu=chosen.provider != "cpu", environment=given
        )
        self._pool = Pool(self._worker, _RUNNING, self._folder, self._limits, stay)

    def inspect(self, onnx: bytes) -> ModelInfo:
        """What the model says of itself; kept by its digest, since to ask again would take a process."""
        kept = self._folder / _INSPECTED / f"{sha256(onnx).hexdigest()}-{_VERSION}.json"
        if (known := _kept(kept)) is not None:
            return known
        with given(self._folder, onnx) as folder:
            answer = self._ask("inspect", _INSPECTING, {}, folder)
        with readable(_INSPECTING):
            info = _info(answer)
        with storage_errors("the runner's folder cannot be written"):
            kept.parent.mkdir(exist_ok=True, mode=0o700)
            replace_file(kept, [json.dumps(answer).encode()], durable=False)
        return info

    def run(self, onnx: bytes, inputs: Tensors) -> Run:
        """Run one batch. Raises InvalidData, of it ModelStopped, or ToolMissing."""
        with self._pool.child(onnx) as (folder, ask):
            with storage_errors("the model's input cannot be written"):
                (folder / "inputs.npz").unlink(missing_ok=True)
                names = write_numbered(folder / "inputs.npz", inputs)
            try:
                answer = ask("run", self._request | {"names": names})
                data = confine.read_file(folder / "outputs.npz", MAX_BYTES, ModelStopped, _RUNNING)
            finally:  # a child that stays would have them beside the next consumer's
                for name in ("inputs.npz", "outputs.npz"):
                    (folder / name).unlink(missing_ok=True)
        with readable(_RUNNING):
            outputs = read_numbered(data, [str(name) for name in answer["names"]])
            provider, seconds = str(answer["provider"]), float(answer["seconds"])
            if provider not in (CPU, CUDA) or not (math.isfinite(seconds) and seconds >= 0):
                raise ValueError(f"{provider!r} after {seconds} s")
            return Run(outputs, provider, seconds)

    def run_many(self, onnx: bytes, batches: Sequence[Tensors]) -> list[Run]:
        """Run several batches, together where the model's first axis is free: checked at first, then now and then."""
        digest = self._pool.digest(onnx)
        with self._lock:
            if digest not in self._checked:
                self._checked = {digest: 0} if len(self._checked) >= _MODELS else self._checked | {digest: 0}
            count = self._checked[digest]
            self._checked[digest] = count + 1
            alone = digest in self._alone
        if alone:
            return [self.run(onnx, batch) for batch in batches]
        return run_together(
            self, onnx, batches, check=count % _CHECKED_EVERY == 0, mixes=lambda: self._alone.add(digest)
        )

    def close(self) -> None:
        """End the children that stay."""
        self._pool.close()

    def _ask(self, step: str, what: str, request: Request, folder: Path) -> Answer:
        return confine.ask(self._worker, step, request, what=what, folder=folder, limits=self._limits)


def _kept(path: Path) -> ModelInfo | None:
    """What was kept; None when there is nothing that can be read."""
    try:
        return _info(json.loads(path.read_bytes()))
    except (OSError, KeyError, TypeError, ValueError, RecursionError):
        return None


def _info(answer: Answer) -> ModelInfo:
    return ModelInfo(
        inputs=_specs(answer["inputs"]),
        outputs=_specs(answer["outputs"]),
        opset=int(answer["opset"]),
        parameters=int(answer["parameters"]),
        operators=tuple(str(name) for name in answer["operators"]),
    )


def _specs(values: list[dict[str, Any]]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(
            str(value["name"]),
            str(value["dtype"]),
            tuple(axis if isinstance(axis, int) else str(axis) for axis in value["shape"]),
        )
        for value in values
    )
