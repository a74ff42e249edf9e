"""`mlm log`: commits, newest first; all of them, or those that change a path; as a list or as a graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from mlm.core import graph as graphs
from mlm.core import history, unixfs
from mlm.core.cid import Cid
from mlm.core.clock import iso_time
from mlm.core.errors import UsageError
from mlm.core.history import Commit
from mlm.core.plan import JSON_ONLY, NO_MORE
from mlm.ports.repo import Repo
from mlm.workflows.repository import read_commit, resolve

_MOST = 1 << 31
_SHORT = 16  # characters of a commit in a graph: enough to name it by


@dataclass(frozen=True)
class LogEntry:
    """A commit. `refs` are the branches and tags on it, HEAD first; `message` is its first line."""

    commit: Cid
    parents: tuple[Cid, ...] = field(metadata=JSON_ONLY)
    refs: tuple[str, ...]
    time: str
    author: str
    message: str


@dataclass(frozen=True)
class Log:
    """`more` says that the limit cut older commits off; `graph` is there when it was asked for, line by line."""

    commits: tuple[LogEntry, ...]
    more: bool = field(metadata=NO_MORE)
    graph: tuple[str, ...] = field(default=(), metadata=JSON_ONLY)


@dataclass(frozen=True)
class Drawing:
    """A log's graph alone."""

    graph: tuple[str, ...]
    more: bool = field(metadata=NO_MORE)


@dataclass(frozen=True)
class Lines:
    """A log of one line a commit."""

    commits: tuple[str, ...]
    more: bool = field(metadata=NO_MORE)


def log(
    repo: Repo,
    refs: Sequence[str] = (),
    limit: int = 100,
    *,
    everything: bool = False,
    graph: bool = False,
    oneline: bool = False,
    path: str = "",
) -> Log:
    """At most `limit` commits reachable from `refs` (HEAD), with `everything` from every branch and tag too.

    With `path` only those that change it against every parent. With `graph` no commit comes before its children;
    `oneline` leaves authors and times out of it. Raises NotFound, StateConflict before the first commit,
    UsageError for the graph of a path.
    """
    if graph and path:
        raise UsageError("a graph shows every commit, not those of one path", hint="Leave out --graph, or --path.")
    limit = min(limit, _MOST)
    names: dict[Cid, list[str]] = {}
    head = repo.refs.head()
    if head.commit is not None:
        names[head.commit] = ["HEAD"]
    for name, cid in repo.refs.all().items():
        names.setdefault(cid, []).append(name.partition("/")[2])
    start_at = tuple(resolve(repo, ref) for ref in refs or (() if everything and head.commit is None else ("HEAD",)))
    start_at += tuple(names) if everything else ()
    commits: Iterator[tuple[Cid, Commit]] = (
        iter(history.topological(repo.objects.get, start_at)) if graph else history.log(repo.objects.get, start_at)
    )
    if path:
        commits = ((cid, made) for cid, made in commits if _changes(repo, made, path))
    found = list(islice(commits, limit + 1))
    entries = tuple(
        LogEntry(
            cid, made.parents, tuple(names.get(cid, ())), iso_time(made.time), made.author, made.message.splitlines()[0]
        )
        for cid, made in found[:limit]
    )
    drawn = graphs.draw((entry.commit, entry.parents, _title(entry, oneline)) for entry in entries) if graph else ()
    return Log(entries, len(found) > limit, tuple(drawn))


def lines(found: Log) -> Lines:
    """A log in one line a commit."""
    return Lines(tuple(_title(entry, True) for entry in found.commits), found.more)


def _title(entry: LogEntry, oneline: bool) -> str:
    names = f" ({', '.join(entry.refs)})" if entry.refs else ""
    said = "" if oneline else f" {entry.time} {entry.author}:"
    return f"{str(entry.commit)[:_SHORT]}{names}{said} {entry.message}"


def _changes(repo: Repo, commit: Commit, path: str) -> bool:
    """Whether a commit has something else at a path than each of its parents (a first one: has something there)."""
    here = _at(repo, commit.tree, path)
    before = [_at(repo, read_commit(repo, parent).tree, path) for parent in commit.parents]
    return all(here != other for other in before or [None])


def _at(repo: Repo, tree: Cid, path: str) -> Cid | None:
    """What a tree has at a path: a file or a folder."""
    cid: Cid | None = tree
    for name in path.split("/"):
        if cid is None or not unixfs.is_directory(repo.objects.get, cid):
            return None
        cid = unixfs.listing(repo.objects.get, cid).get(name)
    return cid
