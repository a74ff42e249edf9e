"""`mlm sale list|show`: sales as the chain has them now, and what they credited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlm.core.auctions.sale import NEVER, SaleKind, SaleReason, SaleState
from mlm.core.clock import Duration, Instant
from mlm.core.errors import NotFound, StateConflict, UsageError
from mlm.core.job import FINALITY
from mlm.core.money import Amount
from mlm.core.plan import FIRST_PAGE, NO_AMOUNT, NO_MORE
from mlm.core.refs import parse_sale
from mlm.ports.bundle import Ports
from mlm.workflows import lots
from mlm.workflows.sync import sync

PAGE = 50


# Whoever credits the owner of what is for sale: the sources of AssetSale, and itself (royalties of licences resold).
EARNINGS = ("JobMarket", "LicenceToken", "LicenceShop", "PaymentChannels", "AssetSale")


@dataclass(frozen=True)
class Sale:
    """A sale's facts and state, read from the contract; `asset` is "" for a token of another collection.

    `licence` is the id of a licence of that asset, of which `units` are for sale; None where the asset itself is.
    """

    sale_id: str
    asset: str
    licence: str | None
    collection: str
    token_id: int
    units: int
    seller: str
    kind: SaleKind
    state: SaleState
    start: int
    reserve: int
    step_bps: int
    extension: int
    ends_at: int
    expires_at: int
    bidder: str | None
    price: int
    next_least: int
    escrow: str
    refunded: bool
    finality: str  # of its newest event

    @property
    def short(self) -> str:
        """The id as messages have it; it serves in commands."""
        return self.sale_id[:10]

    @property
    def lot(self) -> str:
        """What is sold, as messages have it."""
        if not self.asset:
            return f"{self.collection}:{self.token_id}"
        return lots.describe(self.asset, self.licence, self.units)


@dataclass(frozen=True)
class SaleBid:
    """One bid, in the order of the chain."""

    bidder: str
    price: Amount
    block: int


@dataclass(frozen=True)
class SaleCredit:
    """What an account was credited by the sale, and why."""

    account: str
    reason: SaleReason
    amount: Amount


@dataclass(frozen=True)
class SaleView:
    """A sale as people read it. `earned` is what was credited to the escrow and nobody has collected yet.

    `next_least` is what the next bid has to be, or what the lot costs now.
    """

    sale: str
    asset: str
    licence: str | None
    units: int  # of the licence; 0: the asset itself
    collection: str
    token: str
    auction: SaleKind
    state: SaleState
    next: str | None
    ends_at: Instant
    left: Duration
    expires_at: Instant | None  # of the licence
    seller: str
    start: Amount | None
    reserve: Amount
    step_bps: int
    extension: Duration
    bidder: str | None
    price: Amount | None
    next_least: Amount | None  # None once neither bid nor buyer is taken
    earned: Amount = field(metadata=NO_AMOUNT)
    finality: str
    bids: tuple[SaleBid, ...] = ()
    credits: tuple[SaleCredit, ...] = ()


@dataclass(frozen=True)
class SaleRow:
    """A sale in a list; `price` is the best bid or what was paid, else what has to be bid or paid now."""

    sale: str
    lot: str
    auction: SaleKind
    state: SaleState
    price: Amount
    ends_at: Instant
    seller: str
    bidder: str


@dataclass(frozen=True)
class SaleList:
    """One page of sales, newest first; `more` says that another page follows.

    `next` settles the newest of them that is over and holds its lot still.
    """

    sales: tuple[SaleRow, ...]
    page: int = field(metadata=FIRST_PAGE)
    more: bool = field(metadata=NO_MORE)
    next: str | None


def find(ports: Ports, text: str) -> Sale:
    """Resolve sale/ID, a unique prefix, or the name of an asset or licence to its newest sale, synced to the head.

    Raises UsageError, NotFound.
    """
    if "/" in text and not text.startswith(("sale/", "job/")):
        lot = lots.find(ports, text)
        newest = newest_of(ports, lot.token_id, lot.contract)
        if newest is None:
            raise NotFound(f"{text} was never for sale", hint="`mlm sale list` shows the sales.")
        return read(ports, newest["sale_id"])
    prefix = parse_sale(text).prefix
    sync(ports)
    found = [row["sale_id"] for row in ports.state.query("sale_prefix", prefix=prefix)]
    if not found:
        raise NotFound(f"no sale starts with {prefix}", hint="`mlm sale list` shows the sales.")
    if len(found) > 1:
        raise UsageError(f"{prefix} matches {len(found)} sales: {', '.join(found[:4])}", hint="Give more digits.")
    return read(ports, found[0])


def newest_of(ports: Ports, token_id: int, contract: str = "AssetRegistry") -> Mapping[str, Any] | None:
    """The index's row of a token's newest sale: an asset that is for sale lies in its escrow, so that is the last."""
    collection = ports.chain.address_of(contract)
    return next(iter(ports.state.query("sales", collection=collection, token_id=token_id, limit=1)), None)


def settled(ports: Ports, text: str) -> Sale:
    """A sale on which money may be staked: its newest event stands in a block as settled as asked.

    Raises StateConflict for one that a reorganisation could still change (chain.finality).
    """
    found, wanted = find(ports, text), ports.chain.depth
    if FINALITY.index(found.finality) < FINALITY.index(wanted):
        raise StateConflict(
            f"the newest block of sale {found.sale_id[:10]} is {found.finality}, expected it {wanted}",
            hint="Wait until the chain has settled it; chain.finality says what mlm waits for.",
        )
    return found


def read(ports: Ports, sale_id: str) -> Sale:
    """A sale by its whole id: the index finds, the contract decides. Raises StateConflict where it knows none."""
    (row,) = ports.state.query("sales", sale_id=sale_id)
    raw = bytes.fromhex(sale_id[2:])
    state = SaleState(ports.chain.call("AssetSale", "stateOf", raw))
    if state is SaleState.UNKNOWN:
        raise StateConflict(f"the chain knows no sale {sale_id[:10]}", hint="Run `mlm sync --rebuild`.")
    facts = ports.chain.call("AssetSale", "saleOf", raw)
    seller, _, ends_at, _, expires_at, kind, collection, token_id, units, start = facts[:10]
    reserve, step_bps, extension, bidder, price, next_least, escrow, refunded, _ = facts[10:]
    asset, licence = lots.name_of(ports, collection, token_id)
    return Sale(
        sale_id=sale_id,
        asset=asset,
        licence=licence,
        collection=collection,
        token_id=token_id,
        units=units,
        seller=seller,
        kind=SaleKind(kind),
        state=state,
        start=start,
        reserve=reserve,
        step_bps=step_bps,
        extension=extension,
        ends_at=ends_at,
        expires_at=expires_at,
        bidder=bidder if int(bidder, 16) else None,
        price=price,
        next_least=next_least,
        escrow=escrow,
        refunded=refunded,
        finality=row["finality"],
    )


def earned(ports: Ports, escrow: str) -> Amount:
    """What was credited to an escrow and nobody has collected yet."""
    return Amount(sum(ports.chain.call(contract, "creditOf", escrow) for contract in EARNINGS))


def view(ports: Ports, sale: Sale) -> SaleView:
    """A sale with its bids and credits."""
    now = ports.chain.block().timestamp
    bids = ports.state.query("sale_bids", sale_id=sale.sale_id)
    credits = ports.state.query("sale_credits", sale_id=sale.sale_id)
    return SaleView(
        sale=sale.sale_id,
        asset=sale.asset,
        licence=sale.licence,
        units=sale.units,
        collection=sale.collection,
        token=f"0x{sale.token_id:064x}",
        auction=sale.kind,
        state=sale.state,
        next=_next(sale),
        ends_at=Instant(sale.ends_at),
        left=Duration(max(0, sale.ends_at - now)),
        expires_at=Instant(sale.expires_at) if sale.expires_at != NEVER else None,
        seller=sale.seller,
        start=Amount(sale.start) if sale.start else None,
        reserve=Amount(sale.reserve),
        step_bps=sale.step_bps,
        extension=Duration(sale.extension),
        bidder=sale.bidder,
        price=Amount(sale.price) if sale.bidder else None,
        next_least=Amount(sale.next_least) if sale.state is SaleState.OPEN else None,
        earned=earned(ports, sale.escrow),
        finality=sale.finality,
        bids=tuple(SaleBid(row["bidder"], Amount(row["amount"]), row["block"]) for row in bids),
        credits=tuple(SaleCredit(row["account"], SaleReason(row["reason"]), Amount(row["amount"])) for row in credits),
    )


def show(ports: Ports, text: str) -> SaleView:
    """One sale by name."""
    return view(ports, find(ports, text))


def sales(ports: Ports, *, only_open: bool = False, page: int = 1) -> SaleList:
    """Sales, newest first, PAGE to a page."""
    sync(ports)
    open_at = ports.chain.block().timestamp if only_open else None
    rows = ports.state.query("sales", open_at=open_at, limit=PAGE + 1, offset=(page - 1) * PAGE)
    found = [read(ports, row["sale_id"]) for row in rows[:PAGE]]
    listed = tuple(
        SaleRow(
            sale=sale.sale_id,
            lot=sale.lot,
            auction=sale.kind,
            state=sale.state,
            price=Amount(sale.price if sale.bidder else sale.next_least),
            ends_at=Instant(sale.ends_at),
            seller=sale.seller,
            bidder=sale.bidder or "",
        )
        for sale in found
    )
    over = (sale for sale in found if sale.state is not SaleState.OPEN and not sale.state.is_closed)
    ended = next(over, None)
    return SaleList(listed, page, len(rows) > PAGE, None if ended is None else _next(ended))


def _next(sale: Sale) -> str | None:
    """What can be done now, and by whom."""
    if sale.state is SaleState.OPEN:
        move = "bid {} --price PRICE" if sale.kind is SaleKind.ENGLISH else "buy {}"
        return f"anybody but the seller: mlm sale {move.format(sale.short)}"
    return None if sale.state.is_closed else f"anybody: mlm sale settle {sale.short}"
