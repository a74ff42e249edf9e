"""Prices that leave a provider what it wants, against the settlement's own split."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core import pricing
from mlm.core.errors import UsageError
from mlm.core.job import AuctionKind, Tier
from mlm.core.pricing import Ask, price_for
from mlm.core.settlement import floor_price, split


def ask(**changes: object) -> Ask:
    given = {
        "asset": "alice/digits-mlp@1.0.0",
        "tier": Tier.ZK,
        "auction": AuctionKind.REVERSE,
        "max_price": 10**9,
        "floor": 1,
        "bond": 10,
        "fee_bps": 100,
        "use_price": 0,
        "owner_bps": 500,
        "seconds": 36.0,
        **changes,
    }
    return Ask(**given)  # type: ignore[arg-type]


terms = st.fixed_dictionaries(
    {"fee_bps": st.integers(0, 1_000), "use_price": st.integers(0, 60), "owner_bps": st.integers(0, 9_000 - 1)}
)


@given(st.integers(0, 80), terms)
def test_it_is_the_least_price_that_leaves_the_net(net: int, given: dict[str, int]) -> None:
    found = price_for(net, **given)
    least = next(price for price in range(10**6) if pricing.left(price, **given) >= net)
    assert found == least


@given(st.integers(1, 2**100), terms)
def test_the_settlement_pays_what_was_meant(net: int, given: dict[str, int]) -> None:
    price = price_for(net, **given)
    assert price >= floor_price(given["fee_bps"], given["use_price"])
    found = split(price, fee_bps=given["fee_bps"], use_price=given["use_price"], owner_bps=given["owner_bps"], bps=(0,))
    assert found.provider >= net


def test_what_takes_everything_has_no_price() -> None:
    with pytest.raises(UsageError, match="take all"):
        price_for(1, fee_bps=1_000, use_price=0, owner_bps=9_000)


def test_the_strategies() -> None:
    margin = pricing.named("margin", cost=1_000, margin_bps=2_000, hourly=10**6)
    measured = pricing.named("throughput", cost=1_000, margin_bps=2_000, hourly=10**6)
    market = pricing.named("market", cost=1_000, margin_bps=2_000, hourly=10**6)
    assert margin.price(ask()) == price_for(1_200, fee_bps=100, use_price=0, owner_bps=500)
    # 36 s of an hour are a hundredth of 10^6
    costs = price_for(13_200, fee_bps=100, use_price=0, owner_bps=500)
    assert measured.price(ask()) == costs == market.price(ask())
    assert market.price(ask(recent=(50_000, 60_000, 70_000))) == 59_400
    assert market.price(ask(recent=(50, 60, 70))) == costs  # never below what it costs
    with pytest.raises(UsageError, match="margin, throughput, market"):
        pricing.named("cheapest", cost=0, margin_bps=0, hourly=0)


def test_large_amounts_are_exact() -> None:
    assert pricing.share_of_hour_up(10**30 + 1, 3600.0) == 10**30 + 1
    assert pricing.share_of_hour_up(1, 0.001) == 1
