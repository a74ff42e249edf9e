"""A remote that is a folder: CARv1 packs that any IPFS tool can import, and a file that says what the folder is.

Copy, share or mount it as you like. Writers never change a file that is there, so any number may write at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from mlm.adapters.blocks.packs import PackStore
from mlm.adapters.disk import read_regular, replace_file, storage_errors
from mlm.core.cid import Cid
from mlm.core.errors import InvalidData, NotFound, StorageError

_MARK = "mlm-remote"
_FORMAT = b"mlm/remote/1\n"


class FolderRemote:
    """Implements ports.Blocks. The folder is made by the first `put`, unless its parent is missing too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store = PackStore(folder / "packs", collected=False)

    def has(self, cid: Cid) -> bool:
        return self._check() and self._store.has(cid)

    def get(self, cid: Cid) -> bytes:
        self._check()
        try:
            return self._store.get(cid)
        except NotFound as error:
            raise NotFound(f"the remote {self._folder} holds no block {cid}", hint="Ask its owner to push.") from error

    def put(self, blocks: Iterable[tuple[Cid, bytes]]) -> int:
        if not self._check():
            with storage_errors("cannot make the remote"):
                if not self._folder.parent.is_dir():
                    raise StorageError(f"cannot make the remote {self._folder}: its parent folder does not exist")
                self._folder.mkdir(exist_ok=True)
                replace_file(self._folder / _MARK, [_FORMAT])
        return self._store.put(blocks)

    def cids(self) -> Iterator[Cid]:
        self._check()
        return self._store.cids()

    def _check(self) -> bool:
        """False when there is no remote yet; raises InvalidData for a folder that is something else."""
        with storage_errors("cannot read the remote"):
            if not self._folder.exists():
                return False
            mark = self._folder / _MARK
            if mark.exists():
                found = read_regular(mark, 4096)[:64]
                if found != _FORMAT:
                    raise InvalidData(
                        f"expected {_FORMAT.decode().strip()} in {mark}, found {found!r}", hint="Update mlm."
                    )
                return True
            if any(path.name[:4] != "tmp-" for path in self._folder.iterdir()):
                raise InvalidData(
                    f"{self._folder} holds other files and no {_MARK}: not a remote",
                    hint="Name an empty or a new folder.",
                )
            return False
