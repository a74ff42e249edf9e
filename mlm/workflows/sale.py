"""`mlm sale start|bid|cancel|settle`: selling an asset to the highest bidder."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mlm.core.auctions import english
from mlm.core.auctions.english import Offer, SaleState
from mlm.core.errors import StateConflict, UsageError
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Tx
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, permit, sale_show
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.events import event
from mlm.workflows.sale_show import Sale, SaleView, view


@dataclass(frozen=True)
class Start:
    """Parameters of `sale start`: base units, hours, 1/10,000 of the best bid, minutes."""

    asset: str
    reserve: Amount
    hours: int = 72
    step_bps: int = 500
    extension: int = 10


@dataclass(frozen=True)
class SaleOffer:
    """Parameters of `sale bid`: the price in base units."""

    sale: str
    price: Amount


@dataclass(frozen=True)
class SaleName:
    """Parameters of `sale cancel` and `sale settle`."""

    sale: str


def plan_start(ports: Ports, params: Start) -> Plan[None]:
    """Approve the token to the sale contract, and open. Raises StateConflict when it is not the account's."""
    version, chain, account = lookup.version(ports, params.asset), ports.chain, ports.sender.address
    name = f"{version.asset.handle}/{version.asset.name}"
    owner = chain.call("AssetRegistry", "ownerOf", version.token_id)
    if owner.lower() != account.lower():
        raise StateConflict(
            f"{name} belongs to {owner}, expected {account}", hint="Check `mlm whoami` and `mlm sale list --open`."
        )
    registry, sale = chain.address_of("AssetRegistry"), chain.address_of("AssetSale")
    seconds, extension = params.hours * 3_600, params.extension * 60
    offer = Offer(registry, version.token_id, int(params.reserve), params.step_bps, seconds, extension)
    english.check_offer(offer)
    nonce = int.from_bytes(ports.system.random(32), "big")
    struct = (registry, offer.token_id, offer.reserve, offer.step_bps, offer.duration, offer.extension)
    approval = Tx(f"approve {name} to be sold", Call("AssetRegistry", "approve", (sale, offer.token_id)))
    approved = chain.call("AssetRegistry", "getApproved", offer.token_id).lower() == sale.lower()
    opening = Tx(f"sell {name} from {params.reserve}", Call("AssetSale", "open", (struct, nonce)))
    return Plan("sale start", (opening,) if approved else (approval, opening), None)


def plan_bid(ports: Ports, params: SaleOffer) -> Plan[Sale]:
    """The bid, and what lets the contract take its price. Raises StateConflict, UsageError, InsufficientFunds."""
    sale = sale_show.settled(ports, params.sale)
    _need(sale, SaleState.OPEN, "bids need it open")
    if not sale.asset:
        raise StateConflict(
            f"sale {sale.sale_id[:10]} is of a token of {sale.collection}, expected an asset of this registry",
            hint="What another collection's token is worth, or whether it moves at all, mlm cannot know.",
        )
    account = ports.sender.address.lower()
    reason = english.refusal(params.price, least=sale.next_least, is_seller=sale.seller.lower() == account)
    if reason:
        raise UsageError(f"sale {sale.sale_id[:10]}: {reason}", hint=f"`mlm sale show {sale.sale_id[:10]}`.")
    leads = sale.bidder is not None and sale.bidder.lower() == account
    due = Amount(params.price - (sale.price if leads else 0))
    bid = Tx(
        f"bid {params.price} for {sale.asset}", Call("AssetSale", "bid", (_raw(sale), int(params.price))), payment=due
    )
    return Plan("sale bid", permit.steps(ports, bid, due), sale)


def plan_cancel(ports: Ports, params: SaleName) -> Plan[Sale]:
    """Take the token back before the first bid; nothing to do when that is done."""
    sale = sale_show.find(ports, params.sale)
    if sale.state is SaleState.CANCELLED:
        return Plan("sale cancel", (), sale)
    _need(sale, SaleState.OPEN, "it can be cancelled only while it is open")
    if sale.bidder is not None:
        raise StateConflict(
            f"sale {sale.sale_id[:10]} has a bid of {Amount(sale.price)}; it can be cancelled before the first only",
            hint="It runs to its end; the winner pays.",
        )
    return Plan("sale cancel", (Tx(f"cancel {sale.sale_id[:10]}", Call("AssetSale", "cancel", (_raw(sale),))),), sale)


def plan_settle(ports: Ports, params: SaleName) -> Plan[Sale]:
    """Hand the token to whoever it belongs to and credit the money; nothing to do when the sale is closed."""
    sale = sale_show.find(ports, params.sale)
    if sale.state.is_closed:
        return Plan("sale settle", (), sale)
    if sale.state is SaleState.OPEN:
        raise StateConflict(
            f"sale {sale.sale_id[:10]} takes bids still; it settles after its end",
            hint=f"`mlm sale show {sale.sale_id[:10]}` says when that is.",
        )
    to = sale.bidder if sale.state is SaleState.SOLD else sale.seller
    call = Call("AssetSale", "settle", (_raw(sale), to))
    return Plan("sale settle", (Tx(f"settle {sale.sale_id[:10]} ({sale.state})", call),), sale)


def _need(sale: Sale, expected: SaleState, why: str) -> None:
    if sale.state is not expected:
        raise StateConflict(
            f"sale {sale.sale_id[:10]} is {sale.state}; {why}", hint="`mlm sale list --open` shows others."
        )


def _raw(sale: Sale) -> bytes:
    return bytes.fromhex(sale.sale_id[2:])


def _started(ports: Ports, params: Start, plan: Plan[None], done: tuple[DoneStep, ...]) -> SaleView:
    me = ports.sender.address.lower()
    opened = event(ports, done, "SaleOpened", lambda args: args["seller"].lower() == me)
    shown = sale_show.show(ports, opened.args["saleId"])
    name = shown.sale[:10]
    return replace(shown, next=f"you: mlm sale cancel {name} before a bid, mlm sale settle {name} after the end")


def _after(ports: Ports, params: SaleOffer | SaleName, plan: Plan[Sale], done: tuple[DoneStep, ...]) -> SaleView:
    return view(ports, sale_show.find(ports, plan.facts.sale_id))


START = Operation(
    "sale start",
    Start,
    plan_start,
    _started,
    "`mlm sale cancel` takes the asset back before the first bid; after it the sale runs to its end.",
)
BID = Operation(
    "sale bid",
    SaleOffer,
    plan_bid,
    _after,
    "A bid stands until a higher one replaces it; its money is credited then, for `mlm wallet withdraw`.",
)
CANCEL = Operation(
    "sale cancel",
    SaleName,
    plan_cancel,
    _after,
    "The asset is the seller's again; `mlm sale start` offers it again.",
)
SETTLE = Operation(
    "sale settle",
    SaleName,
    plan_settle,
    _after,
    "A settlement hands the asset over and stands.",
)
