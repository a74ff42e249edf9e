"""Seconds with a human spelling: JSON shows the integers, tables a date or a length. Nothing here reads a clock."""

from __future__ import annotations

from datetime import UTC, datetime

LAST = 253_402_300_799  # 9999-12-31T23:59:59Z, the last that ISO 8601 spells in four digits of a year


def iso_time(seconds: int) -> str:
    """UTC, as ISO 8601."""
    return datetime.fromtimestamp(min(seconds, LAST), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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
