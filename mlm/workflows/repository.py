"""What the commands over a repository share: resolving names, reading trees, hashing files."""

from __future__ import annotations

import re
from collections.abc import Callable

from mlm.core import history, unixfs
from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.errors import InvalidData, NotFound, StateConflict, UsageError
from mlm.core.history import Commit
from mlm.core.manifest import Manifest
from mlm.ports.repo import FileStat, Repo, Staged

Progress = Callable[[int, int, str], None]  # bytes done, bytes in all, what

_STEPS = re.compile(r"(?P<base>[^~^]+)(?P<steps>(?:[~^]\d*)*)")
_SHORTEST_PREFIX = 6  # digits after those that every commit's CID begins with
_COMMON = len("bafyrei")


def quiet(done: int, total: int, what: str) -> None:
    """Progress that nobody watches."""


def discard(cid: Cid, block: bytes) -> None:
    """An `emit` for those who want CIDs alone."""


def read_commit(repo: Repo, cid: Cid) -> Commit:
    """The commit in the local objects; raises NotFound, InvalidData."""
    return Commit.from_block(cid, repo.objects.get(cid))


def read_manifest(repo: Repo, cid: Cid) -> Manifest:
    """The manifest in the local objects; raises NotFound, InvalidData."""
    return Manifest.from_block(cid, repo.objects.get(cid))


def head_commit(repo: Repo) -> tuple[Cid, Commit] | None:
    """The commit that is checked out; None before the first."""
    cid = repo.refs.head().commit
    return None if cid is None else (cid, read_commit(repo, cid))


def tree_files(repo: Repo, tree: Cid) -> dict[str, Cid]:
    """Every file below a tree by its path; raises NotFound, InvalidData."""
    return dict(unixfs.walk(repo.objects.get, tree))


def staged_tree(entries: dict[str, Staged], emit: unixfs.Emit = discard) -> unixfs.Entry:
    """The tree that the index describes; its directories' blocks go to `emit`."""
    files = {path: unixfs.Entry(entry.cid, entry.tsize, entry.stat.size) for path, entry in entries.items()}
    return unixfs.tree(files, emit)


def stage(repo: Repo, stat: FileStat, clock: int, entry: unixfs.Entry) -> Staged:
    """The index entry of a file that was read after `clock` was taken."""
    return Staged(entry.cid, entry.tsize, stat, stat.ctime_ns < clock)


def is_unchanged(staged: Staged, stat: FileStat) -> bool:
    """Whether a file needs no reading to be known as the staged one."""
    return staged.settled and staged.stat == stat


def resolve(repo: Repo, text: str) -> Cid:
    """The commit or manifest that `text` names: HEAD, a branch, a tag, a CID or its prefix; `~N` and `^N` step back.

    Raises NotFound, or UsageError when a prefix fits several commits.
    """
    match = _STEPS.fullmatch(text)
    if match is None:
        raise UsageError(f"expected HEAD, a branch, a tag or a commit's CID, found {text!r}")
    cid = _base(repo, match["base"])
    for step, number in re.findall(r"([~^])(\d*)", match["steps"]):
        count = int(number or 1)
        if step == "~":
            for _ in range(count):
                cid = _parent(repo, cid, 1)
        elif count:
            cid = _parent(repo, cid, count)
    return cid


def _parent(repo: Repo, cid: Cid, number: int) -> Cid:
    parents = read_commit(repo, cid).parents
    if len(parents) < number:
        raise NotFound(f"the commit {cid} has {len(parents)} parents, not {number}", hint="`mlm log` shows them.")
    return parents[number - 1]


def _base(repo: Repo, text: str) -> Cid:
    if text == "HEAD":
        cid = repo.refs.head().commit
        if cid is None:
            raise StateConflict("there is no commit yet", hint="Run `mlm add .`, then `mlm commit -m MESSAGE`.")
        return cid
    refs = repo.refs.all()
    for name in (f"heads/{text}", f"tags/{text}", f"remotes/{text}", text):
        if name in refs:
            return refs[name]
    try:
        cid = Cid.parse(text)
    except InvalidData:
        return _by_prefix(repo, refs, text)
    if cid.codec != DAG_CBOR or not repo.objects.has(cid):
        raise NotFound(f"no commit or manifest {cid} here", hint="`mlm log` lists the commits.")
    return cid


def _by_prefix(repo: Repo, refs: dict[str, Cid], text: str) -> Cid:
    found: list[Cid] = []
    head = repo.refs.head().commit
    heads = dict.fromkeys([*refs.values(), *([head] if head else [])])
    if len(text.removeprefix("bafyrei")) >= _SHORTEST_PREFIX:
        commits = (cid for cid, _ in history.log(repo.objects.get, tuple(heads)))
        found = [cid for cid in commits if str(cid).startswith(text) or str(cid)[_COMMON:].startswith(text)]
    if len(found) > 1:
        raise UsageError(
            f"{text!r} fits {len(found)} commits: {', '.join(map(str, found[:4]))}", hint="Give more of it."
        )
    if not found:
        raise NotFound(f"no branch, tag or commit {text!r}", hint="`mlm log` lists the commits.")
    return found[0]


def shown_path(path: str) -> str:
    """A path for people and JSON: bytes that are no UTF-8 are spelt out."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
