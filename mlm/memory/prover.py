"""MemoryProver: the Prover port over toy models, with plain hashes in place of cryptography.

NOT a proof system: whoever knows the model can "prove" anything. It binds what a real one binds (model, settings,
input, output), so that workflows meet the same refusals.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from mlm.core.errors import InvalidData, VerificationFailed
from mlm.memory.runner import MemoryRunner, check_toy_inputs
from mlm.memory.toy import ToyModel
from mlm.ports.prover import Circuit, Proof

if TYPE_CHECKING:
    import numpy as np

    from mlm.ports.prover import Tensors

FORMAT = "mlm/memory-zk/1"
FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617
SCALE = 13
WORDS = 40


class MemoryProver:
    """`srs_points` fill words 16 to 23 of every artefact, as a real key carries its SRS."""

    def __init__(self, srs_points: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)) -> None:
        self._points = srs_points

    def settings(self, onnx: bytes, sample: Tensors) -> bytes:
        model = ToyModel.from_bytes(onnx)
        for row in sample.get("x", ()):
            check_toy_inputs({**sample, "x": row[None]}, (1, model.rows))
        if "x" not in sample:
            check_toy_inputs(sample, (1, model.rows))
        document = {"format": FORMAT, "rows": model.rows, "columns": model.columns}
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    def circuit(self, onnx: bytes, settings: bytes) -> Circuit:
        shape, model = _settings(settings), ToyModel.from_bytes(onnx)
        if (shape["rows"], shape["columns"]) != (model.rows, model.columns):
            raise InvalidData("the settings do not belong to the model")
        circuit_id = _digest(b"circuit", onnx, settings, repr(self._points).encode()).hex()
        vka = [int.from_bytes(_digest(b"word", circuit_id.encode(), bytes([i]))) for i in range(WORDS)]
        vka[16:24] = self._points
        return Circuit(circuit_id, 10, tuple(vka), 1, model.columns)

    def hash_inputs(self, settings: bytes, inputs: Tensors) -> tuple[int, ...]:
        check_toy_inputs(inputs, (1, _settings(settings)["rows"]))
        quantised = [round(float(value) * (1 << SCALE)) for value in inputs["x"].ravel()]
        return (int.from_bytes(_digest(b"input", json.dumps(quantised).encode())) % FIELD,)

    def prove(self, onnx: bytes, settings: bytes, inputs: Tensors) -> Proof:
        circuit = self.circuit(onnx, settings)
        hashes = self.hash_inputs(settings, inputs)
        logits = MemoryRunner().run(onnx, inputs).outputs["y"].ravel()
        instances = hashes + tuple(round(float(value) * (1 << SCALE)) % FIELD for value in logits)
        return Proof(_seal(circuit, instances), instances)

    def verify(self, onnx: bytes, settings: bytes, proof: Proof) -> None:
        circuit = self.circuit(onnx, settings)
        expected = circuit.inputs + circuit.outputs
        if len(proof.instances) != expected:
            raise VerificationFailed(f"the circuit has {expected} instances, found {len(proof.instances)}")
        if proof.proof != _seal(circuit, proof.instances):
            raise VerificationFailed("the proof is false for this model, input and output")

    def outputs(self, settings: bytes, instances: tuple[int, ...]) -> dict[str, np.ndarray]:
        import numpy as np

        columns = _settings(settings)["columns"]
        if len(instances) != 1 + columns:
            raise InvalidData(f"the circuit has {1 + columns} instances, found {len(instances)}")
        signed = [value if value <= FIELD // 2 else value - FIELD for value in instances[1:]]
        return {"y": np.array([[value / (1 << SCALE) for value in signed]], dtype=np.float32)}


def _settings(data: bytes) -> dict[str, Any]:
    import orjson  # bounded depth, unlike json

    try:
        document: dict[str, Any] = orjson.loads(data)
        if document["format"] != FORMAT:
            raise ValueError(f"expected format {FORMAT!r}")
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidData(f"not settings of the memory prover: {error}") from error
    return document


def _seal(circuit: Circuit, instances: tuple[int, ...]) -> bytes:
    return _digest(b"proof", circuit.circuit_id.encode(), json.dumps(instances).encode())


def _digest(*parts: bytes) -> bytes:
    return sha256(b"".join(len(part).to_bytes(8, "big") + part for part in (b"mlm/memory-zk/1", *parts))).digest()
