"""What the commands over a repository share: resolving names, reading trees, hashing files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from mlm.core import dag, dagcbor, dagpb, history, unixfs
from mlm.core.cid import DAG_CBOR, RAW, Cid, is_cid
from mlm.core.errors import InvalidData, NotFound, StateConflict, UsageError
from mlm.core.history import Commit
from mlm.core.manifest import Manifest
from mlm.ports.repo import FILE, FOLDER, FileStat, Repo, Staged, Worktree

Progress = Callable[[int, int, str], None]  # bytes done, bytes in all, what

NAMESPACES = ("heads/", "tags/", "remotes/")  # of refs
_STEPS = re.compile(r"(?P<base>[^~^]+)(?P<steps>(?:[~^]\d*)*)")
_SHORTEST_PREFIX = 6  # digits after those that every commit's CID begins with
_COMMON = len("bafyrei")


class File(NamedTuple):
    """A file of a commit, or of the index: its content, and whether its owner may run it."""

    cid: Cid
    executable: bool = False


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


def read_files(
    tree: Worktree, files: Sequence[FileStat], emit: unixfs.Emit = discard, progress: Progress = quiet
) -> Iterator[tuple[FileStat, unixfs.Entry]]:
    """Each file, in order, with its entry; the blocks go to `emit`. Raises as ports.repo.Worktree.leaves does."""
    for number, leaves in groupby(counted(tree, files, progress), key=itemgetter(0)):
        yield files[number], unixfs.file_of(((cid, data) for _, cid, data in leaves), emit)


def counted(tree: Worktree, files: Sequence[FileStat], progress: Progress) -> Iterator[tuple[int, Cid, bytes]]:
    """The leaves of files, with progress in bytes."""
    done, total = 0, sum(stat.size for stat in files)
    for number, cid, data in tree.leaves(files):
        yield number, cid, data
        done += len(data)
        progress(done, total, files[number].path)
    progress(total, total, "")


def commit_files(repo: Repo, commit: Commit) -> dict[str, File]:
    """Every file of a commit by its path; raises NotFound, InvalidData."""
    files = tree_files(repo, commit.tree)
    executable = frozenset(read_manifest(repo, commit.manifest).executable)
    return {path: File(cid, path in executable) for path, cid in files.items()}


def staged_file(entry: Staged) -> File:
    """A file of the index."""
    return File(entry.cid, entry.stat.executable)


def staged_files(entries: Mapping[str, Staged]) -> dict[str, File]:
    """Every file of the index by its path."""
    return {path: staged_file(entry) for path, entry in entries.items()}


def write_file(repo: Repo, path: str, file: File, last: Callable[[], object] = lambda: None) -> FileStat:
    """Write a stored file into the working tree, `last` as Folder.write has it.

    Raises NotFound, InvalidData, StorageError.
    """
    size = unixfs.file_size(repo.objects.get, file.cid)
    pieces = unixfs.read(repo.objects.get, file.cid, max_bytes=size)
    return repo.tree.write(path, pieces, executable=file.executable, last=last)


def check_seen(repo: Repo, path: str, seen: FileStat | None) -> None:
    """Raise StateConflict unless a file is as it was when it was decided that it may go."""
    if repo.tree.stat(path) != seen:
        raise StateConflict(
            f"{path} was changed meanwhile, and is kept", hint="Commit or move it away, then run the command again."
        )


def check_stored(repo: Repo, path: str, cid: Cid) -> None:
    """Read every block of a file that is to go from the working tree, where it may be the only sound copy.

    Raises InvalidData, NotFound.
    """
    try:
        for block in dag.dag(repo.objects, cid):
            repo.objects.get(block)
    except (InvalidData, NotFound) as error:
        error.hint = f"`mlm add {shown_path(path)}` stores it again."
        error.args = (f"{shown_path(path)} is kept, what is stored of it is not whole: {error}",)
        raise


def staged_tree(entries: Mapping[str, Staged], emit: unixfs.Emit = discard) -> unixfs.Entry:
    """The tree that the index describes; its directories' blocks go to `emit`."""
    files = {path: unixfs.Entry(entry.cid, entry.tsize, entry.stat.size) for path, entry in entries.items()}
    return unixfs.tree(files, emit)


def stage(stat: FileStat, clock: int, entry: unixfs.Entry) -> Staged:
    """The index entry of a file that was read after `clock` was taken."""
    return Staged(entry.cid, entry.tsize, stat, stat.ctime_ns < clock)


def resolve(repo: Repo, text: str) -> Cid:
    """The commit or manifest that `text` names: HEAD, a branch, a tag, a CID or its prefix; `~N` and `^N` step back.

    Raises NotFound, or UsageError when a prefix fits several commits.
    """
    text = text.removesuffix("…")  # as a table shows a CID
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


def resolve_commit(repo: Repo, text: str) -> tuple[Cid, Commit]:
    """The commit that `text` names; raises as `resolve`, and UsageError for a manifest."""
    cid = resolve(repo, text)
    block = repo.objects.get(cid)
    value = dagcbor.decode(block)
    if isinstance(value, dict) and str(value.get("format")).startswith("mlm/manifest/"):
        raise UsageError(f"expected a commit, {text} is a manifest", hint="`mlm log` lists the commits.")
    return cid, Commit.from_block(cid, block)


def is_ancestor(repo: Repo, cid: Cid, *heads: Cid) -> bool:
    """Whether a commit is one of `heads`, or comes before one."""
    return any(found == cid for found, _ in history.log(repo.objects.get, heads))


def file_entry(get: unixfs.Get, cid: Cid) -> unixfs.Entry:
    """The entry of a stored file, as its tree's directory holds it; reads the root block only."""
    block = get(cid)
    below = () if cid.codec == RAW else dagpb.decode(block).links
    return unixfs.Entry(cid, len(block) + sum(link.tsize for link in below), unixfs.file_size(get, cid))


def covers(path: str, other: str) -> bool:
    """Whether a path that a user gave ("" is the root) means `other`: it is the same, or lies below."""
    return not path or other == path or other.startswith(f"{path}/")


def obstacle(repo: Repo, path: str) -> str | None:
    """What stands above a path and is no folder, so that no file can be written there."""
    for at, char in enumerate(path):
        if char == "/":
            stat = repo.tree.stat(path[:at])
            if stat is not None and stat.kind != FOLDER:
                return path[:at]
    return None


def is_same(repo: Repo, staged: Staged | None, file: File, stat: FileStat | None) -> bool:
    """Whether the working tree has the file like this; its content is read where `staged` does not tell."""
    if stat is None or stat.kind != FILE or stat.executable != file.executable:
        return False
    if staged is not None and staged.is_unchanged(stat):
        return staged.cid == file.cid
    with suppress(NotFound, InvalidData):  # then its content tells
        if unixfs.file_size(repo.objects.get, file.cid) != stat.size:
            return False
    return next(read_files(repo.tree, [stat]))[1].cid == file.cid


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
    if is_cid(text):
        cid = Cid.parse(text)
        if cid.codec != DAG_CBOR or not repo.objects.has(cid):
            raise NotFound(f"no commit or manifest {cid} here", hint="`mlm log` lists the commits.")
        return cid
    refs = repo.refs.all()
    # A whole name first, as in Git: a fetched tag called heads/main must not stand for the branch.
    for name in (text, *(f"{space}{text}" for space in NAMESPACES)):
        if name in refs:
            return refs[name]
    return _by_prefix(repo, refs, text)


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
        from difflib import get_close_matches

        names = dict.fromkeys(name.partition("/")[2] for name in refs)
        close = "".join(f"Did you mean {name}? " for name in get_close_matches(text, names, 1))
        raise NotFound(
            f"no branch, tag or commit {text!r}", hint=f"{close}`mlm branch --all` and `mlm log` list what there is."
        )
    return found[0]


def shown_path(path: str) -> str:
    """A path for people and JSON: bytes that are no UTF-8 are spelt out."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
