"""The split of a price: against the shared vectors, and its laws for any input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core.errors import UsageError
from mlm.core.money import Amount
from mlm.core.settlement import (
    MAX_PARENTS,
    FeeSplit,
    challenger_part,
    fee_up,
    floor_price,
    lock_up,
    owner_part,
    split,
    split_fee,
)

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
CASES: list[dict[str, Any]] = json.loads((VECTORS / "settlement.json").read_text())["cases"]
LOCKS: list[dict[str, Any]] = json.loads((VECTORS / "settlement.json").read_text())["locks"]

fees = st.integers(0, 1_000)
owners = st.integers(0, 9_000)
amounts = st.one_of(st.integers(0, 300), st.integers(0, 2**127))


@st.composite
def shares(draw: st.DrawFn) -> list[int]:
    count = draw(st.integers(0, MAX_PARENTS))
    return [0, *(draw(st.integers(0, 10_000 // max(1, count))) for _ in range(count))]


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_vectors(case: dict[str, Any]) -> None:
    use_price = int(case["usePrice"])
    found = split(
        int(case["price"]),
        fee_bps=case["feeBps"],
        use_price=use_price,
        owner_bps=case["ownerBps"],
        bps=case["bps"],
    )
    assert (found.fee, found.provider) == (int(case["fee"]), int(case["provider"]))
    assert list(found.shares) == [int(share) for share in case["shares"]]
    assert floor_price(case["feeBps"], use_price) == int(case["floor"])
    fee = split_fee(found.fee, treasury_bps=case["treasuryBps"], stakers_bps=case["stakersBps"])
    assert fee == FeeSplit(*(Amount(case[name]) for name in ("treasury", "stakers", "burned")))


@pytest.mark.parametrize("case", LOCKS, ids=range(len(LOCKS)))
def test_locks_and_what_burns_of_them(case: dict[str, Any]) -> None:
    price, lock = int(case["maxPrice"]), int(case["optimisticLock"])
    terms = {"lock_bps": case["lockBps"], "min_lock": int(case["minLock"])}
    assert lock_up(price, challenged=False, **terms) == int(case["lock"])
    assert lock_up(price, challenged=True, **terms) == lock
    assert lock_up(price, challenged=True, at_risk=9 * price, **terms) == max(lock, 20 * price)
    assert challenger_part(lock) == int(case["challenger"])
    assert lock - challenger_part(lock) == int(case["burned"]) >= price


def test_the_vectors_cover_what_they_should() -> None:
    assert len(CASES) >= 80
    assert any(len(case["bps"]) == MAX_PARENTS + 1 for case in CASES)
    assert any(int(case["provider"]) == 0 for case in CASES)
    assert any(int(case["price"]) > 2**100 for case in CASES)


@given(fees, amounts, owners, shares(), st.integers(0, 2**100))
def test_parts_sum_to_the_price_and_none_is_negative(
    fee_bps: int, use_price: int, owner_bps: int, bps: list[int], above: int
) -> None:
    price = floor_price(fee_bps, use_price) + above
    found = split(price, fee_bps=fee_bps, use_price=use_price, owner_bps=owner_bps, bps=bps)
    assert found.total == price
    assert min(found.fee - 1, found.provider, *found.shares) >= 0
    assert sum(found.shares) == owner_part(price, use_price, owner_bps) >= use_price


@given(fees, amounts, owners)
def test_the_floor_is_the_least_payable_price(fee_bps: int, use_price: int, owner_bps: int) -> None:
    least = floor_price(fee_bps, use_price)
    assert fee_up(least, fee_bps) + owner_part(least, use_price, owner_bps) <= least
    below = least - 1
    assert fee_up(below, fee_bps) + owner_part(below, use_price, owner_bps) > below


@given(amounts, st.integers(0, 10_000), st.data())
def test_the_shares_of_a_fee_sum_to_it_and_dust_burns(fee: int, treasury_bps: int, data: st.DataObject) -> None:
    stakers_bps = data.draw(st.integers(0, 10_000 - treasury_bps))
    found = split_fee(fee, treasury_bps=treasury_bps, stakers_bps=stakers_bps)
    assert found.treasury + found.stakers + found.burned == fee
    assert min(found.treasury, found.stakers, found.burned) >= 0
    assert found.treasury * 10_000 <= fee * treasury_bps
    assert found.stakers * 10_000 <= fee * stakers_bps


@pytest.mark.parametrize("shares", [(5_001, 5_000), (-1, 0), (0, -1), (10_001, 0)])
def test_shares_of_a_fee_past_one_whole_are_refused(shares: tuple[int, int]) -> None:
    with pytest.raises(UsageError):
        split_fee(100, treasury_bps=shares[0], stakers_bps=shares[1])


def test_small_floors_by_search() -> None:
    for fee_bps in (0, 1, 333, 1_000):
        for use_price in range(60):
            search = next(p for p in range(1, 200) if fee_up(p, fee_bps) + owner_part(p, use_price, 9_000) <= p)
            assert floor_price(fee_bps, use_price) == search


@pytest.mark.parametrize(
    ("price", "bps"),
    [(100, [0]), (10**6, []), (10**6, [0] * 17), (10**6, [0, 5_001, 5_000]), (10**6, [0, -1])],
    ids=["below-the-floor", "no-payee", "seventeen-payees", "shares-above-one-whole", "negative-share"],
)
def test_refusals(price: int, bps: list[int]) -> None:
    with pytest.raises(UsageError):
        split(price, fee_bps=100, use_price=100, owner_bps=500, bps=bps)


def test_fee_and_owner_above_one_whole_are_refused() -> None:
    with pytest.raises(UsageError):
        split(10**6, fee_bps=1_001, use_price=0, owner_bps=9_000, bps=[0])
