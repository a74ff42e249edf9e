"""The named queries on providers in memory, for MemoryState: functions of the fact tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

Record = dict[str, Any]
Tables = Mapping[str, Sequence[Record]]


def attributes(tables: Tables) -> list[Record]:
    """Of each name's number and each symbol the newest word of each provider and auditor, where it still says so."""
    newest: dict[tuple[str, ...], Record] = {}
    for table, row in ((name, row) for name in ("declarations", "attestations") for row in tables[name]):
        auditor = row["auditor"] if table == "attestations" else ""
        newest[row["provider"], row["name"], _slot(row["value"]), auditor] = row
    nobody = {"auditor": None, "issued_at": None, "expires_at": None}
    return [
        nobody | newest[key] for key in sorted(newest) if newest[key].get("declared") or newest[key].get("expires_at")
    ]


def providers(tables: Tables) -> list[Record]:
    """Everybody of whom anything was ever said or who has a settled job, the most points first, then the newest."""
    last: dict[str, tuple[int, int]] = {}
    points: Counter[str] = Counter()
    for row in (*tables["declarations"], *tables["attestations"], *tables["outcomes"]):
        place = (row["block"], row["log_index"])
        last[row["provider"]] = max(place, last.get(row["provider"], place))
        points[row["provider"]] += row.get("points", 0)
    counts = Counter((row["provider"], row["auditor"] is None) for row in attributes(tables))
    return [
        {"provider": who, "declared": counts[who, True], "attested": counts[who, False], "points": points[who]}
        for who in sorted(last, key=lambda who: (points[who], last[who]), reverse=True)
    ]


def _slot(value: str) -> str:
    return "" if value[:1].isdigit() else value
