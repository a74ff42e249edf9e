"""Writes falling.json, which pytest and forge both run: `python tests/vectors/make_falling.py`.

Deterministic, as make_english.py: expected values come from the definition, exactly rational. `digests` are of the
outcomes of 10,000 sales, 100 to a digest; tests/core/test_falling.py and devnet/test/Falling.t.sol draw the same.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from fractions import Fraction
from hashlib import sha256
from math import ceil, floor
from pathlib import Path
from typing import Protocol

HERE = Path(__file__).resolve().parent
OPENED_AT = 1_700_000_000
SALES, BLOCK = 10_000, 100


class Rules(Protocol):
    """The rules under test, or their definitions."""

    def price_up(self, start: int, reserve: int, opened_at: int, ends_at: int, now: int) -> int: ...

    def royalty(self, price: int, asked: int) -> int: ...


class Definitions:
    """What the words of docs/sale.md say, in rational numbers."""

    def price_up(self, start: int, reserve: int, opened_at: int, ends_at: int, now: int) -> int:
        """On the straight line from the start at the opening to the reserve at the end, or the unit above it."""
        passed = Fraction(min(now, ends_at) - opened_at, ends_at - opened_at)
        return ceil(start * (1 - passed) + reserve * passed)

    def royalty(self, price: int, asked: int) -> int:
        """At most a tenth, rounded down."""
        return min(asked, floor(price * Fraction(1, 10)))


@dataclass(frozen=True)
class Outcome:
    """How a sale ended. Buyers are 1 to 3; the seller is 0, and so is nobody. `at` is in seconds after the opening."""

    buyer: int
    price: int
    at: int
    refused: int
    royalty: int
    proceeds: int

    @property
    def words(self) -> bytes:
        """As it is hashed: words of 32 bytes."""
        return b"".join(part.to_bytes(32, "big") for part in astuple(self))


def drawn(sale: int, position: int) -> int:
    """The random number at a position of a sale."""
    return int.from_bytes(
        sha256(b"mlm/falling" + sale.to_bytes(4, "big") + position.to_bytes(4, "big")).digest(), "big"
    )


def outcome(sale: int, rules: Rules) -> Outcome:
    """Up to 5 come to buy, until one does: some too late, with too little, or the seller. One sale of four is fixed."""
    reserve = 1 + drawn(sale, 0) % 10 ** (drawn(sale, 1) % 20)
    start = reserve + (drawn(sale, 2) % 10 ** (drawn(sale, 3) % 20) if drawn(sale, 4) % 4 else 0)
    duration = 60 + drawn(sale, 5) % 3_541
    now, ends_at = OPENED_AT, OPENED_AT + duration
    refused = 0
    for number in range(drawn(sale, 6) % 6):
        draw = drawn(sale, 7 + number)
        now += (draw & 0xFFFF) % (duration // 3 + 1)
        buyer = (draw >> 16) % 4
        price = rules.price_up(start, reserve, OPENED_AT, ends_at, now)
        limit = max(0, price + (draw >> 32) % 64 - 16)
        if now >= ends_at or buyer == 0 or limit < price:
            refused += 1
            continue
        fee = rules.royalty(price, drawn(sale, 100) % (price // 5 + 1))
        return Outcome(buyer, price, now - OPENED_AT, refused, fee, price - fee)
    return Outcome(0, 0, now - OPENED_AT, refused, 0, 0)


def digests(rules: Rules, sales: int = SALES) -> list[str]:
    """sha256 of the outcomes of each block of sales."""
    return [
        "0x" + sha256(b"".join(outcome(number, rules).words for number in range(first, first + BLOCK))).hexdigest()
        for first in range(0, sales, BLOCK)
    ]


def edges(rules: Rules) -> list[list[str]]:
    """start, reserve, opened_at, ends_at, now, then the price."""
    at, most = OPENED_AT, 2**128 - 1
    rows = [(10, 10, at, at + 60, at + passed) for passed in (0, 59, 60, 10**6)]
    rows += [(70, 10, at, at + 60, at + passed) for passed in (0, 1, 30, 59, 60, 61)]
    rows += [(11, 10, at, at + 60, at + passed) for passed in (0, 1, 59, 60)]
    rows += [(most, 1, at, at + 30 * 86_400, at + passed) for passed in (0, 1, 86_400, 30 * 86_400 - 1, 30 * 86_400)]
    rows += [(10**18, 10**17, at, at + 7, at + passed) for passed in range(8)]
    return [[*map(str, row), str(rules.price_up(*row))] for row in rows]


def main() -> None:
    """Write the file."""
    rules = Definitions()
    found = {"format": "mlm/falling/1", "priceAt": edges(rules), "digests": digests(rules)}
    (HERE / "falling.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
