"""RayRunner: the Runner port on the nodes of a Ray cluster, each call confined there as ConfinedRunner does it here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlm.adapters.onnx.run import checked_provider
from mlm.adapters.onnx.together import run_together
from mlm.adapters.ray.nodes import Nodes
from mlm.ports.runner import ModelInfo, Run

if TYPE_CHECKING:
    from mlm.ports.runner import Tensors


class RayRunner:
    """`memory_mb`, `timeout_s` and `sandbox` bound each call on its node, as they bound ConfinedRunner."""

    def __init__(
        self,
        nodes: Nodes,
        *,
        provider: str = "auto",
        threads: int = 0,
        memory_mb: int = 4096,
        timeout_s: float = 120.0,
        sandbox: str = "auto",
    ) -> None:
        self._nodes = nodes
        self._options: dict[str, Any] = {"provider": checked_provider(provider), "threads": threads}
        self._options |= {"memory_mb": memory_mb, "timeout_s": timeout_s, "sandbox": sandbox}

    def inspect(self, onnx: bytes) -> ModelInfo:
        found: ModelInfo = self._nodes.ask("runner", "inspect", self._options, model=onnx)
        return found

    def run(self, onnx: bytes, inputs: Tensors) -> Run:
        found: Run = self._nodes.ask("runner", "run", self._options, dict(inputs), model=onnx)
        return found

    def run_many(self, onnx: bytes, batches: Sequence[Tensors]) -> list[Run]:
        """Run several batches, together where the model's first axis is free."""
        return run_together(self, onnx, batches)
