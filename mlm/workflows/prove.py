"""`mlm prove`: prove one execution of a model on this machine; no chain is needed for a local file."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from mlm.core.proof import ProofFile
from mlm.ports.bundle import Ports
from mlm.ports.prover import Circuit, Proof
from mlm.workflows import source, using
from mlm.workflows.run import Output, describe

if TYPE_CHECKING:
    from mlm.ports.tensors import Tensors


@dataclass(frozen=True)
class Proved:
    """A verified proof. `outputs` are the quantised values that the proof shows."""

    model: str
    rows: str
    proof_bytes: int
    instances: int
    seconds: float
    outputs: tuple[Output, ...]
    written: str


def prove(ports: Ports, model: str, input: Path, output: Path, calibration: Path | None = None) -> Proved:
    """Prove `model` on the tensors of `input` and write the proof file. Raises ProverError, InvalidData.

    VerificationFailed: the model is a published one, and the chain has another key for it.
    """
    found = source.load(ports, model)
    if found.published is not None:
        using.run(ports, found.published[1], found.published[0].manifest, input)
    inputs = source.read_inputs(ports, input, source.names(found))
    source.check_key(ports, found)  # a proof of another circuit would be refused by everybody
    settings = source.settings(ports, found, calibration, inputs)
    started = ports.system.monotonic()
    circuit, proof = proven(ports, found.onnx, settings, inputs)
    seconds = ports.system.monotonic() - started
    ports.files.write(output, proof_file(found.onnx, settings, proof).to_bytes())
    return Proved(
        model=found.name,
        rows=f"2^{circuit.k}",
        proof_bytes=len(proof.proof),
        instances=len(proof.instances),
        seconds=round(seconds, 3),
        outputs=describe(ports.prover.outputs(settings, proof.instances)),
        written=str(output),
    )


def proven(ports: Ports, onnx: bytes, settings: bytes, inputs: Tensors) -> tuple[Circuit, Proof]:
    """The circuit and a proof of one execution."""
    circuit = ports.prover.circuit(onnx, settings)
    return circuit, ports.prover.prove(onnx, settings, inputs)


def proof_file(onnx: bytes, settings: bytes, proof: Proof) -> ProofFile:
    """A proof with what it is of."""
    return ProofFile(sha256(onnx).hexdigest(), settings, proof.proof, proof.instances)
