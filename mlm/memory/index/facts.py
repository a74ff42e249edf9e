"""The facts that the index in memory keeps, and how queries find them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlm.core.events.facts import COLUMNS
from mlm.ports.chain import Block

Record = dict[str, Any]


class Facts:
    """Fact tables, blocks and marks; what queries of every topic share."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._tables: dict[str, list[Record]] = {name: [] for name in ("events", *COLUMNS)}
        self._marks: dict[str, str] = {}

    def _finality(self, number: int) -> str:
        for name in ("finalized", "safe"):
            if number <= int(self._marks.get(name, -1)):
                return name
        return "included"

    def _place(self, row: Record) -> Record:
        place = {name: row[name] for name in ("block", "timestamp", "tx_hash")}
        return place | {"finality": self._finality(row["block"])}

    def _of(self, table: str, **wanted: Any) -> list[Record]:
        return list(matching(self._tables[table], **wanted))


def matching(rows: Iterable[Record], **wanted: Any) -> Iterable[Record]:
    """Rows in which every wanted column, None aside, has that value."""
    filters = [(name, value) for name, value in wanted.items() if value is not None]
    return [row for row in rows if all(row[name] == value for name, value in filters)]
