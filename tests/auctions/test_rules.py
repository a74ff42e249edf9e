"""What holds in every auction, whatever is played: money is conserved, bids that lose are free, truth pays best."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core.auctions import play, play_all, reverse, settle
from mlm.core.auctions.auction import Auction, Bid, Commit, Market, Reveal, Withdraw
from mlm.core.auctions.dutch import clock_down
from mlm.core.auctions.sealed import commitment
from mlm.core.errors import Refused
from mlm.core.job import AuctionKind, State
from tests.auctions.cases import ACCOUNTS, BIDDERS, DEPOSIT, VECTORS, step
from tests.auctions.random_cases import KINDS, Dealer

CONSUMER, ALICE, BOB, CAROL, _ = ACCOUNTS
MARKET = Market(
    kind=AuctionKind.SEALED,
    consumer=CONSUMER,
    posted_at=1_000,
    floor=10,
    max_price=20,
    lock=5,
    undelivered_fee=2,
    gas_compensation=1,
    bidding_window=600,
    delivery_window=300,
    reveal_window=300,
)
SALT = bytes(32)
FREE = dict.fromkeys((ALICE, BOB, CAROL), 1_000)


def sealed(*bids: tuple[str, int]) -> Auction:
    """A sealed auction in which all bids were revealed, in their order."""
    auction = Auction.posted(MARKET, FREE)
    for who, price in bids:
        made = commitment(MARKET.chain_id, MARKET.address, MARKET.job_id, who, price, SALT)
        auction = play(auction, Commit(1_000, who, made))
    return play_all(auction, (Reveal(1_600, who, price, SALT) for who, price in bids))


@given(st.sampled_from(KINDS), st.integers(0, 2**32))
def test_money_is_conserved_and_who_loses_is_free(kind: AuctionKind, seed: int) -> None:
    dealer = Dealer(kind, seed)
    case = dealer.case()
    world = Dealer(kind, seed).world
    brought = dict(world.free)
    auction = world.open(case.posted)
    for row in case.moves:
        if row.what == DEPOSIT:
            brought[ACCOUNTS[row.by]] += row.price
            free = {**auction.free, ACCOUNTS[row.by]: auction.free[ACCOUNTS[row.by]] + row.price}
            auction = replace(auction, free=free)
            continue
        auction, _ = step(auction, row)
        for account in (ACCOUNTS[bidder] for bidder in BIDDERS):
            locked = auction.locked.get(account, 0)
            assert auction.free[account] + locked + auction.burned.get(account, 0) == brought[account]
            assert bool(locked) == (account == auction.leader or account in auction.sealed)
        assert not auction.leader or case.posted.max_price >= auction.price >= auction.market.floor
    settled = settle(auction, State(case.end.state))
    compensation = auction.market.gas_compensation if case.end.state == State.DEFAULTED else 0
    assert settled.paid + settled.refund == case.posted.max_price + compensation


@pytest.mark.parametrize("cost", range(8, 21))
def test_sealed_to_bid_what_it_costs_is_best_whatever_others_bid(cost: int) -> None:
    """Vickrey's theorem, by trying every bid against every pair of others. Below the floor nobody can bid."""

    def gain(price: int, others: tuple[int, int]) -> int:
        auction = sealed((BOB, others[0]), (CAROL, others[1]), (ALICE, price))
        return auction.price - cost if auction.leader == ALICE else 0

    prices = range(MARKET.floor, MARKET.max_price + 1)
    for others in product((10, 11, 13, 14, 15, 19, 20), repeat=2):
        truth = gain(max(cost, MARKET.floor), others)
        assert truth >= 0
        assert truth == max(gain(price, others) for price in prices)


@given(st.permutations([(ALICE, 12), (BOB, 14), (CAROL, 18)]))
def test_sealed_the_order_of_reveals_does_not_matter(bids: list[tuple[str, int]]) -> None:
    auction = sealed(*bids)
    assert (auction.leader, auction.price, auction.locked) == (ALICE, 14, {ALICE: MARKET.bond})


def test_sealed_equal_bids_go_to_the_first_revealed() -> None:
    for order in permutations((ALICE, BOB, CAROL)):
        auction = sealed(*((who, 15) for who in order))
        assert (auction.leader, auction.price) == (order[0], 15)


def test_sealed_a_commitment_binds_chain_market_job_bidder_price_and_salt() -> None:
    rows = json.loads(VECTORS.read_text())["commitments"]
    assert len({row[-1] for row in rows}) == 7
    for chain, market, job, bidder, price, salt, expected in rows:
        made = commitment(int(chain, 16), market, job, bidder, int(price, 16), bytes.fromhex(salt[2:]))
        assert "0x" + made.hex() == expected


@given(st.integers(0, 2**100), st.integers(0, 2**100), st.integers(60, 7 * 24 * 3600), st.data())
def test_dutch_the_clock_rises_from_the_start_price_and_stays_below_the_maximum(
    start: int, above: int, window: int, data: st.DataObject
) -> None:
    market = replace(MARKET, start_price=start, max_price=start + above, bidding_window=window)
    assert clock_down(market, market.posted_at) == start
    at = data.draw(st.integers(0, window - 1))
    now, then = (clock_down(market, market.posted_at + second) for second in (at, at + 1))
    assert start <= now <= then <= market.max_price
    assert now < market.max_price or not above
    assert clock_down(market, market.posted_at + window) == market.max_price


def test_a_refused_move_changes_nothing_and_says_why() -> None:
    market = replace(MARKET, kind=AuctionKind.REVERSE, reveal_window=0)
    auction = play(Auction.posted(market, FREE), Bid(1_000, ALICE, 15))
    with pytest.raises(Refused, match="PriceNotLower: expected 15, found 15") as refused:
        play(auction, Bid(1_001, BOB, 15))
    assert refused.value.exit_code == 12
    assert auction.free[BOB] == 1_000 and auction.leader == ALICE


def test_reverse_withdrawing_costs_no_more_and_no_less_than_not_accepting() -> None:
    market = replace(MARKET, kind=AuctionKind.REVERSE, reveal_window=0)
    led = play(Auction.posted(market, FREE), Bid(1_000, ALICE, 15))
    withdrawn = play(led, Withdraw(1_001, ALICE))
    assert withdrawn.free[ALICE] == settle(led, State.UNDELIVERED).free[ALICE] == 998


def test_batches_are_bid_for_elsewhere() -> None:
    market = replace(MARKET, kind=AuctionKind.BATCH)
    with pytest.raises(Refused, match="AuctionKindUnsuited"):
        play(Auction.posted(market, FREE), Bid(1_000, ALICE, 15))


@given(st.integers(60, 7 * 86_400), st.lists(st.integers(0, 2**16), min_size=1, max_size=40))
def test_late_bids_leave_time_and_no_job_stays_open(window: int, early: list[int]) -> None:
    """`early` is how long before the close each bid is made, modulo what is left of the bids' time."""
    now, close = 1_000, 1_000 + window
    for seconds in early:
        now = max(now, close - 1 - seconds)
        moved = reverse.close_after(now, 1_000, window, close)
        assert close <= moved <= 1_000 + 2 * window
        assert moved >= now + reverse.answer_time(window) or moved == 1_000 + 2 * window
        if moved > close:  # Nobody can take a bid back any more.
            assert now >= reverse.withdrawable_until(1_000, window)
        close = moved
