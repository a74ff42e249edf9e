"""The file system, for ports.files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from mlm.adapters.disk import TEMPORARY, open_regular, replace_file, storage_errors
from mlm.adapters.repo.worktree import DiskTree
from mlm.core.errors import InvalidData, NotFound, StateConflict


class DiskFiles:
    """Reads and writes whole files. Relative paths start at `base`."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def read(self, path: Path, max_bytes: int, inside: Path | None = None) -> bytes:
        """The whole file."""
        full = self._base / path
        if inside is not None and not full.resolve().is_relative_to((self._base / inside).resolve()):
            raise InvalidData(f"expected a file inside {inside}, {path} leads to {full.resolve()}")
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

    def write_pieces(self, path: Path, pieces: Iterable[bytes]) -> None:
        """Write whole or not at all."""
        with storage_errors("cannot write"):
            replace_file(self._base / path, pieces)

    @contextmanager
    def new_folder(self, path: Path) -> Iterator[DiskTree]:
        """A folder that appears whole or not at all."""
        full = Path(os.path.abspath(self._base / path))
        if full == Path.cwd():
            raise StateConflict(f"expected a new folder, {path} is the one that you are in", hint="Name another.")
        if os.path.lexists(full) and (full.is_symlink() or not full.is_dir() or any(full.iterdir())):
            raise StateConflict(f"{path} is there already: expected nothing, or an empty folder", hint="Name another.")
        with storage_errors(f"cannot make the folder {path}"):
            full.parent.mkdir(parents=True, exist_ok=True)
            made = Path(mkdtemp(prefix=TEMPORARY, dir=full.parent))
            try:
                made.chmod(0o755)
                yield DiskTree(made)
                made.rename(full)
            finally:
                shutil.rmtree(made, ignore_errors=True)

    def free(self, path: Path) -> int:
        """Of the nearest folder above that is there."""
        full = Path(os.path.abspath(self._base / path))
        there = next(folder for folder in (full, *full.parents) if folder.exists())
        with storage_errors("cannot tell how much room there is"):
            return shutil.disk_usage(there).free

    def is_folder(self, path: Path) -> bool:
        """Whether a folder is there."""
        return (self._base / path).is_dir()

    def exists(self, path: Path) -> bool:
        """Whether anything is there."""
        return (self._base / path).exists()
