"""RayRunner: the Runner port on the nodes of a Ray cluster, each call confined there as ConfinedRunner does it here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mlm.adapters.onnx.confined import Options
from mlm.adapters.onnx.together import run_together
from mlm.adapters.ray.nodes import Nodes
from mlm.ports.runner import ModelInfo, Run

if TYPE_CHECKING:
    from mlm.ports.runner import Tensors


class RayRunner:
    """`options` mean what they mean to ConfinedRunner: each call is bounded on its node."""

    def __init__(self, nodes: Nodes, **options: Any) -> None:
        self._nodes = nodes
        self._options: dict[str, Any] = asdict(Options(**options))

    def inspect(self, onnx: bytes) -> ModelInfo:
        found: ModelInfo = self._nodes.ask("runner", "inspect", self._options, model=onnx)
        return found

    def run(self, onnx: bytes, inputs: Tensors) -> Run:
        found: Run = self._nodes.ask("runner", "run", self._options, dict(inputs), model=onnx)
        return found

    def run_many(self, onnx: bytes, batches: Sequence[Tensors]) -> list[Run]:
        """Run several batches, together where the model's first axis is free."""
        return run_together(self, onnx, batches)
