"""What it costs to cheat `mlm verify`'s target: the inputs of mlm/core/trust.py's formulas, read at one block.

A tier's row in JOBS reads them, and what else a policy can ask of it; without one its cost is unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from mlm.core import trust
from mlm.core.attestation import vendors_word
from mlm.core.attesting import Attestation
from mlm.core.clock import Duration, Instant
from mlm.core.dispute.replica import Stage
from mlm.core.errors import MlmError
from mlm.core.job import Tier
from mlm.core.tee import CHAINED
from mlm.core.terms import JobRecord
from mlm.core.trust import At, Cost, Facts
from mlm.ports.bundle import Ports
from mlm.ports.chain import Block
from mlm.workflows import lookup
from mlm.workflows.attest_gather import SET, VERIFIER
from mlm.workflows.replica_look import CONTRACT as REPLICATION
from mlm.workflows.tiers.tee import submitted

# Tiers whose results can be shown to be false for a while. That of the tier none is for complaints about delivery.
DISPUTED = (Tier.OPTIMISTIC, Tier.TEE, Tier.REDUNDANT)


@dataclass(frozen=True)
class Reader:
    """The chain at one block."""

    ports: Ports
    block: Block

    @property
    def at(self) -> At:
        """The block's name."""
        return At(self.block.number, self.block.hash)

    def call(self, contract: str, function: str, *args: Any) -> Any:
        """What a contract's function gives at the block."""
        return self.ports.chain.call(contract, function, *args, block=self.block.number)

    def record(self, job: lookup.Job) -> JobRecord:
        """What the market stores of a job."""
        return JobRecord(*self.call("JobMarket", "jobOf", job.raw))


def of_job(ports: Ports, job: lookup.Job) -> tuple[Facts, Cost]:
    """What a policy can ask of a job's result, and what handing in a false one costs at least: both at one block."""
    reader = Reader(ports, ports.chain.block())
    made, facts = job.record.submitted_at, Facts(now=Instant(reader.block.timestamp), finality=job.finality)
    if made:
        facts = replace(facts, made_at=Instant(made))
    if job.tier in DISPUTED:
        facts = replace(facts, window=Duration(job.record.verification_window))
    if job.tier not in JOBS:
        return facts, trust.unknown(f"nobody reads inputs for the tier {job.tier}", at=reader.at)
    return JOBS[job.tier](reader, job, facts)


def of_proof(ports: Ports, onnx: bytes, settings: bytes) -> Cost:
    """What forging a proof costs that this machine's verifier accepts; unknown where it has no circuit for it."""
    try:
        points = trust.srs_of(ports.prover.circuit(onnx, settings).vka)
    except MlmError:
        points = None
    return trust.zk(points, source="the circuit that this machine derives")


def _zk(reader: Reader, job: lookup.Job, facts: Facts) -> tuple[Facts, Cost]:
    return facts, trust.zk(reader.call("ZkVerifier", "srsPoints"), reader.at, "ZkVerifier")


def _optimistic(reader: Reader, job: lookup.Job, facts: Facts) -> tuple[Facts, Cost]:
    record, asked = reader.record(job), job.terms.request
    window, price, risk = record.verification_window, asked.max_price, asked.value_at_risk
    return facts, trust.optimistic(record.lock, window, price, risk, reader.at)


def _none(reader: Reader, job: lookup.Job, facts: Facts) -> tuple[Facts, Cost]:
    return facts, trust.none(reader.call("Reputation", "pointsOf", job.record.provider), reader.at)


def _tee(reader: Reader, job: lookup.Job, facts: Facts) -> tuple[Facts, Cost]:
    """Who signed a result is counted, not who signed for the key that signed it: that has no attesters of its own."""
    members, threshold = reader.call(SET, "members"), reader.call(SET, "threshold") or None
    stakes = [_stake(reader, address) for address in members]
    if job.submit_tx is None:
        return facts, trust.tee(None, threshold, stakes, reader.at)
    found = submitted(reader.ports, job)
    signed = found.attestation
    facts = replace(
        facts,
        made_at=Instant(signed.checked_at),
        tcb_status=vendors_word(signed.kind, signed.status),
        simulated=signed.simulated,
        attesters=None if signed.of_key else len(found.signatures),
        committee=len(members),
    )
    if not signed.simulated and signed.kind not in CHAINED:
        why = f"no contract verifies signatures of {signed.kind}: attesters of evidence that nobody signed lose nothing"
        return facts, trust.nothing(why, at=reader.at)
    return facts, trust.tee(signed.simulated, threshold, stakes, reader.at, _session(reader, signed))


def _session(reader: Reader, signed: Attestation) -> int | None:
    """For how long after its platform was looked at a session key signs, in seconds; None where none signed."""
    if not signed.of_key:
        return None
    chain = reader.ports.chain
    ends = reader.call(VERIFIER, "sessionOf", signed.digest(chain.chain_id(), chain.address_of(VERIFIER)))
    return int(ends) - signed.checked_at


def _stake(reader: Reader, address: str) -> int:
    """What an attester loses where it is convicted: also what is on its way out."""
    stake, unbonding, *_ = reader.call(SET, "attesterOf", address)
    return int(stake) + int(unbonding)


def _redundant(reader: Reader, job: lookup.Job, facts: Facts) -> tuple[Facts, Cost]:
    """Replicas that have shown the provider's root: who was drawn and shows nothing has run nothing, as far as anybody

    knows. None before any was drawn.
    """
    *_, drawn = reader.call(REPLICATION, "replicasOf", job.raw)
    stages = [Stage(reader.call(REPLICATION, "replicaOf", job.raw, each)[0]) for each in drawn]
    same = sum(stage is Stage.EQUAL for stage in stages) if drawn else None
    stake = int(reader.call(REPLICATION, "stake"))
    cost = trust.redundant(reader.record(job).lock, same, stake, reader.at)
    return (facts if same is None else replace(facts, replicas=same + 1)), cost


JOBS: dict[Tier, Callable[[Reader, lookup.Job, Facts], tuple[Facts, Cost]]] = {
    Tier.NONE: _none,
    Tier.ZK: _zk,
    Tier.OPTIMISTIC: _optimistic,
    Tier.TEE: _tee,
    Tier.REDUNDANT: _redundant,
}
