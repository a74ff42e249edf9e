"""Inputs that an accusation has shown on chain: whoever would check a job with the same input needs no other source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlm.core.job import Tier
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, model

if TYPE_CHECKING:
    from mlm.ports.tensors import Tensors


def find(ports: Ports, job: lookup.Job, loaded: model.Model) -> Tensors | None:
    """The input of a job as an accusation shows it, by the job's input commitment; None where none does.

    Its numbers are the graph's, as a user would give them: another user's numbers may have been rounded to the same.
    The contract has held them to the commitment; whoever uses them does so again.
    """
    if job.tier is not Tier.OPTIMISTIC:
        return None
    wanted = {"exact_input": job.terms.request.input_commitment, "version_id": job.version_id}
    rows = ports.state.query("accused_inputs", **wanted, limit=1)
    if not rows:
        return None
    data = [bytes.fromhex(each[2:]) for each in rows[0]["inputs"]["inputs"]]
    return ports.exact.values(loaded.onnx or model.model_bytes(ports, loaded.manifest), data, given=True)
