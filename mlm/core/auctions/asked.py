"""What a posting may ask for, and what it must, by kind of auction. The contract refuses the same; here in words."""

from __future__ import annotations

from mlm.core.auctions import batch
from mlm.core.errors import UsageError
from mlm.core.job import AuctionKind
from mlm.core.money import Amount

# The options that only some kinds take: all of them are needed there.
TAKEN_BY: dict[str, tuple[AuctionKind, ...]] = {
    "start-price": (AuctionKind.DUTCH, AuctionKind.BATCH),
    "price-step": (AuctionKind.BATCH,),
    "reveal": (AuctionKind.SEALED, AuctionKind.BATCH),
}
_WHY = {
    "start-price": {
        AuctionKind.DUTCH: "what the clock offers first, such as half of the maximum price",
        AuctionKind.BATCH: "the lowest price of the round's grid",
    },
    "price-step": {AuctionKind.BATCH: "the distance of two prices of the round's grid"},
}


def check(
    kind: AuctionKind, max_price: int, start_price: int | None, price_step: int | None, reveal: int | None
) -> None:
    """Raise UsageError for an option that the kind does not take, one that it lacks, or a price off a batch's grid.

    Prices are base units, `reveal` seconds; None was not given.
    """
    given = {"start-price": start_price, "price-step": price_step, "reveal": reveal}
    for option, value in given.items():
        if value is not None and kind not in TAKEN_BY[option]:
            kinds = " or ".join(str(each) for each in TAKEN_BY[option])
            raise UsageError(
                f"--{option}: a {kind} auction has no such thing", hint=f"Leave it out, or use --auction {kinds}."
            )
        if value is None and kind in TAKEN_BY[option] and option in _WHY:
            raise UsageError(
                f"--{option}: a {kind} auction needs it: {_WHY[option][kind]}", hint=f"Add --{option} TOKENS."
            )
    if start_price is not None and start_price > max_price:
        raise UsageError(
            f"--start-price: expected at most the maximum price of {Amount(max_price)}, found {Amount(start_price)}"
        )
    if kind is AuctionKind.BATCH and start_price is not None and price_step is not None:
        if price_step == 0:
            raise UsageError("--price-step: expected more than 0")
        try:
            batch.tick_of(max_price, start_price=start_price, price_step=price_step)
        except UsageError as error:
            raise UsageError(f"--max-price: {error}", hint=error.hint or "The grid begins at --start-price.") from error
