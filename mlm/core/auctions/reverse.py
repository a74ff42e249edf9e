"""The open reverse auction: each bid lies below the best so far; the last standing at the close holds the lease."""

from __future__ import annotations

from mlm.core.money import Amount


def refusal(price: int, *, floor: int, max_price: int, best: int | None) -> str | None:
    """Why a bid of `price` (base units) cannot stand, or None. `floor` is what fee and owner are due."""
    if price < floor:
        return f"expected at least {Amount(floor)}, which fee and owner are due; found {Amount(price)}"
    if price > max_price:
        return f"expected at most {Amount(max_price)}, found {Amount(price)}"
    if best is not None and price >= best:
        return f"expected less than the best bid of {Amount(best)}, found {Amount(price)}"
    return None
