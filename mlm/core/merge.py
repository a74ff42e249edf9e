"""Three-way merging of file trees by whole files: what either side changed since their best common ancestor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from mlm.core.cid import Cid
from mlm.core.history import log

OURS, THEIRS = "ours", "theirs"


class _File(Protocol):
    """What a path holds: content, and whether its owner may run it."""

    @property
    def cid(self) -> Cid: ...

    @property
    def executable(self) -> bool: ...

    def _replace(self: F, /, *, cid: Cid, executable: bool) -> F: ...


F = TypeVar("F", bound=_File)


@dataclass(frozen=True)
class Merge(Generic[F]):
    """The files that come of it. `conflicts` are paths that the two sides disagree on, in order."""

    files: Mapping[str, F]
    conflicts: tuple[str, ...]


def bases(get: Callable[[Cid], bytes], ours: Cid, theirs: Cid) -> tuple[Cid, ...]:
    """Common ancestors that come before no other one, newest first, then by CID: the first is the one to take.

    None for unrelated histories, several for histories that were merged crosswise. Raises NotFound, InvalidData.
    """
    before, found = dict(log(get, (ours,))), dict(log(get, (theirs,)))
    common = {cid: commit for cid, commit in before.items() if cid in found}
    # Whatever comes before a common ancestor is one too: so one that is not best is a parent of another.
    older = {parent for commit in common.values() for parent in commit.parents}
    return tuple(sorted(common.keys() - older, key=lambda cid: (-common[cid].time, str(cid))))


def merge(base: Mapping[str, F], ours: Mapping[str, F], theirs: Mapping[str, F], take: str = "") -> Merge[F]:
    """What either side changed since `base`. A path that both changed, and not alike, is a conflict.

    So are a deletion against a change, and a file of one side where the other has a folder. Content and executable
    bit are merged apart. `take`, OURS or THEIRS, decides the conflicts, and nothing else; without it they are not in
    `files`.
    """
    chosen = {OURS: ours, THEIRS: theirs}.get(take, {})
    files: dict[str, F] = {}
    conflicts = []
    for path in sorted(base.keys() | ours.keys() | theirs.keys()):
        found, agreed = _three_way(base.get(path), ours.get(path), theirs.get(path))
        if not agreed:
            conflicts.append(path)
            found = chosen.get(path)
        if found is not None:
            files[path] = found
    for path in set(_clashes(files)):
        conflicts.append(path)
        if path not in chosen:
            del files[path]
    return Merge(files, tuple(sorted(set(conflicts))))


def _three_way(base: F | None, ours: F | None, theirs: F | None) -> tuple[F | None, bool]:
    """What comes of a path, and whether the sides agree on it."""
    if ours == theirs or theirs == base:
        return ours, True
    if ours == base:
        return theirs, True
    if base is None or ours is None or theirs is None or len({base.cid, ours.cid, theirs.cid}) == 3:
        return None, False
    cid = theirs.cid if ours.cid == base.cid else ours.cid
    executable = theirs.executable if ours.executable == base.executable else ours.executable
    return ours._replace(cid=cid, executable=executable), True


def _clashes(files: Mapping[str, F]) -> Iterator[str]:
    """Files that stand where others need a folder, and those others."""
    for path in files:
        for at, char in enumerate(path):
            if char == "/" and path[:at] in files:
                yield path
                yield path[:at]
