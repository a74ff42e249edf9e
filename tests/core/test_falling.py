"""The falling price: the shared vectors, which forge runs too, and 10,000 sales against their definitions."""

from __future__ import annotations

import json
from pathlib import Path

from mlm.core.auctions import english, falling
from tests.vectors import make_falling

FILE = json.loads((Path(__file__).parent.parent / "vectors" / "falling.json").read_text())


class Ours:
    """The rules under test."""

    price_up = staticmethod(falling.price_up)
    royalty = staticmethod(english.royalty)


def test_vectors() -> None:
    assert len(FILE["priceAt"]) >= 20
    for row in FILE["priceAt"]:
        *arguments, expected = map(int, row)
        assert falling.price_up(*arguments) == expected, row


def test_ten_thousand_sales() -> None:
    assert make_falling.digests(Ours()) == FILE["digests"]
    assert len(FILE["digests"]) * make_falling.BLOCK == 10_000


def test_the_file_is_what_its_script_writes() -> None:
    assert make_falling.edges(make_falling.Definitions()) == FILE["priceAt"]
    assert make_falling.digests(make_falling.Definitions(), 200) == FILE["digests"][:2]


def test_a_wrong_rule_shows() -> None:
    class Down(make_falling.Definitions):
        def price_up(self, start: int, reserve: int, opened_at: int, ends_at: int, now: int) -> int:
            return start - -(-(start - reserve) * (min(now, ends_at) - opened_at) // (ends_at - opened_at))

    found = make_falling.digests(Down(), 500)
    assert all(one != other for one, other in zip(found, FILE["digests"], strict=False))
