"""`mlm accuse open`: a signed result that is false here: accuse its payee, and post the job that is to prove it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mlm.core import accusation as rules
from mlm.core.accusation import AccusationState
from mlm.core.clock import Duration
from mlm.core.errors import InsufficientFunds, StateConflict, UsageError
from mlm.core.job import AuctionKind, Tier
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Step, Tx
from mlm.ports.bundle import Ports
from mlm.workflows import accuse_show, channel_show, job_post, lookup, model, permit, statements, tiers
from mlm.workflows.accuse_show import Accusation, AccusationView
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.bond import CONTRACT, bonded
from mlm.workflows.job_post import JobPost
from mlm.workflows.statements import Stated

# What takes no more terms than a price: a job that judges has to be simple to bid on.
AUCTIONS = (AuctionKind.REVERSE, AuctionKind.FIXED)


@dataclass(frozen=True)
class Open:
    """Parameters of `accuse open`: a file of evidence, and what the job may cost. Prices in base units, windows in
    seconds.

    `value_at_risk` is the job's: None for what makes its provider lock as much as the payee's bond, which is the most
    that the job can take of it. `verification` None: the least window that convicts. `model` names the model's file
    where it is not published openly.
    """

    file: Path
    max_price: Amount
    auction: AuctionKind
    bidding: int
    delivery: int
    execution: int
    verification: int | None = None
    value_at_risk: Amount | None = None
    model: str | None = None
    require: tuple[str, ...] = ()
    require_file: Path | None = None


@dataclass(frozen=True)
class _Facts:
    accusation: str


def plan(ports: Ports, params: Open) -> Plan[_Facts]:
    """Check, accuse, post. Nothing where both is done; the job alone where none of its jobs can prove it any more.

    Raises StateConflict where the result is true, there is no bond, or the channel is another's; UsageError,
    InvalidData, VerificationFailed, InsufficientFunds.
    """
    stated = statements.read(ports, params.file, params.model)
    payer = channel_show.find(ports, stated.statement.result.channel).terms.payer
    if payer.lower() != ports.sender.address.lower():
        raise StateConflict(
            f"the call was paid by {payer}, expected {ports.sender.address}: only who paid for it accuses",
            hint="Choose the account with --account.",
        )
    accusation_id = stated.accusation(ports)
    before = accuse_show.standing(ports, accusation_id)
    facts = _Facts(accusation_id)
    if before is not None and (
        before.state is AccusationState.PROVEN or accuse_show.under_way(ports, before) is not None
    ):
        return Plan("accuse open", (), facts)
    if before is not None and ports.chain.block().timestamp >= before.lapses_at:
        raise StateConflict(
            f"accusation {before.short} stands, but its time is over: anybody may end it",
            hint=f"`mlm accuse lapse {before.short}` does; the statement can be accused again then.",
        )
    statements.need_false(ports, stated)
    bond = _need_bond(ports, stated, before)
    job = _job(ports, params, stated, bond, before)
    deposit = Amount(0 if before else ports.chain.call(CONTRACT, "accusationDeposit"))
    _need_funds(ports, Amount(deposit + params.max_price))
    steps: tuple[Step, ...] = () if before else _accusing(ports, stated, deposit)
    return Plan("accuse open", (*steps, *_posting(ports, stated, job, first=not steps)), facts)


def _need_bond(ports: Ports, stated: Stated, before: Accusation | None) -> Amount:
    """The bond. With none left a job still saves the deposit of an accusation that stands, unless a lapse does."""
    bond = bonded(ports, stated.payee, stated.version_id)
    if bond:
        return bond
    if before is None:
        raise StateConflict(
            f"the result is false, but {stated.payee} has no bond for this version: there is nothing to take",
            hint="Nothing was sent. The file proves the lie to whoever has the model: `mlm verify` shows it.",
        )
    *_, convicted_at = ports.chain.call(CONTRACT, "bondOf", stated.payee, bytes.fromhex(stated.version_id[2:]))
    if convicted_at >= before.accused_at:
        raise StateConflict(
            f"{stated.payee} was convicted since accusation {before.short}, and nothing of its bond is left to take",
            hint=f"`mlm accuse lapse {before.short}` gives the deposit back once its time is over; no job is needed.",
        )
    return bond


def _job(ports: Ports, params: Open, stated: Stated, bond: Amount, before: Accusation | None) -> JobPost:
    """What is posted. Raises UsageError for windows that no conviction could follow."""
    if params.auction not in AUCTIONS:
        raise UsageError(f"expected one of {', '.join(map(str, AUCTIONS))}, found {params.auction}")
    least = ports.chain.call(CONTRACT, "minVerification")
    verification = least if params.verification is None else params.verification
    if verification < least:
        raise UsageError(
            f"expected a verification window of at least {Duration(least)}, found {Duration(verification)}"
        )
    _need_time(ports, params, verification, before)
    at_risk = params.value_at_risk
    if at_risk is None:
        at_risk = Amount(rules.value_at_risk(bond, params.max_price))
    return JobPost(
        asset=str(lookup.version_by_id(ports, stated.version_id).asset),
        input=params.file,
        max_price=params.max_price,
        auction=params.auction,
        tier=Tier.OPTIMISTIC,
        bidding=params.bidding,
        delivery=params.delivery,
        execution=params.execution,
        verification=verification,
        value_at_risk=at_risk,
        require=params.require,
        require_file=params.require_file,
    )


def _need_time(ports: Ports, params: Open, verification: int, before: Accusation | None) -> None:
    """Raise UsageError unless the job's result can stand before the accusation lapses, whoever plays."""
    left = (
        before.lapses_at - ports.chain.block().timestamp if before else ports.chain.call(CONTRACT, "accusationWindow")
    )
    # Late bids move a reverse auction's close by one more bidding window at most.
    bidding = params.bidding * (2 if params.auction is AuctionKind.REVERSE else 1)
    whole = bidding + params.delivery + params.execution + verification
    if whole + rules.MAX_GAME >= left:
        raise UsageError(
            f"the job's windows last {Duration(whole)}, and a game may take {Duration(rules.MAX_GAME)} more: expected "
            f"less than the {Duration(left)} that the accusation stands",
            hint="Choose shorter ones: --bidding, --delivery, --execution, --verification.",
        )


def _need_funds(ports: Ports, amount: Amount) -> None:
    held = ports.chain.call(permit.TOKEN, "balanceOf", ports.sender.address)
    if held < amount:
        raise InsufficientFunds(f"needs {amount}, {ports.sender.address} holds {Amount(held)}")


def _accusing(ports: Ports, stated: Stated, deposit: Amount) -> tuple[Tx, ...]:
    terms = channel_show.find(ports, stated.statement.result.channel).terms
    call = Call(CONTRACT, "accuse", (terms.as_args(), stated.statement.as_args(), *rules.shown(stated.inputs)))
    title = f"accuse {stated.payee} of the result of call {stated.statement.result.call}, and show its input"
    return permit.steps(ports, Tx(title, call, bond=deposit), deposit)


def _posting(ports: Ports, stated: Stated, job: JobPost, *, first: bool) -> tuple[Step, ...]:
    """The job's steps. The model's file is held against the key on chain; `first` of the plan to pay somebody."""
    version = lookup.version_by_id(ports, stated.version_id)
    loaded = replace(model.described(ports, version), onnx=stated.onnx)
    tiers.of(job.tier).check(ports, loaded, version)
    given = ports.tensors.from_block(stated.evidence.inputs)
    model.check_inputs(loaded.manifest, given)
    pay = permit.steps if first else permit.approved
    return job_post.posting(ports, job, version, loaded, given, pay).steps


def _after(ports: Ports, params: Open, plan: Plan[_Facts], done: tuple[DoneStep, ...]) -> AccusationView:
    return accuse_show.show(ports, plan.facts.accusation)


OPERATION = Operation(
    "accuse open",
    Open,
    plan,
    _after,
    "The deposit comes back with the conviction; `mlm job cancel JOB` gives the escrow back while the job has no bid.",
)
