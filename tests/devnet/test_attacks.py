"""The figures of docs/attacks.md are those that the attacks log when they are mounted on the contracts."""

from __future__ import annotations

import re
from decimal import Decimal

from tests.forge import ROOT, play

PAGE = ROOT / "docs" / "attacks.md"
NAMED = (
    "shill bid",
    "sealed ladder",
    "bid and default",
    "last-block",
    "expiry griefing",
    "two orders in one transaction",
    "wash job",
    "then exit",
    "republished",
    "complaint of a result",
    "never handed over",
    "upon a complaint only",
    "instead of a result",
    "claims for the model's owner",
    "2^64 - 1 calls",
    "one call for ten",
    "has not signed",
    "key of a licence",
    "never delivered",
    "in front of its purchase",
    "key that is right",
    "silence of a licence",
    "passed on",
    "under a right key",
)


def test_the_page_has_the_figures_that_the_attacks_log() -> None:
    # Each call is a transaction of its own, so that its gas is that of a whole one.
    output = play("--isolate", "--match-path", "test/attacks/*", "-vv", seconds=300)
    logged = {name: Decimal(value) for name, value in re.findall(r"^  (\S.*): (\d+\.\d{18})$", output, re.MULTILINE)}
    gas = {name: int(value) for name, value in re.findall(r"^  GAS: (.*): (-?\d+)", output, re.MULTILINE)}
    page = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| ([\d.]+) \| (−?[\d,]+) \|", page, re.MULTILINE)
    gains = page.split("## What remains")[1]
    shown = {f"GAIN: {name}" if f"| {name} |" in gains else name: Decimal(value) for name, value, _ in rows}
    # The page leaves out what a division leaves: some base units.
    assert {name: round(value, 3) for name, value in logged.items()} == shown
    told = {name: int(value.replace("−", "-").replace(",", "")) for name, _, value in rows}
    assert {name: round(value, -3) for name, value in gas.items()} == told
    assert all(any(name in attack for attack in logged) for name in NAMED)


GAMES = (
    "withheld", "copied from", "challenge of an honest", "self-challenge", "last second", "shown by two", "wrong graph",
    "replayed", "another input", "stale clock", "stale node", "reorganisation",
)  # fmt: skip


def test_the_games_cost_what_the_page_says_and_each_is_mounted() -> None:
    _held("## Games", GAMES, "test/DisputeGame.hostile.t.sol")


REPLICAS = (
    "silent",
    "confirms a lie",
    "absent",
    "of its own",
    "withheld",
    "copied",
    "seed is known",
    "alone in a round",
)


def test_replicas_cost_what_the_page_says_and_each_is_mounted() -> None:
    _held("## Replicas", REPLICAS, "test/Replication.hostile.t.sol")


BONDS = (
    "false job against",
    "its own provider challenges",
    "for many statements",
    "before the accusation",
    "time to challenge",
    "another chain",
    "another spelling",
    "has convicted",
    "withdrawal in front",
    "cheap job",
    "used up",
    "hold it up",
    "contradicts itself",
    "accuses itself",
    "hold up a withdrawal",
    "calls back",
)


def test_bonds_cost_what_the_page_says_and_each_is_mounted() -> None:
    _held("## Bonds", BONDS, "test/ServingBonds.hostile.t.sol")


def _held(title: str, named: tuple[str, ...], mounted: str) -> None:
    """A table of the page names tests that are there, all attacks that it should, and the costs that they log."""
    part = PAGE.read_text(encoding="utf-8").split(title)[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| (\d+|nothing|refused) \| [^|]+ \| (`[^|]+`|the same) \|$", part, re.MULTILINE)
    assert len(rows) == part.count("\n| ") - 2 and all(any(name in attack for attack, _, _ in rows) for name in named)
    for attack, _, tests in rows:
        for file, name in re.findall(r"`([^`]+)::(\w+)`", tests):
            path = ROOT / "tests" / file if file.endswith(".py") else ROOT / "devnet" / "test" / file
            kind = "def" if file.endswith(".py") else "function"
            assert re.search(rf"^\s*{kind} {name}\(", path.read_text(encoding="utf-8"), re.MULTILINE), (attack, name)
    output = play("--match-path", mounted, "-vv", seconds=300)
    logged = {name: Decimal(value) for name, value in re.findall(r"^  (\S.*): (\d+\.\d{18})$", output, re.MULTILINE)}
    assert logged == {attack: Decimal(cost) for attack, cost, _ in rows if cost.isdigit()}
