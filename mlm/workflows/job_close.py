"""`mlm job cancel|settle`: each allowed in one set of states."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.dispute import replica
from mlm.core.errors import StateConflict
from mlm.core.job import AuctionKind, State, Tier
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Tx
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, replica_look, sealed, tiers
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.job_award import next_of
from mlm.workflows.job_show import JobView, view

BURNED_TOGETHER = 50  # bonds in one transaction: far below what a block takes


@dataclass(frozen=True)
class JobName:
    """Parameters of the commands that name a job and nothing else."""

    job: str


def plan_cancel(ports: Ports, params: JobName) -> Plan[str]:
    """Cancel a job without bids; the escrow is credited to the consumer."""
    job = lookup.job(ports, params.job)
    if job.state is not State.OPEN or job.provider is not None:
        raise StateConflict(
            f"job {job.short} is {job.state} with {'a' if job.provider else 'no'} bid; "
            "it can be cancelled only while it is open and has none",
            hint=next_of(job),
        )
    if job.auction is AuctionKind.BATCH:
        raise StateConflict(
            f"job {job.short} is in a round that counts on it: a batch job cannot be cancelled",
            hint=f"If nobody offers it for its price the escrow comes back: `mlm job show {job.short}`.",
        )
    if job.record.commitments:
        raise StateConflict(
            f"job {job.short} has {job.record.commitments} sealed bids; it can be cancelled only while it has none",
            hint=next_of(job),
        )
    return Plan("job cancel", (Tx(f"cancel {job.short}", Call("JobMarket", "cancel", (job.raw,))),), job.job_id)


def plan_settle(ports: Ports, params: JobName) -> Plan[str]:
    """Draw the final credits, and burn the bonds of sealed bids not revealed; nothing where all that is done."""
    job = lookup.job(ports, params.job)
    if not job.state.is_final:
        raise StateConflict(f"job {job.short} is {job.state}; it settles when its state is final", hint=next_of(job))
    steps = [] if job.record.settled_at else [Tx(f"settle {job.short} ({job.state})", _settling(job))]
    late = sealed.unrevealed(ports, job) if job.auction is AuctionKind.SEALED else []
    # Apart from the settlement: whoever burns one of them first would fail it, and hundreds would not fit into a block.
    for at in range(0, len(late), BURNED_TOGETHER):
        some = late[at : at + BURNED_TOGETHER]
        burns = tuple(Call("JobMarket", "burnUnrevealed", (job.raw, bidder)) for bidder in some)
        call = burns[0] if len(burns) == 1 else Call("JobMarket", "multicall", (burns,))
        who = some[0] if len(some) == 1 else f"{len(some)} accounts"
        steps.append(Tx(f"burn the bond of {who}, who did not reveal", call))
    return Plan("job settle", (*steps, *_refund(ports, job), *_replicas(ports, job)), job.job_id)


def _replicas(ports: Ports, job: lookup.Job) -> tuple[Tx, ...]:
    """Pays and slashes the replicas of the tier redundant, where nobody has."""
    if job.tier is not Tier.REDUNDANT:
        return ()
    found = replica_look.look(ports, job, replica_look.rules(ports))
    if not isinstance(replica.next_move(found, ports.chain.block().timestamp), replica.Settle):
        return ()
    return (Tx(f"settle the replicas of {job.short}", Call(replica_look.CONTRACT, "settle", (job.raw,))),)


def _settling(job: lookup.Job) -> Call:
    return Call("JobMarket", "settle", (job.raw, job.terms.as_args()))


def _refund(ports: Ports, job: lookup.Job) -> tuple[Tx, ...]:
    """Takes the deposit of a complaint that nobody answered back, where this account made it."""
    if not tiers.of(job.tier).delivers or job.state is not State.REJECTED:
        return ()
    if job.record.consumer.lower() != ports.sender.address.lower():
        return ()
    contract = tiers.delivering(job.tier).contract
    answer_by, answered, paid = ports.chain.call(contract, "complaintOf", job.raw)
    if not answer_by or answered or paid:
        return ()
    deposit = Amount(ports.chain.call(contract, "deposit"))
    return (Tx(f"take the deposit of {deposit} back", Call(contract, "collect", (job.raw,))),)


def _after(ports: Ports, params: JobName, plan: Plan[str], done: tuple[DoneStep, ...]) -> JobView:
    return view(ports, lookup.job(ports, plan.facts))


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
