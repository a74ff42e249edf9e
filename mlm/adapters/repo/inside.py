"""Changing what lies below a folder by handles of its folders: no symbolic link is followed, nor one that is put in the
place of a folder meanwhile."""

from __future__ import annotations

import errno
import fcntl
import os
import stat as modes
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from mlm.adapters.disk import TEMPORARY, write_all
from mlm.core.errors import StorageError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def folders(root: Path, names: Sequence[str], *, make: bool = False) -> Iterator[list[int]]:
    """Handles of `root` and of the folders below it, one in the other, as far as they are there, or are made.

    Raises OSError, StorageError for a symbolic link.
    """
    handles = [os.open(root, _FOLDER)]
    try:
        for depth, name in enumerate(names, 1):
            above, where = handles[-1], root.joinpath(*names[:depth])
            try:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(name, dir_fd=above)
                handles.append(os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=above))
            except FileNotFoundError:
                break
            except OSError as error:
                if modes.S_ISLNK(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode):
                    raise StorageError(
                        f"{'/'.join(names)} lies behind the symbolic link {where}: mlm does not follow it"
                    ) from error
                error.filename = str(where)
                raise
        yield handles
    finally:
        for handle in handles:
            os.close(handle)


def write(
    root: Path, path: str, pieces: Iterable[bytes], mode: int, staging: Path | None, last: Callable[[], object]
) -> os.stat_result:
    """Write a file whole or not at all, by way of one in `staging` (its own folder), with the folders above it.

    `last` is called when all is written but the name, and may raise. Returns what the file is then. Raises OSError,
    StorageError for a folder in its place or a symbolic link above it.
    """
    *above, name = path.split("/")
    with folders(root, above, make=True) as handles:
        target = handles[-1]
        if len(handles) <= len(above):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(root / path))
        with suppress(FileNotFoundError):
            if modes.S_ISDIR(os.stat(name, dir_fd=target, follow_symlinks=False).st_mode):
                raise StorageError(f"cannot write {path}: a folder is there")
        try:
            place = folders(staging, ()) if staging else nullcontext([target])
            with place as (apart,), _temporary(apart) as (handle, made):
                for piece in pieces:
                    write_all(handle, piece)
                os.fchmod(handle, mode)
                last()
                os.rename(made, name, src_dir_fd=apart, dst_dir_fd=target)
                return os.fstat(handle)
        except OSError as error:
            error.filename, error.filename2 = str(root / path), None  # nobody knows of the temporary file
            raise


def remove(root: Path, path: str) -> None:
    """Remove a file, which may be gone, and the folders above it that are empty then. Raises as `write` does."""
    *above, name = path.split("/")
    with folders(root, above) as handles:
        if len(handles) > len(above):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=handles[-1])
        for folder, handle in reversed(list(zip(above, handles[:-1], strict=False))):
            try:
                os.rmdir(folder, dir_fd=handle)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    return
                error.filename = str(root / path)
                raise


@contextmanager
def _temporary(folder: int) -> Iterator[tuple[int, str]]:
    """As disk.temporary makes one, in the folder of a handle."""
    name = TEMPORARY + os.urandom(8).hex()
    handle = os.open(name, _NEW, 0o600, dir_fd=folder)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # tells disk.sweep that the writer lives
        yield handle, name
    finally:
        os.close(handle)
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
