"""Amounts: exact both ways, never a float, and rounding as the names say."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core.errors import UsageError
from mlm.core.money import Amount, Wei, format_units, parse_units, share_down, share_up

amounts = st.integers(min_value=0, max_value=10**48 - 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1", 10**18),
        ("1.25", 125 * 10**16),
        ("0.000000000000000001", 1),
        (" 3 ", 3 * 10**18),
        ("2.5 MLM", 25 * 10**17),
        ("007", 7 * 10**18),
        ("9" * 30, int("9" * 30) * 10**18),
    ],
)
def test_parse(text: str, expected: int) -> None:
    found = parse_units(text)
    assert found == expected and isinstance(found, Amount)


@pytest.mark.parametrize(
    "text",
    ["", " ", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "1_000", "0x10", "NaN", "inf", "١", "1.٢", "1 2", "1.0.0"]
    + ["1." + "0" * 19, "9" * 31, "MLM", "1 ETH", "²"],
)
def test_parse_refuses(text: str) -> None:
    with pytest.raises(UsageError):
        parse_units(text)


@given(amounts)
def test_round_trip_is_exact(amount: int) -> None:
    assert parse_units(format_units(amount)) == amount
    assert parse_units(str(Amount(amount))) == amount


@given(amounts, st.integers(min_value=0, max_value=18))
def test_display_rounds_toward_zero(amount: int, places: int) -> None:
    shown = Fraction(format_units(amount, places=places)) * 10**18
    assert 0 <= amount - shown < 10 ** (18 - places)
    assert format_units(-amount, places=places).lstrip("-") == format_units(amount, places=places)


def test_spelling() -> None:
    assert str(Amount(15 * 10**17)) == "1.5 MLM" and str(Amount(-1)) == "-0.000000000000000001 MLM"
    assert str(Wei(1_234_567_891)) == "0.000000001 ETH"
    assert format_units(12345, decimals=2) == "123.45" and format_units(100, decimals=0) == "100"


@given(amounts, st.integers(min_value=0, max_value=10_000))
def test_shares(amount: int, bps: int) -> None:
    exact = Fraction(amount * bps, 10_000)
    assert share_down(amount, bps) == floor(exact)
    assert share_up(amount, bps) == ceil(exact)
    assert share_down(amount, bps) + share_up(amount, 10_000 - bps) == amount
