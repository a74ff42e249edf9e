"""What a posting may ask for, by kind of auction."""

from __future__ import annotations

import pytest

from mlm.core.auctions.asked import check
from mlm.core.errors import UsageError
from mlm.core.job import AuctionKind

F, R, S, D, B = AuctionKind
T = 10**18


@pytest.mark.parametrize(
    ("kind", "start", "step", "reveal"),
    [
        (F, None, None, None),
        (R, None, None, None),
        (S, None, None, 60),
        (D, T, None, None),
        (D, 5 * T, None, None),
        (B, T, T // 2, 60),
    ],
)
def test_what_a_kind_takes(kind: AuctionKind, start: int | None, step: int | None, reveal: int | None) -> None:
    check(kind, 5 * T, start, step, reveal)


@pytest.mark.parametrize(
    ("kind", "start", "step", "reveal", "words"),
    [
        (F, None, None, 60, "--reveal: a fixed auction has no such thing"),
        (R, T, None, None, "--start-price: a reverse auction has no such thing"),
        (S, None, T, 60, "--price-step: a sealed auction has no such thing"),
        (D, T, T, None, "--price-step: a dutch auction has no such thing"),
        (D, T, None, 60, "--reveal: a dutch auction has no such thing"),
        (D, None, None, None, "--start-price: a dutch auction needs it: what the clock offers first"),
        (B, None, T, 60, "--start-price: a batch auction needs it: the lowest price"),
        (B, T, None, 60, "--price-step: a batch auction needs it: the distance of two prices"),
        (D, 6 * T, None, None, "--start-price: expected at most the maximum price of 5 MLM, found 6 MLM"),
        (B, T, 0, 60, "--price-step: expected more than 0"),
        (B, T, 3 * T, 60, "--max-price: expected a price of the grid such as 4 MLM or 7 MLM, found 5 MLM"),
        (B, T, 1, 60, "--max-price: expected a price of the grid"),  # beyond its last tick
    ],
)
def test_what_it_does_not(
    kind: AuctionKind, start: int | None, step: int | None, reveal: int | None, words: str
) -> None:
    with pytest.raises(UsageError) as refused:
        check(kind, 5 * T, start, step, reveal)
    assert str(refused.value).startswith(words)
    option = words.split(":")[0]
    assert "needs it" not in words or refused.value.hint == f"Add {option} TOKENS."
