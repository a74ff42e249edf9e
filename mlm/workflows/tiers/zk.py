"""The tier zk: a proof, decided at once by its verifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlm.core import dagcbor
from mlm.core.cid import RAW, Cid
from mlm.core.commitment import SCHEME_POSEIDON, Evidence, encode_evidence
from mlm.core.errors import Reverted, UsageError
from mlm.core.job import Tier
from mlm.core.kept_work import KeptWork
from mlm.core.plan import Step
from mlm.ports.prover import Circuit, Proof
from mlm.workflows import lookup, model, proof_log
from mlm.workflows.prove import proven
from mlm.workflows.run import describe
from mlm.workflows.tiers.rules import Deal, HandIn, Rules, Work, claim, submission

if TYPE_CHECKING:
    from mlm.core.manifest import Manifest
    from mlm.ports.bundle import Ports
    from mlm.ports.runner import Run
    from mlm.ports.tensors import Tensors

RESULT_FORMAT = "mlm/result/1"


class Zk(Rules):
    """An ezkl (Halo2/KZG) proof."""

    tier = Tier.ZK
    scheme = SCHEME_POSEIDON

    def check_manifest(self, found: Manifest) -> None:
        if found.zk is None:
            raise UsageError(f"{found.name}@{found.version} offers no zk tier, expected a model that does")

    def check(self, ports: Ports, loaded: model.Model, version: lookup.Version) -> Circuit:
        """The circuit recomputed from the manifest has the key on chain."""
        return model.check_key(ports, loaded, version)

    def commitment(
        self, ports: Ports, loaded: model.Model, version_id: str, tensors: Tensors, block: bytes, salt: bytes
    ) -> bytes:
        """A circuit hashes the tensors and knows no salt."""
        return model.commit_to_input(ports, loaded, version_id, tensors)

    def rehearse(self, ports: Ports, loaded: model.Model, tensors: Tensors) -> None:
        ports.runner.run(loaded.onnx, tensors)
        ports.prover.prove(loaded.onnx, model.zk_settings(loaded), tensors)

    def execute(self, ports: Ports, work: Work, ran: Run | None) -> KeptWork:
        ran = ran or ports.runner.run(work.model.onnx, work.input.tensors)
        _, proof = proven(ports, work.model.onnx, model.zk_settings(work.model), work.input.tensors)
        return KeptWork(work.job.job_id, work.input.private, ran.provider, proof=proof.proof, instances=proof.instances)

    def hand_in(self, ports: Ports, deal: Deal, kept: KeptWork) -> HandIn:
        return hand_in(ports, deal, Proof(kept.proof, kept.instances), kept.execution_provider)

    def outputs(self, ports: Ports, job: lookup.Job) -> Tensors:
        """Nobody can withhold them: the verifier logs what it accepted."""
        instances = proof_log.find(ports, job)
        loaded = model.described(ports, lookup.version_by_id(ports, job.version_id))
        return ports.prover.outputs(model.zk_settings(loaded), instances)


def hand_in(ports: Ports, deal: Deal, proof: Proof, execution_provider: str | None) -> HandIn:
    """Ask the verifier first, with the very evidence; then store the result's description and submit."""
    job, circuit = deal.job, deal.circuit
    assert circuit is not None
    evidence = encode_evidence(Evidence(circuit.vka, circuit.inputs, proof.proof, proof.instances))
    before: list[Step] = []
    try:
        ports.chain.call("ZkVerifier", "check", claim(job), evidence)
    except Reverted as error:
        if error.name != "VerifyingKeyUnregistered":
            raise
        # The publisher should have; a provider who can is not lost for it.
        before.append(model.register_vka(circuit.vka))
    description = describe_result(job, deal, proof, execution_provider)
    title = f"submit the proof of {job.short}, verify, settle"
    store, submit = submission(job, "push the result", description, evidence, title)
    shown = ports.prover.outputs(model.zk_settings(deal.model), proof.instances)
    return HandIn((*before, store), submit, describe(shown))


def describe_result(job: lookup.Job, deal: Deal, proof: Proof, execution_provider: str | None) -> bytes:
    """The result block: the job, the proof's instances, and where it ran. The proof itself is on chain."""
    return dagcbor.encode(
        {
            "format": RESULT_FORMAT,
            "job": job.raw,
            "instances": [word.to_bytes(32, "big") for word in proof.instances],
            "settings": Cid.of(RAW, model.zk_settings(deal.model)),
            "executionProvider": execution_provider,
        }
    )
