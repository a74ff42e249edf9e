"""`mlm log`: commits, newest first."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice

from mlm.core import history
from mlm.core.cid import Cid
from mlm.core.clock import iso_time
from mlm.core.plan import NO_MORE
from mlm.ports.repo import Repo
from mlm.workflows.repository import resolve

_MOST = 1 << 31


@dataclass(frozen=True)
class LogEntry:
    """A commit. `refs` are the branches and tags on it, HEAD first; `message` is its first line."""

    commit: Cid
    refs: tuple[str, ...]
    time: str
    author: str
    message: str


@dataclass(frozen=True)
class Log:
    """`more` says that the limit cut older commits off."""

    commits: tuple[LogEntry, ...]
    more: bool = field(metadata=NO_MORE)


def log(repo: Repo, start: str = "HEAD", limit: int = 100) -> Log:
    """At most `limit` commits reachable from `start`; raises NotFound, StateConflict before the first commit."""
    limit = min(limit, _MOST)
    names: dict[Cid, list[str]] = {}
    head = repo.refs.head()
    if head.commit is not None:
        names[head.commit] = ["HEAD"]
    for name, cid in repo.refs.all().items():
        names.setdefault(cid, []).append(name.partition("/")[2])
    found = list(islice(history.log(repo.objects.get, (resolve(repo, start),)), limit + 1))
    entries = tuple(
        LogEntry(cid, tuple(names.get(cid, ())), iso_time(made.time), made.author, made.message.splitlines()[0])
        for cid, made in found[:limit]
    )
    return Log(entries, len(found) > limit)
