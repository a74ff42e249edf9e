"""`mlm job complain` and `mlm lease answer`: what did not arrive in the tier none is shown on chain, or rejected."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.clock import Instant
from mlm.core.errors import InvalidData, NotFound, StateConflict, VerificationFailed
from mlm.core.job import State
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Tx
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, permit, tiers
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.job_close import JobName
from mlm.workflows.job_show import JobView, view
from mlm.workflows.tiers.rules import Delivering


@dataclass(frozen=True)
class Complaint:
    """A complaint, as the contract has it: unanswered at `answer_by` it rejects the job. The deposit pays an answer."""

    job: str
    state: State
    reason: str  # what was found wrong with the result
    deposit: Amount
    answer_by: Instant
    next: str


@dataclass(frozen=True)
class _Facts:
    job: lookup.Job
    reason: str
    deposit: Amount


def plan_complain(ports: Ports, params: JobName) -> Plan[_Facts]:
    """Complain, unless the very outputs that were committed to are here. Raises StateConflict."""
    job = lookup.job(ports, params.job)
    rules = _need(job, State.SUBMITTED, "complained of", f"`mlm job show {job.short}` tells whose turn it is.")
    me = ports.sender.address
    if job.record.consumer.lower() != me.lower():
        raise StateConflict(
            f"job {job.short} was posted by {job.record.consumer}, not by {me}", hint="Choose the account with -a NAME."
        )
    reason = missing(ports, job)
    if reason is None:
        raise StateConflict(
            f"the result of job {job.short} is here, and it is what its provider committed to",
            hint=f"`mlm job result {job.short}` reads it. In the tier none a wrong one can be rated, not rejected.",
        )
    contract = rules.contract
    deposit = Amount(ports.chain.call(contract, "deposit"))
    complain = Tx(
        f"complain that the result of {job.short} did not arrive", Call(contract, "complain", (job.raw,)), bond=deposit
    )
    return Plan("job complain", permit.steps(ports, complain, deposit), _Facts(job, reason, deposit))


def missing(ports: Ports, job: lookup.Job) -> str | None:
    """Why the result cannot be read here; None where it can."""
    try:
        tiers.delivering(job.tier).receive(ports, job)
    except (NotFound, InvalidData, VerificationFailed) as error:
        return str(error)
    return None


def _need(job: lookup.Job, state: State, what: str, hint: str) -> Delivering:
    rules = tiers.of(job.tier)
    if not isinstance(rules, Delivering):
        raise StateConflict(
            f"job {job.short} has the tier {job.tier}; only results that are handed over off chain are {what}",
            hint=f"Its result stands on chain: `mlm job result {job.short}`.",
        )
    if job.state is not state:
        raise StateConflict(f"job {job.short} is {job.state}; it can be {what} while it is {state}", hint=hint)
    return rules


def result_complain(ports: Ports, params: JobName, plan: Plan[_Facts], done: tuple[DoneStep, ...]) -> Complaint:
    """As the contract has it."""
    facts = plan.facts
    job = lookup.job(ports, facts.job.job_id)
    answer_by, _, _ = ports.chain.call(tiers.delivering(job.tier).contract, "complaintOf", job.raw)
    following = f"mlm job watch {job.short}"
    return Complaint(job.job_id, job.state, facts.reason, facts.deposit, Instant(answer_by), following)


def plan_answer(ports: Ports, params: JobName) -> Plan[str]:
    """Show the outputs that were committed to: everybody can read them then. Raises StateConflict, NotFound."""
    job, me = lookup.job(ports, params.job), ports.sender.address
    rules = _need(job, State.DISPUTED, "answered for", "Nobody has complained, or the time for an answer is over.")
    if job.provider is None or job.provider.lower() != me.lower():
        raise StateConflict(
            f"the lease of {job.short} is held by {job.provider}, not by {me}", hint="Choose the account with -a NAME."
        )
    found = rules.receive(ports, job)
    answer = Call(rules.contract, "answer", (job.raw, *rules.answer(ports, job, found)))
    both = Call(rules.contract, "multicall", ((answer, Call(rules.contract, "collect", (job.raw,))),))
    title = f"show the {len(found.block)} bytes of outputs of {job.short} on chain, collect the deposit"
    return Plan("lease answer", (Tx(title, both),), job.job_id)


def result_answer(ports: Ports, params: JobName, plan: Plan[str], done: tuple[DoneStep, ...]) -> JobView:
    """The job as the chain has it."""
    return view(ports, lookup.job(ports, plan.facts))


COMPLAIN = Operation(
    "job complain",
    JobName,
    plan_complain,
    result_complain,
    "A complaint stands; unanswered it rejects the job, and `mlm job settle JOB` takes the deposit back.",
)
ANSWER = Operation(
    "lease answer",
    JobName,
    plan_answer,
    result_answer,
    "What was shown on chain stays there.",
)
