"""The clock: the offered price rises from the start price to the maximum, and the first bid takes it where it stands.

A seller's Dutch clock falls, a buyer's rises: who waits risks that another takes less.
"""

from __future__ import annotations

from mlm.core.auctions.auction import Auction, Bid, Market
from mlm.core.errors import Refused


def clock_down(market: Market, at: int) -> int:
    """The price offered at `at`, rounded down; from the posting to the close of bids. At least the start price, which
    is at least the floor."""
    return offered_down(market.start_price, market.max_price, market.bidding_window, at - market.posted_at)


def offered_down(start_price: int, max_price: int, window: int, passed: int) -> int:
    """The clock's price `passed` seconds after the posting, rounded down; `window` is how long bids are open."""
    return start_price + (max_price - start_price) * passed // window


def reached_after(start_price: int, max_price: int, window: int, price: int) -> int:
    """The first second after the posting at which the clock offers `price`, which is above the start price."""
    return -(-(price - start_price) * window // (max_price - start_price))


def bid(auction: Auction, move: Bid) -> Auction:
    """Take the clock's price, once it has come to the bidder's. Raises Refused."""
    offered = clock_down(auction.market, move.at)
    if move.price > offered:
        raise Refused("PriceAboveClock", offered, move.price)
    return auction.lead(move.by, offered).close(move.at)
