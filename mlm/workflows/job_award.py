"""`mlm job award`: a reverse auction's bids closed early; a batch's awards drawn, which gives the leases."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.clock import Instant
from mlm.core.errors import StateConflict, UsageError
from mlm.core.job import AuctionKind, State
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Step, Tx
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, rounds
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.job_show import JobView, view

DRAWN_TOGETHER = 50  # awards in one transaction: far below what a block takes


@dataclass(frozen=True)
class Award:
    """Parameters of `job award`; `every`: all awards of a batch job's round that this account has a part in."""

    job: str
    every: bool = False


def plan(ports: Ports, params: Award) -> Plan[str]:
    """Close the bids in favour of the best, or draw the awards of a round that has closed. Raises StateConflict."""
    job = lookup.job(ports, params.job)
    if job.auction is AuctionKind.BATCH:
        return Plan("job award", _draws(ports, job, params.every), job.job_id)
    if params.every:
        raise UsageError(f"--all: a {job.auction} auction is about one job", hint="Leave it out.")
    if job.auction is AuctionKind.SEALED:
        raise StateConflict(
            f"job {job.short} is a sealed auction, which nobody awards: the lowest revealed bid wins",
            hint=f"`mlm job show {job.short}` tells when the reveals close.",
        )
    if job.state is not State.OPEN or job.provider is None:
        raise StateConflict(
            f"job {job.short} is {job.state} with {'a' if job.provider else 'no'} bid; award needs it open with a bid",
            hint=next_of(job),
        )
    title = f"award {job.short} to {job.provider} at {Amount(job.record.price)}"
    return Plan("job award", (Tx(title, Call("JobMarket", "award", (job.raw,))),), job.job_id)


def _draws(ports: Ports, job: lookup.Job, every: bool) -> tuple[Step, ...]:
    """The awards to draw; none where this job's is drawn already. The first draw clears the round."""
    found, now = rounds.of(ports, job), ports.chain.block().timestamp
    if now < found.closes_at:
        raise StateConflict(
            f"the round of job {job.short} takes jobs and offers until {Instant(found.closes_at)}; awards come then",
            hint=f"`mlm job bids {job.short}` shows how it stands.",
        )
    if every:
        me = ports.sender.address.lower()
        wanted = [each for each in rounds.pairs(ports, found) if me in (each.provider.lower(), each.consumer)]
    elif found.drawn:
        wanted = []
    elif not found.awarded:
        raise StateConflict(
            f"job {job.short} has rank {found.rank + 1} in its round, which awards {found.volume} at {found.price}",
            hint=f"Nobody offered it for its price: `mlm job settle {job.short}` gives the escrow back "
            f"from {Instant(found.ends_at)} on, `mlm job reopen` enters another round.",
        )
    else:
        wanted = [rounds.pair(ports, job, found)]
    if wanted and now >= found.ends_at:
        raise StateConflict(
            f"the awards of job {job.short} could be drawn until {Instant(found.ends_at)}, it is {Instant(now)}",
            hint=f"`mlm job settle {job.short}` gives the escrow back; `mlm job reopen` enters another round.",
        )
    calls = [Call(rounds.CONTRACT, "draw", (_raw(each.job_id), _raw(each.offer_id))) for each in wanted]
    if len(calls) == 1:
        title = f"draw the award of {wanted[0].job_id[:10]}: {wanted[0].provider} at {found.price}"
        return (Tx(title, calls[0]),)
    groups = [tuple(calls[at : at + DRAWN_TOGETHER]) for at in range(0, len(calls), DRAWN_TOGETHER)]
    return tuple(
        Tx(f"draw {len(group)} awards of the round at {found.price}", Call(rounds.CONTRACT, "multicall", (group,)))
        for group in groups
    )


def _raw(hex_id: str) -> bytes:
    return bytes.fromhex(hex_id[2:])


def next_of(job: lookup.Job) -> str:
    """What can be done instead."""
    if job.state.is_final and not job.record.settled_at and job.state is not State.CANCELLED:
        return f"Its money is free: `mlm job settle {job.short}`."
    return f"`mlm job show {job.short}` tells whose turn it is."


def _after(ports: Ports, params: Award, plan: Plan[str], done: tuple[DoneStep, ...]) -> JobView:
    return view(ports, lookup.read_job(ports, plan.facts))


OPERATION = Operation(
    "job award",
    Award,
    plan,
    _after,
    "An award stands: the job runs its course.",
)
