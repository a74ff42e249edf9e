"""`mlm sale start|bid|buy|cancel|settle`: selling an asset or a licence by bids or for a price."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace

from mlm.core.auctions import sale as rules
from mlm.core.auctions.sale import Offer, SaleKind, SaleState
from mlm.core.errors import StateConflict, UsageError
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Tx
from mlm.ports.bundle import Ports
from mlm.workflows import lots, permit, sale_show
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.events import event
from mlm.workflows.sale_show import Sale, SaleView, view

STEP_BPS, EXTENSION = 500, 10  # of an English auction, where nobody says otherwise: 1/10,000, minutes


@dataclass(frozen=True)
class Start:
    """Parameters of `sale start`: base units, hours, 1/10,000 of the best bid, minutes.

    What the kind of sale does not know is None, and `units` 0 for an asset.
    """

    asset: str
    reserve: Amount
    auction: SaleKind = SaleKind.ENGLISH
    start: Amount | None = None
    units: int = 0
    hours: int = 72
    step_bps: int | None = None
    extension: int | None = None


@dataclass(frozen=True)
class SaleOffer:
    """Parameters of `sale bid`: the price in base units."""

    sale: str
    price: Amount


@dataclass(frozen=True)
class Purchase:
    """Parameters of `sale buy`: what is paid at most, in base units; None: what it costs now."""

    sale: str
    price: Amount | None = None


@dataclass(frozen=True)
class SaleName:
    """Parameters of `sale cancel` and `sale settle`."""

    sale: str


def plan_start(ports: Ports, params: Start) -> Plan[None]:
    """Approve the lot to the sale contract, and open. Raises StateConflict when it is not the account's, UsageError."""
    lot, chain = lots.find(ports, params.asset), ports.chain
    lots.need_held(ports, lot, params.units)
    sale, collection = chain.address_of("AssetSale"), chain.address_of(lot.contract)
    offer = _offer(params, collection, lot.token_id)
    rules.check_offer(offer, expires_in=lot.expires_at - chain.block().timestamp)
    nonce = int.from_bytes(ports.system.random(32), "big")
    name = lots.describe(lot.asset, lot.licence, offer.units)
    price = f"{params.start} down to {params.reserve}" if offer.kind is SaleKind.DUTCH else f"{params.reserve}"
    words = "from" if offer.kind is SaleKind.ENGLISH else "for"
    opening = Tx(f"sell {name} {words} {price}", Call("AssetSale", "open", (astuple(offer), nonce)))
    if lot.licence is None:
        approved = chain.call("AssetRegistry", "getApproved", lot.token_id).lower() == sale.lower()
        approval = Call("AssetRegistry", "approve", (sale, lot.token_id))
    else:
        # ERC-1155 knows no narrower approval. The contract moves only what its caller itself puts up for sale.
        approved = chain.call("LicenceToken", "isApprovedForAll", ports.sender.address, sale)
        approval = Call("LicenceToken", "setApprovalForAll", (sale, True))
    return Plan("sale start", (opening,) if approved else (Tx(f"approve {name} to be sold", approval), opening), None)


def _offer(params: Start, collection: str, token_id: int) -> Offer:
    """The contract's offer. Raises UsageError for what the kind does not know, or lacks."""
    rises = params.auction is SaleKind.ENGLISH
    given = {"--start": params.start, "--step-bps": params.step_bps, "--extension": params.extension}
    unused = {SaleKind.ENGLISH: ("--start",), SaleKind.DUTCH: ("--step-bps", "--extension")}.get(
        params.auction, ("--start", "--step-bps", "--extension")
    )
    for name in unused:
        if given[name] is not None:
            raise UsageError(f"{name}: a {params.auction} sale does not know it", hint="Leave it out.")
    if params.auction is SaleKind.DUTCH and (params.start is None or params.start <= params.reserve):
        found = "none" if params.start is None else params.start
        raise UsageError(
            f"--start: expected the price at the opening, above the reserve of {params.reserve}, found {found}",
            hint="A price that does not fall is `--auction fixed`.",
        )
    return Offer(
        collection,
        token_id,
        params.units,
        0 if rises else int(params.start or params.reserve),
        int(params.reserve),
        (STEP_BPS if params.step_bps is None else params.step_bps) if rises else 0,
        params.hours * 3_600,
        (EXTENSION if params.extension is None else params.extension) * 60 if rises else 0,
    )


def plan_bid(ports: Ports, params: SaleOffer) -> Plan[Sale]:
    """The bid, and what lets the contract take its price. Raises StateConflict, UsageError, InsufficientFunds."""
    sale = _on_offer(ports, params.sale, params.price, bids=True)
    leads = sale.bidder is not None and sale.bidder.lower() == ports.sender.address.lower()
    due = Amount(params.price - (sale.price if leads else 0))
    bid = Tx(
        f"bid {params.price} for {sale.lot}", Call("AssetSale", "bid", (_raw(sale), int(params.price))), payment=due
    )
    return Plan("sale bid", permit.steps(ports, bid, due), sale)


def plan_buy(ports: Ports, params: Purchase) -> Plan[Sale]:
    """Buy for what it costs when it is mined, at most `price`. Raises StateConflict, UsageError, InsufficientFunds."""
    sale = _on_offer(ports, params.sale, params.price, bids=False)
    # A price only falls: what it costs now is enough.
    most = Amount(sale.next_least if params.price is None else min(params.price, sale.next_least))
    buy = Tx(
        f"buy {sale.lot} for {most} at most",
        Call("AssetSale", "buy", (_raw(sale), int(most), ports.sender.address)),
        payment=most,
    )
    return Plan("sale buy", permit.steps(ports, buy, most), sale)


def _on_offer(ports: Ports, text: str, price: Amount | None, *, bids: bool) -> Sale:
    """An open sale of ours that takes bids, or a buyer, at this price from this account."""
    sale = sale_show.settled(ports, text)
    _need(sale, SaleState.OPEN, "it has to be open")
    if not sale.asset:
        raise StateConflict(
            f"sale {sale.short} is of a token of {sale.collection}, expected an asset or a licence of this market",
            hint="What another collection's token is worth, or whether it moves at all, mlm cannot know.",
        )
    if bids != (sale.kind is SaleKind.ENGLISH):
        found, right = ("bids", "buy") if bids else ("a buyer", "bid")
        raise StateConflict(
            f"sale {sale.short} is {sale.kind}: it does not take {found}", hint=f"`mlm sale {right} {sale.short}`."
        )
    is_seller = sale.seller.lower() == ports.sender.address.lower()
    least = sale.next_least
    reason = rules.refusal(least if price is None else price, least=least, is_seller=is_seller)
    if reason:
        raise UsageError(f"sale {sale.short}: {reason}", hint=f"`mlm sale show {sale.short}`.")
    return sale


def plan_cancel(ports: Ports, params: SaleName) -> Plan[Sale]:
    """Take the lot back before the first bid; nothing to do when that is done."""
    sale = sale_show.find(ports, params.sale)
    if sale.state is SaleState.CANCELLED:
        return Plan("sale cancel", (), sale)
    _need(sale, SaleState.OPEN, "it can be cancelled only while it is open")
    if sale.bidder is not None:
        raise StateConflict(
            f"sale {sale.short} has a bid of {Amount(sale.price)}; it can be cancelled before the first only",
            hint="It runs to its end; the winner pays.",
        )
    return Plan("sale cancel", (Tx(f"cancel {sale.short}", Call("AssetSale", "cancel", (_raw(sale),))),), sale)


def plan_settle(ports: Ports, params: SaleName) -> Plan[Sale]:
    """Hand the lot to whoever it belongs to and credit the money; nothing to do when the sale is closed."""
    sale = sale_show.find(ports, params.sale)
    if sale.state.is_closed:
        return Plan("sale settle", (), sale)
    if sale.state is SaleState.OPEN:
        raise StateConflict(
            f"sale {sale.short} is open still; it settles after its end",
            hint=f"`mlm sale show {sale.short}` says when that is.",
        )
    to = sale.bidder if sale.state is SaleState.SOLD else sale.seller
    call = Call("AssetSale", "settle", (_raw(sale), to))
    return Plan("sale settle", (Tx(f"settle {sale.short} ({sale.state})", call),), sale)


def _need(sale: Sale, expected: SaleState, why: str) -> None:
    if sale.state is not expected:
        raise StateConflict(f"sale {sale.short} is {sale.state}; {why}", hint="`mlm sale list --open` shows others.")


def _raw(sale: Sale) -> bytes:
    return bytes.fromhex(sale.sale_id[2:])


def _started(ports: Ports, params: Start, plan: Plan[None], done: tuple[DoneStep, ...]) -> SaleView:
    me = ports.sender.address.lower()
    opened = event(ports, done, "SaleOpened", lambda args: args["seller"].lower() == me)
    shown = sale_show.show(ports, opened.args["saleId"])
    name, before = shown.sale[:10], "before a bid" if shown.auction is SaleKind.ENGLISH else "before a buyer comes"
    return replace(shown, next=f"you: mlm sale cancel {name} {before}, mlm sale settle {name} after the end")


def _after(
    ports: Ports, params: SaleOffer | Purchase | SaleName, plan: Plan[Sale], done: tuple[DoneStep, ...]
) -> SaleView:
    return view(ports, sale_show.find(ports, plan.facts.sale_id))


START = Operation(
    "sale start",
    Start,
    plan_start,
    _started,
    "`mlm sale cancel` takes the lot back before the first bid or buyer; after a bid the sale runs to its end.",
)
BID = Operation(
    "sale bid",
    SaleOffer,
    plan_bid,
    _after,
    "A bid stands until a higher one replaces it; its money is credited then, for `mlm wallet withdraw`.",
)
BUY = Operation(
    "sale buy",
    Purchase,
    plan_buy,
    _after,
    "A purchase is paid and delivered at once; `mlm sale start` offers it again.",
)
CANCEL = Operation(
    "sale cancel",
    SaleName,
    plan_cancel,
    _after,
    "The lot is the seller's again; `mlm sale start` offers it again.",
)
SETTLE = Operation(
    "sale settle",
    SaleName,
    plan_settle,
    _after,
    "A settlement hands the lot over and stands.",
)
