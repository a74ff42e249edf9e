"""Running a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

    Tensors = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class TensorSpec:
    """`shape` holds ints, or names for dynamic axes; `dtype` is numpy's name."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class ModelInfo:
    """What an ONNX file says of itself."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    opset: int
    parameters: int
    operators: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    outputs: "dict[str, np.ndarray]"
    provider: str  # the execution provider that ran it, e.g. CPUExecutionProvider
    seconds: float


class Runner(Protocol):
    def inspect(self, onnx: bytes) -> ModelInfo:
        """Check the model (valid, finite weights, no external data) and describe it; raises InvalidData."""

    def run(self, onnx: bytes, inputs: "Tensors") -> Run:
        """Run one batch; inputs are checked against the signature and for NaN first; raises InvalidData."""

    def run_many(self, onnx: bytes, batches: "Sequence[Tensors]") -> list[Run]:
        """Run several batches, in order; together where the model allows it. Raises InvalidData for any of them."""
