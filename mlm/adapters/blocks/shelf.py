"""The Shelf port: a folder of packs for each group. It belongs to one process, whose threads share it.

NAME/pack-*     as in packs.py; the folder's mtime is when the group was used last
gone-NAME       being removed; what a killed process left is removed by the next
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path

from mlm.adapters.blocks.packs import PackStore
from mlm.adapters.disk import storage_errors
from mlm.core.errors import UsageError
from mlm.ports.blocks import Blocks

_NAME = re.compile(r"[A-Za-z0-9_-]{1,120}")
_GONE = "gone-"


class FolderShelf:
    """`limit` bytes in `folder`, and while something is brought that besides."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self.limit = folder, limit
        self._lock = threading.Lock()
        self._used: Counter[str] = Counter()  # how many threads are in each group
        self._kept: AbstractSet[str] = frozenset()
        self._mine = threading.local()

    @contextmanager
    def group(self, name: str) -> Iterator[Blocks]:
        """See the port."""
        if not _NAME.fullmatch(name) or name.startswith(_GONE):
            raise UsageError(f"expected a name of letters, digits, - and _, found {name[:60]!r}")
        path = self._folder / name
        with self._lock:
            self._used[name] += 1
        before, self._mine.store = self.current(), PackStore(path, collected=False)
        was = _changed(path)
        try:
            yield self._mine.store
        finally:
            self._mine.store = before
            with self._lock, storage_errors("cannot make room"):
                self._used[name] -= 1
                if now := _changed(path):
                    os.utime(path)  # used just now
                if now != was:
                    self._make_room()

    def current(self) -> Blocks | None:
        """See the port."""
        found: Blocks | None = getattr(self._mine, "store", None)
        return found

    def keep(self, names: AbstractSet[str]) -> None:
        """See the port."""
        self._kept = frozenset(names)

    def _make_room(self) -> None:
        groups = []
        for path in self._folder.iterdir():
            if path.name.startswith(_GONE):
                shutil.rmtree(path, ignore_errors=True)
            elif path.is_dir():
                size = sum(file.stat().st_size for file in path.iterdir())
                groups.append((path.stat().st_mtime_ns, path, size))
        whole = sum(size for _, _, size in groups)
        for _, path, size in sorted(groups):
            if whole <= self.limit:
                return
            if path.name not in self._kept and not self._used[path.name]:
                gone = path.with_name(_GONE + path.name)
                path.rename(gone)
                shutil.rmtree(gone, ignore_errors=True)
                whole -= size


def _changed(folder: Path) -> int:
    """When something came into a folder; 0 where there is none."""
    try:
        return folder.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
