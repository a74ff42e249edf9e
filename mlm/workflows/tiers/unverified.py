"""The tier none: nobody checks a result; that it is delivered can be enforced (docs/tiers.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlm.core import closeness
from mlm.core.commitment import SCHEME_KECCAK, commit_outputs, tensors_root, unverified_input_commitment
from mlm.core.job import Tier
from mlm.core.kept_work import KeptWork
from mlm.workflows import lookup, model, outputs
from mlm.workflows.run import describe
from mlm.workflows.tiers.rules import Deal, Delivering, HandIn, Work, submission

if TYPE_CHECKING:
    from mlm.core.manifest import Manifest
    from mlm.ports.bundle import Ports
    from mlm.ports.runner import Run
    from mlm.ports.tensors import Tensors
    from mlm.workflows.job_post import JobPost


class Unverified(Delivering):
    """A root over the outputs' block, which is handed over off chain."""

    tier = Tier.NONE
    scheme = SCHEME_KECCAK
    reads_files = False
    contract = "Unverified"
    together = True

    def check_manifest(self, found: Manifest) -> None:
        """The outputs are small enough to be shown on chain."""
        outputs.check_fits(found)

    def policy(self, asked: JobPost) -> bytes:
        """The tolerance that the consumer states."""
        return closeness.tolerance_word(asked.tolerance or 0.0)

    def spell_policy(self, policy: bytes) -> str:
        stated = closeness.stated_tolerance(policy)
        return f"outputs within {stated:g} of another run's, as advice" if stated else ""

    def check(self, ports: Ports, loaded: model.Model, version: lookup.Version) -> None:
        outputs.check_fits(loaded.manifest)

    def commitment(
        self, ports: Ports, loaded: model.Model, version_id: str, tensors: Tensors, block: bytes, salt: bytes
    ) -> bytes:
        return unverified_input_commitment(bytes.fromhex(version_id[2:]), tensors_root(salt, block))

    def rehearse(self, ports: Ports, loaded: model.Model, tensors: Tensors) -> None:
        ports.runner.run(loaded.onnx, tensors)

    def check_acceptable(self, ports: Ports, work: Work) -> None:
        """A model is run where its signature leaves open how large its outputs are."""
        if outputs.known_size(work.model.manifest) is None:
            outputs.to_block(ports, ports.runner.run(work.model.onnx, work.input.tensors).outputs)

    def execute(self, ports: Ports, work: Work, ran: Run | None) -> KeptWork:
        ran = ran or ports.runner.run(work.model.onnx, work.input.tensors)
        return KeptWork(work.job.job_id, work.input.private, ran.provider, outputs=outputs.to_block(ports, ran.outputs))

    def hand_in(self, ports: Ports, deal: Deal, kept: KeptWork) -> HandIn:
        shown = ports.tensors.from_block(kept.outputs)
        handed = outputs.hand_over(ports, deal.job, shown, kept.private)
        title = f"hand the outputs of {deal.job.short} in"
        store, submit = submission(deal.job, "push the outputs", handed.block, handed.root, title)
        return HandIn((store,), submit, describe(shown))

    def answer(self, ports: Ports, job: lookup.Job, found: outputs.Opened) -> tuple[Any, ...]:
        return found.salt, found.block

    def shown(self, ports: Ports, job: lookup.Job) -> outputs.Opened | None:
        for row in outputs.answers(ports, job):
            return outputs.Opened(*(bytes.fromhex(row[name][2:]) for name in ("outputs", "salt")))
        return None

    def output_commitment(self, ports: Ports, job: lookup.Job, found: outputs.Opened) -> bytes:
        return commit_outputs(tensors_root(found.salt, found.block))
