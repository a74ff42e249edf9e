"""`mlm stake`: deposit, withdraw (unbond, then take), claim and show."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.clock import Duration, Instant
from mlm.core.errors import InsufficientFunds, StateConflict
from mlm.core.job import Role
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Tx
from mlm.core.refs import address
from mlm.ports.bundle import Ports
from mlm.workflows import permit
from mlm.workflows.apply import DoneStep, Operation

# Contracts that credit the stakers a part of their fees.
FEES = ("JobMarket", "PaymentChannels", "LicenceShop")


@dataclass(frozen=True)
class Stake:
    """An account's stake in one role. total = free + locked + reserved + unbonding."""

    account: str
    role: Role
    total: Amount
    free: Amount
    locked: Amount
    reserved: Amount  # by batch offers whose draws have not ended
    unbonding: Amount
    release_at: Instant  # when the unbonding part can be withdrawn, 0 when nothing is
    rewards: Amount  # of its stake in all roles, not claimed yet


@dataclass(frozen=True)
class Deposit:
    """Parameters of `stake deposit`: base units."""

    amount: Amount
    role: Role = Role.PROVIDER


@dataclass(frozen=True)
class Withdrawal:
    """Parameters of `stake withdraw`: base units to start unbonding, or None to take what has finished."""

    amount: Amount | None
    role: Role = Role.PROVIDER


@dataclass(frozen=True)
class Claim:
    """Parameters of `stake claim`: none. Rewards are an account's, whatever the roles of its stake."""


@dataclass(frozen=True)
class Claimed:
    """What a claim left: rewards earned and not claimed, and those that are still to be streamed to all who stake."""

    account: str
    rewards: Amount
    stream: Amount
    finish_at: Instant  # of the stream


def show(ports: Ports, account: str, role: Role = Role.PROVIDER) -> Stake:
    """The stake of an address now. Raises UsageError for what is none."""
    total, locked, unbonding, release_at = ports.chain.call("StakeVault", "stakeOf", address(account), int(role))
    # Asked now: a reservation ends by the clock, without an event that the index could see.
    reserved = ports.chain.call("StakeVault", "reservedOf", account, int(role))
    free = Amount(total - locked - reserved - unbonding)
    rewards = Amount(ports.chain.call("StakeVault", "rewardOf", account))
    parts = (Amount(total), free, Amount(locked), Amount(reserved), Amount(unbonding))
    return Stake(account, role, *parts, Instant(release_at), rewards)


def plan_deposit(ports: Ports, params: Deposit) -> Plan[None]:
    """Permit and deposit in one transaction, or an approval before."""
    call = Call("StakeVault", "deposit", (int(params.role), int(params.amount)))
    # Neither payment nor bond: the stake stays the account's own; a bid is what puts part of it at risk.
    step = Tx(f"deposit {params.amount} as {params.role} stake", call)
    return Plan("stake deposit", permit.steps(ports, step, params.amount), None)


def plan_withdraw(ports: Ports, params: Withdrawal) -> Plan[None]:
    """Start unbonding, or take what has finished. Raises InsufficientFunds, StateConflict."""
    stake = show(ports, ports.sender.address, params.role)
    if params.amount is not None:
        if params.amount > stake.free:
            raise InsufficientFunds(f"asked to unbond {params.amount}, free stake is {stake.free}")
        call = Call("StakeVault", "requestWithdraw", (int(params.role), int(params.amount)))
        return Plan("stake withdraw", (Tx(f"start unbonding {params.amount}", call),), None)
    now = ports.chain.block().timestamp
    if stake.unbonding == 0:
        raise StateConflict("nothing is unbonding", hint="Start with `mlm stake withdraw AMOUNT`.")
    if now < stake.release_at:
        raise StateConflict(
            f"{stake.unbonding} unbonds in {Duration(stake.release_at - now)}", hint="Run it again then."
        )
    call = Call("StakeVault", "withdraw", (int(params.role),))
    return Plan("stake withdraw", (Tx(f"take {stake.unbonding}", call),), None)


def plan_claim(ports: Ports, params: Claim) -> Plan[None]:
    """Start the stream of fees that wait for it, claim what is earned. Raises StateConflict where there is neither."""
    vault = ports.chain.address_of("StakeVault")
    reward = Amount(ports.chain.call("StakeVault", "rewardOf", ports.sender.address))
    steps: list[Tx] = []
    for contract in FEES:
        if not (credit := Amount(ports.chain.call(contract, "creditOf", vault))):
            continue
        drawn = Call("StakeVault", "fundFrom", (ports.chain.address_of(contract),))
        call = Call("StakeVault", "fund", ()) if contract == "JobMarket" else drawn
        steps.append(Tx(f"stream {credit} of protocol fees to all who stake", call))
    if reward:
        steps.append(Tx(f"claim {reward}", Call("StakeVault", "claim", ())))
    if not steps:
        raise StateConflict(
            "no reward to claim: expected some, found 0, and no fees wait to be streamed",
            hint="Stake earns a part of every accepted job's fee while it does not unbond: `mlm stake show`.",
        )
    return Plan("stake claim", tuple(steps), None)


def _claimed(ports: Ports, params: Claim, plan: Plan[None], done: tuple[DoneStep, ...]) -> Claimed:
    account = ports.sender.address
    left, finish_at = ports.chain.call("StakeVault", "rewardStream")
    reward = ports.chain.call("StakeVault", "rewardOf", account)
    return Claimed(account, Amount(reward), Amount(left), Instant(finish_at))


def _after(ports: Ports, params: Deposit | Withdrawal, plan: Plan[None], done: tuple[DoneStep, ...]) -> Stake:
    return show(ports, ports.sender.address, params.role)


DEPOSIT = Operation(
    "stake deposit",
    Deposit,
    plan_deposit,
    _after,
    "`mlm stake withdraw AMOUNT` takes stake back, after the unbonding period.",
)
WITHDRAW = Operation(
    "stake withdraw",
    Withdrawal,
    plan_withdraw,
    _after,
    "`mlm stake deposit AMOUNT` stakes again what was withdrawn.",
)
CLAIM = Operation(
    "stake claim",
    Claim,
    plan_claim,
    _claimed,
    "`mlm stake deposit AMOUNT` stakes what was claimed.",
)
