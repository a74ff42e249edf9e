"""Amounts: exact both ways, never a float, and rounding as the names say."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core.errors import UsageError
from mlm.core.money import (
    COIN,
    MLM,
    Amount,
    Unit,
    Wei,
    current,
    format_units,
    is_symbol,
    parse_units,
    share_down,
    share_up,
    using,
)

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


@pytest.mark.parametrize("decimals", [0, 6, 8, 24, 36])
@given(amount=amounts)
def test_round_trip_in_every_unit(decimals: int, amount: int) -> None:
    unit = Unit("USDT", decimals)
    with using(lambda: unit):
        shown = str(Amount(amount))
        assert shown.endswith(" USDT") and ("." in shown) <= (decimals > 0)
        whole = shown.split(".")[0].removesuffix(" USDT")
        assert len(whole) > 30 or parse_units(shown) == amount
    assert current() == MLM


def test_the_unit_is_asked_for_when_an_amount_is_read_or_shown() -> None:
    """So a command that shows none reads no deployment file; and coins are none of it."""
    asked: list[int] = []

    def unit() -> Unit:
        asked.append(1)
        return Unit("USDT", 6)

    with using(unit):
        assert not asked
        assert parse_units("2.5") == 2_500_000 and format_units(2_500_000) == "2.5" and asked
        assert str(Wei(10**18)) == "1 ETH" and parse_units("1", COIN) == 10**18
        with pytest.raises(UsageError) as refused:
            parse_units("0.0000019")
    assert "at most 6 digits" in str(refused.value) and "0.000001 or 0.000002" in refused.value.hint


def test_more_digits_than_a_token_without_any() -> None:
    with pytest.raises(UsageError) as refused:
        parse_units("4.5", Unit("COUPON", 0))
    assert "4 or 5" in refused.value.hint


@pytest.mark.parametrize("symbol", ["MLM", "USDT", "USDC.e", "1INCH", "stETH", "a", "0x1234abcd", "A" * 15])
def test_symbols(symbol: str) -> None:
    assert is_symbol(symbol)


@pytest.mark.parametrize(
    "symbol",
    ["", " ", "US DT", "000", "1", "12MLM", "\x1b[2J", "USD\u20ae0", "\u0422", "A\n", "A" * 17, "[red]", "\u202eA"],
)
def test_symbols_that_could_mislead(symbol: str) -> None:
    assert not is_symbol(symbol)


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
