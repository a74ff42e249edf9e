"""`mlm reputation` and `mlm job rate`: what settled jobs say of a provider, and the payer's word on one of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core.errors import StateConflict, UsageError
from mlm.core.job import State
from mlm.core.money import Amount
from mlm.core.plan import FIRST_PAGE, NO_MORE, Call, Plan, Tx
from mlm.core.refs import address
from mlm.core.reputation import MOST_STARS, Standing
from mlm.core.settlement import fee_up, split_fee
from mlm.ports.bundle import Ports
from mlm.workflows import lookup
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.sync import sync

PAGE = 50


@dataclass(frozen=True)
class Reputation:
    """A provider's settled jobs by how they ended. `points` is the protocol fee that they burned."""

    account: str
    accepted: int
    rejected: int
    undelivered: int
    defaulted: int
    value: Amount  # that its accepted jobs paid
    points: Amount
    stars: float | None  # the average, each rating weighing the points of its job; None without any
    ratings: int
    rated: Amount  # the points of the jobs that were rated


@dataclass(frozen=True)
class ReputationList:
    """One page of providers, those with the most points first; `more` says that another page follows."""

    providers: tuple[Reputation, ...]
    page: int = field(metadata=FIRST_PAGE)
    more: bool = field(metadata=NO_MORE)


@dataclass(frozen=True)
class JobRating:
    """Parameters of `job rate`."""

    job: str
    stars: int


@dataclass(frozen=True)
class Rating:
    """A rating as the chain has it; `points` is its weight: what the job burned of the protocol fee."""

    job: str
    provider: str
    stars: int
    points: Amount


def show(ports: Ports, account: str) -> Reputation:
    """The standing of an address, in one call of the contract. Raises UsageError for what is none."""
    return _view(account, Standing(*ports.chain.call("Reputation", "reputationOf", address(account))))


def standings(ports: Ports, page: int = 1) -> ReputationList:
    """Everybody who has a settled job, from the index, PAGE to a page."""
    sync(ports)
    rows = ports.state.query("reputation", limit=PAGE + 1, offset=(page - 1) * PAGE)
    found = []
    for row in rows[:PAGE]:
        account = row.pop("provider")
        found.append(_view(account, Standing(**row)))
    return ReputationList(tuple(found), page, len(rows) > PAGE)


def _view(account: str, standing: Standing) -> Reputation:
    return Reputation(
        account=account,
        accepted=standing.accepted,
        rejected=standing.rejected,
        undelivered=standing.undelivered,
        defaulted=standing.defaulted,
        value=Amount(standing.value),
        points=Amount(standing.points),
        stars=standing.stars,
        ratings=standing.ratings,
        rated=Amount(standing.rated_points),
    )


def plan(ports: Ports, params: JobRating) -> Plan[lookup.Job]:
    """One transaction, of the payer, once the job was accepted and settled. Raises UsageError, StateConflict."""
    if not 1 <= params.stars <= MOST_STARS:
        raise UsageError(
            f"expected 1 to {MOST_STARS} stars, found {params.stars}", hint=f"--stars {MOST_STARS} is the best."
        )
    job = lookup.job(ports, params.job)
    short, me = job.job_id[:10], ports.sender.address
    if job.record.consumer.lower() != me.lower():
        raise StateConflict(
            f"job {short} was paid by {job.record.consumer}, this account is {me}; only the payer rates a job",
            hint="`mlm job list --mine` shows what this account posted; `--account NAME` chooses another.",
        )
    if job.state is not State.ACCEPTED:
        raise StateConflict(
            f"job {short} is {job.state}; only an accepted job can be rated",
            hint=f"`mlm job show {short}` tells whose turn it is.",
        )
    if not job.record.settled_at:
        raise StateConflict(
            f"job {short} is accepted and not settled; a rating weighs what the settlement burns",
            hint=f"Run `mlm job settle {short}` first.",
        )
    raw = bytes.fromhex(job.job_id[2:])
    given = ports.chain.call("Reputation", "starsOf", raw)
    if given:
        raise StateConflict(
            f"job {short} was rated with {given} stars; a rating stands",
            hint=f"`mlm reputation show {job.provider}` shows what all ratings make.",
        )
    call = Call("Reputation", "rate", (raw, job.terms.as_args(), params.stars))
    return Plan("job rate", (Tx(f"rate {short} with {params.stars} of {MOST_STARS} stars", call),), job)


def result(ports: Ports, params: JobRating, plan: Plan[lookup.Job], done: tuple[DoneStep, ...]) -> Rating:
    """The rating as the chain has it."""
    job, frozen = plan.facts, plan.facts.terms.snapshot
    stars = ports.chain.call("Reputation", "starsOf", bytes.fromhex(job.job_id[2:]))
    fee = fee_up(job.record.price, frozen.protocol_fee_bps)
    burned = split_fee(fee, treasury_bps=frozen.treasury_bps, stakers_bps=frozen.stakers_bps).burned
    return Rating(job.job_id, job.record.provider, stars, burned)


RATE = Operation(
    "job rate",
    JobRating,
    plan,
    result,
    "A rating stands; a job is rated once.",
)
