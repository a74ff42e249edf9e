"""The queries about batch auctions over the fact tables of the State port in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Record = dict[str, Any]
Find = Callable[..., list[Record]]

_GRID = ("class_id", "closes_at", "start_price", "price_step")
_OFFER = ("offer_id", "provider", "tick", "position", "quantity")


def offers(find: Find, batch_id: str) -> Iterable[tuple[Record, Record]]:
    """The offers of a batch, each with the row that says where it stands."""
    for row in find("offers", batch_id=batch_id):
        yield {name: row[name] for name in _OFFER}, row


def entries(find: Find, batch_id: str) -> Iterable[tuple[Record, Record]]:
    """The jobs of a batch, each with the row that says where it stands."""
    for row in find("entries", batch_id=batch_id):
        job: Record = next(iter(find("jobs", job_id=row["job_id"])), {})
        found = {name: row[name] for name in ("job_id", "tick", "position")}
        drawn = bool(find("draws", job_id=row["job_id"]))
        yield found | {"consumer": job.get("consumer"), "drawn": drawn}, row


def batch_of(find: Find, job_id: str) -> Iterable[tuple[Record, Record]]:
    """A job's place in its batch, and how far that batch has come."""

    def one(table: str, **wanted: str) -> Record:
        return next(iter(find(table, **wanted)), {})

    for row in find("entries", job_id=job_id):
        batch = one("batches", batch_id=row["batch_id"])
        clearing, draw = one("clearings", batch_id=row["batch_id"]), one("draws", job_id=job_id)
        found = {name: row[name] for name in ("batch_id", "tick", "position")}
        found |= {name: batch.get(name) for name in _GRID}
        found |= {"ends_at": batch["closes_at"] + batch["reveal_window"] if batch else None}
        found |= {"clearing_tick": clearing.get("tick"), "volume": clearing.get("volume")}
        yield found | {name: draw.get(name) for name in ("offer_id", "provider", "price")}, row
