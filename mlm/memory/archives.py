"""CAR files in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlm.core.cid import Cid
from mlm.core.errors import NotFound


class MemoryArchives:
    """Implements ports.archives.Archives over a dict."""

    def __init__(self) -> None:
        self._files: dict[Path, MemoryArchive] = {}

    def write(self, path: Path, blocks: Iterable[tuple[Cid, bytes]]) -> tuple[int, int]:
        found = {cid: bytes(data) for cid, data in blocks}
        self._files[path] = MemoryArchive(next(reversed(found)), found)
        return len(found), sum(map(len, found.values()))

    @contextmanager
    def open(self, path: Path) -> Iterator[MemoryArchive]:
        if path not in self._files:
            raise NotFound(f"no such file: {path}")
        yield self._files[path]


class MemoryArchive:
    """Implements ports.archives.Archive."""

    def __init__(self, root: Cid, blocks: dict[Cid, bytes]) -> None:
        self.root = root
        self.blocks = blocks

    def get(self, cid: Cid) -> bytes:
        if cid not in self.blocks:
            raise NotFound(f"the archive holds no block {cid}")
        cid.verify(self.blocks[cid])
        return self.blocks[cid]

    def __len__(self) -> int:
        return len(self.blocks)
