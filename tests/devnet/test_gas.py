"""devnet/test/gas.json says what each step of a job's life costs: measured again on a devnet, to the unit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import gas
from bench.gas_faults import TERMS
from bench.gas_steps import measure

BEFORE = {"post": {"before": 300, "now": 200}, "bid": {"before": 100, "now": 90}}


def test_every_step_costs_what_the_snapshot_says() -> None:
    found = gas.differences(gas.read(), measure())
    assert not found, "\n".join(
        [*found, "`make gas` records the new figures: commit devnet/test/gas.json with their reason."]
    )


def test_no_step_costs_more_than_before_it_was_reduced() -> None:
    snapshot = gas.read()
    assert len(snapshot) > 40
    worse = {step: cost for step, cost in snapshot.items() if cost["now"] > gas.most(step, cost["before"])}
    assert not worse


def test_a_false_cell_convicts_for_less_than_was_promised() -> None:
    """Whichever is more: the transaction under the rules of Cancun, or what Prague takes at least for its calldata."""
    cost = {step: entry["now"] for step, entry in gas.read().items() if step.startswith("fault proof: a convolution")}
    assert len(cost) == 2 * len(TERMS)
    for terms in TERMS:
        most = max(gas for step, gas in cost.items() if f"K = {terms}" in step)
        assert most <= (400_000 if terms <= 1152 else 1_050_000), terms


def test_whole_convictions_cost_less_than_was_promised() -> None:
    """The commitment with the proof, by K; all moves of both sides, in at most five rounds."""
    steps = gas.read()
    wholes = {step: entry["now"] for step, entry in steps.items() if "transaction: K" in step or "the whole" in step}
    assert wholes.keys() == gas.PROMISED.keys() and len(wholes) == len(TERMS) + 3
    assert all(cost <= gas.PROMISED[step] for step, cost in wholes.items())
    rounds = [int(found) for step in wholes for found in re.findall(r"in (\d+) rounds", step)]
    assert rounds == [3, 2, 2] and max(rounds) <= 5
    moves = [entry["now"] for step, entry in steps.items() if step.startswith("dispute, withheld, a CNN of 24M")]
    assert sum(moves[:-1]) + steps["dispute, commit"]["now"] == moves[-1]


def test_a_dearer_step_is_named_with_both_figures() -> None:
    found = gas.differences(BEFORE, {"bid": 95, "post": 200})
    assert found == ["bid: expected 90 gas, found 95 (+5)"]


def test_a_cheaper_a_new_and_a_lost_step_are_differences_too() -> None:
    assert gas.differences(BEFORE, {"post": 199, "award": 1}) == [
        "award: 1 gas, a step that the snapshot does not have",
        "post: expected 200 gas, found 199 (-1)",
        "bid: in the snapshot, and not measured any more",
    ]


def test_writing_keeps_what_a_step_cost_before(tmp_path: Path) -> None:
    made = gas.updated(BEFORE, {"post": 150, "award": 7})
    gas.write(made, tmp_path / "gas.json")
    assert gas.read(tmp_path / "gas.json") == made
    assert made == {"post": {"before": 300, "now": 150}, "award": {"before": 7, "now": 7}}


def test_a_foreign_file_is_no_snapshot(tmp_path: Path) -> None:
    (tmp_path / "gas.json").write_text('{"format": "mlm/gas/9", "steps": {}}')
    with pytest.raises(ValueError, match="expected format 'mlm/gas/1', found 'mlm/gas/9'"):
        gas.read(tmp_path / "gas.json")
