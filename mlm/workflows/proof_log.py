"""A proof's instances from the verifier's log: they stand there whoever called, also from within another contract."""

from __future__ import annotations

from collections.abc import Iterable

from mlm.core.commitment import output_commitment
from mlm.core.digest import keccak256
from mlm.core.errors import InvalidData, StateConflict
from mlm.core.events.abi import sequence_of
from mlm.core.events.table import parse
from mlm.ports.bundle import Ports
from mlm.ports.chain import Log
from mlm.workflows.lookup import Job

# As ZkVerifier.sol declares it; a test holds it to the ABI.
PROOF_ACCEPTED = parse(
    "ZkVerifier",
    "ProofAccepted(bytes32 indexed jobId, bytes32 indexed versionId, address indexed provider, "
    "uint256 inputs, uint256[] instances)",
)
_TOPIC = "0x" + keccak256(PROOF_ACCEPTED.signature.encode()).hex()
_READ = sequence_of(tuple(field for field in PROOF_ACCEPTED.fields if not field.indexed))


def no_result(job: Job) -> StateConflict:
    """Why there is nothing to read: not yet, or never."""
    short = job.job_id[:10]
    if job.state.is_final:
        return StateConflict(f"job {short} is {job.state}: it has no result", hint=f"See `mlm job show {short}`.")
    return StateConflict(f"job {short} is {job.state}: no result yet", hint=f"Follow it: `mlm job watch {short}`.")


def find(ports: Ports, job: Job) -> tuple[int, ...]:
    """The instances logged in the transaction that submitted the job's result.

    Raises StateConflict before there is one, InvalidData when the log does not open the commitment on chain.
    """
    events = ports.state.query("events", tx_hash=job.submit_tx, limit=1) if job.submit_tx else []
    if not events:
        raise no_result(job)
    block = events[0]["block"]
    logs = [log for log in ports.chain.logs(block, block) if log.tx_hash == job.submit_tx]
    found = proven(logs, job.terms.snapshot.verifier, job.job_id, job.record.output_commitment)
    if found is None:
        raise InvalidData(f"{job.submit_tx} logs no outputs that open 0x{job.record.output_commitment.hex()}")
    return found


def proven(logs: Iterable[Log], verifier: str, job_id: str, commitment: bytes) -> tuple[int, ...] | None:
    """The logged instances whose outputs are those that the market holds for the job.

    Anybody can have the verifier log a true proof under any job's id: only the commitment says whose it is.
    """
    for log in logs:
        if log.address.lower() != verifier.lower() or log.topics[:2] != (_TOPIC, job_id):
            continue
        values, end = _READ(log.data, 0)
        if end != len(log.data):
            raise InvalidData(f"ProofAccepted: expected {end} bytes of data, found {len(log.data)}")
        inputs, instances = values["inputs"], tuple(values["instances"])
        if output_commitment(instances[inputs:]) == commitment:
            return instances
    return None
