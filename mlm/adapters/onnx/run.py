"""OnnxRunner: the Runner port over ONNX Runtime. The execution provider is chosen by configuration and reported."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from mlm.adapters.extras import unavailable
from mlm.adapters.onnx.inspect import inspect, load
from mlm.adapters.onnx.together import run_together
from mlm.core.errors import InvalidData, ToolMissing, UsageError
from mlm.ports.runner import ModelInfo, Run, TensorSpec

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime

    from mlm.ports.runner import Tensors

PROVIDERS = ("auto", "cpu", "cuda")
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
NO_TELEMETRY = ("ORT_DISABLE_TELEMETRY", "1")
_SESSIONS_KEPT = 4
_QUIET = 4  # fatal only: ONNX Runtime writes to stderr by itself


class OnnxRunner:
    """`provider`: auto (CUDA when there is a device, else the CPU), cpu or cuda; `threads` 0 leaves the number to it.

    Keeps the last four sessions, so that a worker does not build one for each job.
    """

    def __init__(self, *, provider: str = "auto", threads: int = 0) -> None:
        self._provider = checked_provider(provider)
        self._threads = threads
        self._latest: tuple[bytes, bytes] = (b"", b"")  # the model run last, and its sha256
        self._sessions: OrderedDict[bytes, tuple[ModelInfo, onnxruntime.InferenceSession]] = OrderedDict()

    def inspect(self, onnx: bytes) -> ModelInfo:
        return inspect(load(onnx))

    def run(self, onnx: bytes, inputs: Tensors) -> Run:
        """Run one batch. Raises InvalidData, or ToolMissing when CUDA was asked for and is not there."""
        info, session = self._session(onnx)
        check_inputs(info.inputs, inputs)
        names = [spec.name for spec in info.outputs]
        started = time.perf_counter()
        try:
            values = session.run(names, dict(inputs))
        except Exception as error:  # ONNX Runtime's errors share no public base class
            raise InvalidData(f"the model failed on this input: {_one_line(error)}") from error
        seconds = time.perf_counter() - started
        return Run(dict(zip(names, values, strict=True)), session.get_providers()[0], seconds)

    def run_many(self, onnx: bytes, batches: Sequence[Tensors]) -> list[Run]:
        """Run several batches, together where the model's first axis is free."""
        return run_together(self, onnx, batches)

    def _session(self, onnx: bytes) -> tuple[ModelInfo, onnxruntime.InferenceSession]:
        # A worker runs one model again and again: the same object needs no second hash.
        digest = self._latest[1] if self._latest[0] is onnx else sha256(onnx).digest()
        self._latest = (onnx, digest)
        if digest not in self._sessions:
            info = self.inspect(onnx)
            self._sessions[digest] = info, self._open(onnx)
            while len(self._sessions) > _SESSIONS_KEPT:
                self._sessions.popitem(last=False)
        self._sessions.move_to_end(digest)
        return self._sessions[digest]

    def _open(self, onnx: bytes) -> onnxruntime.InferenceSession:
        # Unless told before it is loaded, it sends events and a number of this device to its makers (its Privacy.md).
        os.putenv(*NO_TELEMETRY)
        try:
            import onnxruntime
        except ImportError as error:
            raise unavailable("models", "onnxruntime", error, "'mlm[cpu]'") from error
        onnxruntime.set_default_logger_severity(_QUIET)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _QUIET
        options.intra_op_num_threads = self._threads
        # Its threads spin while they wait: between two runs that takes 2 ms of each core from whatever else runs.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        wanted: list[Any] = [CPU]
        if self._provider != "cpu" and CUDA in onnxruntime.get_available_providers():
            # TF32 keeps 10 bits of the mantissa: results would then differ from the CPU's by far more than rounding.
            wanted = [(CUDA, {"use_tf32": "0"}), CPU]
        try:
            session = onnxruntime.InferenceSession(onnx, sess_options=options, providers=wanted)
        except Exception as error:  # as above
            raise InvalidData(f"ONNX Runtime cannot load the model: {_one_line(error)}") from error
        found = session.get_providers()[0]
        if self._provider == "cuda" and found != CUDA:
            raise ToolMissing(
                f"CUDA was asked for, but ONNX Runtime offers {found} only",
                hint="Run `pip install 'mlm[gpu]'` where 'mlm[cpu]' is not installed, or set runner.provider to auto.",
            )
        return session


def checked_provider(provider: str) -> str:
    """The setting runner.provider; raises UsageError."""
    if provider not in PROVIDERS:
        raise UsageError(f"runner.provider must be one of {', '.join(PROVIDERS)}, found {provider!r}")
    return provider


def check_inputs(specs: tuple[TensorSpec, ...], inputs: Mapping[str, np.ndarray]) -> None:
    """Names, dtypes, shapes (a named axis has one size everywhere) and finite values; raises InvalidData."""
    import numpy as np

    expected, found = sorted(spec.name for spec in specs), sorted(inputs)
    if expected != found:
        raise InvalidData(f"expected the model's inputs {expected}, found {found}")
    sizes: dict[str, int] = {}
    for spec in specs:
        value = inputs[spec.name]
        if value.dtype.name != spec.dtype:
            raise InvalidData(f"input {spec.name!r}: expected {spec.dtype}, found {value.dtype.name}")
        fits = len(value.shape) == len(spec.shape) and all(
            size == (axis if isinstance(axis, int) else sizes.setdefault(axis, size)) and size > 0
            for axis, size in zip(spec.shape, value.shape, strict=True)
        )
        if not fits:
            raise InvalidData(f"input {spec.name!r}: expected shape {list(spec.shape)}, found {list(value.shape)}")
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise InvalidData(f"expected finite numbers, input {spec.name!r} holds NaN or infinity")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
