"""`mlm job deliver`: the key of a private input, encrypted for whoever has won the lease."""

from __future__ import annotations

from mlm.core import encryption
from mlm.core.errors import StateConflict
from mlm.core.job import State
from mlm.core.plan import Call, Plan, Tx
from mlm.ports.bundle import Ports
from mlm.workflows import announce, inputs, lookup, model
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.job_close import JobName
from mlm.workflows.job_show import JobView, view


def plan(ports: Ports, params: JobName) -> Plan[str]:
    """One transaction, sent only where the key opens the input: whoever delivers less pays the undelivered fee.

    Raises StateConflict for a job that is not leased, not private, or not this account's; or whose winner has no key.
    """
    job, me = lookup.settled_job(ports, params.job), ports.sender.address
    if job.record.consumer.lower() != me.lower():
        raise StateConflict(
            f"job {job.short} was posted by {job.record.consumer}, not by {me}", hint="Choose the account with -a NAME."
        )
    if job.state is not State.LEASED or job.provider is None:
        raise StateConflict(
            f"job {job.short} is {job.state}; a key is delivered while it is leased",
            hint=f"Wait for it: `mlm job watch {job.short} --until leased`.",
        )
    found = inputs.message(ports, job)
    if found is None:
        raise StateConflict(
            f"the input of job {job.short} is not private: its lease holder can read it",
            hint=f"It is the provider's turn: `mlm job show {job.short}`.",
        )
    reader = announce.of(ports, job.provider)
    if not reader:
        raise StateConflict(
            f"the lease holder {job.provider} has announced no key: nothing can be encrypted for it",
            hint="Ask it to run `mlm wallet announce`.",
        )
    inputs.fetch(ports, job, model.described(ports, lookup.version_by_id(ports, job.version_id)))
    key = inputs.content_key(ports, job, found)
    wrapped = ports.encryption.wrap(reader, encryption.key_for(job.raw, key))
    title = f"deliver the key of the input of {job.short} to {job.provider}"
    return Plan("job deliver", (Tx(title, Call("Delivery", "deliver", (job.raw, wrapped))),), job.job_id)


def result(ports: Ports, params: JobName, plan: Plan[str], done: tuple[DoneStep, ...]) -> JobView:
    """The job as the chain has it."""
    return view(ports, lookup.job(ports, plan.facts))


OPERATION = Operation(
    "job deliver",
    JobName,
    plan,
    result,
    "A key that is delivered is known to its reader; a later delivery replaces a wrong one.",
)
