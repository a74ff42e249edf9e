"""The posted price: the first bid takes it as it is, which closes the bids and starts the lease."""

from __future__ import annotations

from mlm.core.money import Amount


def refusal(price: int, *, floor: int, max_price: int, best: int | None) -> str | None:
    """Why a bid of `price` (base units) cannot stand, or None. `floor` <= `max_price` holds for every posted job."""
    if best is not None:
        return f"the price was taken at {Amount(best)}"
    if price != max_price:
        return f"the price is fixed: expected {Amount(max_price)}, found {Amount(price)}"
    return None
