"""The rules of every auction kind, as pure functions; devnet/contracts computes the same.

`play` is one move, and a fold of it over moves a whole auction. What is refused is so under the name of the contract's
error. Batches are cleared together (batch.py); assets and licences are sold (sale.py: english.py, falling.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from mlm.core.auctions import dutch, fixed, reverse, sealed
from mlm.core.auctions.auction import Auction, Award, Bid, BurnUnrevealed, Cancel, Commit, Move, Reveal, Withdraw
from mlm.core.errors import Refused
from mlm.core.job import AuctionKind, State

BIDS = {AuctionKind.FIXED: fixed.bid, AuctionKind.REVERSE: reverse.bid, AuctionKind.DUTCH: dutch.bid}


def bid(auction: Auction, move: Bid) -> Auction:
    """Offer a price openly. Raises Refused."""
    auction.need(State.OPEN, move.at)
    auction.need_provider(move.by)
    rule = BIDS.get(auction.market.kind)
    if rule is None:
        raise Refused("AuctionKindUnsuited", "an auction of open bids", auction.market.kind)
    return rule(auction, move)


def withdraw(auction: Auction, move: Withdraw) -> Auction:
    """Take one's bid back while bids are open; in a fixed or Dutch auction the first bid has closed them.

    Raises Refused.
    """
    auction.need(State.OPEN, move.at)
    rule = sealed.withdraw if auction.market.kind is AuctionKind.SEALED else reverse.withdraw
    return rule(auction, move)


def award(auction: Auction, move: Award) -> Auction:
    """Close the bids in favour of the best one; a sealed auction has none to show. Raises Refused."""
    auction.need(State.OPEN, move.at)
    _need_consumer(auction, move.by)
    if not auction.leader:
        raise Refused("JobHasNoBid", "a bid", "none")
    return auction.close(move.at)


def cancel(auction: Auction, move: Cancel) -> Auction:
    """Take the job back before anybody has bid, or when all have withdrawn. Raises Refused."""
    auction.need(State.OPEN, move.at)
    _need_consumer(auction, move.by)
    if auction.leader:
        raise Refused("JobHasBid", "no bid", auction.leader)
    if auction.sealed:
        raise Refused("JobHasCommitments", 0, len(auction.sealed))
    return replace(auction, cancelled=True, refund=auction.market.max_price)


RULES: Mapping[type, Callable[[Auction, Any], Auction]] = {
    Bid: bid,
    Commit: sealed.commit,
    Reveal: sealed.reveal,
    Withdraw: withdraw,
    Award: award,
    Cancel: cancel,
    BurnUnrevealed: sealed.burn_unrevealed,
}


def play(auction: Auction, move: Move) -> Auction:
    """The auction after a move. Raises Refused, and nothing has changed."""
    return RULES[type(move)](auction, move)


def play_all(auction: Auction, moves: Iterable[Move]) -> Auction:
    """The auction after all moves. Raises Refused at the first that is."""
    for move in moves:
        auction = play(auction, move)
    return auction


def settle(auction: Auction, state: State) -> Auction:
    """The money of a job that ended in `state`: what of the escrow comes back, and what of the lock is lost."""
    market = auction.market
    if state is State.CANCELLED:
        return auction  # It was refunded at once.
    paid = {State.ACCEPTED: auction.price, State.UNDELIVERED: market.undelivered_fee}.get(state, 0)
    lost = {State.ACCEPTED: 0, State.UNDELIVERED: market.undelivered_fee}.get(state, market.lock)
    compensation = market.gas_compensation if state is State.DEFAULTED else 0
    if auction.leader:
        auction = auction.release(auction.leader, burn=lost)
    return replace(auction, paid=paid, refund=market.max_price - paid + compensation)


def _need_consumer(auction: Auction, by: str) -> None:
    if by != auction.market.consumer:
        raise Refused("NotConsumer", auction.market.consumer, by)
