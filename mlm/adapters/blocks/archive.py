"""CAR files on disk: written like packs, read in place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlm.adapters.blocks.car_file import CarFile
from mlm.adapters.disk import open_regular, read_at, storage_errors, temporary
from mlm.core import car
from mlm.core.cid import Cid
from mlm.core.errors import InvalidData, NotFound


class CarFiles:
    """Implements ports.archives.Archives. Relative paths start at `base`."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def write(self, path: Path, blocks: Iterable[tuple[Cid, bytes]]) -> tuple[int, int]:
        full = self._base / path
        seen: set[Cid] = set()
        last: Cid | None = None
        with storage_errors(f"cannot write {path}"), temporary(full.parent) as (handle, name):
            out = CarFile(handle)
            try:
                for last, data in blocks:
                    if last not in seen:
                        seen.add(last)
                        out.add(last, data)
                if last is None:
                    raise ValueError("an archive holds a block at least")
                out.finish(last)
            finally:
                out.close()
            os.fchmod(handle, 0o644)
            name.replace(full)
        return len(seen), out.size

    @contextmanager
    def open(self, path: Path) -> Iterator[CarBlocks]:
        with storage_errors(f"cannot read {path}"):
            try:
                handle = open_regular(self._base / path)
            except FileNotFoundError as error:
                raise NotFound(f"no such file: {path}") from error
            try:
                yield CarBlocks(handle)
            finally:
                os.close(handle)


class CarBlocks:
    """Implements ports.archives.Archive over an open file."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        size = os.fstat(handle).st_size
        with open(handle, "rb", closefd=False) as file:

            def skip(count: int) -> int:
                at = file.tell()
                return file.seek(min(at + count, size)) - at

            reader = car.Reader(file.read)
            self._places = reader.places(skip)
        self.root = reader.root

    def get(self, cid: Cid) -> bytes:
        if cid not in self._places:
            raise NotFound(f"the archive holds no block {cid}", hint="It is a part only: ask for the whole.")
        at, size = self._places[cid]
        data = read_at(self._handle, at, size)
        if len(data) != size:
            raise InvalidData(f"the CAR is cut off: expected {size} bytes of block, found {len(data)}")
        cid.verify(data)
        return data

    def __len__(self) -> int:
        return len(self._places)
