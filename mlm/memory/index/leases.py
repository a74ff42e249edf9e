"""Who holds or would hold a job's lease, at what price and from when, of the facts that the index in memory keeps."""

from __future__ import annotations

from typing import Any

from mlm.core.job import AuctionKind

Record = dict[str, Any]


def best(row: Record, bids: list[Record], changes: list[Record], closing: Record) -> tuple[Any, Any]:
    """Who leads, or holds the lease, and the price that it would be paid now; None for nobody."""
    if row["auction"] == AuctionKind.BATCH:
        return closing.get("provider"), closing.get("price")
    if row["auction"] == AuctionKind.SEALED:
        shown = sorted((c for c in changes if c["change"] == "revealed"), key=lambda c: (c["amount"], *_when(c)))
        if not shown:
            return None, None
        return shown[0]["bidder"], shown[1]["amount"] if len(shown) > 1 else row["max_price"]
    withdrawn = max((_when(c) for c in changes if c["change"] == "withdrawn"), default=(-1, -1))
    if not bids or _when(bids[-1]) < withdrawn:
        return None, None
    return bids[-1]["provider"], bids[-1]["price"]


def _when(row: Record) -> tuple[int, int]:
    return row["block"], row["log_index"]


def closes(row: Record, reveal_window: int, closed: int | None, moved: list[Record]) -> Record:
    """When bids and reveals close. A transaction closes the reveals where there are any, else the bids; `moved` tells
    where late bids moved their close to.
    """
    posted, window = row["timestamp"], row["bidding_window"]
    if row["auction"] == AuctionKind.BATCH:
        bids = (posted // window + 1) * window
    elif row["auction"] == AuctionKind.SEALED:
        bids = posted + window
    else:
        last = max((each["closes_at"] for each in moved), default=posted + window)
        bids = last if closed is None else closed
        return {"bids_close_at": bids, "reveals_close_at": bids}
    return {"bids_close_at": bids, "reveals_close_at": bids + reveal_window if closed is None else closed}


def standing(row: Record, changes: list[Record]) -> int:
    """Sealed bids neither withdrawn, shown nor forfeited."""
    if row["auction"] != AuctionKind.SEALED:
        return 0
    return sum(1 if change["change"] == "committed" else -1 for change in changes)
