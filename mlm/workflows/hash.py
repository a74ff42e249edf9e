"""`mlm hash`: the CIDs of files and folders anywhere, as a commit, or any IPFS tool in the same profile, names them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from mlm.core import unixfs
from mlm.core.cid import Cid
from mlm.core.errors import NotFound
from mlm.core.plan import JSON_ONLY
from mlm.ports.repo import FOLDER, IGNORED, FileStat, Worktree
from mlm.workflows.add import check_file
from mlm.workflows.repository import Progress, counted, quiet, shown_path


@dataclass(frozen=True)
class Place:
    """What the user names: `path` below `tree`, "" for all of it; `name` is how it was spelt."""

    name: str
    tree: Worktree
    path: str


@dataclass(frozen=True)
class Hashed:
    """A file or folder: its CID, the bytes of its content, and of all its blocks."""

    cid: Cid
    path: str
    size: int
    blocks_size: int = field(metadata=JSON_ONLY)


@dataclass(frozen=True)
class Hashes:
    """`left_out` are the entries that .mlmignore left out, and repositories' own folders."""

    hashes: tuple[Hashed, ...]
    left_out: tuple[str, ...]


def hash(places: Sequence[Place], progress: Progress = quiet) -> Hashes:
    """Hash each place. Raises NotFound, InvalidData for what no tree holds, StateConflict for what changes."""
    found: list[Hashed] = []
    left_out: list[str] = []
    for place in places:
        files, empty, ignored = listed(place)
        blocks = blocks_of(place, files, empty, progress)
        try:
            while True:
                next(blocks)
        except StopIteration as end:
            entry: unixfs.Entry = end.value
        found.append(Hashed(entry.cid, shown_path(place.name), entry.size, entry.tsize))
        left_out += ignored
    return Hashes(tuple(found), tuple(left_out))


def listed(place: Place) -> tuple[list[FileStat], list[str], list[str]]:
    """The files of a place in order, its empty folders, and what is left out. Raises as `hash` does."""
    if place.path:
        stat = place.tree.stat(place.path)
        if stat is None:
            raise NotFound(f"no such file: {shown_path(place.name)}")
        check_file(stat)
        return [stat], [], []
    entries = sorted(place.tree.scan(ignored=True))
    files = [stat for stat in entries if stat.kind not in (FOLDER, IGNORED)]
    for stat in files:
        check_file(stat)
    kinds = {kind: [stat.path for stat in entries if stat.kind == kind] for kind in (FOLDER, IGNORED)}
    return files, kinds[FOLDER], [shown_path(path) for path in kinds[IGNORED]]


def blocks_of(
    place: Place, files: Sequence[FileStat], empty: Sequence[str], progress: Progress
) -> Generator[tuple[Cid, bytes], None, unixfs.Entry]:
    """Every block of a place, its root last; the generator returns the root's entry."""
    entries: dict[str, unixfs.Entry] = {}
    for number, leaves in groupby(counted(place.tree, files, progress), key=itemgetter(0)):
        entries[files[number].path] = yield from unixfs.file_blocks((cid, data) for _, cid, data in leaves)
    if place.path:
        return entries[place.path]
    nodes: list[tuple[Cid, bytes]] = []
    root = unixfs.tree(entries, lambda cid, block: nodes.append((cid, block)), empty)
    yield from nodes
    return root
