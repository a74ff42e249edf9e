"""What settled jobs say of providers, from facts in memory: as `reputation_view` of the DuckDB index."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlm.core.job import Outcome

Record = dict[str, Any]


def standings(outcomes: Iterable[Record], ratings: Iterable[Record]) -> list[Record]:
    """One row for each provider, those with the most points first."""
    stars = {row["job_id"]: row["stars"] for row in ratings}
    found: dict[str, Record] = {}
    for row in outcomes:
        standing = found.setdefault(row["provider"], _nothing(row["provider"]))
        standing[Outcome(row["outcome"]).name.lower()] += 1
        standing["value"] += row["price"]
        standing["points"] += row["points"]
        if row["job_id"] in stars:
            standing["rated_points"] += row["points"]
            standing["star_points"] += row["points"] * stars[row["job_id"]]
            standing["ratings"] += 1
    return sorted(found.values(), key=lambda row: (-row["points"], row["provider"]))


def rewarded(changes: Iterable[Record], transfer: Record) -> bool:
    """Whether a transfer from the vault paid a reward."""
    paid = (transfer["tx_hash"], "claimed", transfer["recipient"], transfer["amount"])
    return any((row["tx_hash"], row["change"], row["account"], row["amount"]) == paid for row in changes)


def _nothing(provider: str) -> Record:
    names = [outcome.name.lower() for outcome in Outcome]
    counted = dict.fromkeys((*names, "value", "points", "rated_points", "star_points", "ratings"), 0)
    return {"provider": provider, **counted}
