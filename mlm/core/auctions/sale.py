"""Sales of assets and licences, of every kind: what a seller offers, and how a sale stands (AssetSale.sol).

How a price comes about is english.py's (bids rise) and falling.py's (the price falls). Amounts are base units, times
seconds since 1970. Intervals are half-open: an end's own second lies outside.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.auctions.english import MAX_STEP_BPS, MIN_STEP_BPS
from mlm.core.errors import UsageError
from mlm.core.job import Named
from mlm.core.money import Amount

# devnet/contracts/libraries/SaleLimits.sol
MIN_WINDOW, MAX_DURATION, MAX_EXTENSION, MAX_OVERTIME = 60, 30 * 86_400, 86_400, 7 * 86_400
CLAIM_WINDOW = 7 * 86_400
NEVER = 2**40 - 1  # the expiry of what does not expire


class SaleKind(Named):
    """How a lot finds its price; it follows from the start price and the reserve."""

    ENGLISH = 0
    DUTCH = 1
    FIXED = 2


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
        """The lot has left the escrow."""
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
    """What a seller offers; the contract's struct of the same name, in its order. `collection` is 0x-hex.

    `units` of an ERC-1155 id, or 0 for an ERC-721 token. `start` is 0 in an English auction; `step_bps` and `extension`
    are in the others.
    """

    collection: str
    token_id: int
    units: int
    start: int
    reserve: int
    step_bps: int
    duration: int
    extension: int

    @property
    def kind(self) -> SaleKind:
        """Which kind it is."""
        return kind_of(self.start, self.reserve)


def kind_of(start: int, reserve: int) -> SaleKind:
    """The kind of a sale with this start price and reserve."""
    if start == 0:
        return SaleKind.ENGLISH
    return SaleKind.FIXED if start == reserve else SaleKind.DUTCH


def check_offer(offer: Offer, *, expires_in: int = NEVER) -> None:
    """Hold an offer to the contract's bounds; raises UsageError. `expires_in`: seconds until the lot expires."""
    rises = offer.kind is SaleKind.ENGLISH
    most = 2**128 - 1
    for name, actual, low, high in (
        ("units", offer.units, 0, most),
        ("reserve, in base units", offer.reserve, 1, most),
        ("start price, in base units", offer.start, 0 if rises else offer.reserve, most),
        ("least step, in 1/10,000", offer.step_bps, *((MIN_STEP_BPS, MAX_STEP_BPS) if rises else (0, 0))),
        ("duration, in seconds", offer.duration, MIN_WINDOW, min(MAX_DURATION, max(0, expires_in))),
        (
            "extension, in seconds",
            offer.extension,
            *((MIN_WINDOW, min(offer.duration, MAX_EXTENSION)) if rises else (0, 0)),
        ),
    ):
        if not low <= actual <= high:
            raise UsageError(f"{name}: expected from {low} to {high}, found {actual}")


def refusal(price: int, *, least: int, is_seller: bool = False) -> str | None:
    """Why `price` does not lead or buy while the sale is open, or None. `least` is the contract's `nextLeast`."""
    if is_seller:
        return "the seller cannot bid or buy"
    if price < least:
        return f"expected at least {Amount(least)}, found {Amount(price)}"
    return None


def state(
    now: int, *, ends_at: int, has_bid: bool, ending: SaleState = SaleState.UNKNOWN, expires_at: int = NEVER
) -> SaleState:
    """The state of a sale that was opened; `ending` is how it was closed, UNKNOWN while the escrow holds the lot."""
    if ending is not SaleState.UNKNOWN:
        return ending
    if now < ends_at:
        return SaleState.OPEN
    if not has_bid:
        return SaleState.UNSOLD
    return SaleState.SOLD if now < min(ends_at + CLAIM_WINDOW, expires_at) else SaleState.LAPSED
