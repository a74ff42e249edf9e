"""docs/trust.md: its words are the code's, and each attack names what mounts it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from mlm.core.job import Tier
from mlm.core.trust import PAIRING_BITS, TRUSTED, CostKind, Guarantor
from mlm.core.verify_policy import KEYS, parse
from tests.command_line import ROOT

PAGE = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
ATTACKS = re.findall(r"^\| ([a-z]+) \| ([^|]+) \| ([^|]+) \| (`[^|]+`) \|$", PAGE.split("## Attacks")[1], re.MULTILINE)
# Tiers that are built, and what else can be attacked.
AREAS = {"zk", "optimistic", "tee", "redundant", "none", "evidence", "delivery", "publication", "verification"}


def rows(part: str, columns: int) -> list[list[str]]:
    """The cells of the first table of a section, without its head."""
    section = PAGE.split(f"## {part}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if len(row) == columns and not set(row[0]) <= {"-"}][1:]


def plain(cells: Sequence[str]) -> list[str]:
    return [cell.strip("`") for cell in cells]


def test_the_guarantors_are_the_codes() -> None:
    assert [row[0].strip("`") for row in rows("Guarantors", 3)] == [str(each) for each in Guarantor]


def test_whom_each_tier_trusts_is_the_codes() -> None:
    said = {plain(row[:1])[0]: row[1] for row in rows("Who trusts whom, for what", 5)}
    assert said == {str(tier): ", ".join(f"`{each}`" for each in TRUSTED[tier]) for tier in Tier}


def test_the_kinds_of_cost_are_the_codes() -> None:
    assert [row[0].strip("`") for row in rows("What it costs to cheat", 4)] == [str(each) for each in CostKind]
    assert f"= {PAIRING_BITS} bits" in PAGE


def test_the_keys_of_a_policy_are_the_codes() -> None:
    table = {row[0].strip("`"): row[1].strip("`") for row in rows("Policies", 3)}
    assert table == {name: key.value for name, key in KEYS.items()}


def test_the_readme_shows_a_policy_that_each_of_its_tiers_can_meet() -> None:
    """A proof costs operations and a trace money: one that asked for money alone would refuse every proof."""
    (text,) = re.findall(r"```toml\n(tiers = .*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    demands = {each.key: each.against for each in parse(text.encode(), "README.md")}
    assert "zk" in demands["tiers"] and "optimistic" in demands["tiers"]
    assert "tokens" in demands["minimum_cost"] and "operations" in demands["minimum_cost"]


def test_the_example_is_a_policy() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(parse(text.encode(), "docs/trust.md")) == text.count(" = ") - 2  # two stand inside one demand


@pytest.mark.parametrize(("area", "attack", "cost", "tests"), ATTACKS, ids=[row[1] for row in ATTACKS])
def test_each_attack_is_mounted(area: str, attack: str, cost: str, tests: str) -> None:
    assert area in AREAS and cost
    named = re.findall(r"`([^`]+)::(\w+)`", tests)
    assert named
    for file, name in named:
        path = ROOT / "tests" / file if file.endswith(".py") else ROOT / "devnet" / "test" / file
        kind = "def" if file.endswith(".py") else "function"
        assert re.search(rf"^\s*{kind} {name}\(", path.read_text(encoding="utf-8"), re.MULTILINE), f"{file}::{name}"


def test_every_area_is_attacked_and_no_row_is_left_out() -> None:
    assert {row[0] for row in ATTACKS} >= AREAS
    part = PAGE.split("## Attacks")[1]
    assert len(ATTACKS) == sum(line.startswith("| ") and "::" in line for line in part.splitlines()) > 30


def test_costs_in_tokens_are_those_of_the_page_about_attacks() -> None:
    attacks = (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8")
    known = dict(re.findall(r"^\| ([^|]+) \| ([\d.]+) \|", attacks, re.MULTILINE))
    told = {attack: cost.removeprefix("gains ") for _, attack, cost, _ in ATTACKS if cost[-1].isdigit()}
    assert len(told) >= 8 and told == {attack: known.get(attack) for attack in told}
