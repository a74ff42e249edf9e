"""The file system, for ports.files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from mlm.core.errors import InvalidData, MlmError, NotFound, StorageError


class DiskFiles:
    """Reads and writes whole files. Relative paths start at `base`."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def read(self, path: Path, max_bytes: int) -> bytes:
        """The whole file."""
        full = self._base / path
        try:
            with full.open("rb") as file:
                data = file.read(max_bytes + 1)
        except OSError as error:
            raise _explained(error, "read", path) from error
        if len(data) > max_bytes:
            raise InvalidData(f"expected at most {max_bytes} bytes, {path} has {full.stat().st_size}")
        return data

    def write(self, path: Path, data: bytes) -> None:
        """Write whole or not at all."""
        full = self._base / path
        temporary = None
        try:
            handle, temporary = tempfile.mkstemp(dir=full.parent, prefix=f".{full.name}.")
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, full)
        except OSError as error:
            if temporary and os.path.exists(temporary):
                os.unlink(temporary)
            raise _explained(error, "write", path) from error

    def is_folder(self, path: Path) -> bool:
        """Whether a folder is there."""
        return (self._base / path).is_dir()

    def exists(self, path: Path) -> bool:
        """Whether anything is there."""
        return (self._base / path).exists()


def _explained(error: OSError, verb: str, path: Path) -> MlmError:
    if isinstance(error, FileNotFoundError):
        return NotFound(f"no such file: {path}")
    return StorageError(f"cannot {verb} {path}: {error.strerror}")
