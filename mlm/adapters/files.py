"""The file system, for ports.files."""

from __future__ import annotations

import os
from pathlib import Path

from mlm.adapters.disk import open_regular, replace_file, storage_errors
from mlm.core.errors import InvalidData, NotFound


class DiskFiles:
    """Reads and writes whole files. Relative paths start at `base`."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def read(self, path: Path, max_bytes: int) -> bytes:
        """The whole file."""
        full = self._base / path
        with storage_errors("cannot read"):
            try:
                handle = open_regular(full)  # a pipe or a device might never end
            except FileNotFoundError as error:
                raise NotFound(f"no such file: {path}") from error
            size = os.fstat(handle).st_size
            with open(handle, "rb") as file:
                if size > max_bytes:
                    raise InvalidData(f"expected at most {max_bytes} bytes, {path} has {size}")
                return file.read(max_bytes)

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
