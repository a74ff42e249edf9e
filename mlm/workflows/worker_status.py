"""`mlm worker status`: what an account's worker is at, by the chain and by what it has kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlm.core.clock import Duration, Instant
from mlm.core.job import JobFacts, State, whose_turn
from mlm.ports.bundle import Ports
from mlm.workflows import lease, lookup
from mlm.workflows.rows import every
from mlm.workflows.sync import sync
from mlm.workflows.worker import ALIVE, Fact, read_instant

SHOWN = 20  # facts of the log


@dataclass(frozen=True)
class Lease:
    """A lease or best bid that the worker has to care for."""

    job: str
    state: State
    turn: str
    left: Duration | None
    result: str  # none, or kept: it is in hand


@dataclass(frozen=True)
class Status:
    """What the worker of this account is at. `alive_at` is its last sign of life."""

    account: str
    running: bool
    alive_at: Instant
    leases: tuple[Lease, ...]
    facts: tuple[Fact, ...]


def status(ports: Ports) -> Status:
    """What this account's worker is at, by the chain and by what it has kept."""
    works, me = ports.works, ports.sender.address
    leases = []
    sync(ports)
    now = ports.chain.block().timestamp
    for row in every(ports, "jobs", provider=me, settled=False):
        job = lookup.read_job(ports, row["job_id"])
        turn = whose_turn(JobFacts.of(job.record), now)
        left = None if turn.deadline is None else Duration(max(0, turn.deadline - now))
        result = "kept" if lease.kept(ports, job.job_id) else "none"
        leases.append(Lease(job.job_id, job.state, f"{turn.who}: {turn.move}", left, result))
    facts = tuple(_fact(entry) for entry in works.notes(SHOWN))
    return Status(me, works.held(), read_instant(works.find(ALIVE)), tuple(leases), facts)


def _fact(entry: dict[str, Any]) -> Fact:
    at = entry.get("at")
    return Fact(Instant(at if isinstance(at, int) else 0), str(entry.get("job", "")), str(entry.get("what", "")))
