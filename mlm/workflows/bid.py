"""`mlm bid`: check the model, then offer a price; the bond is locked from free stake."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.errors import InsufficientFunds, StateConflict, UsageError
from mlm.core.job import AuctionKind, Role, State
from mlm.core.money import Amount, format_units
from mlm.core.plan import Call, Plan, Step, Tx
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, model, stake
from mlm.workflows.apply import DoneStep, Operation


@dataclass(frozen=True)
class Bid:
    """Parameters of `bid`: the price in base units; `stake` deposits what the bond still lacks."""

    job: str
    price: Amount
    stake: bool = False


@dataclass(frozen=True)
class BidPlaced:
    """A standing bid. `best` is False when it has been outbid since."""

    job: str
    price: Amount
    bond: Amount
    best: bool
    next: str


def plan(ports: Ports, params: Bid) -> Plan[lookup.Job]:
    """One transaction, or two with a deposit.

    Raises StateConflict, UsageError, InsufficientFunds, and VerificationFailed for a model unlike its key.
    """
    job = lookup.settled_job(ports, params.job)
    if job.state is not State.OPEN:
        raise StateConflict(
            f"job {job.job_id[:10]} is {job.state}, bids need it open", hint="`mlm job list --open` shows others."
        )
    _check_price(job, params.price)
    version = lookup.version_by_id(ports, job.version_id)
    model.check_key(ports, model.load(ports, version), version)
    bond = Amount(job.terms.snapshot.lock)
    free = stake.show(ports, ports.sender.address, Role.PROVIDER).free
    steps: tuple[Step, ...] = ()
    leads = job.provider is not None and job.provider.lower() == ports.sender.address.lower()
    if free < bond and not leads:
        if not params.stake:
            raise InsufficientFunds(
                f"a bid locks {bond}, free stake is {free}",
                hint="Add --stake, or run `mlm stake deposit AMOUNT` once for many bids.",
            )
        steps = stake.plan_deposit(ports, stake.Deposit(Amount(bond - free))).steps
    call = Call("JobMarket", "bid", (bytes.fromhex(job.job_id[2:]), int(params.price), b""))
    return Plan("bid", (*steps, Tx(f"bid {params.price} on {job.job_id[:10]}", call, bond=bond)), job)


def _check_price(job: lookup.Job, price: Amount) -> None:
    """The contract's own rule, said in tokens and before any stake is moved. Raises UsageError."""
    most = Amount(job.record.max_price)
    if job.auction is AuctionKind.FIXED and price != most:
        raise UsageError(
            f"the job's price is fixed at {most}, found {price}", hint=f"Bid --price {format_units(most)}."
        )
    if price > most:
        raise UsageError(f"the job pays at most {most}, found {price}", hint="Bid less, or leave the job to others.")


def result(ports: Ports, params: Bid, plan: Plan[lookup.Job], done: tuple[DoneStep, ...]) -> BidPlaced:
    """The bid as the chain has it now."""
    job = lookup.read_job(ports, plan.facts.job_id)
    best = job.provider is not None and job.provider.lower() == ports.sender.address.lower()
    return BidPlaced(
        job.job_id, params.price, Amount(job.terms.snapshot.lock), best, f"mlm lease fulfil {job.job_id[:10]}"
    )


OPERATION = Operation(
    "bid",
    Bid,
    plan,
    result,
    "A bid stands until a lower one replaces it or the bids close; its stake comes back then.",
)
