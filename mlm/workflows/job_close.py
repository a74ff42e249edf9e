"""`mlm job award|cancel|settle`: one transaction each, allowed in one set of states each."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.errors import StateConflict
from mlm.core.job import State
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Tx
from mlm.ports.bundle import Ports
from mlm.workflows import lookup
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.job_show import JobView, view


@dataclass(frozen=True)
class JobName:
    """Parameters of the commands that name a job and nothing else."""

    job: str


def plan_award(ports: Ports, params: JobName) -> Plan[str]:
    """Close the bids early in favour of the best."""
    job = lookup.job(ports, params.job)
    if job.state is not State.OPEN or job.provider is None:
        raise StateConflict(
            f"job {job.job_id[:10]} is {job.state} with {'a' if job.provider else 'no'} bid; "
            "award needs it open with a bid",
            hint=_next(job),
        )
    title = f"award {job.job_id[:10]} to {job.provider} at {Amount(job.record.price)}"
    return Plan("job award", (Tx(title, Call("JobMarket", "award", (_raw(job),))),), job.job_id)


def plan_cancel(ports: Ports, params: JobName) -> Plan[str]:
    """Cancel a job without bids; the escrow is credited to the consumer."""
    job = lookup.job(ports, params.job)
    if job.state is not State.OPEN or job.provider is not None:
        raise StateConflict(
            f"job {job.job_id[:10]} is {job.state} with {'a' if job.provider else 'no'} bid; "
            "it can be cancelled only while it is open and has none",
            hint=_next(job),
        )
    return Plan("job cancel", (Tx(f"cancel {job.job_id[:10]}", Call("JobMarket", "cancel", (_raw(job),))),), job.job_id)


def plan_settle(ports: Ports, params: JobName) -> Plan[str]:
    """Draw the final credits; nothing to do when the job has settled already."""
    job = lookup.job(ports, params.job)
    if job.record.settled_at:
        return Plan("job settle", (), job.job_id)
    if not job.state.is_final:
        raise StateConflict(
            f"job {job.job_id[:10]} is {job.state}; it settles when its state is final", hint=_next(job)
        )
    call = Call("JobMarket", "settle", (_raw(job), job.terms.as_args()))
    return Plan("job settle", (Tx(f"settle {job.job_id[:10]} ({job.state})", call),), job.job_id)


def _next(job: lookup.Job) -> str:
    """What can be done instead."""
    if job.state.is_final and not job.record.settled_at and job.state is not State.CANCELLED:
        return f"Its money is free: `mlm job settle {job.job_id[:10]}`."
    return f"`mlm job show {job.job_id[:10]}` tells whose turn it is."


def _raw(job: lookup.Job) -> bytes:
    return bytes.fromhex(job.job_id[2:])


def _after(ports: Ports, params: JobName, plan: Plan[str], done: tuple[DoneStep, ...]) -> JobView:
    return view(ports, lookup.job(ports, plan.facts))


AWARD = Operation(
    "job award",
    JobName,
    plan_award,
    _after,
    "An award stands: the job runs its course.",
)
CANCEL = Operation(
    "job cancel",
    JobName,
    plan_cancel,
    _after,
    "The escrow is credited; `mlm job post` posts the job again.",
)
SETTLE = Operation(
    "job settle",
    JobName,
    plan_settle,
    _after,
    "A settlement pays what was due and stands.",
)
