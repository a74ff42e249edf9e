"""`mlm run --tee`: a run in a trusted execution environment, and the evidence of it, which `mlm verify` checks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlm.core.enclosed import SUFFIX, EnclosedFile
from mlm.core.errors import UsageError
from mlm.core.tee import NOBODYS, spell_measurement
from mlm.ports.bundle import Ports
from mlm.workflows import source, using
from mlm.workflows.run import Output, describe

DEFAULT = Path("run" + SUFFIX)


@dataclass(frozen=True)
class RanEnclosed:
    """What a run in an enclave gave. `measurement` is what `[verification] measurements` of mlm.toml takes.

    `simulated`: the evidence convinces nobody, and a devnet alone accepts it.
    """

    model: str
    enclave: str
    simulated: bool
    platform: str
    measurement: str
    execution_provider: str
    seconds: float
    outputs: tuple[Output, ...]
    written: str | None
    evidence: str


def run(
    ports: Ports, model: str, input: Path, output: Path | None, evidence: Path | None, *, redeem: bool = False
) -> RanEnclosed:
    """Run in the enclave; write the outputs to `output` when given, and the evidence beside it, or to `evidence`.

    The quote is verified here before anything is written. Raises InvalidData, ToolMissing, VerificationFailed.
    """
    found = source.load(ports, model)
    if found.published is not None:
        using.run(ports, found.published[1], found.published[0].manifest, input, redeem=redeem)
    inputs = ports.tensors.to_block(source.read_inputs(ports, input, source.names(found)))
    at = ports.system.now()
    done = ports.enclave.run(found.onnx, inputs, NOBODYS, at)
    said = ports.attestation.verify(done.quote, done.collateral, at, simulated=done.simulated)
    place = evidence or (output.with_suffix(SUFFIX) if output else DEFAULT)
    if place == output:
        raise UsageError(f"expected different files for outputs and evidence, found {place} for both")
    tensors = ports.tensors.from_block(done.outputs)
    if output:
        ports.files.write(output, ports.tensors.encode(tensors, output.suffix))
    file = EnclosedFile(
        NOBODYS, done.statement.model, inputs, done.outputs, done.quote, done.collateral, done.simulated, at
    )
    ports.files.write(place, file.to_bytes())
    return RanEnclosed(
        model=found.name,
        enclave=said.title,
        simulated=done.simulated,
        platform=said.status,
        measurement=spell_measurement(said.kind, said.measurements),
        execution_provider=done.provider,
        seconds=round(done.seconds, 6),
        outputs=describe(tensors),
        written=str(output) if output else None,
        evidence=str(place),
    )
