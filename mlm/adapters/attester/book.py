"""FileBook: the Book port, a file for each entry. Two processes of one account cannot write two of a name."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from mlm.adapters.disk import read_regular, storage_errors, sync_folder, temporary, write_all
from mlm.core.errors import StorageError

MAX_BYTES = 1 << 14
_NAME = re.compile(r"[0-9a-f-]{1,160}")


class FileBook:
    """`folder` (mode 0700) is one account's, for one verifying contract of one chain."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, entry: bytes) -> bytes:
        """Link the whole file to its name, which fails where another stands: whoever came first is read."""
        path = self._path(name)
        with storage_errors("the attester's book cannot be written"):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with temporary(self._folder) as (handle, made):
                write_all(handle, entry)
                os.fsync(handle)
                with suppress(FileExistsError):
                    os.link(made, path)
            sync_folder(self._folder)
        found = self.find(name)
        if found is None:
            raise StorageError(f"{path} is gone, which was written just now")
        return found

    def find(self, name: str) -> bytes | None:
        """The entry of a name."""
        path = self._path(name)
        with storage_errors("the attester's book cannot be read"):
            try:
                return read_regular(path, MAX_BYTES)
            except FileNotFoundError:
                return None

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"expected a name of hexadecimal digits, found {name[:80]!r}")
        return self._folder / f"{name}.json"
