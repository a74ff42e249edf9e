"""Models of exact profiles: executed with a commitment to every number in between (docs/fault-proofs.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mlm.core.exact.graph import Graph
from mlm.core.exact.trace import Tensor, Trace

if TYPE_CHECKING:
    import numpy as np

    from mlm.ports.tensors import Tensors


@dataclass(frozen=True)
class ExactRun:
    """Outputs as their user sees them, and what a submission commits to."""

    outputs: "dict[str, np.ndarray]"
    trace: Trace
    provider: str  # the execution provider that ran it


class Exact(Protocol):
    def is_exact(self, onnx: bytes) -> bool:
        """Whether a file says that it is of an exact profile; nothing else is checked."""

    def graph(self, onnx: bytes) -> Graph:
        """The graph of a file, which executes what it says. Raises InvalidData for any other file, ToolMissing."""

    def parameters(self, onnx: bytes) -> Mapping[bytes, bytes]:
        """Its parameters' elements, by tensor root. Raises as `graph`."""

    def inputs(self, onnx: bytes, inputs: "Tensors") -> Sequence[Tensor]:
        """A user's inputs as the graph takes them, in its order. Raises InvalidData."""

    def outputs(self, onnx: bytes, outputs: "Tensors") -> Sequence[Tensor]:
        """A user's outputs as the graph gave them, in its order. Raises InvalidData."""

    def values(self, onnx: bytes, data: Sequence[bytes], *, given: bool = False) -> "Tensors":
        """The graph's outputs, whose elements these are in its order, as their user sees them; or `given` to it: its
        inputs. Raises InvalidData.
        """

    def run(self, onnx: bytes, inputs: "Tensors", *, keep: bool = False) -> ExactRun:
        """Run and commit; `keep` every tensor in the trace, to open cells of it. Raises InvalidData."""
