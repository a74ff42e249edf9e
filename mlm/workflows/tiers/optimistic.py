"""The tier optimistic: a root over every number of the run, which anybody may dispute (docs/fault-proofs.md)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlm.core.commitment import NO_SALT
from mlm.core.errors import InvalidData, StateConflict, UsageError, VerificationFailed
from mlm.core.exact.commitments import SCHEME_EXACT, Evidence, exact_input_commitment, exact_output_commitment
from mlm.core.exact.trace import Tensor
from mlm.core.job import Tier
from mlm.core.kept_work import KeptWork
from mlm.core.merkle import HASH_BYTES
from mlm.workflows import lookup, model, outputs
from mlm.workflows.run import describe
from mlm.workflows.tiers.rules import Deal, Delivering, HandIn, Work, submission

if TYPE_CHECKING:
    from mlm.core.manifest import Manifest
    from mlm.ports.bundle import Ports
    from mlm.ports.runner import Run
    from mlm.ports.tensors import Tensors


class Optimistic(Delivering):
    """A trace of an exact graph; outputs are handed over as in the tier none."""

    tier = Tier.OPTIMISTIC
    challenged = True
    scheme = SCHEME_EXACT
    contract = "DisputeGame"

    def check_manifest(self, found: Manifest) -> None:
        """Its model is of an exact profile, and its outputs are small enough to be shown on chain."""
        if found.exact is None:
            raise UsageError(
                f"{found.name}@{found.version} offers no {self.tier} tier, expected a model of an exact profile",
                hint="Its publisher lowers it with `mlm lower MODEL` and publishes what comes out.",
            )
        outputs.check_fits(found)

    def check(self, ports: Ports, loaded: model.Model, version: lookup.Version) -> None:
        """The graph recomputed from the file passes its checks and has the key on chain."""
        self.check_manifest(loaded.manifest)
        actual = ports.exact.graph(loaded.onnx).key
        registered = ports.chain.call(
            "AssetRegistry", "keyOf", bytes.fromhex(version.version_id[2:]), int(Tier.OPTIMISTIC)
        )
        if registered != actual:
            raise VerificationFailed(
                f"{version.asset}: the chain holds the exact key 0x{registered.hex()}, its file gives 0x{actual.hex()}",
                hint="Do not deal with this version: a run of its file could not be submitted.",
            )

    def commitment(
        self, ports: Ports, loaded: model.Model, version_id: str, tensors: Tensors, block: bytes, salt: bytes
    ) -> bytes:
        """Over the whole numbers that the tensors are to the graph; anybody may recompute it."""
        if salt != NO_SALT:
            raise UsageError(
                f"a result of the tier {self.tier} can be disputed only where its input can be read",
                hint="Leave --private out, or use --tier zk or --tier none.",
            )
        roots = [each.root for each in ports.exact.inputs(_file(ports, loaded), tensors)]
        return exact_input_commitment(bytes.fromhex(version_id[2:]), roots, int(self.tier))

    def rehearse(self, ports: Ports, loaded: model.Model, tensors: Tensors) -> None:
        ports.exact.run(loaded.onnx, tensors)

    def execute(self, ports: Ports, work: Work, ran: Run | None) -> KeptWork:
        """Raises InvalidData where the trace would not be taken: nobody is slashed for what was not accepted."""
        made = ports.exact.run(work.model.onnx, work.input.tensors)
        evidence = Evidence.of(made.trace.graph, made.trace.roots)
        expected = work.job.terms.request.input_commitment
        actual = "0x" + evidence.input_commitment(bytes.fromhex(work.job.version_id[2:]), int(self.tier)).hex()
        if actual != expected:
            raise InvalidData(f"the run of {work.job.short} is of the input {actual}, the job is for {expected}")
        block = outputs.to_block(ports, made.outputs)
        return KeptWork(work.job.job_id, False, made.provider, proof=evidence.encode(), outputs=block)

    def hand_in(self, ports: Ports, deal: Deal, kept: KeptWork) -> HandIn:
        title = f"commit to the trace of {deal.job.short}"
        store, submit = submission(deal.job, "push the outputs", kept.outputs, kept.proof, title)
        return HandIn((store,), submit, describe(ports.tensors.from_block(kept.outputs)))

    def answer(self, ports: Ports, job: lookup.Job, found: outputs.Opened) -> tuple[Any, ...]:
        shown = _shown(ports, job, found)
        return tuple(each.kind.word() for each in shown), tuple(each.data for each in shown)

    def shown(self, ports: Ports, job: lookup.Job) -> outputs.Opened | None:
        """Whole numbers, as their user sees them."""
        for row in outputs.answers(ports, job):
            data = [bytes.fromhex(text[2:]) for text in json.loads(row["outputs"])["outputs"]]
            loaded = model.load(ports, lookup.version_by_id(ports, job.version_id))
            values = ports.exact.values(loaded.onnx, data)
            return outputs.Opened(ports.tensors.to_block(values), NO_SALT)
        return None

    def output_commitment(self, ports: Ports, job: lookup.Job, found: outputs.Opened) -> bytes:
        """Over the whole numbers that the outputs are to the graph."""
        return exact_output_commitment([each.root for each in _shown(ports, job, found)])


def _shown(ports: Ports, job: lookup.Job, found: outputs.Opened) -> Sequence[Tensor]:
    loaded = model.load(ports, lookup.version_by_id(ports, job.version_id))
    return ports.exact.outputs(loaded.onnx, ports.tensors.from_block(found.block))


def evidence_of(ports: Ports, job: lookup.Job) -> Evidence:
    """What the provider has committed to, from the contract's log. Raises StateConflict before there is a result."""
    rows = ports.state.query("traces", job_id=job.job_id)
    if not rows:
        raise StateConflict(f"job {job.short} is {job.state}: nothing is committed to yet")
    row = rows[0]
    packed = bytes.fromhex(row["tensor_roots"][2:])
    roots = tuple(packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES))
    return Evidence(bytes.fromhex(row["graph_root"][2:]), int(row["inputs"]), int(row["outputs"]), roots)


def _file(ports: Ports, loaded: model.Model) -> bytes:
    return loaded.onnx or model.model_bytes(ports, loaded.manifest)
