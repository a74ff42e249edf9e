"""The open reverse auction: each bid lies below the best so far; the last standing at the close holds the lease."""

from __future__ import annotations

from dataclasses import replace

from mlm.core.auctions.auction import Auction, Bid, Withdraw
from mlm.core.errors import Refused


def bid(auction: Auction, move: Bid) -> Auction:
    """Lead at a lower price. Raises Refused."""
    auction.need_payable(move.price)
    if auction.leader and move.price >= auction.price:
        raise Refused("PriceNotLower", auction.price, move.price)
    return auction.lead(move.by, move.price)


def withdrawable_until(posted_at: int, bids_close_at: int) -> int:
    """The second from which a best bid stands: half of the bids' time is left to those whom it kept away.

    Who could take a low bid back in the last second could then have the job at the maximum.
    """
    return (posted_at + bids_close_at) // 2


def withdraw(auction: Auction, move: Withdraw) -> Auction:
    """Take the best bid back, for what not accepting would cost: those whom it outbid are gone. Raises Refused."""
    if not auction.leader or move.by != auction.leader:
        raise Refused("NotBestBidder", auction.leader, move.by)
    until = withdrawable_until(auction.market.posted_at, auction.bids_close_at)
    if move.at >= until:
        raise Refused("WithdrawalTooLate", f"before {until}", move.at)
    return replace(auction.release(move.by, burn=auction.market.undelivered_fee), leader="", price=0)
