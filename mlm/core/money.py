"""Money: integer base units and their human spelling. No float ever touches an amount.

What a base unit is worth follows from the market's token: amounts are read and shown in the unit that `using` sets.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mlm.core.errors import UsageError

BASIS_POINTS = 10_000
MAX_DECIMALS = 36  # 10^36 base units still fit a uint128 hundreds of times
# Printed beside amounts, so: short, ASCII, without blanks, and nothing that could be read as more digits.
_SYMBOL = re.compile(r"[0-9]?[A-Za-z][A-Za-z0-9._$+-]{0,14}")


@dataclass(frozen=True)
class Unit:
    """How amounts of a token are written: one token is 10^decimals base units."""

    symbol: str
    decimals: int

    def spell(self, amount: int) -> str:
        """The exact amount with its symbol, such as `1.5 MLM`."""
        return f"{format_units(amount, self.decimals)} {self.symbol}"


MLM = Unit("MLM", 18)  # the market's own token; of a deployment that says nothing else
COIN = Unit("ETH", 18)


def is_symbol(text: str) -> bool:
    """Whether a symbol, which may come from anybody's contract, can stand beside a number and mislead nobody."""
    return _SYMBOL.fullmatch(text) is not None


class _Shown:
    """The unit of this process's market, asked for when the first amount is read or shown."""

    unit: Callable[[], Unit] = staticmethod(lambda: MLM)


@contextmanager
def using(unit: Callable[[], Unit]) -> Iterator[None]:
    """Until the block ends amounts are read and shown in the unit that `unit` returns: for the command line alone."""
    before, _Shown.unit = _Shown.unit, staticmethod(unit)
    try:
        yield
    finally:
        _Shown.unit = staticmethod(before)


def current() -> Unit:
    """The unit in which amounts are read and shown now."""
    return _Shown.unit()


class Amount(int):
    """Base units of the market's token. JSON shows a decimal string of them, tables the human unit."""

    def __str__(self) -> str:
        return current().spell(self)


class Wei(int):
    """Wei of the chain's own coin, for fees."""

    def __str__(self) -> str:
        return f"{format_units(self, COIN.decimals, places=9)} {COIN.symbol}"


def parse_units(text: str, unit: Unit | None = None) -> Amount:
    """Read a plain decimal such as `1.25`, or `1.25 MLM`, into base units of `unit`, by default the market's.

    Raises UsageError on anything else, on another symbol, and on more digits than the token has: nothing is rounded.
    """
    unit = unit or current()
    whole, point, fraction = text.strip().removesuffix(unit.symbol).strip().partition(".")
    digits = whole + fraction
    if not digits.isascii() or not digits.isdigit() or (point and not fraction) or not whole:
        raise UsageError(f"expected an amount such as 1.25, in {unit.symbol}, found {text!r}")
    if len(whole) > 30:
        raise UsageError(f"expected an amount below 10^30, found {text!r}")
    if len(fraction) > unit.decimals:
        cut = int(whole) * 10**unit.decimals + int(fraction[: unit.decimals] or "0")
        raise UsageError(
            f"expected at most {unit.decimals} digits after the point, as {unit.symbol} has, found {text!r}",
            hint=f"Round it yourself: {' or '.join(format_units(cut + more, unit.decimals) for more in (0, 1))}.",
        )
    return Amount(int(whole) * 10**unit.decimals + int(fraction.ljust(unit.decimals, "0") or "0"))


def format_units(amount: int, decimals: int | None = None, places: int | None = None) -> str:
    """Exact decimal spelling without trailing zeros, by default in the market's unit.

    `places` rounds toward zero, for display only.
    """
    decimals = current().decimals if decimals is None else decimals
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(int(amount)), 10**decimals)
    digits = f"{rest:0{decimals}d}" if decimals else ""
    fraction = digits[: decimals if places is None else places].rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def share_down(amount: int, bps: int) -> int:
    """floor(amount * bps / 10,000)."""
    return amount * bps // BASIS_POINTS


def share_up(amount: int, bps: int) -> int:
    """ceil(amount * bps / 10,000)."""
    return -(-amount * bps // BASIS_POINTS)
