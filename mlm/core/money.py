"""Money: integer base units and their human spelling. No float ever touches an amount."""

from mlm.core.errors import UsageError

TOKEN_DECIMALS = 18
TOKEN_SYMBOL = "MLM"
BASIS_POINTS = 10_000


class Amount(int):
    """Base units of the market's token. JSON shows a decimal string, tables the human unit."""

    def __str__(self) -> str:
        return f"{format_units(self)} {TOKEN_SYMBOL}"


class Wei(int):
    """Wei of the chain's own coin, for fees."""

    def __str__(self) -> str:
        return f"{format_units(self, places=9)} ETH"


def parse_units(text: str, decimals: int = TOKEN_DECIMALS) -> Amount:
    """Read a plain decimal such as `1.25` into base units; raises UsageError on anything else or on excess digits."""
    whole, point, fraction = text.strip().removesuffix(TOKEN_SYMBOL).strip().partition(".")
    digits = whole + fraction
    if not digits.isascii() or not digits.isdigit() or (point and not fraction) or not whole:
        raise UsageError(f"expected an amount such as 1.25, found {text!r}")
    if len(fraction) > decimals:
        raise UsageError(f"expected at most {decimals} digits after the point, found {text!r}")
    if len(whole) > 30:
        raise UsageError(f"expected an amount below 10^30, found {text!r}")
    return Amount(int(whole) * 10**decimals + int(fraction.ljust(decimals, "0") or "0"))


def format_units(amount: int, decimals: int = TOKEN_DECIMALS, places: int | None = None) -> str:
    """Exact decimal spelling without trailing zeros; `places` rounds toward zero for display only."""
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(int(amount)), 10**decimals)
    fraction = f"{rest:0{decimals}d}"[: decimals if places is None else places].rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def share_down(amount: int, bps: int) -> int:
    """floor(amount * bps / 10,000)."""
    return amount * bps // BASIS_POINTS


def share_up(amount: int, bps: int) -> int:
    """ceil(amount * bps / 10,000)."""
    return -(-amount * bps // BASIS_POINTS)
