"""Random markets that Python plays first: `python -m tests.auctions.random_cases` writes them for forge to play again.

Times and prices are drawn near the edges of the rules, and every third move or so is one that must be refused. The same
seed draws the same markets.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

from mlm.core.auctions.auction import Auction
from mlm.core.auctions.dutch import clock_down
from mlm.core.job import AuctionKind, State
from tests.auctions.cases import (
    ACCOUNTS,
    AWARD,
    BID,
    BIDDERS,
    BURN,
    CANCEL,
    COMMIT,
    DEPOSIT,
    REVEAL,
    SLOTS,
    START,
    WITHDRAW,
    Case,
    Posted,
    Row,
    World,
    encoded,
    market_of,
    step,
)

KINDS = (AuctionKind.FIXED, AuctionKind.REVERSE, AuctionKind.SEALED, AuctionKind.DUTCH)
FOLDER = Path(__file__).resolve().parent.parent.parent / "devnet" / "cache" / "differential"
CHUNK = 50  # cases of a file

RICH = 1 << 120
STAKES = (RICH, RICH, 0, 0)  # the poor ones get more from time to time

# How often a move is tried in an auction of a kind, in order of the numbers of moves from BID to BURN.
WEIGHTS = {
    AuctionKind.FIXED: (12, 1, 1, 2, 2, 2, 1),
    AuctionKind.REVERSE: (24, 1, 1, 4, 2, 2, 1),
    AuctionKind.SEALED: (1, 16, 16, 2, 1, 1, 2),
    AuctionKind.DUTCH: (12, 1, 1, 2, 1, 2, 1),
}


class Dealer:
    """Draws one market after the other, in one world."""

    def __init__(self, kind: AuctionKind, seed: int) -> None:
        self.kind = kind
        self.random = Random(f"mlm/auctions/{kind}/{seed}")
        self.world = World(STAKES)
        self.now = 0
        self.committed: dict[int, tuple[int, int]] = {}  # price and salt, by account

    def case(self) -> Case:
        """The next market."""
        posted = self._posted()
        auction = self.world.open(posted)
        self.committed = {}
        moves: list[Row] = []
        at = self.now
        while len(moves) < SLOTS and self.random.random() < (0.95 if self._going(at, auction) else 0.3):
            at = self._next(at, auction)
            row = self._deposit(at) or self._move(at, auction)
            if row.what == DEPOSIT:
                self.world.deposit(row)
                free = {**auction.free, ACCOUNTS[row.by]: auction.free[ACCOUNTS[row.by]] + row.price}
                auction = Auction(**{**vars(auction), "free": free})
            else:
                auction, refused = step(auction, row)
                row = row._replace(refused=refused)
                if row.what == COMMIT and not refused:
                    self.committed[row.by] = (row.price, row.salt)
            moves.append(row)
        return self._ended(posted, auction, tuple(moves), at)

    def _posted(self) -> Posted:
        draw = self.random
        version = draw.randrange(3)
        floor = market_of(Posted(0, version, 0, 0, 0, 0, 0, 0, 0)).floor
        above = draw.choice((0, 1, draw.randrange(60), draw.randrange(10**6), draw.randrange(1 << draw.randrange(96))))
        start = floor + draw.choice((0, above, draw.randint(0, above)))
        self.now += draw.choice((0, 1, draw.randrange(1000)))
        window = draw.randint
        return Posted(
            self.kind,
            version,
            floor + above,
            start if self.kind is AuctionKind.DUTCH else 0,
            window(60, 90),
            window(60, 90) if self.kind is AuctionKind.SEALED else 0,
            window(60, 90),
            window(60, 90),
            self.now,
        )

    def _going(self, at: int, auction: Auction) -> bool:
        return auction.state(START + at) in (State.OPEN, State.REVEALING)

    def _next(self, at: int, auction: Auction) -> int:
        """The same second or soon after, the next edge of the auction, or somewhere between."""
        close, end = auction.bids_close_at - START, auction.reveals_close_at - START
        edges = [edge for edge in (close - 1, close, end - 1, end) if edge > at]
        # Sealed bids are worth revealing once there are some.
        enough = len(auction.sealed) > 1 and at < close
        chosen = self.random.random()
        if chosen < (0.4 if enough else 0.8) or not edges:
            return at + (chosen < 0.3) * self.random.randrange(5)
        if enough and chosen < 0.8:
            return close
        return edges[0] if chosen < 0.95 else self.random.randint(at, edges[0])

    def _deposit(self, at: int) -> Row | None:
        by = self.random.choice((3, 4))
        if self.random.random() > 0.05:
            return None
        return Row(DEPOSIT, at, by, self.random.randint(1, 200))

    def _move(self, at: int, auction: Auction) -> Row:
        draw = self.random
        what = draw.choices(range(BID, BURN + 1), WEIGHTS[self.kind])[0]
        if what in (COMMIT, REVEAL) and draw.random() < 0.9:
            what = REVEAL if auction.state(START + at) is State.REVEALING else COMMIT
        by = draw.choices(range(len(ACCOUNTS)), (1, 8, 8, 3, 3))[0]
        if what in (AWARD, CANCEL):
            return Row(what, at, 0 if draw.random() < 0.8 else by)
        if what == BID:
            return Row(what, at, by, self._price(at, auction))
        if what == COMMIT:
            fresh = [account for account in (1, 2, 2, 3, 4) if ACCOUNTS[account] not in auction.sealed]
            by = draw.choice(fresh) if fresh and draw.random() < 0.7 else by
            bound = by if draw.random() < 0.97 else draw.randrange(5)
            return Row(what, at, by, self._price(at, auction), bound, draw.randrange(2))
        if what == REVEAL:
            return self._reveal(at, by, auction)
        if what == BURN:
            return Row(what, at, by, other=draw.choice(BIDDERS))
        return Row(WITHDRAW, at, ACCOUNTS.index(auction.leader) if auction.leader and draw.random() < 0.7 else by)

    def _reveal(self, at: int, by: int, auction: Auction) -> Row:
        draw = self.random
        sealed = [account for account in self.committed if ACCOUNTS[account] in auction.sealed]
        if sealed and draw.random() < 0.9:
            by = draw.choice(sealed)
        price, salt = self.committed.get(by, (auction.market.floor, 0))
        if draw.random() < 0.05:
            price, salt = draw.choice(((price + 1, salt), (price, salt + 1)))
        return Row(REVEAL, at, by, price, salt=salt)

    def _price(self, at: int, auction: Auction) -> int:
        market, draw = auction.market, self.random
        edges = [market.floor, market.max_price, draw.randint(market.floor, market.max_price)]
        if draw.random() < 0.15:
            edges = [market.floor - 1, market.max_price + 1]
        elif self.kind is AuctionKind.FIXED and draw.random() < 0.7:
            edges = [market.max_price]
        elif auction.leader:
            edges += [auction.price, auction.price - 1, draw.randint(market.floor, max(market.floor, auction.price))]
        elif self.kind is AuctionKind.DUTCH and auction.state(START + at) is State.OPEN:
            clock = clock_down(market, START + at)
            edges += [clock, clock + 1, draw.randint(0, clock)]
        return draw.choice(edges)

    def _ended(self, posted: Posted, auction: Auction, moves: tuple[Row, ...], at: int) -> Case:
        """Some seconds on, and then the job's end: done, defaulted, not accepted, or whatever else it has come to."""
        draw = self.random
        begins = auction.reveals_close_at - START
        then = at if draw.random() < 0.5 else max(at, draw.choice((begins - 1, begins)))
        after = self.world.after(auction, then)
        last = max(then, begins)
        state = auction.state(START + last)
        accepted = 0
        if state is State.LEASED:
            state = draw.choice((State.ACCEPTED, State.DEFAULTED, State.UNDELIVERED))
            deadline = begins + posted.delivery_window
            accepted = draw.choice((last, deadline - 1, draw.randrange(last, deadline)))
            if state is State.ACCEPTED:
                last = accepted + draw.choice((0, posted.execution_window - 1))
            elif state is State.DEFAULTED:
                last = accepted + posted.execution_window + draw.choice((0, draw.randrange(1000)))
            else:
                accepted, last = 0, deadline + draw.choice((0, draw.randrange(1000)))
        end = self.world.close(auction, posted, state, accepted, last)
        self.now = last
        return Case(posted, moves, after, end)


def cases(kind: AuctionKind, seed: int, count: int) -> Iterator[Case]:
    """Random markets of a kind, one after the other in one world."""
    dealer = Dealer(kind, seed)
    return (dealer.case() for _ in range(count))


def write(kind: AuctionKind, seed: int, count: int, folder: Path = FOLDER) -> None:
    """Write a kind's markets into files of at most CHUNK: devnet/cache/differential/KIND/0.bin and so on."""
    target = folder / str(kind)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    drawn = list(cases(kind, seed, count))
    for index in range(0, count, CHUNK):
        (target / f"{index // CHUNK}.bin").write_bytes(encoded(drawn[index : index + CHUNK]))


def main() -> None:
    """Write the markets of every kind."""
    parser = argparse.ArgumentParser(prog="python -m tests.auctions.random_cases", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="markets of each kind (default 10,000)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for kind in KINDS:
        write(kind, options.seed, options.count)
        print(f"{options.count} {kind} markets in {FOLDER / str(kind)}")


if __name__ == "__main__":
    main()
