"""Whose turn it is in a job, with what its tier and the privacy of its input add to the common table of docs/job.md."""

from __future__ import annotations

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
    if job.state is State.LEASED and inputs.waits_for_key(ports, job):
        return turn._replace(who="consumer", move="deliver the input's key")
    if job.tier is not Tier.NONE:
        return turn
    if job.state is State.SUBMITTED:
        return turn._replace(who="consumer", move="complain if no result came")
    if job.state is State.DISPUTED:
        answer_by, _, _ = ports.chain.call("Unverified", "complaintOf", job.raw)
        return Turn("provider", "answer", answer_by)
    return turn
