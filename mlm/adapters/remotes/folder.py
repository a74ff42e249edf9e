"""A remote that is a folder: CARv1 packs that any IPFS tool can import, and small text files (mlm/core/remote.py).

Copy, share, mount it or let a web server serve it as you like. Writers never change a pack that is there, so any
number may write at once; the list of packs and the names are replaced whole, under a lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from mlm.adapters.blocks.packs import PackStore
from mlm.adapters.disk import locked, read_regular, replace_file, storage_errors
from mlm.core import remote
from mlm.core.cid import Cid
from mlm.core.errors import InvalidData, NotFound, StateConflict, StorageError
from mlm.core.history import check_ref
from mlm.ports.remote import About


class FolderRemote:
    """Implements ports.Remote. The folder is made by the first `put`, unless its parent is missing too."""

    def __init__(self, folder: Path, about: About | None = None) -> None:
        self._folder = folder
        self._packs = folder / "packs"
        self._store = PackStore(self._packs, collected=False)
        self._lock = threading.Lock()  # the store's, which is one thread's
        self.dropped: Mapping[str, str] = {}
        self.about = about or About("", remote.FOLDER, str(folder), writes=True, names=True)

    def has(self, cid: Cid) -> bool:
        return self._check() and self._store.has(cid)

    def get(self, cid: Cid) -> bytes:
        with self._lock:
            self._check()
            try:
                return self._store.get(cid)
            except NotFound as error:
                raise NotFound(
                    f"the remote {self._folder} holds no block {cid}", hint="Ask its owner to push."
                ) from error

    def size(self, cid: Cid) -> int:
        with self._lock:
            return self._store.size(cid)

    def stream(self, root: Cid) -> None:
        return None

    def missing(self, cids: Sequence[Cid]) -> list[Cid]:
        return [cid for cid in cids if not self.has(cid)]

    def put(self, blocks: Iterable[tuple[Cid, bytes]]) -> int:
        self._make()
        held = iter(blocks)
        first = next(held, None)
        new = 0 if first is None else self._store.put(chain([first], held))
        with storage_errors("cannot list the remote's packs"):
            if not self._is_listed():
                with locked(self._folder):
                    self._packs.mkdir(exist_ok=True)
                    replace_file(self._folder / remote.PACK_LIST, [self._list()])
        return new

    def pin(self, root: Cid, name: str) -> str:
        return "kept"

    def names(self, repository: str) -> dict[str, Cid]:
        path = self._names(repository)
        with storage_errors("cannot read the remote's names"):
            try:
                data = read_regular(path, remote.MAX_NAMES_BYTES) if self._check() else None
            except FileNotFoundError:
                data = None
        return {} if data is None else remote.decode_names(data, str(path))

    def set_name(self, repository: str, name: str, new: Cid | None, expected: Cid | None) -> None:
        check_ref(name)
        path = self._names(repository)
        self._make()
        with storage_errors("cannot write the remote's names"), locked(self._folder):
            names = self.names(repository)
            if (found := names.get(name)) != expected:
                raise StateConflict(
                    f"{name} on the remote is at {found or 'nothing'}, expected {expected or 'nothing'}: somebody else "
                    "has pushed",
                    hint="Run `mlm fetch`, then push again.",
                )
            if new is None:
                names.pop(name, None)
            else:
                names[name] = new
            path.parent.mkdir(exist_ok=True)
            replace_file(path, [remote.encode_names(names)])

    def cids(self) -> Iterator[Cid]:
        self._check()
        return self._store.cids()

    def _list(self) -> bytes:
        """What the list of packs has to be."""
        files = self._packs.glob("pack-*.car")
        return remote.encode_packs({path.stem: path.stat().st_size for path in files if remote.is_pack(path.stem)})

    def _is_listed(self) -> bool:
        """Whether readers by HTTP see every pack: a push that was killed may have left one that is not listed."""
        try:
            return read_regular(self._folder / remote.PACK_LIST, remote.MAX_PACKS_BYTES) == self._list()
        except OSError:
            return False

    def _names(self, repository: str) -> Path:
        return self._folder / "names" / remote.check_repository(repository)

    def _make(self) -> None:
        if not self._check():
            with storage_errors("cannot make the remote"):
                if not self._folder.parent.is_dir():
                    raise StorageError(
                        f"cannot make the remote {self._folder}: its parent folder does not exist",
                        hint=f"Make {self._folder.parent}, or mount it; `mlm remote remove` forgets a remote.",
                    )
                self._folder.mkdir(exist_ok=True)
                replace_file(self._folder / remote.MARK, [remote.FORMAT])

    def _check(self) -> bool:
        """False when there is no remote yet; raises InvalidData for a folder that is something else."""
        with storage_errors("cannot read the remote"):
            if not self._folder.exists():
                return False
            for below in (self._packs, self._folder / "names"):
                # Others may write here: what is written, and swept, must not lie elsewhere.
                if below.is_symlink() or (below.exists() and not below.is_dir()):
                    raise InvalidData(f"expected a folder, {below} is a link or a file: not a remote's")
            mark = self._folder / remote.MARK
            if mark.exists():
                found = read_regular(mark, 4096)[:64]
                if found != remote.FORMAT:
                    raise InvalidData(
                        f"expected {remote.FORMAT.decode().strip()} in {mark}, found {found!r}", hint="Update mlm."
                    )
                return True
            if any(path.name[:4] != "tmp-" for path in self._folder.iterdir()):
                raise InvalidData(
                    f"{self._folder} holds other files and no {remote.MARK}: not a remote",
                    hint="Name an empty or a new folder.",
                )
            return False
