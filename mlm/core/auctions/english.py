"""The English auction of a lot: each bid a step above the best; late bids move the end (EnglishRules.sol).

Amounts are base units, times seconds since 1970. Intervals are half-open: an end's own second lies outside.
"""

from __future__ import annotations

from mlm.core.money import share_down, share_up

# devnet/contracts/libraries/SaleLimits.sol
MIN_STEP_BPS, MAX_STEP_BPS = 10, 5_000
MAX_ROYALTY_BPS = 1_000  # libraries/Limits.sol: MAX_RESALE_BPS


def next_least(reserve: int, step_bps: int, best: int) -> int:
    """The least next bid: the reserve while `best` is 0, then best + max(1, ceil(best * step_bps / 10,000))."""
    return best + max(1, share_up(best, step_bps)) if best else reserve


def end_after(now: int, ends_at: int, extension: int, latest_end: int) -> int:
    """The end after a bid at `now` < `ends_at`: `extension` seconds are left to the others, up to `latest_end`."""
    return max(ends_at, min(now + extension, latest_end))


def royalty(price: int, asked: int) -> int:
    """What a collection's ERC-2981 royalty takes of any sale's price; the seller gets the rest."""
    return min(asked, share_down(price, MAX_ROYALTY_BPS))
