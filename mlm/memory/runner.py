"""MemoryRunner: the Runner port over toy models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlm.core.errors import InvalidData
from mlm.memory.toy import ToyModel
from mlm.ports.runner import ModelInfo, Run, TensorSpec

if TYPE_CHECKING:
    from mlm.ports.runner import Tensors


class MemoryRunner:
    """Deterministic: `seconds` is always 0."""

    def inspect(self, onnx: bytes) -> ModelInfo:
        model = ToyModel.from_bytes(onnx)
        return ModelInfo(
            inputs=(TensorSpec("x", "float32", (1, model.rows)),),
            outputs=(TensorSpec("y", "float32", (1, model.columns)),),
            opset=1,
            parameters=model.rows * model.columns,
            operators=("MatMul",),
        )

    def run(self, onnx: bytes, inputs: Tensors) -> Run:
        import numpy as np

        model = ToyModel.from_bytes(onnx)
        check_toy_inputs(inputs, (1, model.rows))
        weights = np.array(model.weights, dtype=np.float64)
        return Run({"y": (inputs["x"].astype(np.float64) @ weights).astype(np.float32)}, "MemoryProvider", 0.0)

    def run_many(self, onnx: bytes, batches: Sequence[Tensors]) -> list[Run]:
        """Run several batches."""
        return [self.run(onnx, batch) for batch in batches]


def check_toy_inputs(inputs: Tensors, shape: tuple[int, int]) -> None:
    """Name, dtype, shape, finite values; raises InvalidData."""
    import numpy as np

    if set(inputs) != {"x"}:
        raise InvalidData(f"expected the model's inputs ['x'], found {sorted(inputs)}")
    value = inputs["x"]
    if value.dtype != np.float32:
        raise InvalidData(f"input 'x': expected float32, found {value.dtype}")
    if value.shape != shape:
        raise InvalidData(f"input 'x': expected shape {list(shape)}, found {list(value.shape)}")
    if not np.isfinite(value).all():
        raise InvalidData("expected finite numbers, input 'x' holds NaN or infinity")
