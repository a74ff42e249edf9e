"""Policies: each demand passes for what has it, fails for what has not, and no file passes for want of demands."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core import trust
from mlm.core.clock import Duration, Instant
from mlm.core.errors import UsageError, VerificationFailed
from mlm.core.money import Amount
from mlm.core.trust import CostKind, Facts, Guarantor
from mlm.core.verify_policy import KEYS, Judged, parse

TOKEN = 10**18
FACTS = Facts(
    made_at=Instant(1_000),
    now=Instant(1_000 + 3_600),
    window=Duration(3_600),
    tcb_status="UpToDate",
    simulated=False,
    attesters=2,
    committee=3,
    replicas=4,
    finality="safe",
)
# What has everything that can be demanded, and costs 5 tokens: half of a stake burns.
FULL = Judged("job", "tee", True, (Guarantor.VENDOR,), trust.tee(False, 1, (10 * TOKEN,)), FACTS)
# What has nothing of it.
BARE = Judged("file", "none", False, (Guarantor.NOBODY,), trust.unknown("nobody knows"), Facts())
# For each key: what FULL meets, just, and what it just does not.
EDGES = {
    "complete": ("true", None),
    "kinds": ('["proof", "job"]', '["proof"]'),
    "tiers": ('["zk", "tee"]', '["zk", "optimistic"]'),
    "guaranteed_by": ('["hardware vendor", "mathematics"]', '["mathematics", "one honest watcher"]'),
    "maximum_age": ('"1h"', '"3599s"'),
    "minimum_window": ('"3600"', '"3601s"'),
    "minimum_finality": ('"safe"', '"finalized"'),
    "minimum_cost": ('{ tokens = "5" }', '{ tokens = "5.000000000000000001" }'),
    "tcb_status": ('["OutOfDate", "UpToDate"]', '["SWHardeningNeeded"]'),
    "simulated": ("false", None),
    "minimum_attesters": ("2", "3"),
    "minimum_committee": ("3", "4"),
    "minimum_replicas": ("4", "5"),
}


def found(text: str, judged: Judged) -> list[str | None]:
    """What each demand found; None where it is not met."""
    out: list[str | None] = []
    for demand in parse(text.encode(), "p.toml"):
        try:
            out.append(demand.judge(judged))
        except VerificationFailed:
            out.append(None)
    return out


def refused(text: str | bytes) -> str:
    with pytest.raises(UsageError) as caught:
        parse(text if isinstance(text, bytes) else text.encode(), "p.toml")
    assert str(caught.value).startswith("p.toml") and "\n" not in str(caught.value)
    return f"{caught.value} {caught.value.hint}"


def test_every_key_is_tried() -> None:
    assert EDGES.keys() == KEYS.keys()


@pytest.mark.parametrize("key", KEYS)
def test_a_demand_is_met_exactly(key: str) -> None:
    met, unmet = EDGES[key]
    assert None not in found(f"{key} = {met}", FULL)
    if unmet is not None:
        assert found(f"{key} = {unmet}", FULL) == [None]


@pytest.mark.parametrize("key", KEYS)
def test_a_demand_about_what_the_target_has_not_fails(key: str) -> None:
    assert found(f"{key} = {EDGES[key][0]}", BARE) == [None]


@pytest.mark.parametrize("fact", [each.name for each in fields(Facts)])
def test_a_fact_that_is_missing_fails_whoever_asks_for_it(fact: str) -> None:
    without = replace(FULL, facts=replace(FACTS, **{fact: None}))
    everything = "\n".join(f"{key} = {EDGES[key][0]}" for key in KEYS)
    assert found(everything, without).count(None) == 1 and None not in found(everything, FULL)


def test_all_demands_are_judged_in_the_keys_order() -> None:
    text = "\n".join(f"{key} = {EDGES[key][0]}" for key in reversed(KEYS))
    demands = parse(text.encode(), "p.toml")
    assert [demand.key for demand in demands] == list(KEYS)
    assert all(demand.check.startswith("policy: ") and demand.against for demand in demands)


COSTS = {
    "money": trust.optimistic(20 * TOKEN, 60, 10 * TOKEN, 0),
    "computation": trust.computation(100, "", "", "BN254"),
    "reputation": trust.none(10**30),
    "nothing": trust.nothing("the devnet"),
    "unknown": trust.unknown("no input"),
}


def test_a_cost_is_held_against_the_demand_of_its_kind() -> None:
    def met(text: str) -> set[str]:
        return {name for name, cost in COSTS.items() if None not in found(text, replace(FULL, cost=cost))}

    assert met('minimum_cost = { tokens = "10" }') == {"money"}
    assert met("minimum_cost = { bits = 100 }") == {"computation"}
    assert met('minimum_cost = { tokens = "10", bits = 100 }') == {"money", "computation"}
    assert met('minimum_cost = { tokens = "10.1", bits = 101 }') == set()
    assert set(COSTS) == set(map(str, CostKind))


@given(amount=st.integers(1, 10**24), asked=st.integers(1, 10**24))
def test_amounts_are_compared_to_the_last_base_unit(amount: int, asked: int) -> None:
    text = f'minimum_cost = {{ tokens = "{asked // TOKEN}.{asked % TOKEN:018}" }}'
    cost = replace(COSTS["money"], at_least=Amount(amount))
    assert (None not in found(text, replace(FULL, cost=cost))) is (amount >= asked)


@given(made=st.integers(0, 2**40), now=st.integers(0, 2**40), most=st.integers(1, 2**33))
def test_evidence_is_young_only_if_it_is_not_of_tomorrow(made: int, now: int, most: int) -> None:
    judged = replace(FULL, facts=Facts(made_at=Instant(made), now=Instant(now)))
    assert (None not in found(f'maximum_age = "{most}s"', judged)) is (0 <= now - made <= most)


@given(
    allowed=st.lists(st.sampled_from(list(Guarantor)), min_size=1, unique=True),
    trusted=st.lists(st.sampled_from(list(Guarantor)), unique=True),
)
def test_nobody_else_is_trusted(allowed: list[Guarantor], trusted: list[Guarantor]) -> None:
    text = f"guaranteed_by = {json.dumps([str(each) for each in allowed])}"
    judged = replace(FULL, guaranteed_by=tuple(trusted))
    assert (None not in found(text, judged)) is (bool(trusted) and set(trusted) <= set(allowed))


WRONG: dict[str, tuple[Any, ...]] = {
    "complete": ("false", '"true"', "1", "[]"),
    "kinds": ('"job"', "[]", "[1]", '["JOB"]', '["a\\nb"]'),
    "tiers": ('"zk"', "[]", '["zkp"]', '["zk", "zk"]', "[1]", '["best"]'),
    "guaranteed_by": ('"nobody"', "[]", '["math"]', "[true]"),
    "maximum_age": ("3600", '"1w"', '""', '"0"', '"0d"', '"-1s"', '"1.5h"', "1979-05-27"),
    "minimum_window": ("3600", '"soon"', '"0s"'),
    "minimum_finality": ('"latest"', "1", "[]", '["safe"]'),
    "minimum_cost": (
        '"100"', "100", "{}", "{ tokens = 100 }", '{ tokens = "0" }', '{ tokens = "0.0" }', '{ tokens = "-1" }',
        '{ tokens = "1e9" }', '{ tokens = "1 MLM" }', "{ bits = 0 }", "{ bits = 1.5 }", "{ bits = true }",
        '{ tokens = "1", euros = "1" }', '{ tokens = "١" }', '{ tokens = "1." }',
    ),
    "tcb_status": ('["Revoked"]', '["uptodate"]', "[]", '"UpToDate"'),
    "simulated": ("true", "0", '"no"'),
    "minimum_attesters": ("0", "-1", "1.0", "true", '"1"', "65537"),
    "minimum_committee": ("0", "false"),
    "minimum_replicas": ("0", "[2]"),
}  # fmt: skip


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_a_value_of_another_form_is_refused(key: str, value: str) -> None:
    assert f"{key}" in refused(f"{key} = {value}") and WRONG.keys() == KEYS.keys()


def test_what_demands_nothing_or_what_nobody_knows_is_refused() -> None:
    assert "expected demands, found none" in refused("") and "expected demands, found none" in refused("# complete")
    assert "Did you mean tiers?" in refused('tier = ["zk"]')
    assert "unknown demand 'tee'" in refused("complete = true\n[tee]\nminimum_attesters = 1")
    assert "unknown demand" in refused("minimum_tier = 2")
    assert "not valid TOML" in refused("complete = true\ncomplete = true")
    assert "not valid TOML" in refused(b"\xff") and "nest deeper" in refused("kinds = " + "[" * 60 + "]" * 60)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_policy_or_refused_in_words(data: bytes) -> None:
    try:
        assert parse(data, "p.toml")
    except UsageError as error:
        assert str(error).startswith("p.toml")


@given(st.dictionaries(st.sampled_from(list(KEYS)), st.sampled_from(["true", "1", '["zk"]', '"1h"', "{}"])))
def test_any_values_are_judged_or_refused(table: dict[str, str]) -> None:
    text = "\n".join(f"{key} = {value}" for key, value in table.items())
    try:
        demands = parse(text.encode(), "p.toml")
    except UsageError:
        return
    assert len(demands) == len(table) == len(found(text, FULL)) == len(found(text, BARE))
