"""`mlm price`: what a use of a version costs. Jobs that are running keep the price they were posted with."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Tx
from mlm.ports.bundle import Ports
from mlm.workflows import lookup
from mlm.workflows.apply import DoneStep, Operation


@dataclass(frozen=True)
class Payee:
    """Somebody who shares the owner's part. The owner, first, takes what the others leave."""

    account: str
    bps: int


@dataclass(frozen=True)
class Price:
    """The owner's part of a job's price is the larger of `use_price` and `royalty_bps` of the price."""

    asset: str
    version_id: str
    use_price: Amount
    royalty_bps: int
    payees: tuple[Payee, ...]


@dataclass(frozen=True)
class PriceSet:
    """Parameters of `price set`: base units and basis points; None keeps what is set."""

    asset: str
    use_price: Amount | None
    royalty_bps: int | None


def show(ports: Ports, text: str) -> Price:
    """The price of a version now, and who is paid."""
    version = lookup.version(ports, text)
    use_price, owner_bps, payees, bps = ports.chain.call(
        "AssetRegistry", "royaltyOf", bytes.fromhex(version.version_id[2:])
    )
    shares = tuple(Payee(account, share) for account, share in zip(payees, bps, strict=True))
    return Price(str(version.asset), version.version_id, Amount(use_price), owner_bps, shares)


def plan(ports: Ports, params: PriceSet) -> Plan[None]:
    """One transaction; none when nothing changes."""
    now = show(ports, params.asset)
    use_price = now.use_price if params.use_price is None else params.use_price
    bps = now.royalty_bps if params.royalty_bps is None else params.royalty_bps
    if (use_price, bps) == (now.use_price, now.royalty_bps):
        return Plan("price set", (), None)
    call = Call("AssetRegistry", "setPrice", (bytes.fromhex(now.version_id[2:]), int(use_price), bps))
    return Plan("price set", (Tx(f"set {now.asset} to {use_price} or {bps / 100:g} %", call),), None)


def result(ports: Ports, params: PriceSet, plan: Plan[None], done: tuple[DoneStep, ...]) -> Price:
    """The price as the chain has it."""
    return show(ports, params.asset)


OPERATION = Operation(
    "price set",
    PriceSet,
    plan,
    result,
    "`mlm price set` again, with the price from before; jobs already posted keep theirs.",
)
