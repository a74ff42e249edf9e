"""RayProver: the Prover port on the nodes of a Ray cluster, each step confined there as EzklProver does it here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm.adapters.ezkl import settings as zk
from mlm.adapters.ezkl.prover import Bounds, located_srs
from mlm.adapters.ray.nodes import Nodes
from mlm.adapters.ray.task import Srs
from mlm.ports.prover import Circuit, Proof

if TYPE_CHECKING:
    import numpy as np

    from mlm.ports.prover import Tensors

_WITH_KEY = 3  # steps of a proof at most: the wait for another who makes the same key, the key, the proof


class RayProver:
    """`srs` and `bounds` mean what they mean to EzklProver.

    The SRS files are this machine's: each node gets those it lacks, and keeps circuits and keys of its own.
    """

    def __init__(self, nodes: Nodes, *, srs: Path | Callable[[int], Path], **bounds: Any) -> None:
        self._nodes, self._srs = nodes, srs
        self._options = asdict(Bounds(**bounds))

    def settings(self, onnx: bytes, sample: Tensors) -> bytes:
        found: bytes = self._nodes.ask("prover", "settings", self._options, dict(sample), model=onnx)
        return found

    def circuit(self, onnx: bytes, settings: bytes) -> Circuit:
        found: Circuit = self._with_key("circuit", onnx, settings)
        return found

    def hash_inputs(self, settings: bytes, inputs: Tensors) -> tuple[int, ...]:
        found: tuple[int, ...] = self._nodes.ask("prover", "hash_inputs", self._options, settings, dict(inputs))
        return found

    def prove(self, onnx: bytes, settings: bytes, inputs: Tensors) -> Proof:
        found: Proof = self._with_key("prove", onnx, settings, dict(inputs))
        return found

    def verify(self, onnx: bytes, settings: bytes, proof: Proof) -> None:
        self._with_key("verify", onnx, settings, proof)

    def outputs(self, settings: bytes, instances: tuple[int, ...]) -> dict[str, np.ndarray]:
        return zk.dequantise(zk.parse(settings), instances)

    def _with_key(self, method: str, onnx: bytes, settings: bytes, *arguments: Any) -> Any:
        k = zk.parse(settings).k
        path, digest = located_srs(self._srs, k)
        srs = Srs(k, digest.hex(), path)
        return self._nodes.ask(
            "prover", method, self._options, settings, *arguments, model=onnx, srs=srs, steps=_WITH_KEY
        )
