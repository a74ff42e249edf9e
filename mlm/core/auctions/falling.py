"""The price of a sale that falls from its start to its reserve; a posted price is one that does not fall.

Amounts are base units, times seconds since 1970. FallingPrice.sol computes the same.
"""

from __future__ import annotations


def price_up(start: int, reserve: int, opened_at: int, ends_at: int, now: int) -> int:
    """Linear from `start` at the opening to `reserve` at the end, rounded up. opened_at <= now, reserve <= start."""
    if now >= ends_at:
        return reserve
    return start - (start - reserve) * (now - opened_at) // (ends_at - opened_at)
