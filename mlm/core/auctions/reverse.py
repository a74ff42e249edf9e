"""The open reverse auction: each bid lies below the best so far; the last standing at the close holds the lease.

A late bid moves the close, so that the others can answer it.
"""

from __future__ import annotations

from dataclasses import replace

from mlm.core.auctions.auction import Auction, Bid, Withdraw
from mlm.core.auctions.english import end_after
from mlm.core.errors import Refused

# devnet/contracts/libraries/Limits.sol
ANSWER_PART, MAX_ANSWER = 4, 600


def bid(auction: Auction, move: Bid) -> Auction:
    """Lead at a lower price. Raises Refused."""
    auction.need_payable(move.price)
    if auction.leader and move.price >= auction.price:
        raise Refused("PriceNotLower", auction.price, move.price)
    market = auction.market
    closes_at = close_after(move.at, market.posted_at, market.bidding_window, auction.bids_close_at)
    return auction.lead(move.by, move.price).close(closes_at)


def answer_time(bidding_window: int) -> int:
    """The seconds that a bid leaves the others at least: a quarter of the bids' time, at most ten minutes."""
    return min(bidding_window // ANSWER_PART, MAX_ANSWER)


def close_after(now: int, posted_at: int, bidding_window: int, bids_close_at: int) -> int:
    """The close of bids after one at `now` < `bids_close_at`: it moves by at most a bidding window altogether."""
    return end_after(now, bids_close_at, answer_time(bidding_window), posted_at + 2 * bidding_window)


def withdrawable_until(posted_at: int, bidding_window: int) -> int:
    """The second from which a best bid stands: half of the bids' time as posted is left to those whom it kept away.

    Who could take a low bid back in the last second could then have the job at the maximum.
    """
    return posted_at + bidding_window // 2


def withdraw(auction: Auction, move: Withdraw) -> Auction:
    """Take the best bid back, for what not accepting would cost: those whom it outbid are gone. Raises Refused."""
    if not auction.leader or move.by != auction.leader:
        raise Refused("NotBestBidder", auction.leader, move.by)
    until = withdrawable_until(auction.market.posted_at, auction.market.bidding_window)
    if move.at >= until:
        raise Refused("WithdrawalTooLate", f"before {until}", move.at)
    return replace(auction.release(move.by, burn=auction.market.undelivered_fee), leader="", price=0)
