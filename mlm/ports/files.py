"""Files that the user names."""

from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """Raises NotFound for a file that does not exist, StorageError for one that cannot be read or written."""

    def read(self, path: Path, max_bytes: int) -> bytes:
        """The whole file; raises InvalidData above `max_bytes`."""

    def write(self, path: Path, data: bytes) -> None:
        """Write whole or not at all (temporary file, fsync, rename)."""

    def is_folder(self, path: Path) -> bool: ...

    def exists(self, path: Path) -> bool: ...
