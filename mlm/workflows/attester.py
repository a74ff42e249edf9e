"""`mlm attester`: who checks evidence of the tier tee, with what at stake, and what the governance may do about it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlm.core.clock import Duration, Instant
from mlm.core.errors import StateConflict, UsageError
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Tx
from mlm.core.refs import address
from mlm.ports.bundle import Ports
from mlm.workflows import permit
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.attest_gather import SET, Member, member, members

MAX_URL = 128  # AttesterSet.sol's
_PRINTABLE = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True)
class AttesterView:
    """One attester. `active`: its signature counts now, and from `active_from` on; 0 where it is no member."""

    account: str
    active: bool
    active_from: Instant
    stake: Amount
    unbonding: Amount
    release_at: Instant  # when the unbonding part can be taken
    url: str


@dataclass(frozen=True)
class Attesters:
    """All members, and how many of them must sign; 0 until the governance has said so."""

    threshold: int
    ready: bool
    governance: str
    least_stake: Amount
    members: tuple[AttesterView, ...]


@dataclass(frozen=True)
class Serving:
    """An attester's server: where it answers, and as whom. Providers ask at the URL that the chain has."""

    url: str
    attester: AttesterView


@dataclass(frozen=True)
class Join:
    """Parameters of `attester join`: where this account answers, and base units to stake; None for what is missing."""

    url: str
    stake: Amount | None = None


@dataclass(frozen=True)
class Leave:
    """Parameters of `attester leave`: none. The whole stake unbonds."""


@dataclass(frozen=True)
class Take:
    """Parameters of `attester withdraw`: none. What has finished unbonding is paid out."""


@dataclass(frozen=True)
class Admit:
    """Parameters of `attester admit`."""

    attester: str


@dataclass(frozen=True)
class Remove:
    """Parameters of `attester remove`."""

    attester: str


@dataclass(frozen=True)
class Threshold:
    """Parameters of `attester threshold`: how many must sign."""

    count: int


def listed(ports: Ports) -> Attesters:
    """The members as the chain has them now."""
    call = ports.chain.call
    return Attesters(
        threshold=call(SET, "threshold"),
        ready=call(SET, "isReady"),
        governance=call(SET, "governance"),
        least_stake=Amount(call(SET, "minStake")),
        members=tuple(map(_view, members(ports))),
    )


def show(ports: Ports, account: str) -> AttesterView:
    """One account, member or not. Raises UsageError for what is no address."""
    return _view(member(ports, address(account)))


def _view(found: Member) -> AttesterView:
    return AttesterView(
        account=found.address,
        active=found.active,
        active_from=Instant(found.active_from),
        stake=Amount(found.stake),
        unbonding=Amount(found.unbonding),
        release_at=Instant(found.release_at),
        url=found.url,
    )


def plan_join(ports: Ports, params: Join) -> Plan[None]:
    """Say where this account answers, and stake what it lacks. Raises UsageError, InsufficientFunds.

    A URL at which this machine would ask no attester is refused: others would not either.
    """
    if hidden := ports.attesters.unasked(params.url):
        raise UsageError(
            f"--url: expected one at which providers ask, found {hidden}, none of the public internet",
            hint="Only where tee.private_urls allows it do they ask at such: set it here, too, where all have it.",
        )
    if not _PRINTABLE.fullmatch(params.url):
        raise UsageError(f"--url: expected 1 to {MAX_URL} printable characters of ASCII, found {params.url[:160]!r}")
    own = member(ports, ports.sender.address)
    lacking = max(0, ports.chain.call(SET, "minStake") - own.stake)
    amount = Amount(lacking if params.stake is None else params.stake)
    steps: list[Tx] = []
    if amount:
        deposit = Tx(f"deposit {amount} as an attester's stake", Call(SET, "deposit", (int(amount),)))
        steps += permit.steps(ports, deposit, amount)
    if own.url != params.url:
        steps.append(Tx(f"say that this account answers at {params.url}", Call(SET, "setUrl", (params.url,))))
    if not steps:
        raise StateConflict(
            "this account has the stake and the URL already", hint="The governance admits: `mlm attester list`."
        )
    return Plan("attester join", tuple(steps), None)


def plan_leave(ports: Ports, params: Leave) -> Plan[None]:
    """End the membership, and start unbonding. Raises StateConflict where nothing is at stake."""
    own = member(ports, ports.sender.address)
    if not own.stake:
        raise StateConflict("nothing is at stake as an attester", hint="`mlm attester show` tells.")
    title = f"end the membership, start unbonding {Amount(own.stake)}"
    return Plan("attester leave", (Tx(title, Call(SET, "leave", ())),), None)


def plan_take(ports: Ports, params: Take) -> Plan[None]:
    """Take what has finished unbonding. Raises StateConflict."""
    own, now = member(ports, ports.sender.address), ports.chain.block().timestamp
    if not own.unbonding:
        raise StateConflict("nothing is unbonding", hint="Start with `mlm attester leave`.")
    if now < own.release_at:
        left = Duration(own.release_at - now)
        raise StateConflict(f"{Amount(own.unbonding)} unbonds in {left}", hint="Run it again then.")
    return Plan("attester withdraw", (Tx(f"take {Amount(own.unbonding)}", Call(SET, "withdrawStake", ())),), None)


def plan_admit(ports: Ports, params: Admit) -> Plan[None]:
    """Make an account with stake a member. Raises StateConflict for anybody but the governance."""
    _need_governance(ports)
    account = address(params.attester)
    return Plan("attester admit", (Tx(f"admit the attester {account}", Call(SET, "admit", (account,))),), None)


def plan_remove(ports: Ports, params: Remove) -> Plan[None]:
    """End a membership; the stake unbonds. Raises StateConflict for anybody but the governance."""
    _need_governance(ports)
    account = address(params.attester)
    return Plan("attester remove", (Tx(f"remove the attester {account}", Call(SET, "remove", (account,))),), None)


def plan_threshold(ports: Ports, params: Threshold) -> Plan[None]:
    """Say how many must sign. Raises StateConflict for anybody but the governance."""
    _need_governance(ports)
    title = f"set the number of attesters that must sign a result to {params.count}"
    return Plan("attester threshold", (Tx(title, Call(SET, "setThreshold", (params.count,))),), None)


def _need_governance(ports: Ports) -> None:
    governance, me = ports.chain.call(SET, "governance"), ports.sender.address
    if governance.lower() != me.lower():
        raise StateConflict(
            f"the governance of the attesters is {governance}, not {me}", hint="Choose the account with -a NAME."
        )


def _own(ports: Ports, params: object, plan: Plan[None], done: tuple[DoneStep, ...]) -> AttesterView:
    return show(ports, ports.sender.address)


def _named(ports: Ports, params: Admit | Remove, plan: Plan[None], done: tuple[DoneStep, ...]) -> AttesterView:
    return show(ports, params.attester)


def _all(ports: Ports, params: object, plan: Plan[None], done: tuple[DoneStep, ...]) -> Attesters:
    return listed(ports)


JOIN = Operation(
    "attester join", Join, plan_join, _own, "`mlm attester leave` ends it; the stake comes back after it has unbonded."
)
LEAVE = Operation("attester leave", Leave, plan_leave, _own, "`mlm attester join` stakes again; the governance admits.")
WITHDRAW = Operation("attester withdraw", Take, plan_take, _own, "`mlm attester join` stakes what was withdrawn.")
ADMIT = Operation("attester admit", Admit, plan_admit, _named, "`mlm attester remove ATTESTER` ends the membership.")
REMOVE = Operation("attester remove", Remove, plan_remove, _named, "`mlm attester admit ATTESTER` takes it back.")
THRESHOLD = Operation("attester threshold", Threshold, plan_threshold, _all, "The same command with another number.")
