"""The file system, for ports.files."""

from __future__ import annotations

from pathlib import Path

from mlm.adapters.disk import replace_file, storage_errors
from mlm.core.errors import InvalidData, NotFound


class DiskFiles:
    """Reads and writes whole files. Relative paths start at `base`."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def read(self, path: Path, max_bytes: int) -> bytes:
        """The whole file."""
        full = self._base / path
        if not full.exists():
            raise NotFound(f"no such file: {path}")
        with storage_errors("cannot read"), full.open("rb") as file:
            data = file.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise InvalidData(f"expected at most {max_bytes} bytes, {path} has {full.stat().st_size}")
        return data

    def write(self, path: Path, data: bytes) -> None:
        """Write whole or not at all."""
        with storage_errors("cannot write"):
            replace_file(self._base / path, [data])

    def is_folder(self, path: Path) -> bool:
        """Whether a folder is there."""
        return (self._base / path).is_dir()

    def exists(self, path: Path) -> bool:
        """Whether anything is there."""
        return (self._base / path).exists()
