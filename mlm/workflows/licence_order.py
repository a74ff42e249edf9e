"""`mlm buy`, `mlm licence complain|settle|refund`: a purchase, from the escrow to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlm.core import key_exchange
from mlm.core.cid import Cid
from mlm.core.errors import NotFound, Refused, StateConflict, UsageError
from mlm.core.job import FINALITY
from mlm.core.key_exchange import NO_READER
from mlm.core.licensing import OrderState
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Tx
from mlm.core.refs import AssetRef, parse_licence, parse_target
from mlm.ports.bundle import Ports
from mlm.workflows import announce, content_keys, licence_show, lookup, model, permit
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.content_keys import order_of
from mlm.workflows.events import event
from mlm.workflows.licence_show import SHOP, Offer, OrderView
from mlm.workflows.rows import every
from mlm.workflows.sync import sync


@dataclass(frozen=True)
class Buy:
    """Parameters of `buy`. `licence` is a class, by a unique prefix; `max_price` for all units together."""

    asset: str
    licence: str = ""
    units: int = 1
    max_price: Amount | None = None


@dataclass(frozen=True)
class OrderName:
    """Parameters of `licence complain`, `settle` and `refund`."""

    order: str


@dataclass(frozen=True)
class _Facts:
    offer: Offer
    order_id: str  # of the order that was begun before, "" for a new one


def plan_buy(ports: Ports, params: Buy) -> Plan[_Facts]:
    """Pay the offer that stands, and name a reader whose secret this account alone can make.

    An order of the same licence that is open already is gone on with, and nothing is paid twice. Raises NotFound,
    UsageError for a choice that is not made, Refused for a price above the limit, InsufficientFunds.
    """
    version = lookup.version(ports, params.asset)
    offer = _chosen(ports, version, params.licence)
    class_id = _class_of(offer)
    if params.units < 1:
        raise UsageError(f"--units: expected 1 or more, found {params.units}")
    if begun := _open_order(ports, class_id, params.units):
        return Plan("buy", (), _Facts(offer, begun["order_id"]))
    if offer.stock is not None and params.units > offer.stock:
        raise StateConflict(
            f"{offer.stock} of {offer.licence[:18]} are left, found --units {params.units}",
            hint=f"`mlm licence list {offer.asset}` shows what is offered.",
        )
    price = Amount(offer.price * params.units)
    if params.max_price is not None and price > params.max_price:
        raise Refused("OfferPriceHigher", f"at most {params.max_price}", price)
    _check_key(ports, params, version, offer)
    nonce = int.from_bytes(ports.system.random(32), "big")
    reader = NO_READER
    if offer.delivery:
        reader = content_keys.reader(ports, key_exchange.order_secret(announce.own(ports).secret, nonce))
    version_id = bytes.fromhex(offer.version_id[2:])
    purchase = (class_id, version_id, params.units, int(price), int(offer.delivery), reader.args(), nonce)
    title = f"buy {params.units} of {offer.licence[:18]} ({offer.kind}) of {offer.asset} for {price}"
    tx = Tx(title, Call(SHOP, "buy", (purchase,)), payment=price)
    return Plan("buy", permit.steps(ports, tx, price) if price else (tx,), _Facts(offer, ""))


def _check_key(ports: Ports, params: Buy, version: lookup.Version, offer: Offer) -> None:
    """Raise StateConflict where the offer hands over another version's key than the one that was named, or none of
    sealed files, unless --licence chose it."""
    target = parse_target(params.asset)
    named = isinstance(target, Cid) or (isinstance(target, AssetRef) and target.version is not None)
    if offer.delivery and named and offer.version_id != version.version_id:
        other = lookup.version_by_id(ports, offer.version_id).asset
        raise StateConflict(
            f"expected an offer with the key of {version.asset}, this one hands over that of {other}",
            hint=f"A licence is of all versions: `mlm buy {offer.asset}`, then `mlm licence request {version.asset}`.",
        )
    if not offer.delivery and not params.licence:
        of = lookup.version_by_id(ports, offer.version_id)
        if model.manifest(ports, of.manifest).sealed is not None:
            raise StateConflict(
                f"the files of {of.asset} are sealed, and this offer hands over no key: it is paid at once",
                hint=f"--licence {offer.licence[:18]} buys it nevertheless; `mlm licence request` asks for a key then.",
            )


def _class_of(offer: Offer) -> int:
    return int(offer.licence.removeprefix("licence/"), 16)


def _chosen(ports: Ports, version: lookup.Version, licence: str) -> Offer:
    rows = [*every(ports, "licence_offers", token_id=version.token_id)]
    if licence:
        prefix = parse_licence(licence).prefix
        rows = [row for row in rows if row["class_id"].startswith(prefix)]
    name = f"{version.asset.handle}/{version.asset.name}"
    offers = [offer for row in rows if (offer := licence_show.offer_of(ports, int(row["class_id"], 16))) is not None]
    if not offers:
        raise NotFound(
            f"no licence of {name} is offered{f' whose id starts with {licence}' if licence else ''}",
            hint=f"`mlm licence list {name}` shows what is.",
        )
    if len(offers) > 1:
        names = ", ".join(f"{offer.licence[:18]} ({offer.kind}, {offer.price})" for offer in offers[:4])
        raise UsageError(f"{len(offers)} kinds of licences of {name} are offered: {names}", hint="Choose by --licence.")
    return offers[0]


def _open_order(ports: Ports, class_id: int, units: int) -> Mapping[str, Any] | None:
    """This account's own order of a class that has not ended."""
    for row in ports.state.query("licence_orders", class_id=class_id, buyer=ports.sender.address, limit=100):
        if row["units"] == units and row["closed_state"] is None and not licence_show.state_of(ports, row).is_closed:
            return licence_show.read_order(ports, row["order_id"])
    return None


def result_buy(ports: Ports, params: Buy, plan: Plan[_Facts], done: tuple[DoneStep, ...]) -> OrderView:
    """The order as the chain has it."""
    order_id = plan.facts.order_id
    if not order_id:
        me = ports.sender.address.lower()
        order_id = event(ports, done, "LicenceOrdered", lambda args: args["buyer"].lower() == me).args["orderId"]
    sync(ports)
    return licence_show.view(ports, licence_show.read_order(ports, order_id))


def secret_of(ports: Ports, row: Mapping[str, Any]) -> bytes:
    """The secret of an order's reader, if it is this account's. Raises StateConflict."""
    order = order_of(row)
    secret = key_exchange.order_secret(announce.own(ports).secret, order.nonce)
    if content_keys.reader(ports, secret) != order.reader:
        raise StateConflict(
            f"order {row['order_id'][:10]} was made by {order.buyer}, not by {ports.signer.address}",
            hint="Choose the account with -a NAME.",
        )
    return secret


def plan_complain(ports: Ports, params: OrderName) -> Plan[str]:
    """Show that the key is wrong: that makes the reader's secret of this order public. Raises StateConflict."""
    row = licence_show.find_order(ports, params.order)
    state, short = licence_show.state_of(ports, row), row["order_id"][:10]
    if state is OrderState.REJECTED:
        return Plan("licence complain", (), row["order_id"])
    _need(row, state, OrderState.DELIVERED)
    _need_firm(ports, row)
    secret = secret_of(ports, row)
    if licence_show.right_key(ports, row, secret):
        raise StateConflict(
            f"the key of order {short} is the one that its seller committed to: there is nothing to complain of",
            hint=f"`mlm licence settle order/{short}` takes the licence; to complain would only show the key.",
        )
    sealed = content_keys.sealed_in(row).args()
    call = Call(SHOP, "complain", (order_of(row).args(), sealed, int.from_bytes(secret, "big")))
    return Plan("licence complain", (Tx(f"show that the key of order {short} is wrong", call),), row["order_id"])


def plan_settle(ports: Ports, params: OrderName) -> Plan[str]:
    """Take the licence and pay the seller. The buyer may once a right key is there, anybody a day later."""
    row = licence_show.find_order(ports, params.order)
    state, short = licence_show.state_of(ports, row), row["order_id"][:10]
    if state is OrderState.SETTLED:
        return Plan("licence settle", (), row["order_id"])
    if state is OrderState.DELIVERED:
        if not licence_show.right_key(ports, row, secret_of(ports, row)):
            raise StateConflict(
                f"the key of order {short} is wrong; to settle would pay for it",
                hint=f"`mlm licence complain order/{short}` takes the price back.",
            )
    else:
        _need(row, state, OrderState.PAYABLE)
    call = Call(SHOP, "settle", (order_of(row).args(),))
    return Plan("licence settle", (Tx(f"settle order {short}", call),), row["order_id"])


def plan_refund(ports: Ports, params: OrderName) -> Plan[str]:
    """Take the price back of an order whose key did not come in time. Anybody may."""
    row = licence_show.find_order(ports, params.order)
    state = licence_show.state_of(ports, row)
    if state is OrderState.REFUNDED:
        return Plan("licence refund", (), row["order_id"])
    _need(row, state, OrderState.OVERDUE)
    call = Call(SHOP, "refund", (order_of(row).args(),))
    return Plan("licence refund", (Tx(f"refund order {row['order_id'][:10]}", call),), row["order_id"])


def _need(row: Mapping[str, Any], state: OrderState, expected: OrderState) -> None:
    if state is not expected:
        short = row["order_id"][:10]
        raise StateConflict(
            f"order {short} is {state}; this needs it {expected}", hint=f"`mlm licence show order/{short}` tells more."
        )


def _need_firm(ports: Ports, row: Mapping[str, Any]) -> None:
    """A secret that was shown stays known, also when a reorganisation then brings the right key."""
    if not is_firm(ports, row):
        raise StateConflict(
            f"the newest block of order {row['order_id'][:10]} is {row['finality']}, expected it {ports.chain.depth}",
            hint="Wait until the chain has settled it; chain.finality says what mlm waits for.",
        )


def is_firm(ports: Ports, row: Mapping[str, Any]) -> bool:
    """Whether the newest event of a row stands as deep as chain.finality asks."""
    return FINALITY.index(row["finality"]) >= FINALITY.index(ports.chain.depth)


def _after(ports: Ports, params: OrderName, plan: Plan[str], done: tuple[DoneStep, ...]) -> OrderView:
    sync(ports)
    return licence_show.view(ports, licence_show.read_order(ports, plan.facts))


BUY = Operation(
    "buy",
    Buy,
    plan_buy,
    result_buy,
    "The price waits in escrow: `mlm licence refund` takes it back if no key comes in time, `complain` a wrong one's.",
)
COMPLAIN = Operation("licence complain", OrderName, plan_complain, _after, "A complaint that was right ends the order.")
SETTLE = Operation("licence settle", OrderName, plan_settle, _after, "A settlement pays the seller and stands.")
REFUND = Operation("licence refund", OrderName, plan_refund, _after, "A refund ends the order; buy again.")
