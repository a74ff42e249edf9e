"""The posted price: the first bid takes it as it is, which closes the bids and starts the lease."""

from __future__ import annotations

from mlm.core.auctions.auction import Auction, Bid
from mlm.core.errors import Refused


def bid(auction: Auction, move: Bid) -> Auction:
    """Take the price. Raises Refused."""
    auction.need_payable(move.price)
    if move.price != auction.market.max_price:
        raise Refused("PriceNotFixed", auction.market.max_price, move.price)
    return auction.lead(move.by, move.price).close(move.at)
