"""Removing what nothing needs from a folder of packs, and joining small packs into one.

1. What is needed, and what young packs hold or lead to, is marked; a pack is young by its ctime, which storing and
   being asked for set.
2. Old packs with anything else in them, and small packs, are written anew as one pack, each block checked.
3. That pack takes its place. From here on nothing is lost, whatever is removed.
4. Alone in the repository: what became needed or young meanwhile is marked too; packs that hold such blocks are spared.
5. The other packs that were written anew are removed.

A kill leaves blocks twice at worst; the next collection removes them.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from mlm.adapters.blocks import pack_index, using
from mlm.adapters.blocks.packs import MAX_BLOCK, PackStore
from mlm.adapters.disk import TEMPORARY, locked, open_regular, storage_errors, sync_folder
from mlm.core.cid import Cid
from mlm.core.errors import InvalidData, StorageError
from mlm.ports.blocks import Reach, Volume

SMALL = 256 * 1024 * 1024  # bytes of a pack that is joined with others
_FSCK = "`mlm fsck` names what is damaged, and what can be done."
_APART = re.compile(r"pack-[0-9a-f]{40}\.(?:car|idx)|tmp-[a-z0-9_]{8}")  # a file of a folder apart


@dataclass(frozen=True, eq=False)
class Pack:
    """A pack as it was found: its blocks, its size, and when it was stored or asked for last (seconds since 1970)."""

    name: str
    index: pack_index.PackIndex
    cids: frozenset[Cid]
    size: int
    changed: float


def collect(folder: Path, reach: Reach, before: int, alone: AbstractContextManager[None]) -> tuple[Volume, Volume]:
    """See ports.blocks.LocalBlocks.collect. Raises StateConflict while another process collects."""
    if not folder.is_dir():
        return Volume(0, 0, 0), Volume(0, 0, 0)
    with storage_errors("cannot collect the packs"), locked(folder / "collecting", timeout=0):
        _sweep(folder)
        packs = survey(folder)
        # (1) What stays.
        strict = frozenset(reach(()))
        young = _young(folder, packs, before)
        needed = reach(cid for pack in young for cid in pack.cids)
        # (2) What is written anew.
        old = _rewritten(packs, young, strict, needed)
        kept = {cid for pack in packs if pack not in old for cid in pack.cids}
        copied: set[Cid] = set()
        # (3) One pack.
        made = write(folder, _blocks(folder, old, needed, kept, copied)) if old else None
        # (4) Once more, while nobody changes anything.
        with alone, using.removing(folder):
            found = {pack.name: pack for pack in survey(folder)}
            known = {pack.name for pack in packs}
            later = [pack for pack in found.values() if pack.name not in known and pack.name != made]
            young = [*later, *(pack for pack in _young(folder, list(found.values()), before) if pack.name != made)]
            needed = reach(cid for pack in young for cid in pack.cids)
            # (5) What is left.
            for pack in old:
                if pack.name != made and not (pack.cids & needed) - copied - kept:
                    _remove(folder, pack.name)
            sync_folder(folder)
        return _volume(packs), _volume(survey(folder))


def survey(folder: Path) -> list[Pack]:
    """Every pack, by name; an index that is missing or damaged is read from its pack. Raises InvalidData."""
    found = []
    for path in sorted(folder.glob("pack-*.car")):
        try:
            facts = path.stat()
            index = read_index(path)
        except FileNotFoundError:
            continue
        if index is None:
            try:
                index = pack_index.from_bytes(pack_index.scan(path))
            except InvalidData as error:
                raise InvalidData(f"{path.name} is damaged: {error}", hint=_FSCK) from error
        assert index is not None
        changed = max(facts.st_ctime, facts.st_mtime)
        found.append(Pack(path.stem, index, frozenset(index.cids()), facts.st_size, changed))
    return found


def read_index(pack: Path) -> pack_index.PackIndex | None:
    """A pack's index; None when it is missing or damaged."""
    try:
        return pack_index.read(pack)
    except OSError:
        return None


def write(folder: Path, blocks: Iterable[tuple[Cid, bytes]]) -> str | None:
    """Put blocks into a pack of their own, though others hold them; its name, or None when there are none."""
    # Made in a folder apart, by the one who writes packs, and moved as it moves them.
    apart = Path(mkdtemp(prefix=TEMPORARY, dir=folder))
    try:
        PackStore(apart, collected=False).put(blocks)
        for pack in apart.glob("pack-*.car"):
            pack.with_suffix(".idx").replace(folder / f"{pack.stem}.idx")
            pack.replace(folder / pack.name)
            sync_folder(folder)
            return pack.stem
        return None
    finally:
        shutil.rmtree(apart, ignore_errors=True)


def _young(folder: Path, packs: list[Pack], before: int) -> list[Pack]:
    limit = using.since(folder, before)
    return [pack for pack in packs if pack.changed >= limit]


def _rewritten(packs: list[Pack], young: list[Pack], strict: frozenset[Cid], needed: AbstractSet[Cid]) -> list[Pack]:
    """Old packs that hold what nothing needs; and small ones that hold nothing else, where there are several."""
    garbage = [pack for pack in packs if pack not in young and pack.cids - needed]
    small = [pack for pack in packs if pack not in garbage and pack.size < SMALL and not pack.cids - strict]
    return garbage + (small if len(small) + len(garbage) > 1 else [])


def _blocks(
    folder: Path, packs: list[Pack], needed: AbstractSet[Cid], kept: set[Cid], copied: set[Cid]
) -> Iterator[tuple[Cid, bytes]]:
    """The needed blocks of packs that no other pack keeps, checked, in the order in which they were stored."""
    for pack in packs:
        places = [(place, cid) for cid in pack.cids & needed - kept - copied if (place := pack.index.find(cid))]
        with open(open_regular(folder / f"{pack.name}.car"), "rb") as file:
            for (at, size), cid in sorted(places):
                try:
                    if size > MAX_BLOCK or at > pack.size:
                        raise InvalidData(f"{cid} is said to have {size} bytes at {at}")
                    file.seek(at)
                    data = file.read(size)
                    cid.verify(data)
                except InvalidData as error:
                    raise InvalidData(f"{error} (in {pack.name})", hint=_FSCK) from error
                copied.add(cid)
                yield cid, data


def _remove(folder: Path, name: str) -> None:
    """The pack first: an index alone means nothing."""
    for suffix in (".car", ".idx"):
        try:
            (folder / f"{name}{suffix}").unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"cannot remove {name}{suffix}: {error.strerror}") from error


def _sweep(folder: Path) -> None:
    """What a killed collection left: a folder apart, in which is nothing but what `write` puts there."""
    for path in folder.glob(f"{TEMPORARY}*"):
        if not path.is_symlink() and path.is_dir():
            with os.scandir(path) as entries:
                found = [(entry.name, entry.is_file(follow_symlinks=False)) for entry in entries]
            if all(is_file and _APART.fullmatch(name) for name, is_file in found):
                for name, _ in found:
                    (path / name).unlink(missing_ok=True)
                path.rmdir()


def _volume(packs: list[Pack]) -> Volume:
    return Volume(len({cid for pack in packs for cid in pack.cids}), sum(pack.size for pack in packs), len(packs))
