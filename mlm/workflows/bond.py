"""`mlm bond`: stake that a payee puts behind what it serves of one version (docs/serving.md, "Bonds")."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.clock import Duration, Instant
from mlm.core.errors import InsufficientFunds, StateConflict, UsageError
from mlm.core.job import Tier
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Tx
from mlm.core.refs import address
from mlm.ports.bundle import Ports
from mlm.ports.chain import Block
from mlm.workflows import lookup, permit
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.rows import every

CONTRACT = "ServingBonds"


@dataclass(frozen=True)
class BondView:
    """A payee's bond for a version. `total` can be slashed: `held`, and what is `unbonding` until it is withdrawn.

    `release_at` is when that can be; an accusation made before holds it up until it lapses. `convicted_at`: never, or
    when a statement of the payee about this version was last proven false.
    """

    payee: str
    asset: str
    total: Amount
    held: Amount
    unbonding: Amount
    release_at: Instant
    convicted_at: Instant
    accusations: int  # that stand


@dataclass(frozen=True)
class Deposit:
    """Parameters of `bond deposit`: base units, for one version; the newest where none is named."""

    asset: str
    amount: Amount


@dataclass(frozen=True)
class Withdrawal:
    """Parameters of `bond withdraw`: base units to start unbonding, or None to take what has finished."""

    asset: str
    amount: Amount | None


def show(ports: Ports, asset: str, payee: str) -> BondView:
    """The bond of an address for a version now. Raises UsageError for what is none, NotFound."""
    return _view(ports, lookup.version(ports, asset), address(payee))


def bonded(ports: Ports, payee: str, version_id: str, *, block: int | None = None) -> Amount:
    """What can be slashed of a payee's bond, now or at a block: also what is on its way out."""
    held, unbonding, *_ = ports.chain.call(CONTRACT, "bondOf", payee, bytes.fromhex(version_id[2:]), block=block)
    return Amount(held + unbonding)


def at_stake(ports: Ports, payee: str, version_id: str, block: Block) -> Amount:
    """What an accusation made at a block would hold: of `bonded` not what is released, which can leave at any time."""
    raw = bytes.fromhex(version_id[2:])
    held, unbonding, release_at, *_ = ports.chain.call(CONTRACT, "bondOf", payee, raw, block=block.number)
    return Amount(held + (unbonding if block.timestamp < release_at else 0))


def _view(ports: Ports, version: lookup.Version, payee: str) -> BondView:
    raw = bytes.fromhex(version.version_id[2:])
    held, unbonding, release_at, held_until, convicted_at = ports.chain.call(CONTRACT, "bondOf", payee, raw)
    stand = [*every(ports, "accusations", payee=payee, version_id=version.version_id, ended=False)]
    return BondView(
        payee=payee,
        asset=str(version.asset),
        total=Amount(held + unbonding),
        held=Amount(held),
        unbonding=Amount(unbonding),
        release_at=Instant(max(release_at, held_until) if unbonding else 0),
        convicted_at=Instant(convicted_at),
        accusations=len(stand),
    )


def plan_deposit(ports: Ports, params: Deposit) -> Plan[lookup.Version]:
    """Permit and deposit in one transaction, or an approval before. Raises UsageError, InsufficientFunds."""
    if params.amount <= 0:
        raise UsageError(f"expected an amount of tokens above zero, found {params.amount}")
    version = lookup.version(ports, params.asset)
    raw = bytes.fromhex(version.version_id[2:])
    if not any(ports.chain.call("AssetRegistry", "keyOf", raw, int(Tier.OPTIMISTIC))):
        raise UsageError(
            f"{version.asset} is of no exact profile: nothing that is served of it can be proven false",
            hint="Its publisher lowers it with `mlm lower MODEL` and publishes what comes out.",
        )
    call = Call(CONTRACT, "deposit", (raw, int(params.amount)))
    # Neither payment nor bond: it stays the payee's own; what it serves is what puts it at risk.
    step = Tx(f"put {params.amount} behind what is served of {version.asset}", call)
    return Plan("bond deposit", permit.steps(ports, step, params.amount), version)


def plan_withdraw(ports: Ports, params: Withdrawal) -> Plan[lookup.Version]:
    """Start unbonding, or take what has finished. Raises UsageError, InsufficientFunds, StateConflict."""
    version = lookup.version(ports, params.asset)
    raw, bond = bytes.fromhex(version.version_id[2:]), _view(ports, version, ports.sender.address)
    if params.amount is not None:
        if params.amount <= 0:
            raise UsageError(f"expected an amount of tokens above zero, found {params.amount}")
        if params.amount > bond.held:
            raise InsufficientFunds(f"asked to unbond {params.amount}, held for {version.asset} is {bond.held}")
        call = Call(CONTRACT, "requestWithdraw", (raw, int(params.amount)))
        return Plan("bond withdraw", (Tx(f"start unbonding {params.amount}", call),), version)
    if bond.unbonding == 0:
        raise StateConflict("nothing is unbonding", hint=f"Start with `mlm bond withdraw {version.asset} AMOUNT`.")
    now = ports.chain.block().timestamp
    if now < bond.release_at:
        raise StateConflict(
            f"{bond.unbonding} can be taken in {Duration(bond.release_at - now)}", hint="Run it again then."
        )
    return Plan("bond withdraw", (Tx(f"take {bond.unbonding}", Call(CONTRACT, "withdrawBond", (raw,))),), version)


def _after(
    ports: Ports, params: Deposit | Withdrawal, plan: Plan[lookup.Version], done: tuple[DoneStep, ...]
) -> BondView:
    return _view(ports, plan.facts, ports.sender.address)


DEPOSIT = Operation(
    "bond deposit",
    Deposit,
    plan_deposit,
    _after,
    "`mlm bond withdraw ASSET AMOUNT` takes it back, after the unbonding period.",
)
WITHDRAW = Operation(
    "bond withdraw",
    Withdrawal,
    plan_withdraw,
    _after,
    "`mlm bond deposit ASSET AMOUNT` puts back what was withdrawn.",
)
