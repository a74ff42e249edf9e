"""`mlm verify` of a job: what anybody can check of it. A tier's row in JOBS lists its steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlm.core.commitment import encode_evidence, output_commitment, vka_digest, zk_key
from mlm.core.errors import NotFound, UsageError, VerificationFailed
from mlm.core.job import Tier
from mlm.core.trust import Guarantor, trusted
from mlm.ports.bundle import Ports
from mlm.ports.prover import Proof
from mlm.workflows import (
    dispute_look,
    lookup,
    model,
    outputs,
    proof_log,
    tiers,
    verify_cost,
    verify_replicas,
    verify_tolerance,
)
from mlm.workflows.job_result import submitted_evidence
from mlm.workflows.tiers.rules import claim
from mlm.workflows.tiers.unverified import Unverified
from mlm.workflows.verify_checks import (
    ANYBODY,
    HELD,
    NOBODY,
    NONE_TRUST,
    OPTIMISTIC_CHECKERS,
    OPTIMISTIC_TRUST,
    PROVEN,
    RECOMPUTED,
    SIMULATED_TRUST,
    ZK_TRUST,
    Step,
    Subject,
    Verification,
    equal,
    verified,
)
from mlm.workflows.verify_quote import TRUST as VENDOR_TRUST
from mlm.workflows.verify_steps import accepted_step, input_step, terms_step
from mlm.workflows.verify_tee import WHO, attested


def verify_job(ports: Ports, target: str, tolerance: float | None = None) -> Verification:
    """Re-check a job from the chain's data and the model's files alone. Raises UsageError for a tier without checks.

    `tolerance`, of a job of the tier none: advice about its outputs besides, by a run here; None: the one it states.
    """
    job = lookup.job(ports, target)
    if job.tier not in JOBS:
        raise UsageError(f"job {job.short} has the tier {job.tier}, of which nothing can be checked yet")
    tier = JOBS[job.tier]
    within = verify_tolerance.stated(job) if tolerance is None else tolerance
    advice = () if within is None else (verify_tolerance.step(ports, job, within),)
    steps = (*tier.steps(ports, job), *advice)
    facts, cost = verify_cost.of_job(ports, job)
    return verified(
        Subject(
            target=f"job/{job.job_id}",
            kind="job",
            tier=str(job.tier),
            steps=steps,
            who_can_check=tier.who_can_check,
            trust=SIMULATED_TRUST if facts.simulated else tier.trust,
            guaranteed_by=trusted(job.tier, facts),
            cost=lambda: cost,
            facts=facts,
        )
    )


def _zk(ports: Ports, job: lookup.Job) -> tuple[Step, ...]:
    """A job whose result is proved.

    1. The frozen terms hash to what the market stores.
    2. The model's files give the circuit key that the terms froze.
    3. The deployed verifier accepts the submitted evidence for these terms.
    4. This machine's own verifier accepts the proof.
    5. The outputs give the output commitment on chain.
    6. The input block opens the input commitment.
    7. The market has accepted the result.
    """
    evidence = submitted_evidence(ports, job)
    version = lookup.version_by_id(ports, job.version_id)
    loaded = model.load(ports, version)

    def key() -> str:
        model.check_key(ports, loaded, version)
        expected = bytes.fromhex(job.terms.snapshot.key[2:])
        return equal("key", expected, zk_key(vka_digest(evidence.vka), evidence.inputs))

    def on_chain() -> str:
        verdict, commitment = ports.chain.call("ZkVerifier", "check", claim(job), encode_evidence(evidence))
        equal("commitment", job.record.output_commitment, commitment)
        return f"verdict {verdict}"

    def native() -> str:
        ports.prover.verify(loaded.onnx, model.zk_settings(loaded), Proof(evidence.proof, evidence.instances))
        return f"{len(evidence.proof)} bytes"

    def result() -> str:
        return equal(
            "commitment", job.record.output_commitment, output_commitment(evidence.instances[evidence.inputs :])
        )

    return (
        terms_step(ports, job),
        Step("the model's files give the circuit on chain", key, "the key in the terms", HELD),
        Step("the deployed verifier accepts the evidence", on_chain, "ZkVerifier and its SRS", (*HELD, Guarantor.SRS)),
        Step("the proof is true by this machine's verifier", native, "the circuit of the model's files", PROVEN),
        Step("the outputs are the committed ones", result, "the output commitment on chain", HELD),
        input_step(ports, job, loaded),
        accepted_step(job),
    )


def _unverified(ports: Ports, job: lookup.Job) -> tuple[Step, ...]:
    """What can be checked of a job that nobody verifies: what was agreed, and what was delivered.

    1. The frozen terms hash to what the market stores.
    2. The input block opens the input commitment.
    3. The outputs that were handed over open the output commitment. Whether they are true, nothing says.
    4. The market has accepted the result.
    """
    if job.submit_tx is None:
        raise proof_log.no_result(job)
    loaded = model.described(ports, lookup.version_by_id(ports, job.version_id))

    def delivered() -> str:
        if not outputs.answers(ports, job) and outputs.is_private(ports, job):
            raise NotFound("the outputs are private: `mlm job result JOB` checks them, for their readers")
        return f"{len(Unverified().receive(ports, job).block)} bytes"

    return (
        terms_step(ports, job),
        input_step(ports, job, loaded),
        Step("the outputs are the committed ones", delivered, "the output commitment on chain", HELD, optional=True),
        accepted_step(job),
    )


def _traced(ports: Ports, job: lookup.Job) -> tuple[Step, ...]:
    """A job whose provider has committed to every number of its run.

    1. The frozen terms hash to what the market stores.
    2. The model's file executes the graph whose key the terms froze, and passes the graph's checks.
    3. What the provider committed to gives the output commitment on chain.
    4. The input block opens the input commitment.
    5. Every number of the run is the one that this machine computes.
    6. The outputs that were handed over are the committed ones.
    7. In the tier redundant: who was drawn, that they were bound in time, and what they found.
    8. The market has accepted the result.
    """
    case = dispute_look.case(ports, job.job_id, keep=False)
    redundant = job.tier is Tier.REDUNDANT
    version = lookup.version_by_id(ports, job.version_id)
    loaded = model.load(ports, version)

    def graph() -> str:
        tiers.of(job.tier).check(ports, loaded, version)
        return equal("key", bytes.fromhex(job.terms.snapshot.key[2:]), case.claimed.key)

    def output() -> str:
        return equal("commitment", job.record.output_commitment, case.claimed.output_commitment)

    def same() -> str:
        node = case.difference
        if node is not None:
            operator = case.own.graph.nodes[node].op.name
            raise VerificationFailed(f"node {node} ({operator}) is the first that differs")
        return f"{len(case.claimed.roots)} tensors"

    def delivered() -> str:
        return f"{len(tiers.delivering(job.tier).receive(ports, job).block)} bytes"

    return (
        terms_step(ports, job),
        Step("the model's file gives the graph on chain", graph, "the key in the terms", HELD),
        Step("the trace gives the output on chain", output, "the output commitment on chain", HELD),
        input_step(ports, job, loaded, optional=False),
        Step("every number of the run follows", same, "a run on this machine", RECOMPUTED),
        Step("the outputs are the committed ones", delivered, "the output commitment on chain", HELD, optional=True),
        *(verify_replicas.steps(ports, job) if redundant else ()),
        accepted_step(job, (Guarantor.CHAIN, Guarantor.REPLICA if redundant else Guarantor.WATCHER)),
    )


@dataclass(frozen=True)
class JobChecks:
    """How jobs of a tier are checked: by which steps, by whom, and whom one trusts, in words."""

    steps: Callable[[Ports, lookup.Job], tuple[Step, ...]]
    who_can_check: str
    trust: str


JOBS: dict[Tier, JobChecks] = {
    Tier.NONE: JobChecks(_unverified, NOBODY, NONE_TRUST),
    Tier.ZK: JobChecks(_zk, ANYBODY, ZK_TRUST),
    Tier.OPTIMISTIC: JobChecks(_traced, OPTIMISTIC_CHECKERS, OPTIMISTIC_TRUST),
    Tier.REDUNDANT: JobChecks(_traced, verify_replicas.CHECKERS, verify_replicas.TRUST),
    Tier.TEE: JobChecks(attested, WHO, VENDOR_TRUST),
}
