"""Zero-knowledge circuits: derive, prove, verify. Implementations run ezkl; values here are plain."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

    Tensors = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Circuit:
    """What everybody can recompute from the ONNX bytes, the canonical settings and the SRS."""

    circuit_id: str  # sha256 hex of (onnx digest, settings digest, srs digest)
    k: int  # log2 of rows
    vka: tuple[int, ...]  # verifying key artefact: 256-bit words, as the contract takes them
    inputs: int  # leading instances that are Poseidon hashes of the inputs, one per input tensor
    outputs: int  # instances after them: the output values


@dataclass(frozen=True)
class Proof:
    proof: bytes
    instances: tuple[int, ...]  # field elements: input hashes, then output values


class Prover(Protocol):
    """Each step runs in a process of its own with memory and time limits; raises ProverError or InvalidData."""

    def settings(self, onnx: bytes, sample: "Tensors") -> bytes:
        """Calibrate on a batch of real inputs and return canonical settings JSON (byte-identical on every machine)."""

    def circuit(self, onnx: bytes, settings: bytes) -> Circuit:
        """Compile and set up (cached by content)."""

    def hash_inputs(self, settings: bytes, inputs: "Tensors") -> tuple[int, ...]:
        """Poseidon hash of each quantised input, in the model's order; they are the proof's leading instances."""

    def prove(self, onnx: bytes, settings: bytes, inputs: "Tensors") -> Proof:
        """Prove one execution and verify the proof before returning it."""

    def verify(self, onnx: bytes, settings: bytes, proof: Proof) -> None:
        """Raise VerificationFailed when the proof is false for this model."""

    def outputs(self, settings: bytes, instances: tuple[int, ...]) -> "dict[str, np.ndarray]":
        """Dequantise the output instances: float32 tensors by output name."""
