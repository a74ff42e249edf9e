"""Standings, and the cost of faking them against brute force; the contract's fields; the page's figures."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlm.core.errors import UsageError
from mlm.core.money import Amount, format_units
from mlm.core.reputation import Forgery, Standing, forge, least_fee
from mlm.core.settlement import fee_up, split_fee

ROOT = Path(__file__).resolve().parents[2]
ONE = 10**18
DEVNET = {"fee_bps": 100, "treasury_bps": 4_000, "stakers_bps": 3_000}

treasuries, stakers, costs = st.integers(0, 5_000), st.integers(0, 3_000), st.integers(0, 10**20)


def test_the_fields_are_the_contracts() -> None:
    abi = json.loads((ROOT / "devnet" / "artifacts" / "Reputation.json").read_text())["abi"]
    (read,) = (item for item in abi if item.get("name") == "reputationOf")
    names = [part["name"] for part in read["outputs"][0]["components"]]
    assert [field.name.replace("_", "") for field in fields(Standing)] == [name.lower() for name in names]


def test_stars_weigh_points() -> None:
    # A dear job with one star, and ten cheap ones with five.
    assert Standing(11, 0, 0, 0, 0, 110, 110, 100 * 1 + 10 * 5, 11).stars == 1.36
    assert Standing(1, 0, 0, 0, 0, 100, 0, 0, 0).stars is None
    assert Standing(1, 0, 0, 0, 0, 3, 3, 14, 1).stars == 4.66  # never rounded up


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 2_000), treasuries, stakers)
def test_least_fee_is_the_least(points: int, treasury_bps: int, stakers_bps: int) -> None:
    fee = least_fee(points, treasury_bps, stakers_bps)
    burned = [split_fee(f, treasury_bps=treasury_bps, stakers_bps=stakers_bps).burned for f in range(fee + 1)]
    assert burned[fee] >= points and all(found < points for found in burned[:fee])


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 10**30), treasuries, stakers, st.integers(1, 1_000), st.integers(0, 10_000), costs)
def test_points_never_cost_less_than_they_burned(
    points: int, treasury_bps: int, stakers_bps: int, fee_bps: int, own: int, job_cost: int
) -> None:
    shares = {"treasury_bps": treasury_bps, "stakers_bps": stakers_bps}
    found = forge(points, fee_bps=fee_bps, own_stake_bps=own, job_cost=job_cost, **shares)
    assert found.cost >= points
    # The jobs that it names really have these fees, and burn the points.
    each = fee_up(found.price, fee_bps)
    assert each * found.jobs == found.fee
    assert split_fee(each, **shares).burned * found.jobs >= points


@pytest.mark.parametrize("shares", [(4_000, 3_000), (5_000, 3_000), (0, 0), (3_333, 3_333)])
def test_nobody_fakes_cheaper(shares: tuple[int, int]) -> None:
    """Every way to spread the points over jobs, by brute force: none is cheaper once a job costs something."""
    treasury_bps, stakers_bps = shares
    fees = range(1, 130)
    burned = {fee: split_fee(fee, treasury_bps=treasury_bps, stakers_bps=stakers_bps).burned for fee in fees}

    @cache
    def least(points: int, job_cost: int) -> int:
        if points <= 0:
            return 0
        return min(fee + job_cost + least(points - burned[fee], job_cost) for fee in fees if burned[fee])

    for points in range(1, 24):
        for job_cost in (0, 40):
            found = forge(points, fee_bps=100, treasury_bps=treasury_bps, stakers_bps=stakers_bps, job_cost=job_cost)
            assert found.cost == least(points, job_cost), (points, job_cost)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="expected points from 1"):
        least_fee(0, 4_000, 3_000)
    with pytest.raises(UsageError, match="a share that burns"):
        least_fee(1, 5_000, 5_000)
    # Without a fee every job still burns one unit: points come by the job only.
    assert forge(5, fee_bps=0, treasury_bps=0, stakers_bps=0).jobs == 5


def test_the_figures_of_the_page() -> None:
    """docs/reputation.md prints these rows; they are computed here."""
    text = (ROOT / "docs" / "reputation.md").read_text(encoding="utf-8")
    gas = ONE // 1_000
    cases = {
        "own asset, no stake": forge(1_000 * ONE, job_cost=gas, **DEVNET),
        "own asset, half of all stake": forge(1_000 * ONE, own_stake_bps=5_000, job_cost=gas, **DEVNET),
        "own asset, all stake": forge(1_000 * ONE, own_stake_bps=10_000, job_cost=gas, **DEVNET),
        "another's asset at 10 %": forge(1_000 * ONE, royalty_bps=1_000, job_cost=gas, **DEVNET),
    }
    for name, found in cases.items():
        assert row(name, found) in text, row(name, found)


def row(name: str, found: Forgery) -> str:
    """A line of the page's table, in tokens."""
    amounts = (found.price, found.fee, found.returned, found.others, found.cost)
    cells = [f"{float(format_units(Amount(amount))):,.2f}" for amount in amounts]
    return f"| {name} | {' | '.join(cells)} |"
