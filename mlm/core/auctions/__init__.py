"""The auctions, a rule each: whether a bid may stand. JobMarket.bid refuses the same bids for the same reasons."""

from __future__ import annotations

from mlm.core.auctions import fixed, reverse
from mlm.core.job import AuctionKind

RULES = {AuctionKind.FIXED: fixed.refusal, AuctionKind.REVERSE: reverse.refusal}


def refusal(kind: AuctionKind, price: int, *, floor: int, max_price: int, best: int | None) -> str | None:
    """Why a bid of `price` (base units) cannot stand, or None when it can. `best` is the standing bid, if any."""
    if kind not in RULES:
        return f"{kind} auctions are not offered by this market"
    return RULES[kind](price, floor=floor, max_price=max_price, best=best)
