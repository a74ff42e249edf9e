"""Whose turn it is in a job, with what its tier and the privacy of its input add to the common table of docs/job.md."""

from __future__ import annotations

from mlm.core.job import JobFacts, State, Tier, Turn, Verdict, whose_turn
from mlm.ports.bundle import Ports
from mlm.workflows import inputs, lookup, replica_look, tiers

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
    if job.tier is Tier.REDUNDANT and job.state in (State.LEASED, State.READY):
        return _of_replicas(ports, job, turn, now)
    if job.tier in (Tier.NONE, Tier.TEE) and job.state is State.SUBMITTED:
        return turn._replace(who="consumer", move="complain if no result came")
    if job.state is State.DISPUTED and (complaint := complaint_of(ports, job)):
        return Turn("provider", "answer", complaint)
    return turn


def _of_replicas(ports: Ports, job: lookup.Job, turn: Turn, now: int) -> Turn:
    """Before a lease is accepted replicas are drawn; before a result is handed in they commit."""
    found = replica_look.look(ports, job, replica_look.rules(ports))
    if job.state is State.LEASED:
        return turn if found.drawn else turn._replace(who="anyone", move="draw the replicas")
    return turn if found.may_submit(now) else Turn("replicas", "commit to what they found", found.commit_by)


def complaint_of(ports: Ports, job: lookup.Job) -> int | None:
    """Until when a complaint that waits for an answer is to be answered; None where none does."""
    if not tiers.of(job.tier).delivers:
        return None
    answer_by, answered, _ = ports.chain.call(tiers.delivering(job.tier).contract, "complaintOf", job.raw)
    return None if answered or not answer_by else int(answer_by)
