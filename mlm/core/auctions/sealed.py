"""The sealed auction: bids are committed while it is open, and revealed after; the lowest wins at the second lowest.

Who bids what a job costs it can do no better, whatever others bid (Vickrey 1961). The escrowed maximum is a public
reserve: a bid that is alone is paid the maximum. The bond is as much, and burns whole where a bid is not revealed:
commitments to many prices of which only the best is revealed would cost more than they can bring.
"""

from __future__ import annotations

from dataclasses import replace

from mlm.core.auctions.auction import Auction, BurnUnrevealed, Commit, Reveal, Withdraw
from mlm.core.digest import domain, keccak256, words
from mlm.core.errors import Refused
from mlm.core.job import AuctionKind, State


def commitment(chain_id: int, market: str, job_id: str, bidder: str, price: int, salt: bytes) -> bytes:
    """keccak256(abi.encode(H("mlm/bid/1"), chainid, market, jobId, bidder, price, salt)); `salt` has 32 bytes.

    Bound to chain, market, job and bidder: nobody can reveal another's, nor aim it elsewhere. Without a secret salt
    the price can be guessed.
    """
    addresses = (int(market, 16), int(job_id, 16), int(bidder, 16))
    return keccak256(words((domain("mlm/bid/1"), chain_id, *addresses, price, salt)))


def commit(auction: Auction, move: Commit) -> Auction:
    """Bid without showing the price: one commitment of each bidder, with the whole bond locked. Raises Refused."""
    auction.need(State.OPEN, move.at)
    auction.need_kind(AuctionKind.SEALED)
    auction.need_provider(move.by)
    if move.commitment == bytes(32):
        raise Refused("BidCommitmentMissing", "a commitment", 0)
    if move.by in auction.sealed:
        raise Refused("BidAlreadyCommitted", "no commitment", auction.sealed[move.by].hex())
    sealed = {**auction.sealed, move.by: move.commitment}
    return replace(auction.lock(move.by, auction.market.bond), sealed=sealed)


def withdraw(auction: Auction, move: Withdraw) -> Auction:
    """Take a commitment back, at no cost: nobody has learnt its price, nor it another's. Raises Refused."""
    rest = _without(auction, move.by)
    return replace(auction.release(move.by), sealed=rest)


def reveal(auction: Auction, move: Reveal) -> Auction:
    """Open a bid. Whoever does not lead, or leads no more, is free in the same moment. Raises Refused."""
    auction.need(State.REVEALING, move.at)
    auction.need_kind(AuctionKind.SEALED)
    rest, market = _without(auction, move.by), auction.market
    shown = commitment(market.chain_id, market.address, market.job_id, move.by, move.price, move.salt)
    if shown != auction.sealed[move.by]:
        raise Refused("BidCommitmentMismatch", auction.sealed[move.by].hex(), shown.hex())
    auction.need_payable(move.price)
    auction = _ranked(replace(auction, sealed=rest), move)
    # With all bids known there is nothing to wait for.
    return auction if rest else replace(auction, reveals_close_at=move.at)


def _ranked(auction: Auction, move: Reveal) -> Auction:
    """The lowest bid leads, the earlier of equals; it is paid the second lowest, or the maximum while it is alone."""
    if not auction.leader:
        return replace(auction, leader=move.by, lowest=move.price, price=auction.market.max_price)
    if move.price < auction.lowest:
        freed = auction.release(auction.leader)
        return replace(freed, leader=move.by, lowest=move.price, price=auction.lowest)
    return replace(auction.release(move.by), price=min(auction.price, move.price))


def burn_unrevealed(auction: Auction, move: BurnUnrevealed) -> Auction:
    """Burn the bond of a bid that was not revealed in time. Raises Refused."""
    rest = _without(auction, move.bidder)
    if move.at < auction.reveals_close_at:
        raise Refused("RevealsStillOpen", auction.reveals_close_at, move.at)
    return replace(auction.release(move.bidder, burn=auction.market.bond), sealed=rest)


def _without(auction: Auction, bidder: str) -> dict[str, bytes]:
    """The commitments but for this bidder's. Raises Refused when it has none."""
    if bidder not in auction.sealed:
        raise Refused("BidCommitmentMissing", "a commitment", bidder)
    return {account: value for account, value in auction.sealed.items() if account != bidder}
