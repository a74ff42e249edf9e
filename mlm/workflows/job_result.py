"""`mlm job result`: a job's outputs, read from the verifier's log; and the whole evidence, read from calldata.

Nobody can withhold the outputs of a proof: the verifier logs what it accepted, from wherever it was called. Those of
the tier none are handed over by content address.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlm.core.commitment import Evidence, decode_evidence, output_commitment
from mlm.core.errors import InvalidData, NotFound, VerificationFailed
from mlm.core.job import State
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, proof_log, tiers
from mlm.workflows.run import Output, describe
from mlm.workflows.submissions import submissions

if TYPE_CHECKING:
    from mlm.ports.tensors import Tensors


@dataclass(frozen=True)
class Result:
    """A job's outputs; a proof's are dequantised with the scales of the circuit's settings."""

    job: str
    asset: str
    state: str
    output_commitment: str
    outputs: tuple[Output, ...]
    written: str | None


def result(ports: Ports, name: str, output: Path | None = None) -> Result:
    """Read the outputs that open the commitment on chain. Raises StateConflict before there is a result."""
    job = lookup.job(ports, name)
    version, tensors = lookup.version_by_id(ports, job.version_id), outputs_of(ports, job)
    if output:
        ports.files.write(output, ports.tensors.encode(tensors, output.suffix))
    return Result(
        job.job_id,
        str(version.asset),
        str(job.state),
        "0x" + job.record.output_commitment.hex(),
        describe(tensors),
        str(output) if output else None,
    )


def outputs_of(ports: Ports, job: lookup.Job) -> Tensors:
    """The output tensors of a job, whole. Raises StateConflict before there is a result."""
    rules = tiers.of(job.tier)
    try:
        return rules.outputs(ports, job)
    except (NotFound, VerificationFailed, InvalidData) as error:
        # Where what was handed over is missing, or is something else, its consumer can complain.
        if rules.delivers and job.state is State.SUBMITTED:
            error.hint = f"Its consumer can complain: `mlm job complain {job.short}`. {error.hint}".strip()
        raise


def submitted_evidence(ports: Ports, job: lookup.Job) -> Evidence:
    """The evidence in the calldata of the job's submission; raises StateConflict before there is one."""
    if job.submit_tx is None:
        raise proof_log.no_result(job)
    calldata = ports.chain.transaction_input(job.submit_tx)
    return chosen(submissions(calldata, bytes.fromhex(job.job_id[2:])), job.record.output_commitment)


def chosen(found: Iterable[bytes], commitment: bytes) -> Evidence:
    """The evidence whose outputs are those that the contract committed to, else the first that can be read.

    Raises InvalidData when there is none.
    """
    first, problem = None, InvalidData("the submission's calldata does not hold the evidence that submit() takes")
    for raw in found:
        try:
            evidence = decode_evidence(raw)
        except InvalidData as error:
            problem = error
            continue
        if output_commitment(evidence.instances[evidence.inputs :]) == commitment:
            return evidence
        first = first or evidence
    if first is None:
        raise problem
    return first
