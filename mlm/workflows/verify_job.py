"""`mlm verify` of a job: what anybody can check of it, in each tier."""

from __future__ import annotations

from mlm.core.commitment import Evidence, encode_evidence, output_commitment, vka_digest, zk_key
from mlm.core.digest import keccak256, word
from mlm.core.errors import NotFound, VerificationFailed
from mlm.core.job import State, Tier
from mlm.core.terms import terms_from_event
from mlm.ports.bundle import Ports
from mlm.ports.prover import Proof
from mlm.workflows import dispute_look, inputs, lookup, model, outputs, proof_log, tiers
from mlm.workflows.events import decode
from mlm.workflows.job_result import submitted_evidence
from mlm.workflows.tiers.rules import claim
from mlm.workflows.tiers.unverified import Unverified
from mlm.workflows.verify_checks import (
    ANYBODY,
    NOBODY,
    NONE_TRUST,
    OPTIMISTIC_CHECKERS,
    OPTIMISTIC_TRUST,
    ZK_TRUST,
    Step,
    Verification,
    all_of,
    equal,
    make,
)
from mlm.workflows.verify_tee import verify_attested


def verify_job(ports: Ports, target: str) -> Verification:
    """Re-check a job from the chain's data and the model's files alone.

    1. The frozen terms hash to what the market stores.
    2. The model's files give the circuit key that the terms froze.
    3. The deployed verifier accepts the submitted evidence for these terms.
    4. This machine's own verifier accepts the proof.
    5. The outputs give the output commitment on chain.
    6. The input block opens the input commitment.
    7. The market has accepted the result.
    """
    job = lookup.job(ports, target)
    if job.tier is Tier.NONE:
        return _unverified(ports, job)
    if job.tier is Tier.OPTIMISTIC:
        return _traced(ports, job)
    if job.tier is Tier.TEE:
        return _attested(ports, job)
    evidence = submitted_evidence(ports, job)
    version = lookup.version_by_id(ports, job.version_id)
    loaded = model.load(ports, version)

    def terms() -> str:
        return equal("termsHash", job.record.terms_hash, posted_terms_hash(ports, job))

    def key() -> str:
        model.check_key(ports, loaded, version)
        expected = bytes.fromhex(job.terms.snapshot.key[2:])
        return equal("key", expected, zk_key(vka_digest(evidence.vka), evidence.inputs))

    def result() -> str:
        return equal(
            "commitment", job.record.output_commitment, output_commitment(evidence.instances[evidence.inputs :])
        )

    steps = (
        Step("the terms are the ones that were posted", terms),
        Step("the model's files give the circuit on chain", key),
        Step("the deployed verifier accepts the evidence", lambda: _on_chain(ports, job, evidence)),
        Step("the proof is true by this machine's verifier", lambda: _native(ports, loaded, evidence)),
        Step("the outputs are the committed ones", result),
        Step("the input is the committed one", lambda: _input(ports, job, loaded), optional=True),
        Step("the market accepted the result", lambda: _state(job)),
    )
    checks = tuple(make(steps))
    return Verification(f"job/{job.job_id}", "job", str(job.tier), *all_of(checks), ANYBODY, ZK_TRUST, checks)


def _input(ports: Ports, job: lookup.Job, loaded: model.Model) -> str:
    """A private input is its readers' to check: no key is asked for here."""
    if inputs.message(ports, job) is not None:
        raise NotFound("the input is private: `mlm lease show JOB --input FILE` checks it, for its readers")
    inputs.fetch(ports, job, loaded)
    return job.terms.request.input_commitment


def _unverified(ports: Ports, job: lookup.Job) -> Verification:
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

    steps = (
        Step(
            "the terms are the ones that were posted",
            lambda: equal("termsHash", job.record.terms_hash, posted_terms_hash(ports, job)),
        ),
        Step("the input is the committed one", lambda: _input(ports, job, loaded), optional=True),
        Step("the outputs are the committed ones", delivered, optional=True),
        Step("the market accepted the result", lambda: _state(job)),
    )
    checks = tuple(make(steps))
    return Verification(f"job/{job.job_id}", "job", str(job.tier), *all_of(checks), NOBODY, NONE_TRUST, checks)


def _traced(ports: Ports, job: lookup.Job) -> Verification:
    """Re-check a job whose provider has committed to every number of its run.

    1. The frozen terms hash to what the market stores.
    2. The model's file executes the graph whose key the terms froze, and passes the graph's checks.
    3. What the provider committed to gives the output commitment on chain.
    4. The input block opens the input commitment.
    5. Every number of the run is the one that this machine computes.
    6. The outputs that were handed over are the committed ones.
    7. The market has accepted the result.
    """
    case = dispute_look.case(ports, job.job_id, keep=False)
    version = lookup.version_by_id(ports, job.version_id)
    loaded = model.load(ports, version)

    def graph() -> str:
        tiers.of(job.tier).check(ports, loaded, version)
        return equal("key", bytes.fromhex(job.terms.snapshot.key[2:]), case.claimed.key)

    def same() -> str:
        node = case.difference
        if node is not None:
            operator = case.own.graph.nodes[node].op.name
            raise VerificationFailed(f"node {node} ({operator}) is the first that differs")
        return f"{len(case.claimed.roots)} tensors"

    steps = (
        Step(
            "the terms are the ones that were posted",
            lambda: equal("termsHash", job.record.terms_hash, posted_terms_hash(ports, job)),
        ),
        Step("the model's file gives the graph on chain", graph),
        Step(
            "the trace gives the output on chain",
            lambda: equal("commitment", job.record.output_commitment, case.claimed.output_commitment),
        ),
        Step("the input is the committed one", lambda: _input(ports, job, loaded)),
        Step("every number of the run follows", same),
        Step(
            "the outputs are the committed ones",
            lambda: f"{len(tiers.delivering(job.tier).receive(ports, job).block)} bytes",
            optional=True,
        ),
        Step("the market accepted the result", lambda: _state(job)),
    )
    checks = tuple(make(steps))
    return Verification(
        f"job/{job.job_id}", "job", str(job.tier), *all_of(checks), OPTIMISTIC_CHECKERS, OPTIMISTIC_TRUST, checks
    )


def _attested(ports: Ports, job: lookup.Job) -> Verification:
    """A job of the tier tee; its checks are in verify_tee.py."""

    def terms() -> str:
        return equal("termsHash", job.record.terms_hash, posted_terms_hash(ports, job))

    return verify_attested(ports, job, terms, lambda loaded: _input(ports, job, loaded), lambda: _state(job))


def posted_terms_hash(ports: Ports, job: lookup.Job) -> bytes:
    """keccak256(abi.encode(terms)) of the terms in the JobPosted log, which must also be the ones the index holds."""
    for found in decode(ports, tuple(ports.chain.logs(job.posted_block, job.posted_block))):
        if found.name == "JobPosted" and found.args["jobId"] == job.job_id:
            if terms_from_event(found.args["terms"]) != job.terms:
                raise VerificationFailed("the local index holds other terms than the chain; run `mlm sync --rebuild`")
            # The log's data is abi.encode(nonce, terms): two words, then what abi.encode(terms) has after its offset.
            return keccak256(word(32) + found.log.data[64:])
    raise VerificationFailed(f"block {job.posted_block} holds no JobPosted of {job.job_id}")


def _on_chain(ports: Ports, job: lookup.Job, evidence: Evidence) -> str:
    verdict, commitment = ports.chain.call("ZkVerifier", "check", claim(job), encode_evidence(evidence))
    equal("commitment", job.record.output_commitment, commitment)
    return f"verdict {verdict}"


def _native(ports: Ports, loaded: model.Model, evidence: Evidence) -> str:
    ports.prover.verify(loaded.onnx, model.zk_settings(loaded), Proof(evidence.proof, evidence.instances))
    return f"{len(evidence.proof)} bytes"


def _state(job: lookup.Job) -> str:
    if job.state is not State.ACCEPTED:
        raise VerificationFailed(f"expected accepted, found {job.state}")
    return "accepted" + (", settled" if job.record.settled_at else "")
