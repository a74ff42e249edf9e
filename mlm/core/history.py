"""Commits, format `mlm/commit/1`: a tree, its manifest, and the commits before it, as one DAG-CBOR block."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from mlm.core import dagcbor
from mlm.core.cid import DAG_CBOR, DAG_PB, Cid, is_cid
from mlm.core.errors import InvalidData, StateConflict, UsageError
from mlm.core.fields import Fields

FORMAT = "mlm/commit/1"
MAX_PARENTS = 16
MAX_MESSAGE = 64 * 1024  # characters
MAX_AUTHOR = 256


@dataclass(frozen=True)
class Commit:
    """A snapshot of an asset. `time` is the author's clock, in seconds since 1970; parents are older commits."""

    tree: Cid
    manifest: Cid
    parents: tuple[Cid, ...]
    author: str
    time: int
    message: str

    def to_block(self) -> tuple[Cid, bytes]:
        """The commit's CID and canonical bytes. Raises InvalidData when a reader would refuse it."""
        block = dagcbor.encode(
            {
                "format": FORMAT,
                "tree": self.tree,
                "manifest": self.manifest,
                "parents": list(self.parents),
                "author": self.author,
                "time": self.time,
                "message": self.message,
            }
        )
        _read(block)
        return Cid.of(DAG_CBOR, block), block

    @classmethod
    def from_block(cls, cid: Cid, block: bytes) -> Commit:
        """Check a block against its CID and read it; raises InvalidData for anything but a commit."""
        if cid.codec != DAG_CBOR:
            raise InvalidData(f"expected a commit's CID (dag-cbor), found {cid}")
        cid.verify(block)
        return _read(block)


def _read(block: bytes) -> Commit:
    fields = Fields.of(dagcbor.decode(block), "the commit")
    fields.format(FORMAT)
    parents: list[Cid] = []
    for parent in fields.items("parents", MAX_PARENTS):
        if not isinstance(parent, Cid) or parent.codec != DAG_CBOR or parent in parents:
            raise InvalidData(f"'parents' of the commit: expected different dag-cbor CIDs, found {parent!r}")
        parents.append(parent)
    commit = Commit(
        tree=fields.cid("tree", DAG_PB),
        manifest=fields.cid("manifest", DAG_CBOR),
        parents=tuple(parents),
        author=fields.text("author", MAX_AUTHOR),
        time=fields.integer("time", 0, 1 << 48),
        message=fields.text("message", MAX_MESSAGE),
    )
    fields.finish()
    return commit


def log(get: Callable[[Cid], bytes], heads: tuple[Cid, ...]) -> Iterator[tuple[Cid, Commit]]:
    """Every commit reachable from `heads`, once each, newest first by the authors' clocks (as `git log` does)."""
    queue: list[tuple[int, int, Cid, Commit]] = []
    seen: set[Cid] = set()

    def push(cid: Cid) -> None:
        if cid not in seen:
            seen.add(cid)
            commit = Commit.from_block(cid, get(cid))
            heappush(queue, (-commit.time, len(seen), cid, commit))

    for head in heads:
        push(head)
    while queue:
        _, _, cid, commit = heappop(queue)
        yield cid, commit
        for parent in commit.parents:
            push(parent)


def topological(get: Callable[[Cid], bytes], heads: tuple[Cid, ...]) -> list[tuple[Cid, Commit]]:
    """Every commit reachable from `heads`, none before a commit that it is a parent of, newest first among the rest."""
    commits = dict(log(get, heads))
    waiting = dict.fromkeys(commits, 0)  # children that have not come yet
    for commit in commits.values():
        for parent in commit.parents:
            waiting[parent] += 1
    queue: list[tuple[int, int, Cid]] = []
    for cid, commit in commits.items():
        if not waiting[cid]:
            heappush(queue, (-commit.time, len(queue), cid))
    count, found = len(commits), []
    while queue:
        cid = heappop(queue)[2]
        found.append((cid, commits[cid]))
        for parent in commits[cid].parents:
            waiting[parent] -= 1
            if not waiting[parent]:
                count += 1
                heappush(queue, (-commits[parent].time, count, parent))
    return found


_REF = re.compile(r"(?:heads|tags|remotes)/[A-Za-z0-9_][A-Za-z0-9_.+-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*")


def check_ref(name: str) -> str:
    """Return `heads/NAME`, `tags/NAME` or `remotes/REMOTE/NAME`.

    Raises UsageError for a name that a file system or a shell could misread.
    """
    if not _REF.fullmatch(name) or len(name) > 200 or ".." in name or name.endswith((".lock", ".")) or "/tmp-" in name:
        kind, _, rest = name.partition("/")
        what = {"heads": "branch", "tags": "tag", "remotes": "remote branch"}.get(kind, "ref")
        raise UsageError(f"expected a {what} name of letters, digits and . _ + - /, found {rest!r}")
    if is_cid(name.partition("/")[2]):
        raise UsageError(f"expected a name, found the CID {name.partition('/')[2]}: it means one commit, and no other")
    return name


def check_free(name: str, others: Iterable[str]) -> None:
    """Raise StateConflict when a ref called `name` cannot stand beside others: `a` and `a/b` are file and folder."""
    for other in others:
        if other.startswith(f"{name}/") or name.startswith(f"{other}/"):
            kind, _, rest = name.partition("/")
            what, taken = {"heads": "branch", "tags": "tag", "remotes": "remote branch"}[kind], other.partition("/")[2]
            raise StateConflict(
                f"the {what} {rest} cannot stand beside the {what} {taken}: a name is not also a folder",
                hint=f"Choose another name, or `mlm {what} --delete {taken}`.",
            )
