"""ConfinedExact: the Exact port in child processes. A model comes from anybody: what reads it may hang or crash."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mlm.adapters import confine
from mlm.adapters.confine import Limits, Worker
from mlm.adapters.disk import storage_errors
from mlm.adapters.exact import child
from mlm.adapters.exact.emit import METADATA
from mlm.adapters.exact.model import Port, dequantised, quantised
from mlm.adapters.exact.read import Described, described
from mlm.adapters.exact.reference import NUMPY
from mlm.adapters.exact.trace import MAX_TRACE_BYTES
from mlm.adapters.onnx.folder import readable
from mlm.adapters.onnx.pool import Ask, Pool
from mlm.adapters.onnx.run import CPU, NO_TELEMETRY
from mlm.adapters.onnx.tensors import read_numbered, write_numbered
from mlm.core.errors import InvalidData, ModelStopped
from mlm.core.exact.graph import Graph
from mlm.core.exact.tensor import TensorType
from mlm.core.exact.trace import Tensor, Trace, tensor_of, trace_of
from mlm.core.tensors import MAX_BYTES
from mlm.ports.exact import ExactRun

if TYPE_CHECKING:
    import numpy as np

    from mlm.ports.tensors import Tensors

_CHILD = "mlm.adapters.exact.child"
_RUNNING = "reading and running the exact model"
_KEPT = 8  # models whose description is kept


class ConfinedExact:
    """Calls run in a child in a private folder under `folder`, bounded as the runner's: the last model's child stays.

    It answers for that model only, what it is and what it gives. The processor alone executes: CUDA is left out of this
    tier until it is shown to compute the same.
    """

    def __init__(
        self, *, folder: Path, threads: int = 0, memory_mb: int = 4096, timeout_s: float = 120.0, sandbox: str
    ):
        self._threads = threads
        worker = Worker(_CHILD, "runner", ModelStopped, MAX_TRACE_BYTES, gpu=False, environment=dict([NO_TELEMETRY]))
        limits = Limits(memory_mb, timeout_s, sandbox)
        self._pool = Pool(worker, _RUNNING, folder.absolute(), limits, stay=1)
        self._known: OrderedDict[bytes, Described] = OrderedDict()

    def is_exact(self, onnx: bytes) -> bool:
        return METADATA.encode() in onnx

    def graph(self, onnx: bytes) -> Graph:
        return self._described(onnx).graph

    def parameters(self, onnx: bytes) -> Mapping[bytes, bytes]:
        graph = self.graph(onnx)
        kinds: dict[bytes, TensorType] = {
            operand.source: operand.kind
            for node in graph.nodes
            for operand in node.operands
            if isinstance(operand.source, bytes)
        }
        found, at = {}, 0
        with self._asked(onnx) as (folder, ask):
            ask(child.STEP, {"task": "read", "parameters": True})
            data = confine.read_file(folder / child.PARAMETERS, MAX_TRACE_BYTES, ModelStopped, _RUNNING)
            for root in sorted(kinds):
                found[root] = data[at : at + kinds[root].size]
                at += kinds[root].size
                if tensor_of(kinds[root], found[root]).root != root:
                    raise ModelStopped(f"{_RUNNING} gave parameters that are not the graph's")
        return found

    def inputs(self, onnx: bytes, inputs: Tensors) -> Sequence[Tensor]:
        known = self._described(onnx)
        kinds = [node.output for node in known.graph.nodes[: known.graph.inputs]]
        return _tensors(known.inputs, kinds, inputs, "input")

    def outputs(self, onnx: bytes, outputs: Tensors) -> Sequence[Tensor]:
        known = self._described(onnx)
        kinds = [node.output for node in known.graph.nodes[-known.graph.outputs :]]
        made = _tensors(known.outputs, kinds, outputs, "output")
        for port, tensor in zip(known.outputs, made, strict=True):
            again = dequantised(port, _array(tensor.kind, tensor.data))
            if not (again == outputs[port.name]).all():
                raise InvalidData(f"output {port.name!r}: expected multiples of {port.scale}, found others")
        return made

    def values(self, onnx: bytes, data: Sequence[bytes], *, given: bool = False) -> Tensors:
        known = self._described(onnx)
        graph, ports = known.graph, known.inputs if given else known.outputs
        nodes = graph.nodes[: graph.inputs] if given else graph.nodes[-graph.outputs :]
        kinds = [node.output for node in nodes]
        if [len(each) for each in data] != [kind.size for kind in kinds]:
            what = "inputs" if given else "outputs"
            raise InvalidData(f"expected {what} of {[kind.size for kind in kinds]} bytes, found {list(map(len, data))}")
        return {
            port.name: dequantised(port, _array(kind, each))
            for port, kind, each in zip(ports, kinds, data, strict=True)
        }

    def run(self, onnx: bytes, inputs: Tensors, *, keep: bool = False) -> ExactRun:
        graph = self.graph(onnx)
        with self._asked(onnx) as (folder, ask):
            with storage_errors("the model's input cannot be written"):
                names = write_numbered(folder / child.INPUTS, inputs)
            request = {"task": "run", "names": names, "threads": self._threads, "keep": keep}
            answer = ask(child.STEP, request)
            data = confine.read_file(folder / child.OUTPUTS, MAX_BYTES, ModelStopped, _RUNNING)
            kept = confine.read_file(folder / child.TRACE, MAX_TRACE_BYTES, ModelStopped, _RUNNING) if keep else b""
            with readable(_RUNNING):
                outputs = read_numbered(data, [str(name) for name in answer["names"]])
                roots = tuple(bytes.fromhex(root) for root in answer["roots"])
                if len(roots) != len(graph.nodes) or any(len(root) != 32 for root in roots):
                    raise ValueError("roots")
                trace = Trace(graph, roots)
                if keep:
                    trace = trace_of(graph, _split(graph, kept))
                    if trace.roots != roots:
                        raise ValueError("another trace")
        return ExactRun(outputs, trace, CPU)

    def close(self) -> None:
        """End the child that stays."""
        self._pool.close()

    def _described(self, onnx: bytes) -> Described:
        digest = self._pool.digest(onnx)
        if digest not in self._known:
            with self._asked(onnx) as (_, ask):
                answer = ask(child.STEP, {"task": "read", "parameters": False})
                with readable(_RUNNING):
                    known = described(str(answer["description"]))
                    known.graph.check()
            self._known[digest] = known
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return self._known[digest]

    @contextmanager
    def _asked(self, onnx: bytes) -> Iterator[tuple[Path, Ask]]:
        """A child of the model, whose files of one task are gone before the next. Who finds it lying here ends it."""
        with self._pool.child(onnx) as (folder, ask):
            try:
                yield folder, ask
            finally:
                for name in child.FILES:
                    (folder / name).unlink(missing_ok=True)


def _tensors(ports: Sequence[Port], kinds: Sequence[TensorType], values: Tensors, what: str) -> list[Tensor]:
    if sorted(values) != sorted(port.name for port in ports):
        raise InvalidData(f"expected the {what}s {[port.name for port in ports]}, found {sorted(values)}")
    return [
        tensor_of(kind, quantised(port, kind, values[port.name]).tobytes())
        for port, kind in zip(ports, kinds, strict=True)
    ]


def _array(kind: TensorType, data: bytes) -> np.ndarray:
    import numpy as np

    return np.frombuffer(data, NUMPY[kind.dtype]).reshape(kind.shape)


def _split(graph: Graph, data: bytes) -> list[bytes]:
    found, at = [], 0
    for node in graph.nodes:
        found.append(data[at : at + node.output.size])
        at += node.output.size
    if at != len(data):
        raise ValueError(f"{len(data)} bytes")
    return found
