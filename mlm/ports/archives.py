"""Trees of blocks as files that any IPFS tool can read: CARv1 archives."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from mlm.core.cid import Cid


class Archive(Protocol):
    """An archive that is open. `get` verifies the bytes: a damaged block raises InvalidData, a missing one NotFound."""

    @property
    def root(self) -> Cid: ...

    def get(self, cid: Cid) -> bytes: ...

    def __len__(self) -> int:
        """How many blocks it holds."""


class Archives(Protocol):
    """CAR files by path."""

    def write(self, path: Path, blocks: Iterable[tuple[Cid, bytes]]) -> tuple[int, int]:
        """Write an archive whole or not at all, each block once; the last is its root. Returns blocks and bytes.

        Raises StorageError.
        """

    def open(self, path: Path) -> AbstractContextManager[Archive]:
        """Read where the blocks are. Raises NotFound, StorageError, InvalidData for all but a CARv1 of one root."""
