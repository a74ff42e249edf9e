"""Runs an exact model by ONNX Runtime and commits to every node's output.

What is executed is the model's file with one more output a node, its tensor as it is committed to, and with each tensor
rounded as it becomes int8 (ivf32.TracedBuilder): bit for bit what the file gives, which tests/exact holds. Floats give
whole numbers exactly only without Winograd's transform, TF32 or bfloat16 (docs/fault-proofs.md §1): the session has the
CPU's provider alone, whose convolutions are direct or im2col and GEMM, unless another is asked for by name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlm.adapters.exact.emit import to_proto, traced_name
from mlm.adapters.exact.model import ExactModel
from mlm.adapters.extras import unavailable
from mlm.adapters.onnx.run import CPU, CUDA, NO_TELEMETRY, check_inputs
from mlm.core import merkle
from mlm.core.errors import InvalidData, ToolMissing, UsageError
from mlm.core.exact.graph import Graph
from mlm.core.exact.tensor import tensor_root
from mlm.core.exact.trace import Trace
from mlm.ports.runner import TensorSpec

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime

    Array = np.ndarray[Any, np.dtype[Any]]

# Of one run's tensors, all of which are held until the last is computed. A graph says beforehand what it needs: with
# floats and windows laid out, at most ten times as much (tests/exact/test_memory.py measures it).
MAX_TRACE_BYTES = 1 << 30
# cuDNN's heuristics and its search may choose Winograd's transform; its default is a GEMM up to ONNX Runtime 1.19, and
# since then whichever engine always works (microsoft/onnxruntime#22705): tests/exact/test_exact_gpu.py decides.
PROVIDERS: dict[str, Any] = {
    "cpu": CPU,
    "cuda": (CUDA, {"use_tf32": "0", "cudnn_conv_algo_search": "DEFAULT"}),
}
_ELEMENTS = {"tensor(int8)": "int8", "tensor(int32)": "int32", "tensor(float)": "float32"}
_QUIET = 4  # fatal only
_EXACT = {"mlas.enable_gemm_fastmath_arm64_bfloat16": "0"}  # off unless asked for: asked for to be off


@dataclass(frozen=True)
class Traced:
    """What a user gets of a run, and what is committed to."""

    outputs: dict[str, Array] = field(repr=False)
    trace: Trace


class Tracer:
    """One model, loaded. `threads` 0 leaves their number to ONNX Runtime; `optimise` is its optimisation level, 0 to 3.

    Neither changes a bit. For one thread at a time: the tensors of a run are written where those of the run before lay.
    Raises InvalidData for a model that `ExactModel.check` refuses or whose trace is too large.
    """

    def __init__(self, model: ExactModel, *, provider: str = "cpu", threads: int = 0, optimise: int = 3) -> None:
        self.model = model
        size = trace_bytes(model.graph)
        if size > MAX_TRACE_BYTES:
            raise InvalidData(f"expected a trace of at most {MAX_TRACE_BYTES} bytes, found one of {size}")
        self._specs = tuple(TensorSpec(port.name, port.dtype, port.shape) for port in model.inputs)
        self._names = [port.name for port in model.outputs]
        self._names += [traced_name(index) for index in range(len(model.graph.nodes))]
        self._session = _open(to_proto(model, traced=True).SerializeToString(), provider, threads, optimise)
        self._bound: tuple[onnxruntime.IOBinding, list[Array]] | None = None

    @property
    def providers(self) -> list[str]:
        """The execution providers of the session, the first first."""
        found: list[str] = self._session.get_providers()
        return found

    def execute(self, inputs: Mapping[str, Array]) -> list[Array]:
        """The outputs, then every node's tensor, int8 or int32, as it is committed to. Raises InvalidData."""
        return self._execute(inputs, *self._bind())

    def run(self, inputs: Mapping[str, Array], *, keep: bool = False) -> Traced:
        """Run once; `keep` the tensors in the trace, else drop each when it is hashed. Raises InvalidData."""
        # Memory that stays: to get it anew for each run costs a twentieth of one.
        self._bound = self._bound or self._bind()
        values = self._execute(inputs, *self._bound)
        count = len(self.model.outputs)
        outputs = {name: value.copy() for name, value in zip(self._names[:count], values, strict=False)}
        roots, data = [], []
        for node, value in zip(self.model.graph.nodes, values[count:], strict=True):
            raw = _bytes(value)
            roots.append(tensor_root(node.output, merkle.root_over(raw)))
            if keep:
                data.append(bytes(raw))
        return Traced(outputs, Trace(self.model.graph, tuple(roots), tuple(data)))

    def _execute(self, inputs: Mapping[str, Array], binding: onnxruntime.IOBinding, values: list[Array]) -> list[Array]:
        import numpy as np

        check_inputs(self._specs, inputs)
        for name, value in inputs.items():
            binding.bind_cpu_input(name, np.ascontiguousarray(value))
        with _failures():
            self._session.run_with_iobinding(binding)
        return values

    def _bind(self) -> tuple[onnxruntime.IOBinding, list[Array]]:
        """Memory for everything that a run gives, in this session's order.

        It is not ONNX Runtime's: among what that uses again and again, tensors that stay would leave gaps.
        """
        import numpy as np

        binding, values = self._session.io_binding(), []
        for name, found in zip(self._names, self._session.get_outputs(), strict=True):
            assert name == found.name
            value = np.empty(found.shape, _ELEMENTS[found.type])
            binding.bind_output(name, "cpu", 0, value.dtype, value.shape, value.ctypes.data)
            values.append(value)
        return binding, values


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # ONNX Runtime's errors share no public base class
        raise InvalidData(f"the model failed on this input: {_one_line(error)}") from error


def trace_bytes(graph: Graph) -> int:
    """Bytes of all tensors of a run."""
    return sum(node.output.size for node in graph.nodes)


def _bytes(value: Array) -> memoryview:
    """A tensor's elements as they are committed to, where they lie."""
    if value.dtype.itemsize > 1:
        value = value.astype(value.dtype.newbyteorder("<"), copy=False)
    return value.data.cast("B")


def _open(onnx: bytes, provider: str, threads: int, optimise: int) -> onnxruntime.InferenceSession:
    if provider not in PROVIDERS:
        raise UsageError(f"expected a provider among {', '.join(PROVIDERS)}, found {provider!r}")
    os.putenv(*NO_TELEMETRY)
    try:
        import onnxruntime
    except ImportError as error:
        raise unavailable("models", "onnxruntime", error, "'mlm[cpu]'") from error
    onnxruntime.set_default_logger_severity(_QUIET)
    levels = onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _QUIET
    options.intra_op_num_threads = threads
    # It would hold the floats that live at once a second time: more than ten bytes for each of a trace.
    options.enable_mem_pattern = False
    # In the file's order: a node's floats are made int8 as soon as it has run, and not held to the end.
    options.execution_order = onnxruntime.ExecutionOrder.PRIORITY_BASED
    options.graph_optimization_level = (
        *(levels.ORT_DISABLE_ALL, levels.ORT_ENABLE_BASIC, levels.ORT_ENABLE_EXTENDED, levels.ORT_ENABLE_ALL),
    )[optimise]
    for name, value in _EXACT.items():
        options.add_session_config_entry(name, value)
    wanted = [PROVIDERS[provider]]
    if provider != "cpu":
        if CUDA not in onnxruntime.get_available_providers():
            raise ToolMissing(f"{provider} was asked for, but this ONNX Runtime has the CPU only")
        wanted.append(CPU)
    try:
        session = onnxruntime.InferenceSession(onnx, sess_options=options, providers=wanted)
    except Exception as error:  # ONNX Runtime's errors share no public base class
        raise InvalidData(f"ONNX Runtime cannot load the model: {_one_line(error)}") from error
    if provider != "cpu" and session.get_providers()[0] != CUDA:
        raise ToolMissing(f"{provider} was asked for, but there is no device, or its libraries are missing")
    return session


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
