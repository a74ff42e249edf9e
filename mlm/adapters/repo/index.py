"""The staging index on disk: `.mlm/index` (core/staging.py), replaced whole under the repository's lock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlm.adapters.disk import locked, read_regular, replace_file, storage_errors, temporary
from mlm.core.staging import Staging

MAX_BYTES = 1 << 30  # millions of entries


class FileIndex:
    """Implements ports.repo.Index over `.mlm/index`, under `.mlm/lock`."""

    def __init__(self, private: Path) -> None:
        self._private = private
        self._path = private / "index"
        self._lock = private / "lock"

    def clock(self) -> int:
        try:
            with temporary(self._private) as (handle, _):
                return os.fstat(handle).st_mtime_ns
        except OSError:
            return 0

    def load(self) -> Staging:
        with storage_errors("cannot read the index"):
            try:
                content = read_regular(self._path, MAX_BYTES)
            except FileNotFoundError:
                return Staging()
        return Staging.from_bytes(content)

    @contextmanager
    def edit(self, timeout: float = 10.0) -> Iterator[Staging]:
        with locked(self._lock, timeout):
            entries = self.load()
            yield entries
            with storage_errors("cannot write the index"):
                replace_file(self._path, [entries.to_bytes()])
