"""`mlm job bids`: who has bid and how the bids stand; of a batch the book of its round around the clearing price."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core.auctions import batch
from mlm.core.clock import Duration, Instant
from mlm.core.job import AuctionKind, State
from mlm.core.money import Amount
from mlm.core.plan import JSON_ONLY, NO_AMOUNT
from mlm.ports.bundle import Ports
from mlm.workflows import job_show, lookup, rounds

AROUND = 5  # prices of the grid shown on each side of the clearing price


@dataclass(frozen=True)
class BidRow:
    """One bid, in the order of the chain. `state`: best, outbid, withdrawn; of a sealed one committed, revealed,
    forfeited too; of a batch's offer offered.

    `price` is None while it is sealed. `burned` is the bond of one that was not revealed in time.
    """

    provider: str
    state: str
    price: Amount | None
    quantity: int | None
    burned: Amount | None
    block: int = field(metadata=NO_AMOUNT)
    best: bool = field(metadata=JSON_ONLY)


@dataclass(frozen=True)
class BookRow:
    """One price of a round's grid: the jobs whose maximum it is, and the units that are offered for it.

    `takers` jobs pay this price or more, `units` are done for it or less: the round clears where both meet.
    """

    price: Amount
    jobs: int
    offered: int
    takers: int
    units: int
    note: str  # marks the clearing price, and this job's maximum


@dataclass(frozen=True)
class Bids:
    """All bids on a job. `clears_at` and what follows are of a batch's round; before its close, as it stands now."""

    job: str
    auction: AuctionKind
    state: State
    closes_at: Instant
    extended: Duration | None  # by how much late bids of a reverse auction have moved the close
    clears_at: Amount | None
    awards: int | None
    rank: int | None  # this job's, from 1: the first `awards` are done
    bids: tuple[BidRow, ...]
    book: tuple[BookRow, ...]


def bids(ports: Ports, name: str) -> Bids:
    """All bids on a job, the first first."""
    job = lookup.job(ports, name)
    closes = Instant(job.record.bids_close_at)
    if job.auction is AuctionKind.BATCH:
        found = rounds.of(ports, job)
        placed = tuple(_offer(found, *each) for each in rounds.offers(ports, found))
        price, book = found.price if found.volume else None, _book(ports, job, found)
        standing = (price, found.volume, found.rank + 1)
        return Bids(job.job_id, job.auction, job.state, closes, None, *standing, bids=placed, book=book)
    listed = _sealed(ports, job) if job.auction is AuctionKind.SEALED else _open(ports, job)
    return Bids(job.job_id, job.auction, job.state, closes, job_show.extended(job), None, None, None, listed, ())


def _open(ports: Ports, job: lookup.Job) -> tuple[BidRow, ...]:
    """Bids that everybody saw; the last one leads, unless it was withdrawn since."""
    placed = [(row["block"], row["position"], row) for row in ports.state.query("bids", job_id=job.job_id)]
    withdrawn = [row for row in ports.state.query("bid_changes", job_id=job.job_id) if row["change"] == "withdrawn"]
    rows = []
    for at, (block, _, row) in enumerate(placed):
        until = placed[at + 1][0] if at + 1 < len(placed) else None
        gone = any(
            each["bidder"] == row["provider"] and block <= each["block"] and (until is None or each["block"] <= until)
            for each in withdrawn
        )
        last = until is None and job.provider is not None
        state = "best" if last else "withdrawn" if gone else "outbid"
        rows.append(BidRow(row["provider"], state, Amount(row["price"]), None, None, block, last))
    return tuple(rows)


def _sealed(ports: Ports, job: lookup.Job) -> tuple[BidRow, ...]:
    """Each commitment, and what has become of it."""
    rows: dict[str, BidRow] = {}
    done: list[BidRow] = []
    for row in ports.state.query("bid_changes", job_id=job.job_id):
        bidder, change, amount = row["bidder"], row["change"], row["amount"]
        if change == "committed":
            if bidder in rows:  # a commitment that was withdrawn before
                done.append(rows.pop(bidder))
            rows[bidder] = BidRow(bidder, change, None, None, None, row["block"], False)
            continue
        price = Amount(amount) if change == "revealed" else None
        burned = Amount(amount) if change == "forfeited" else None
        best = price is not None and job.provider is not None and job.provider.lower() == bidder
        state = "best" if best else change
        rows[bidder] = BidRow(bidder, state, price, None, burned, rows[bidder].block, best)
    return tuple(sorted((*done, *rows.values()), key=lambda row: row.block))


def _offer(found: rounds.Round, offer: batch.Offer, provider: str) -> BidRow:
    price = Amount(found.start_price + found.price_step * offer.tick)
    return BidRow(provider, "offered", price, offer.quantity, None, 0, False)


def _book(ports: Ports, job: lookup.Job, found: rounds.Round) -> tuple[BookRow, ...]:
    """The prices around the clearing price, and those around it at which anything stands."""
    demand, supply = rounds.ticks(ports, found)
    own = batch.tick_of(job.record.max_price, start_price=found.start_price, price_step=found.price_step)
    middle = found.tick if found.volume else own
    shown = {tick for tick in range(batch.TICKS) if demand[tick] or supply[tick]}
    near = sorted(shown | {middle, own}, key=lambda tick: (abs(tick - middle), tick))[: 2 * AROUND + 1]
    rows = []
    for tick in sorted({*near, own}, reverse=True):
        notes = ["clears here"] if found.volume and tick == found.tick else []
        notes += ["this job"] if tick == own else []
        rows.append(
            BookRow(
                price=Amount(found.start_price + found.price_step * tick),
                jobs=demand[tick],
                offered=supply[tick],
                takers=sum(demand[tick:]),
                units=sum(supply[: tick + 1]),
                note=", ".join(notes),
            )
        )
    return tuple(rows)
