"""Events of released contracts stay readable: the golden file holds one of each, and docs/events.md names them all."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mlm.core.events import COLUMNS, decode, facts
from mlm.core.events.former import FORMER
from mlm.core.events.table import DECLARATIONS

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "vectors" / "events.json").read_text())[
    "events"
]


@pytest.mark.parametrize(
    "vector", VECTORS, ids=lambda vector: f"{vector['contract']}.{vector['event']}.{vector['topics'][0][:10]}"
)
def test_an_event_decodes_as_it_always_did(vector: dict[str, Any]) -> None:
    decoded = decode(vector["contract"], vector["topics"], bytes.fromhex(vector["data"][2:]))
    assert decoded == (vector["event"], vector["args"])
    rows = facts(vector["contract"], *decoded)
    assert [[table, *row] for table, row in rows] == vector["facts"]


def test_every_declared_event_has_a_vector() -> None:
    declared = {(contract, topic) for contract, _, topic in (*DECLARATIONS, *FORMER)}
    assert declared == {(vector["contract"], vector["topics"][0]) for vector in VECTORS}


def test_the_documentation_names_every_event_and_its_tables(root: Path) -> None:
    text = (root / "docs" / "events.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| (\w+) \| (.*) \|$", text, re.MULTILINE)
    documented = {
        (contract, event): set(re.findall(r"`(\w+)`", tables)) - {"events"} for contract, event, tables in rows
    }
    known: dict[tuple[str, str], set[str]] = {}
    for vector in VECTORS:
        known.setdefault((vector["contract"], vector["event"]), set()).update(row[0] for row in vector["facts"])
    assert {key: tables for key, tables in documented.items() if key[0] != "contract"} == known
    assert set().union(*known.values()) == set(COLUMNS)
