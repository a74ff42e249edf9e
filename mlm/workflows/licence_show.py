"""`mlm licence list|show`: what is offered, what an account holds, and its orders, as the chain has them now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlm.core import licensing
from mlm.core.clock import Duration, Instant
from mlm.core.errors import InvalidData, NotFound, StateConflict, UsageError
from mlm.core.licensing import NEVER, UNLIMITED, LicenceKind, LicenceTerms, OrderState
from mlm.core.money import Amount
from mlm.core.plan import FIRST_PAGE, NO_MORE
from mlm.core.refs import parse_licence, parse_order
from mlm.ports.bundle import Ports
from mlm.workflows import content_keys, lookup
from mlm.workflows.content_keys import order_of
from mlm.workflows.entitlement import Holding, holdings
from mlm.workflows.sync import sync

PAGE = 50
SHOP, TOKEN = "LicenceShop", "LicenceToken"


@dataclass(frozen=True)
class Offer:
    """At which price, and how, a class of licences is sold now. `price` is of one unit, `delivery` what the seller may
    take to deliver the key (0: none is delivered); `stock` None: as many as are asked for."""

    licence: str  # the class
    asset: str
    kind: LicenceKind
    period: Duration
    price: Amount
    stock: int | None
    delivery: Duration
    transferable: bool
    resale_bps: int
    notice: Duration
    refund: Amount
    seller: str
    version_id: str


@dataclass(frozen=True)
class Held:
    """A licence of this account's. `valid` is what the contract says now."""

    licence: str
    asset: str
    kind: LicenceKind
    units: int
    expires_at: Instant
    valid: bool
    transferable: bool


@dataclass(frozen=True)
class OrderView:
    """An order as people read it."""

    order: str
    asset: str
    licence: str  # what the buyer got, or will get: the class until then
    state: OrderState
    next: str | None
    units: int
    price: Amount
    buyer: str
    seller: str
    ordered_at: Instant
    deliver_by: Instant
    complain_by: Instant | None
    finality: str


@dataclass(frozen=True)
class LicenceList:
    """What is offered of an asset, or of all, and what this account holds; one page of each, newest first."""

    offers: tuple[Offer, ...]
    held: tuple[Held, ...]
    orders: tuple[OrderView, ...]
    page: int = field(metadata=FIRST_PAGE)
    more: bool = field(metadata=NO_MORE)


@dataclass(frozen=True)
class LicenceView:
    """A licence or a class by its id: its terms, its offer if there is one, and what this account holds."""

    licence: str
    asset: str
    kind: LicenceKind
    period: Duration
    expires_at: Instant | None
    transferable: bool
    resale_bps: int
    notice: Duration
    refund: Amount
    text: bytes
    offers: tuple[Offer, ...]
    held: tuple[Held, ...]


def spelt(number: int) -> str:
    """A class or a licence as it is shown and typed."""
    return f"licence/0x{number:064x}"


def find(ports: Ports, text: str) -> int:
    """A licence that was ever held, or a class, by id or unique prefix, synced to the chain's head.

    Raises UsageError, NotFound.
    """
    prefix = parse_licence(text).prefix
    sync(ports)
    known = {row["licence_id"] for row in ports.state.query("licence_holdings", limit=10_000)}
    known |= {row["class_id"] for row in ports.state.query("licence_classes", limit=10_000)}
    found = sorted(each for each in known if each.startswith(prefix))
    if not found:
        raise NotFound(f"no licence starts with {prefix}", hint="`mlm licence list` shows them.")
    # A licence begins as its class does: where one was ever held, the class by itself is no second answer.
    held = {licensing.split_id(int(each, 16))[0] for each in found if licensing.split_id(int(each, 16))[1]}
    found = [each for each in found if each == prefix or int(each, 16) not in held]
    if len(found) > 1 and prefix not in found:
        raise UsageError(f"{prefix} matches {len(found)} licences: {', '.join(found[:4])}", hint="Give more digits.")
    return int(prefix if prefix in found else found[0], 16)


def find_order(ports: Ports, text: str) -> Mapping[str, Any]:
    """The index's row of an order, by id or unique prefix, synced to the chain's head. Raises UsageError, NotFound."""
    prefix = parse_order(text)
    sync(ports)
    found = [row["order_id"] for row in ports.state.query("order_prefix", prefix=prefix)]
    if not found:
        raise NotFound(f"no order starts with {prefix}", hint="`mlm licence list --orders` shows yours.")
    if len(found) > 1:
        raise UsageError(f"{prefix} matches {len(found)} orders: {', '.join(found[:4])}", hint="Give more digits.")
    return read_order(ports, found[0])


def read_order(ports: Ports, order_id: str) -> Mapping[str, Any]:
    """The index's row of an order by its whole id: what it says must be what its id covers. Raises StateConflict."""
    (row,) = ports.state.query("licence_orders", order_id=order_id)
    chain, order = ports.chain, order_of(row)
    if order.order_id(chain.chain_id(), chain.address_of(SHOP)) != bytes.fromhex(order_id[2:]):
        raise StateConflict(
            f"the local index says otherwise of order {order_id[:10]} than the chain", hint="Run `mlm sync --rebuild`."
        )
    return row


def state_of(ports: Ports, row: Mapping[str, Any]) -> OrderState:
    """As the contract computes it now."""
    return OrderState(ports.chain.call(SHOP, "stateOf", bytes.fromhex(row["order_id"][2:])))


def asset_name(ports: Ports, token_id: int) -> str:
    """handle/name of a token, its id where the index has none."""
    row = next(iter(ports.state.query("assets", token_id=token_id)), None)
    return f"{row['handle']}/{row['name']}" if row else f"asset/0x{token_id:064x}"


def terms_of(ports: Ports, number: int) -> LicenceTerms:
    """The terms of a class or licence, as the contract has them."""
    return LicenceTerms.of(ports.chain.call(TOKEN, "termsOf", number))


def offer_of(ports: Ports, class_id: int) -> Offer | None:
    """The offer of a class that stands; None where nothing is left of it, or its maker no longer owns the asset."""
    seller, version_id, price, stock, delivery = ports.chain.call(SHOP, "offerOf", class_id)
    if not int(seller, 16) or not stock:
        return None
    terms = terms_of(ports, class_id)
    if ports.chain.call("AssetRegistry", "ownerOf", terms.token_id).lower() != seller.lower():
        return None
    return Offer(
        licence=spelt(class_id),
        asset=asset_name(ports, terms.token_id),
        kind=terms.kind,
        period=Duration(terms.period),
        price=Amount(price),
        stock=None if stock == UNLIMITED else stock,
        delivery=Duration(delivery),
        transferable=terms.transferable,
        resale_bps=terms.resale_bps,
        notice=Duration(terms.notice),
        refund=Amount(terms.refund),
        seller=seller,
        version_id="0x" + version_id.hex(),
    )


def held(ports: Ports, found: Holding) -> Held:
    """A holding as people read it."""
    return Held(
        licence=spelt(found.licence_id),
        asset=asset_name(ports, found.token_id),
        kind=found.terms.kind,
        units=found.units,
        expires_at=Instant(0 if found.expires_at == NEVER else found.expires_at),
        valid=found.valid,
        transferable=found.terms.transferable,
    )


def view(ports: Ports, row: Mapping[str, Any]) -> OrderView:
    """An order with what is to be done next."""
    order, state = order_of(row), state_of(ports, row)
    short, buyer = row["order_id"][:10], row["buyer"]
    following = {
        OrderState.ORDERED: f"{row['seller']}: mlm licence deliver",
        OrderState.OVERDUE: f"anybody: mlm licence refund order/{short}",
        OrderState.DELIVERED: f"{buyer}: mlm licence settle order/{short}, or complain",
        OrderState.PAYABLE: f"anybody: mlm licence settle order/{short}",
    }
    delivered = row["delivered_at"]
    return OrderView(
        order=row["order_id"],
        asset=asset_name(ports, terms_of(ports, order.class_id).token_id),
        licence=spelt(
            int(row["licence_id"], 16) if state is OrderState.SETTLED and row["licence_id"] else order.class_id
        ),
        state=state,
        next=following.get(state),
        units=order.units,
        price=Amount(order.price),
        buyer=order.buyer,
        seller=order.seller,
        ordered_at=Instant(row["ordered_at"]),
        deliver_by=Instant(row["ordered_at"] + order.delivery),
        complain_by=Instant(delivered + licensing.COMPLAINT_WINDOW) if delivered and order.delivery else None,
        finality=row["finality"],
    )


def show(ports: Ports, text: str) -> LicenceView | OrderView:
    """A licence, a class, or `order/ID`."""
    if text.startswith("order/"):
        return view(ports, find_order(ports, text))
    number = find(ports, text)
    class_id, expires_at = licensing.split_id(number)
    terms, account = terms_of(ports, number), ports.sender.address
    mine = [
        each for each in holdings(ports, account, terms.token_id, synced=True) if number in (each.licence_id, class_id)
    ]
    offered = offer_of(ports, class_id)
    return LicenceView(
        licence=spelt(number),
        asset=asset_name(ports, terms.token_id),
        kind=terms.kind,
        period=Duration(terms.period),
        expires_at=Instant(expires_at) if 0 < expires_at < NEVER else None,
        transferable=terms.transferable,
        resale_bps=terms.resale_bps,
        notice=Duration(terms.notice),
        refund=Amount(terms.refund),
        text=terms.text,
        offers=() if offered is None else (offered,),
        held=tuple(
            held(ports, each) for each in mine if number in (licensing.split_id(each.licence_id)[0], each.licence_id)
        ),
    )


def licences(ports: Ports, asset: str = "", *, orders: bool = False, page: int = 1) -> LicenceList:
    """Offers of an asset, or of all, newest first, and what this account holds; with `orders`, those that it bought or
    sold instead."""
    token_id = lookup.version(ports, asset).token_id if asset else None
    if not asset:
        sync(ports)
    where = {"limit": PAGE + 1, "offset": (page - 1) * PAGE}
    if orders:
        me = ports.sender.address
        rows = {row["order_id"]: row for side in ("buyer", "seller") for row in _orders(ports, token_id, side, me)}
        newest = sorted(rows.values(), key=lambda row: (-row["block"], row["order_id"]))
        chosen = newest[where["offset"] : where["offset"] + PAGE + 1]
        seen = tuple(view(ports, read_order(ports, row["order_id"])) for row in chosen[:PAGE])
        return LicenceList((), (), seen, page, len(chosen) > PAGE)
    rows_ = ports.state.query("licence_offers", token_id=token_id, **where)
    offers = [offer_of(ports, int(row["class_id"], 16)) for row in rows_[:PAGE]]
    mine = holdings(ports, ports.sender.address, token_id, synced=True)
    found = tuple(each for each in offers if each is not None)
    return LicenceList(found, tuple(held(ports, each) for each in mine), (), page, len(rows_) > PAGE)


def _orders(ports: Ports, token_id: int | None, side: str, account: str) -> list[Mapping[str, Any]]:
    rows = ports.state.query("licence_orders", **{side: account, "limit": 1000})
    if token_id is None:
        return list(rows)
    classes = {row["class_id"] for row in ports.state.query("licence_classes", token_id=token_id, limit=10_000)}
    return [row for row in rows if row["class_id"] in classes]


def right_key(ports: Ports, row: Mapping[str, Any], secret: bytes) -> bool:
    """Whether the key that was delivered for an order is the one that the version's owner committed to."""
    order = order_of(row)
    version_id = "0x" + order.version_id.hex()
    ref = bytes.fromhex(row["order_id"][2:])
    try:
        key = content_keys.opened(ports, content_keys.sealed_in(row), secret, version_id, order.buyer, ref)
    except InvalidData:
        return False
    return content_keys.is_right(ports, version_id, key)
