"""`mlm commit` over a repository, for tests that have no command line."""

from __future__ import annotations

from typing import Any

from mlm.memory.croissant import MemoryCroissant
from mlm.memory.journal import MemoryJournal
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.ports.repo import Repo
from mlm.workflows.apply import execute
from mlm.workflows.commit import OPERATION, CommitParams


def ports_of(repo: Repo, runner: Any = None, now: int = 0) -> Ports:
    """What a commit needs; its journal lives as long as these ports."""
    system = MemorySystem(now=now)
    journal = MemoryJournal(system)
    return Ports(
        repo=lambda: repo,
        objects=lambda: repo.objects,
        runner=lambda: runner,
        system=lambda: system,
        journal=lambda: journal,
        croissant=lambda: MemoryCroissant(),
    )


def commit(repo: Repo, runner: Any, message: str, author: str, now: int) -> Any:
    """Commit what is staged at the time `now`, in seconds."""
    return execute(ports_of(repo, runner, now), OPERATION, CommitParams(message, author)).result
