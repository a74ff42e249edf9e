"""Whose turn it is in a job, with what its tier and the privacy of its input add to the common table of docs/job.md."""

from __future__ import annotations

from mlm.core import encryption
from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.job import JobFacts, State, Tier, Turn, Verdict, whose_turn
from mlm.ports.bundle import Ports
from mlm.workflows import inputs, lookup

_VERDICTS = {
    State.DISPUTED: Verdict.DISPUTED,
    State.ACCEPTED: Verdict.ACCEPTED,
    State.REJECTED: Verdict.REJECTED,
}


def of(ports: Ports, job: lookup.Job, now: int) -> Turn:
    """Whose turn it is at `now`, in seconds."""
    turn = whose_turn(JobFacts.of(job.record), now, _VERDICTS.get(job.state, Verdict.PENDING))
    if job.state is State.LEASED and _waits_for_key(ports, job):
        return turn._replace(who="consumer", move="deliver the input's key")
    if job.tier is not Tier.NONE:
        return turn
    if job.state is State.SUBMITTED:
        return turn._replace(who="consumer", move="complain if no result came")
    if job.state is State.DISPUTED:
        answer_by, _, _ = ports.chain.call("Unverified", "complaintOf", job.raw)
        return Turn("provider", "answer", answer_by)
    return turn


def _waits_for_key(ports: Ports, job: lookup.Job) -> bool:
    """Whether the input is private and its key not delivered, as far as this machine knows: it fetches nothing."""
    cid = Cid(DAG_CBOR, bytes.fromhex(job.terms.request.input[2:]))
    if not ports.objects.has(cid) or encryption.read(ports.objects.get(cid)) is None:
        return False
    return inputs.delivered(ports, job) is None
