"""Blocks in packs: each `put` is one CARv1 and its index, renamed into place when both are durable.

    pack-NAME.car     a CARv1; NAME is the first 40 hex digits of the sha256 of CID and size of each block, in order:
                      what has the same name is the same, byte for byte
    pack-NAME.idx     its index; renamed into place first, so that a pack that is there is whole and has its index
    tmp-*             being written; what a killed writer left is swept away by the next

`put` trusts its caller for bytes and CID: whatever comes from outside passes a `get`, or car.Reader, which check.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from hashlib import sha256
from pathlib import Path

from mlm.adapters.blocks import pack_index
from mlm.adapters.blocks.car_file import CarFile
from mlm.adapters.blocks.using import Usage
from mlm.adapters.disk import (
    open_regular,
    read_at,
    replace_file,
    storage_errors,
    sweep,
    sync_folder,
    temporary,
)
from mlm.core import car
from mlm.core.cid import Cid
from mlm.core.errors import InvalidData, NotFound, StorageError
from mlm.ports.blocks import Examined, Reach, Volume

_TICK = 2_000_000_000  # nanoseconds: the coarsest clock of a file system (FAT)
MAX_BLOCK = car.Limits().block


class PackStore:
    """Implements ports.Blocks over a folder. Any number of processes may read and write it at once."""

    def __init__(self, folder: Path, *, collected: bool = True) -> None:
        """`collected`: `mlm gc` may work on this folder, so it is said there what this process relies on."""
        self._folder = folder
        self._usage = Usage(folder) if collected else None
        self._packs: dict[str, pack_index.PackIndex] = {}
        self._reread_once: set[str] = set()
        self._listed: int | None = None  # the folder's mtime when it was listed

    def has(self, cid: Cid) -> bool:
        found = self._find(cid)
        return self._stays(found) or (found is not None and self._stays(self._find(cid)))

    def get(self, cid: Cid) -> bytes:
        for _ in range(3):
            found = self._find(cid)
            if found is None:
                break
            try:
                data = self._read(cid, *found)
            except InvalidData as error:
                return self._elsewhere(cid, found, error)
            if data is not None:
                return data
            # Another process has replaced the packs since they were listed.
            self._packs.pop(found[0], None)
            self._listed = None
        raise self._missing(cid)

    def size(self, cid: Cid) -> int:
        found = self._find(cid)
        if found is None:
            raise self._missing(cid)
        return found[2]

    def put(self, blocks: Iterable[tuple[Cid, bytes]]) -> int:
        with storage_errors("cannot write a pack"):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # opened files lie here
            sweep(self._folder)
            if self._usage is not None:
                self._usage.begin()
            return self._write(blocks)

    def cids(self) -> Iterator[Cid]:
        self._list()
        seen: set[Cid] = set()
        for index in list(self._packs.values()):
            for cid in index.cids():
                if cid not in seen:
                    seen.add(cid)
                    yield cid

    def _write(self, blocks: Iterable[tuple[Cid, bytes]]) -> int:
        places: dict[Cid, tuple[int, int]] = {}
        self._list()
        with temporary(self._folder) as (handle, path):
            out = CarFile(handle)
            try:
                last = None
                for cid, data in blocks:
                    if cid in places or self._holds(cid, data):
                        continue
                    if len(data) > MAX_BLOCK:
                        raise InvalidData(f"a block has at most {MAX_BLOCK} bytes, {cid} has {len(data)}")
                    places[cid] = (out.add(cid, data), len(data))
                    last = cid
                if last is None:
                    return 0
                # A CAR needs one root: the block written last, which stands above the others when a DAG was written.
                out.finish(last)
            finally:
                out.close()
            os.fchmod(handle, 0o644)
            os.fsync(handle)
            layout = b"".join(bytes(cid) + size.to_bytes(4, "big") for cid, (_, size) in places.items())
            name = "pack-" + sha256(layout).hexdigest()[:40]
            index = pack_index.to_bytes((cid, *place) for cid, place in places.items())
            replace_file(self._folder / f"{name}.idx", [index])
            path.replace(self._folder / f"{name}.car")
            sync_folder(self._folder)
        if (opened := pack_index.from_bytes(index)) is not None:
            self._packs[name] = opened
        return len(places)

    def collect(self, reach: Reach, before: int, alone: AbstractContextManager[None]) -> tuple[Volume, Volume]:
        from mlm.adapters.blocks.collect import collect

        return collect(self._folder, reach, before, alone)

    def examine(self) -> Iterator[Examined]:
        from mlm.adapters.blocks.examine import examine

        return examine(self._folder)

    def drop_damaged(self) -> int:
        from mlm.adapters.blocks.examine import drop_damaged

        return drop_damaged(self._folder)

    def _read(self, cid: Cid, name: str, at: int, size: int) -> bytes | None:
        """None when the pack is gone; raises InvalidData for other bytes."""
        if size > MAX_BLOCK or at >> 62:
            raise InvalidData(f"the index of {name} gives {cid} {size} bytes at {at}, expected at most {MAX_BLOCK}")
        with storage_errors("cannot read a pack"):
            try:
                data = _read_at(self._folder / f"{name}.car", at, size)
            except FileNotFoundError:
                return None
        cid.verify(data)
        return data

    def _elsewhere(self, cid: Cid, found: tuple[str, int, int], error: InvalidData) -> bytes:
        """A block that is not where an index says: from another pack, or where the pack itself has it."""
        for other in [each for each in self._places(cid) if each != found]:
            with suppress(InvalidData):
                if (data := self._read(cid, *other)) is not None:
                    return data
        if self._reread(found[0]) and (place := self._packs[found[0]].find(cid)):
            data = self._read(cid, found[0], *place)
            if data is not None:
                return data
        raise error

    def _reread(self, name: str) -> bool:
        """Read a pack's index anew; where it says the same, make it anew from the pack. Once; whether it was done."""
        if name in self._reread_once:
            return False
        self._reread_once.add(name)
        pack, old = self._folder / f"{name}.car", self._packs[name]
        try:
            new = pack_index.read(pack)
            if new is None or new == old:
                content = pack_index.scan(pack)
                new = pack_index.from_bytes(content)
                with suppress(OSError):  # a folder that may only be read
                    replace_file(pack.with_suffix(".idx"), [content])
        except (InvalidData, OSError):
            return False
        if new is not None:
            self._packs[name] = new
        return new is not None

    def _holds(self, cid: Cid, data: bytes) -> bool:
        """Whether these bytes are here, and stay: an index may list what its pack has lost."""
        for found in list(self._places(cid)):
            name, at, size = found
            if size != len(data) or not self._stays(found):
                continue
            with suppress(OSError):
                if _read_at(self._folder / f"{name}.car", at, size) == data:
                    return True
        return False

    def _missing(self, cid: Cid) -> NotFound:
        return NotFound(
            f"no block {cid} in {self._folder}",
            hint="It was removed, or never came here: `mlm fsck` names what is missing.",
        )

    def _stays(self, found: tuple[str, int, int] | None) -> bool:
        """Whether a block was found in a pack that nobody removes while this process lives."""
        if found is None or self._usage is None or self._usage.need(found[0]):
            return found is not None
        self._packs.pop(found[0], None)
        self._listed = None
        return False

    def _find(self, cid: Cid) -> tuple[str, int, int] | None:
        found = self._look(cid)
        if found is None and self._list():
            found = self._look(cid)
        return found

    def _look(self, cid: Cid) -> tuple[str, int, int] | None:
        return next(self._places(cid), None)

    def _places(self, cid: Cid) -> Iterator[tuple[str, int, int]]:
        return ((name, *place) for name, index in self._packs.items() if (place := index.find(cid)))

    def _list(self) -> bool:
        """Learn of packs that other processes wrote; True when the folder has changed since the last time."""
        try:
            changed = self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            self._packs.clear()
            return False
        if changed == self._listed:
            return False
        with storage_errors("cannot read the packs"):
            names = {path.stem for path in self._folder.glob("pack-*.car")}
            for name in self._packs.keys() - names:
                del self._packs[name]
            for name in sorted(names - self._packs.keys()):
                try:
                    self._packs[name] = self._open(name)
                except FileNotFoundError:
                    continue  # collected meanwhile; what was needed of it is in another
        # A pack that arrives in the same tick of the file system's clock leaves the time as it is: a young time
        # proves nothing.
        self._listed = changed if time.time_ns() - changed > _TICK else None
        return True

    def _open(self, name: str) -> pack_index.PackIndex:
        path = self._folder / f"{name}.idx"
        index = pack_index.read(path.with_suffix(".car")) if path.exists() else None
        if index is None:
            content = pack_index.scan(self._folder / f"{name}.car")
            replace_file(path, [content])
            index = pack_index.from_bytes(content)
        if index is None:
            raise StorageError(f"cannot rebuild the index {path}")
        return index


def _read_at(path: Path, at: int, size: int) -> bytes:
    handle = open_regular(path)
    try:
        return read_at(handle, at, size)
    finally:
        os.close(handle)
