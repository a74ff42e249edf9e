"""`mlm job result`: a job's outputs, read from the proof in the submission's calldata: nobody can withhold them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlm.core.commitment import Evidence, decode_evidence, output_commitment
from mlm.core.errors import InvalidData, StateConflict, VerificationFailed
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, model
from mlm.workflows.run import Output, describe


@dataclass(frozen=True)
class Result:
    """A verified job's outputs, dequantised with the scales of the circuit's settings."""

    job: str
    asset: str
    state: str
    output_commitment: str
    outputs: tuple[Output, ...]
    written: str | None


def result(ports: Ports, name: str, output: Path | None = None) -> Result:
    """Read the outputs and hold them against the commitment on chain. Raises StateConflict, VerificationFailed."""
    job = lookup.job(ports, name)
    evidence = submitted_evidence(ports, job)
    actual = output_commitment(evidence.instances[evidence.inputs :])
    if actual != job.record.output_commitment:
        raise VerificationFailed(
            f"the submission's outputs give 0x{actual.hex()}, the chain holds 0x{job.record.output_commitment.hex()}"
        )
    version = lookup.version_by_id(ports, job.version_id)
    loaded = model.load(ports, version)
    if loaded.settings is None:
        raise InvalidData(f"the manifest of {version.asset} has no circuit settings to read the outputs with")
    outputs = ports.prover.outputs(loaded.settings, evidence.instances)
    if output:
        ports.files.write(output, ports.tensors.encode(outputs, output.suffix))
    return Result(
        job.job_id,
        str(version.asset),
        str(job.state),
        "0x" + actual.hex(),
        describe(outputs),
        str(output) if output else None,
    )


def submitted_evidence(ports: Ports, job: lookup.Job) -> Evidence:
    """The evidence in the calldata of the job's submission; raises StateConflict before there is one."""
    if job.submit_tx is None:
        raise StateConflict(f"{job.job_id[:10]} is {job.state}: no result yet", hint="Follow it: `mlm job watch`.")
    return decode_evidence(submission(ports.chain.transaction_input(job.submit_tx)))


def submission(calldata: bytes) -> bytes:
    """The `evidence` argument of submit(bytes32 jobId, Terms terms, bytes evidence, bytes32 result)."""
    arguments = calldata[4:]
    offset = int.from_bytes(arguments[64:96], "big")
    length = int.from_bytes(arguments[offset : offset + 32], "big") if offset + 32 <= len(arguments) else 0
    evidence = arguments[offset + 32 : offset + 32 + length]
    if not length or len(evidence) != length:
        raise InvalidData("the submission's calldata does not hold the evidence that submit() takes")
    return evidence
