"""Writes english.json, which pytest and forge both run: `python tests/vectors/make_english.py`.

Deterministic: the same script gives the same bytes. Expected values come from the definitions, exactly rational, not
from the code under test. `digests` are of the outcomes of 10,000 auctions, 100 to a digest; `outcome` says how each is
drawn from sha256, which the EVM has too, and tests/core/test_english.py and devnet/test/English.t.sol draw the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from math import ceil, floor
from pathlib import Path
from typing import Protocol

HERE = Path(__file__).resolve().parent
OPENED_AT = 1_700_000_000
AUCTIONS, BLOCK = 10_000, 100
OVERTIME = 7 * 86_400


class Rules(Protocol):
    """The rules under test, or their definitions."""

    def next_least(self, reserve: int, step_bps: int, best: int) -> int: ...

    def end_after(self, now: int, ends_at: int, extension: int, latest_end: int) -> int: ...

    def royalty(self, price: int, asked: int) -> int: ...


class Definitions:
    """What the words of docs/sale.md say, in rational numbers and second by second."""

    def next_least(self, reserve: int, step_bps: int, best: int) -> int:
        """A bid is at least the reserve, and above the best by its share and by one unit."""
        if best == 0:
            return reserve
        return max(best + 1, ceil(best * (1 + Fraction(step_bps, 10_000))))

    def end_after(self, now: int, ends_at: int, extension: int, latest_end: int) -> int:
        """A bid in the last `extension` seconds moves the end, no further than the latest."""
        assert now < ends_at <= latest_end
        late = now >= ends_at - extension
        return min(now + extension, latest_end) if late else ends_at

    def royalty(self, price: int, asked: int) -> int:
        """At most a tenth, rounded down."""
        most = floor(price * Fraction(1, 10))
        return most if asked > most else asked


@dataclass(frozen=True)
class Outcome:
    """How an auction ended. Bidders are 1 to 3, the seller is 0, and so is nobody."""

    winner: int
    price: int
    ends_at: int
    accepted: int
    credits: tuple[int, int, int]
    royalty: int
    proceeds: int

    @property
    def words(self) -> bytes:
        """As it is hashed: words of 32 bytes."""
        parts = (self.winner, self.price, self.ends_at, self.accepted, *self.credits, self.royalty, self.proceeds)
        return b"".join(part.to_bytes(32, "big") for part in parts)


def drawn(auction: int, position: int) -> int:
    """The random number at a position of an auction."""
    return int.from_bytes(
        sha256(b"mlm/english" + auction.to_bytes(4, "big") + position.to_bytes(4, "big")).digest(), "big"
    )


def outcome(auction: int, rules: Rules) -> Outcome:
    """Play one auction of up to 11 bids: some too low, too late or by the seller; some double the price."""
    reserve = 1 + drawn(auction, 0) % 10 ** (drawn(auction, 1) % 20)
    step_bps = 10 + drawn(auction, 2) % 4_991
    duration = 60 + drawn(auction, 3) % 3_541
    extension = 60 + drawn(auction, 4) % (duration - 59)
    now, ends_at = OPENED_AT, OPENED_AT + duration
    latest_end = ends_at + OVERTIME
    winner = price = accepted = 0
    credits = [0, 0, 0, 0]
    for number in range(drawn(auction, 5) % 12):
        draw = drawn(auction, 6 + number)
        now += (draw & 0xFFFF) % (duration // 4 + 1)
        bidder = (draw >> 16) % 4
        least = rules.next_least(reserve, step_bps, price)
        amount = 2 * least if (draw >> 48) % 4 == 0 else max(0, least + (draw >> 32) % 64 - 16)
        if now >= ends_at or bidder == 0 or amount < least:
            continue
        ends_at = rules.end_after(now, ends_at, extension, latest_end)
        if winner != bidder:
            credits[winner] += price
        winner, price, accepted = bidder, amount, accepted + 1
    fee = rules.royalty(price, drawn(auction, 100) % (price // 5 + 1)) if winner else 0
    return Outcome(winner, price, ends_at, accepted, (credits[1], credits[2], credits[3]), fee, price - fee)


def digests(rules: Rules, auctions: int = AUCTIONS) -> list[str]:
    """sha256 of the outcomes of each block of auctions."""
    blocks = range(0, auctions, BLOCK)
    return [
        "0x" + sha256(b"".join(outcome(number, rules).words for number in range(start, start + BLOCK))).hexdigest()
        for start in blocks
    ]


def edges(rules: Rules) -> dict[str, list[list[str]]]:
    """Rows at the edges of each rule: arguments, then the value."""
    least = [(1, 10, 0), (1, 10, 1), (5, 5_000, 0), (5, 5_000, 1), (5, 5_000, 3), (1, 10, 999), (1, 10, 1_000)]
    least += [(1, 10, 1_001), (10**18, 500, 10**18), (1, 10, 2**128 - 1), (2**128 - 1, 5_000, 2**128 - 1)]
    start = OPENED_AT
    ends = [(start, start + 60, 60, start + 60 + OVERTIME), (start, start + 61, 60, start + 61 + OVERTIME)]
    ends += [(start + 59, start + 60, 60, start + 60 + OVERTIME), (start + 40, start + 99, 60, start + 99 + OVERTIME)]
    ends += [(start + 50, start + 60, 60, start + 70), (start + 59, start + 60, 60, start + 60)]
    fees = [
        (0, 0),
        (9, 1),
        (10, 1),
        (10, 2),
        (999, 100),
        (10**18, 10**17),
        (10**18, 10**17 + 1),
        (2**128 - 1, 2**256 - 1),
    ]
    return {
        "nextLeast": [[*map(str, row), str(rules.next_least(*row))] for row in least],
        "endAfter": [[*map(str, row), str(rules.end_after(*row))] for row in ends],
        "royalty": [[*map(str, row), str(rules.royalty(*row))] for row in fees],
    }


# now, ends_at, has_bid, ending, expires_at, then the state by its number; they are those of every kind of sale
_END, _CLAIM = OPENED_AT + 60, OPENED_AT + 60 + 7 * 86_400
_NEVER = 2**40 - 1
STATES = [
    [OPENED_AT, _END, 0, 0, _NEVER, 1],
    [_END - 1, _END, 1, 0, _NEVER, 1],
    [_END, _END, 1, 0, _NEVER, 2],
    [_END, _END, 0, 0, _NEVER, 3],
    [_CLAIM - 1, _END, 1, 0, _NEVER, 2],
    [_CLAIM, _END, 1, 0, _NEVER, 4],
    [_CLAIM, _END, 0, 0, _NEVER, 3],
    [_CLAIM, _END, 1, 5, _NEVER, 5],
    [_CLAIM, _END, 1, 6, _NEVER, 6],
    [OPENED_AT, _END, 0, 7, _NEVER, 7],
    [_END - 1, _END, 1, 0, _END, 1],
    [_END, _END, 1, 0, _END, 4],
    [_END, _END, 0, 0, _END, 3],
    [_END + 8, _END, 1, 0, _END + 9, 2],
    [_END + 9, _END, 1, 0, _END + 9, 4],
    [_CLAIM, _END, 1, 0, _CLAIM + 1, 4],
    [_END + 9, _END, 1, 5, _END, 5],
]


def main() -> None:
    """Write the file."""
    rules = Definitions()
    found = {"format": "mlm/english/1", **edges(rules), "states": STATES, "digests": digests(rules)}
    (HERE / "english.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
