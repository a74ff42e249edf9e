"""What a replica finds: this machine's own run of a job, and the root of its trace, kept until it is shown."""

from __future__ import annotations

from mlm.core.errors import InvalidData
from mlm.core.exact.trace import Trace
from mlm.core.merkle import tree_of
from mlm.ports.bundle import Ports
from mlm.workflows import inputs, lookup, model, replica_look


def own_trace(ports: Ports, job: lookup.Job, *, keep: bool = False) -> Trace:
    """This machine's run of a job, whatever its provider says. Raises NotFound, InvalidData, VerificationFailed."""
    loaded = model.load(ports, lookup.version_by_id(ports, job.version_id))
    given = inputs.fetch(ports, job, loaded).tensors
    return ports.exact.run(loaded.onnx, given, keep=keep).trace


def own_root(ports: Ports, job: lookup.Job) -> bytes:
    """The root of this machine's run, computed once: what was committed to is shown also after a kill."""
    if (kept := ports.works.find(_kept_as(job.job_id))) is not None and len(kept) == 32:
        return kept
    root = tree_of(own_trace(ports, job).roots).root
    ports.works.keep(_kept_as(job.job_id), root)
    return root


def committed_root(ports: Ports, job: lookup.Job) -> bytes:
    """The root that this account has committed to. Raises InvalidData where this machine computes another now."""
    me = ports.sender.address.lower()
    (word,) = (
        row["word"] for row in replica_look.rows(ports, job_id=job.job_id, account=me) if row["change"] == "committed"
    )
    root = own_root(ports, job)
    if "0x" + replica_look.commitment(ports, job.job_id, root).hex() != word:
        forget(ports, job.job_id)
        root = own_root(ports, job)
    if "0x" + replica_look.commitment(ports, job.job_id, root).hex() != word:
        raise InvalidData(f"this machine's run of {job.short} is not the one that {me} has committed to")
    return root


def forget(ports: Ports, job_id: str) -> None:
    """The root is no longer needed here."""
    ports.works.forget(_kept_as(job_id))


def _kept_as(job_id: str) -> str:
    return f"replica-{job_id}"
