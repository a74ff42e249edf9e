"""Files that the user names."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mlm.ports.repo import Folder


class Files(Protocol):
    """Raises NotFound for a file that does not exist, StorageError for one that cannot be read or written."""

    def read(self, path: Path, max_bytes: int, inside: Path | None = None) -> bytes:
        """The whole file; raises InvalidData above `max_bytes`, and where a link leads out of the folder `inside`."""

    def write(self, path: Path, data: bytes) -> None:
        """Write whole or not at all (temporary file, fsync, rename)."""

    def write_pieces(self, path: Path, pieces: Iterable[bytes]) -> None:
        """The same of a file that need not fit into memory; an exception of `pieces` leaves nothing."""

    def new_folder(self, path: Path) -> AbstractContextManager[Folder]:
        """A folder to fill, which appears when the context ends, and not at all when an exception ends it.

        Raises StateConflict when something is there, other than an empty folder.
        """

    def free(self, path: Path) -> int:
        """Bytes that can be written where `path` is, or is to be."""

    def is_folder(self, path: Path) -> bool: ...

    def exists(self, path: Path) -> bool: ...
