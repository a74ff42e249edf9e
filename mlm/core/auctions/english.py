"""The English auction of a token: each bid a step above the best; late bids move the end. AssetSale computes the same.

Amounts are base units, times seconds since 1970. Intervals are half-open: an end's own second lies outside.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.errors import UsageError
from mlm.core.job import Named
from mlm.core.money import Amount, share_down, share_up

# devnet/contracts/libraries/SaleLimits.sol
MIN_STEP_BPS, MAX_STEP_BPS = 10, 5_000
MIN_WINDOW, MAX_DURATION, MAX_EXTENSION, MAX_OVERTIME = 60, 30 * 86_400, 86_400, 7 * 86_400
CLAIM_WINDOW = 7 * 86_400
MAX_ROYALTY_BPS = 1_000  # libraries/Limits.sol: MAX_RESALE_BPS


class SaleState(Named):
    """As the contract numbers them (interfaces/IAssetSale.sol)."""

    UNKNOWN = 0
    OPEN = 1
    SOLD = 2
    UNSOLD = 3
    LAPSED = 4
    DELIVERED = 5
    RETURNED = 6
    CANCELLED = 7

    @property
    def is_closed(self) -> bool:
        """The token has left the escrow."""
        return self >= SaleState.DELIVERED


class SaleReason(Named):
    """Why an account was credited."""

    OUTBID = 0
    PROCEEDS = 1
    ROYALTY = 2
    REFUND = 3
    EARNINGS = 4


@dataclass(frozen=True)
class Offer:
    """What a seller offers; the contract's struct of the same name, in its order. `collection` is 0x-hex."""

    collection: str
    token_id: int
    reserve: int
    step_bps: int
    duration: int
    extension: int


def check_offer(offer: Offer) -> None:
    """Hold an offer to the contract's bounds; raises UsageError."""
    for name, actual, least, most in (
        ("reserve, in base units", offer.reserve, 1, 2**128 - 1),
        ("least step, in 1/10,000", offer.step_bps, MIN_STEP_BPS, MAX_STEP_BPS),
        ("duration, in seconds", offer.duration, MIN_WINDOW, MAX_DURATION),
        ("extension, in seconds", offer.extension, MIN_WINDOW, min(offer.duration, MAX_EXTENSION)),
    ):
        if not least <= actual <= most:
            raise UsageError(f"{name}: expected from {least} to {most}, found {actual}")


def next_least(reserve: int, step_bps: int, best: int) -> int:
    """The least next bid: the reserve while `best` is 0, then best + max(1, ceil(best * step_bps / 10,000))."""
    return best + max(1, share_up(best, step_bps)) if best else reserve


def end_after(now: int, ends_at: int, extension: int, latest_end: int) -> int:
    """The end after a bid at `now` < `ends_at`: `extension` seconds are left to the others, up to `latest_end`."""
    return max(ends_at, min(now + extension, latest_end))


def royalty(price: int, asked: int) -> int:
    """What a collection's ERC-2981 royalty takes of a price; the seller gets the rest."""
    return min(asked, share_down(price, MAX_ROYALTY_BPS))


def refusal(price: int, *, least: int, is_seller: bool = False) -> str | None:
    """Why a bid of `price` cannot stand while the sale is open, or None. `least` is `next_least`."""
    if is_seller:
        return "the seller cannot bid"
    if price < least:
        return f"expected at least {Amount(least)}, found {Amount(price)}"
    return None


def state(now: int, *, ends_at: int, has_bid: bool, ending: SaleState = SaleState.UNKNOWN) -> SaleState:
    """The state of a sale that was opened; `ending` is how it was closed, UNKNOWN while the escrow holds the token."""
    if ending is not SaleState.UNKNOWN:
        return ending
    if now < ends_at:
        return SaleState.OPEN
    if not has_bid:
        return SaleState.UNSOLD
    return SaleState.SOLD if now < ends_at + CLAIM_WINDOW else SaleState.LAPSED
