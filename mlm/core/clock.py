"""Seconds with a human spelling: JSON shows the integers, tables a date or a length. Nothing here reads a clock."""

from __future__ import annotations

from datetime import UTC, datetime

from mlm.core.errors import UsageError

LAST = 253_402_300_799  # 9999-12-31T23:59:59Z, the last that ISO 8601 spells in four digits of a year


def iso_time(seconds: int) -> str:
    """UTC, as ISO 8601."""
    return datetime.fromtimestamp(min(seconds, LAST), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text: str) -> int:
    """Seconds of `90`, `90s`, `15m`, `2h` or `30d`; raises UsageError."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    if not (number.isascii() and number.isdigit()) or len(number) > 10:
        raise UsageError(f"expected a duration such as 90s, 15m, 2h or 30d, found {text[:60]!r}")
    return int(number) * _UNITS[unit]


class Instant(int):
    """Seconds since 1970. 0 is what contracts store for never."""

    def __str__(self) -> str:
        return iso_time(self) if self else "never"


class Duration(int):
    """A length of time in seconds."""

    def __str__(self) -> str:
        minutes, seconds = divmod(abs(int(self)), 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")) if n]
        return ("-" if self < 0 else "") + " ".join(parts[:2]) if parts else "0 s"
