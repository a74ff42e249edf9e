"""Costs to cheat: each formula by its definition, never zero, and unknown wherever an input is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core import trust
from mlm.core.job import Tier
from mlm.core.settlement import LOCK_TIMES, lock_up
from mlm.core.trust import At, Cost, CostKind, Facts, Guarantor, Input, Unit
from mlm.workflows import verify_cost, verify_job

AMOUNTS = st.integers(0, 2**120)
AT = At(7, "0x" + "ab" * 32)
FORMULAS: dict[Tier, Callable[..., Cost]] = {
    Tier.NONE: trust.none,
    Tier.ZK: trust.zk,
    Tier.OPTIMISTIC: trust.optimistic,
    Tier.TEE: trust.tee,
    Tier.REDUNDANT: trust.redundant,
}
KNOWN: dict[Tier, tuple[object, ...]] = {
    Tier.NONE: (5,),
    Tier.ZK: ((1, 2, 3, 4, 5, 6, 7, 8),),
    Tier.OPTIMISTIC: (21, 3600, 10, 0),
    Tier.TEE: (False, 2, (5, 3, 4)),
    Tier.REDUNDANT: (21, 2, 100),
}


@given(price=st.integers(1, 2**100), value=st.integers(0, 2**100))
def test_what_burns_of_an_optimistic_lock_covers_price_and_value_at_risk(price: int, value: int) -> None:
    lock = LOCK_TIMES * (price + value)
    found = trust.optimistic(lock, 3600, price, value, AT)
    assert found.kind is CostKind.MONEY and found.at_least is not None and found.at_least >= price + value
    assert (found.block, found.block_hash, found.bits) == (AT.block, AT.block_hash, None)


@given(lock=AMOUNTS)
def test_what_burns_is_the_larger_half(lock: int) -> None:
    assert trust.burned(lock) == -(-lock // 2)


@given(price=st.integers(1, 2**100), value=st.integers(0, 2**90))
def test_the_market_locks_enough(price: int, value: int) -> None:
    lock = lock_up(price, challenged=True, lock_bps=2000, min_lock=1, at_risk=value)
    assert trust.burned(lock) >= price + value


@given(lock=st.integers(1, 2**120), replicas=st.integers(0, 8), slot=AMOUNTS)
def test_replicas_cost_their_slots_besides(lock: int, replicas: int, slot: int) -> None:
    found = trust.redundant(lock, replicas, slot)
    assert found.kind is CostKind.MONEY and found.at_least == -(-lock // 2) + replicas * -(-slot // 2)


@given(stakes=st.lists(AMOUNTS, max_size=9), members=st.integers(-1, 10))
def test_attesters_cost_the_smallest_stakes_that_suffice(stakes: list[int], members: int) -> None:
    least = trust.least_stake(stakes, members)
    if not 1 <= members <= len(stakes):
        assert least is None and trust.tee(False, members, stakes).kind is CostKind.UNKNOWN
        return
    assert least is not None
    for left_out in range(len(stakes)):  # whoever else is bribed is not cheaper
        others = stakes[:left_out] + stakes[left_out + 1 :]
        assert len(others) < members or sum(sorted(others)[:members]) >= least
    found = trust.tee(False, members, stakes)
    assert found.at_least == (-(-least // 2) or None) and found.kind is (CostKind.MONEY if least else CostKind.NOTHING)


def test_simulated_evidence_is_nobodys_word_whatever_is_staked() -> None:
    found = trust.tee(True, 2, (10**30, 10**30))
    assert found.kind is CostKind.NOTHING and found.at_least is None and "simulated" in found.why
    assert trust.tee(None, 2, (5, 5)).kind is CostKind.UNKNOWN
    assert trust.trusted(Tier.TEE, Facts(simulated=True)) == (Guarantor.NOBODY,)
    assert trust.trusted(Tier.TEE, Facts(simulated=False)) == (Guarantor.VENDOR, Guarantor.ATTESTERS)


def test_the_devnets_srs_is_known_for_what_it_is(root: Path) -> None:
    points = [int(word, 16) for word in json.loads((root / "circuits" / "srs.json").read_text())["points"]]
    assert trust.is_devnet_srs(points) and trust.zk(points).kind is CostKind.NOTHING
    for at in range(len(points)):
        other = [*points[:at], points[at] ^ 1, *points[at + 1 :]]
        found = trust.zk(other)
        assert found.kind is CostKind.COMPUTATION and found.bits == trust.PAIRING_BITS and found.at_least is None
    vka = [*range(trust.SRS_AT), *points, 99]
    assert trust.srs_of(vka) == tuple(points)


@pytest.mark.parametrize("tier", FORMULAS, ids=str)
def test_a_missing_input_makes_the_cost_unknown_and_never_a_number(tier: Tier) -> None:
    known = KNOWN[tier]
    assert FORMULAS[tier](*known).kind not in (CostKind.UNKNOWN, CostKind.NOTHING)
    for at in range(len(known)):
        found = FORMULAS[tier](*known[:at], None, *known[at + 1 :])
        assert (found.kind, found.at_least, found.bits) == (CostKind.UNKNOWN, None, None), (tier, at)
        missing = [each.name for each in found.inputs if each.value is None]
        assert missing and all(name in found.why for name in missing)


@pytest.mark.parametrize("tier", FORMULAS, ids=str)
def test_no_cost_is_zero(tier: Tier) -> None:
    zeros = tuple(0 if isinstance(value, int) and not isinstance(value, bool) else value for value in KNOWN[tier])
    found = FORMULAS[tier](*zeros)
    assert found.at_least is None or found.at_least > 0
    assert found.kind is not CostKind.MONEY or found.at_least


def test_a_result_that_nobody_can_dispute_costs_nothing() -> None:
    assert trust.optimistic(100, 0, 10, 0).kind is CostKind.NOTHING


@given(bond=st.one_of(st.none(), AMOUNTS))
def test_a_served_result_costs_the_half_of_its_bond_that_burns(bond: int | None) -> None:
    found = trust.served(bond, AT)
    wanted = {None: CostKind.UNKNOWN, 0: CostKind.NOTHING}.get(bond, CostKind.MONEY)
    assert found.kind is wanted and found.at_least == (-(-bond // 2) if bond else None)
    assert found.block == AT.block and [each.name for each in found.inputs] == ["bond", "part of the challenger"]


@given(points=st.one_of(st.none(), AMOUNTS))
def test_reputation_is_no_money(points: int | None) -> None:
    found = trust.none(points)
    assert found.at_least is None and found.bits is None
    wanted = {None: CostKind.UNKNOWN, 0: CostKind.NOTHING}.get(points, CostKind.REPUTATION)
    assert found.kind is wanted


def test_every_tier_says_whom_one_trusts_and_no_two_guarantors_are_spelt_alike() -> None:
    assert set(trust.TRUSTED) == set(Tier) and all(trust.TRUSTED.values())
    words = [str(member) for kind in (Guarantor, Unit, CostKind) for member in kind]
    assert len({str(member) for member in Guarantor}) == len(Guarantor) and all(words)


def test_each_tier_that_is_verified_has_its_cost() -> None:
    assert set(verify_job.JOBS) == set(verify_cost.JOBS)


def test_inputs_name_their_source() -> None:
    for tier, known in KNOWN.items():
        inputs = FORMULAS[tier](*known).inputs
        assert inputs and len({each.name for each in inputs}) == len(inputs)
        assert all(isinstance(each, Input) and each.source for each in inputs)
        assert FORMULAS[tier](*known).provided
