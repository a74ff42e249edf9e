"""A case: an auction, its moves and what comes of it, in the rows that Python and Solidity both play.

tests/vectors/auctions.json and the random markets of random_cases.py have this form. The Solidity side is
devnet/test/auctions/Replay.sol, whose structs have the columns in this order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mlm.core.auctions import play, settle
from mlm.core.auctions.auction import Auction, Award, Bid, BurnUnrevealed, Cancel, Commit, Market, Reveal, Withdraw
from mlm.core.auctions.sealed import commitment
from mlm.core.digest import words
from mlm.core.errors import Refused
from mlm.core.job import AuctionKind, State
from mlm.core.money import share_down, share_up
from mlm.core.settlement import fee_up, floor_price, owner_part, split_fee

VECTORS = Path(__file__).resolve().parent.parent / "vectors" / "auctions.json"

# By index in a case; the consumer is 0. The addresses are those of Replay.sol.
ACCOUNTS = tuple(f"0x{number:040x}" for number in (0xC0, 0xA1, 0xB0, 0xCA, 0xDA))
BIDDERS = range(1, len(ACCOUNTS))

# The world of all cases: parameters of the market, versions by index (use price, owner's basis points).
VERSIONS = ((0, 0), (49, 1_000), (1_000_003, 2_500))
FEE_BPS, TREASURY_BPS, STAKERS_BPS = 100, 5_000, 3_000
LOCK_BPS, MIN_LOCK, UNDELIVERED_BPS, UNDELIVERED_CAP, GAS = 2_000, 10, 1_000, 10, 3

BID, COMMIT, REVEAL, WITHDRAW, AWARD, CANCEL, BURN, DEPOSIT, LOOK = range(1, 10)
SLOTS = 8  # moves of a case; the rest of them are 0

START = 1_700_000_000  # rows count seconds from here

ERRORS: tuple[str, ...] = tuple(json.loads(VECTORS.read_text())["errors"])


class Row(NamedTuple):
    """A move. `by` and `other` are indices of accounts; `refused` is the index of an error, 0 where it is legal."""

    what: int
    at: int
    by: int
    price: int = 0
    other: int = 0
    salt: int = 0
    refused: int = 0


class Posted(NamedTuple):
    """What was posted, and when."""

    kind: int
    version: int
    max_price: int
    start_price: int
    bidding_window: int
    reveal_window: int
    delivery_window: int
    execution_window: int
    posted_at: int


class After(NamedTuple):
    """The auction when all moves were made."""

    at: int
    state: int
    leader: int
    price: int
    locked: tuple[int, ...]
    free: tuple[int, ...]


class End(NamedTuple):
    """The job when it is settled and unrevealed bonds are burned: who has been credited what since the world began."""

    accepted_at: int
    at: int
    state: int
    credits: tuple[int, ...]
    treasury: int
    stakers: int
    burned: int
    free: tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """One auction from its posting to its settlement."""

    posted: Posted
    moves: tuple[Row, ...]
    after: After
    end: End

    def encoded(self) -> bytes:
        """abi.encode of Replay.sol's struct: static, so words in their order."""
        rows = [*self.moves, *[Row(0, 0, 0)] * (SLOTS - len(self.moves))]
        parts = (self.posted, *rows, self.after, self.end)
        return words(_flat(parts))


def _flat(values: Iterable[Any]) -> Iterable[int]:
    for value in values:
        if isinstance(value, tuple):
            yield from _flat(value)
        else:
            yield int(value)


def vectors() -> list[tuple[str, Case]]:
    """The cases of auctions.json by name."""
    found = []
    for case in json.loads(VECTORS.read_text())["cases"]:
        after, end = case["after"], case["end"]
        found.append(
            (
                case["name"],
                Case(
                    Posted(*case["market"]),
                    tuple(Row(*row) for row in case["moves"]),
                    After(*after[:4], tuple(after[4:8]), tuple(after[8:])),
                    End(*end[:3], tuple(end[3:8]), *end[8:11], tuple(end[11:])),
                ),
            )
        )
    return found


def market_of(posted: Posted) -> Market:
    """What the market would freeze for this posting."""
    use_price, _ = VERSIONS[posted.version]
    return Market(
        kind=AuctionKind(posted.kind),
        consumer=ACCOUNTS[0],
        posted_at=START + posted.posted_at,
        floor=floor_price(FEE_BPS, use_price),
        max_price=posted.max_price,
        lock=max(MIN_LOCK, share_up(posted.max_price, LOCK_BPS)),
        undelivered_fee=min(UNDELIVERED_CAP, share_down(posted.max_price, UNDELIVERED_BPS)),
        gas_compensation=GAS,
        bidding_window=posted.bidding_window,
        delivery_window=posted.delivery_window,
        reveal_window=posted.reveal_window,
        start_price=posted.start_price,
    )


def move_of(row: Row, market: Market) -> Any:
    """The move of a row. A commitment is to `price` and `salt` by the account `other`, which may be another's."""
    at, by, salt = START + row.at, ACCOUNTS[row.by], row.salt.to_bytes(32, "big")
    match row.what:
        case 1:
            return Bid(at, by, row.price)
        case 2:
            bound = (market.chain_id, market.address, market.job_id, ACCOUNTS[row.other])
            return Commit(at, by, commitment(*bound, row.price, salt))
        case 3:
            return Reveal(at, by, row.price, salt)
        case 7:
            return BurnUnrevealed(at, by, ACCOUNTS[row.other])
    return {WITHDRAW: Withdraw, AWARD: Award, CANCEL: Cancel}[row.what](at, by)


def step(auction: Auction, row: Row) -> tuple[Auction, int]:
    """The auction after a row, and the index of the error under which it was refused."""
    try:
        return play(auction, move_of(row, auction.market)), 0
    except Refused as refused:
        return auction, ERRORS.index(refused.name)


class World:
    """Everybody's stake and credits over many auctions, one after the other."""

    def __init__(self, stakes: Sequence[int]) -> None:
        self.free = dict(zip(ACCOUNTS[1:], stakes, strict=True))
        self.credits = [0] * len(ACCOUNTS)
        self.treasury = self.stakers = self.burned = 0

    def deposit(self, row: Row) -> None:
        """More stake."""
        self.free[ACCOUNTS[row.by]] += row.price

    def open(self, posted: Posted) -> Auction:
        """A new auction."""
        return Auction.posted(market_of(posted), self.free)

    def after(self, auction: Auction, at: int) -> After:
        """The auction as it stands at `at`."""
        leader = ACCOUNTS.index(auction.leader) if auction.leader else 0
        locked = tuple(auction.locked.get(account, 0) for account in ACCOUNTS[1:])
        return After(at, auction.state(START + at), leader, auction.price, locked, tuple(auction.free.values()))

    def close(self, auction: Auction, posted: Posted, state: State, accepted_at: int, at: int) -> End:
        """Settle the job in `state`, have what is still sealed burned, and keep the money."""
        auction = settle(auction, state)
        for bidder in tuple(auction.sealed):
            auction = play(auction, BurnUnrevealed(START + at, ACCOUNTS[0], bidder))
        self.free = dict(auction.free)
        self.credits[0] += auction.refund
        self.burned += sum(auction.burned.values())
        if state is State.DEFAULTED:
            self.burned -= GAS
        if state is State.UNDELIVERED:
            self.treasury += auction.paid
        if state is State.ACCEPTED:
            self._split(auction, posted)
        totals = (self.treasury, self.stakers, self.burned)
        return End(accepted_at, at, state, tuple(self.credits), *totals, tuple(self.free.values()))

    def _split(self, auction: Auction, posted: Posted) -> None:
        fee = fee_up(auction.paid, FEE_BPS)
        parts = split_fee(fee, treasury_bps=TREASURY_BPS, stakers_bps=STAKERS_BPS)
        self.treasury += parts.treasury
        self.stakers += parts.stakers
        self.burned += parts.burned
        part = owner_part(auction.paid, *VERSIONS[posted.version])
        self.credits[ACCOUNTS.index(auction.leader)] += auction.paid - fee - part


def encoded(cases: Sequence[Case]) -> bytes:
    """abi.encode(Case[])."""
    return words((32, len(cases))) + b"".join(case.encoded() for case in cases)


def flat(case: Case) -> tuple[Any, ...]:
    """All of a case in one tuple, for comparison."""
    return astuple(case)
