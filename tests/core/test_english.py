"""English auctions: the shared vectors, which forge runs too, and 10,000 auctions against their definitions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlm.core.auctions import english
from mlm.core.auctions import sale as rules
from mlm.core.auctions.sale import Offer, SaleKind, SaleState
from mlm.core.errors import UsageError
from tests.vectors import make_english

FILE = json.loads((Path(__file__).parent.parent / "vectors" / "english.json").read_text())
OFFER = Offer("0x" + "11" * 20, 1, 0, 0, 10, 500, 3_600, 600)
FALLING = Offer("0x" + "11" * 20, 1, 3, 10, 10, 0, 3_600, 0)


def numbers(row: list[str]) -> list[int]:
    return [int(value) for value in row]


def test_vectors() -> None:
    for name, rule in (
        ("nextLeast", english.next_least),
        ("endAfter", english.end_after),
        ("royalty", english.royalty),
    ):
        for row in FILE[name]:
            *arguments, expected = numbers(row)
            assert rule(*arguments) == expected, (name, row)


def test_states() -> None:
    for now, ends_at, has_bid, ending, expires_at, expected in FILE["states"]:
        found = rules.state(
            now, ends_at=ends_at, has_bid=bool(has_bid), ending=SaleState(ending), expires_at=expires_at
        )
        assert found == expected, (now, ends_at, has_bid, ending, expires_at)


def test_ten_thousand_auctions() -> None:
    assert make_english.digests(english) == FILE["digests"]
    assert len(FILE["digests"]) * make_english.BLOCK == 10_000


def test_the_file_is_what_its_script_writes() -> None:
    assert make_english.edges(make_english.Definitions()) == {n: FILE[n] for n in ("nextLeast", "endAfter", "royalty")}
    assert make_english.digests(make_english.Definitions(), 200) == FILE["digests"][:2]


def test_a_wrong_rule_shows() -> None:
    """The digests hold more than the usual case: a step rounded down, or a late bid that moves nothing, is found."""

    class Down(make_english.Definitions):
        def next_least(self, reserve: int, step_bps: int, best: int) -> int:
            return best + best * step_bps // 10_000 if best else reserve

    class Sniped(make_english.Definitions):
        def end_after(self, now: int, ends_at: int, extension: int, latest_end: int) -> int:
            return ends_at

    for wrong in (Down(), Sniped()):
        found = make_english.digests(wrong, 500)
        assert all(one != other for one, other in zip(found, FILE["digests"], strict=False))


def test_refusals() -> None:
    assert rules.refusal(9, least=10) == "expected at least 0.00000000000000001 MLM, found 0.000000000000000009 MLM"
    assert rules.refusal(10, least=10) is None
    assert rules.refusal(10, least=10, is_seller=True) == "the seller cannot bid or buy"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reserve": 0}, "reserve, in base units: expected from 1"),
        ({"step_bps": 9}, "expected from 10 to 5000, found 9"),
        ({"duration": 59}, "duration, in seconds: expected from 60"),
        ({"duration": 30 * 86_400 + 1}, "to 2592000"),
        ({"extension": 59}, "extension, in seconds: expected from 60"),
        ({"extension": 3_601}, "to 3600, found 3601"),
        ({"duration": 30 * 86_400, "extension": 86_401}, "to 86400"),
    ],
)
def test_offers_have_bounds(change: dict[str, int], words: str) -> None:
    rules.check_offer(OFFER)
    with pytest.raises(UsageError, match=words):
        rules.check_offer(Offer(**{**vars(OFFER), **change}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start": 9}, "start price, in base units: expected from 10"),
        ({"step_bps": 10}, "least step, in 1/10,000: expected from 0 to 0, found 10"),
        ({"extension": 60}, "extension, in seconds: expected from 0 to 0, found 60"),
        ({"units": 2**128}, "units: expected from 0"),
    ],
)
def test_falling_offers_have_bounds(change: dict[str, int], words: str) -> None:
    rules.check_offer(FALLING)
    with pytest.raises(UsageError, match=words):
        rules.check_offer(Offer(**{**vars(FALLING), **change}))


def test_no_sale_outlives_its_lot() -> None:
    rules.check_offer(OFFER, expires_in=3_600)
    for seconds in (3_599, 0, -5):
        with pytest.raises(UsageError, match="duration, in seconds: expected from 60 to"):
            rules.check_offer(OFFER, expires_in=seconds)


def test_the_kind_follows_from_the_prices() -> None:
    assert (OFFER.kind, FALLING.kind) == (SaleKind.ENGLISH, SaleKind.FIXED)
    assert rules.kind_of(11, 10) is SaleKind.DUTCH


def test_bounds_are_the_contracts() -> None:
    """devnet/contracts/libraries/SaleLimits.sol, read as text."""
    text = (Path(__file__).parents[2] / "devnet/contracts/libraries/SaleLimits.sol").read_text()
    units = {"minutes": 60, "days": 86_400}
    found = {}
    for line in text.splitlines():
        if line.startswith("uint256 constant"):
            name, _, value = line.removeprefix("uint256 constant ").rstrip(";").partition(" = ")
            number, _, unit = value.partition(" ")
            found[name] = int(number) * units.get(unit, 1)
    assert found == {
        "MIN_SALE_STEP_BPS": english.MIN_STEP_BPS,
        "MAX_SALE_STEP_BPS": english.MAX_STEP_BPS,
        "MIN_SALE_WINDOW": rules.MIN_WINDOW,
        "MAX_SALE_DURATION": rules.MAX_DURATION,
        "MAX_SALE_EXTENSION": rules.MAX_EXTENSION,
        "MAX_SALE_OVERTIME": rules.MAX_OVERTIME,
        "SALE_CLAIM_WINDOW": rules.CLAIM_WINDOW,
    }
