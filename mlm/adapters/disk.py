"""Writing to disk so that a kill leaves the old file or the new one, and locks that die with their holder."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp

from mlm.core.errors import InvalidData, StateConflict, StorageError

TEMPORARY = "tmp-"  # begins the name of every file that is not whole yet
_held: set[Path] = set()  # locks that this process holds for a whole command
_STALE_AFTER = 60.0  # seconds; a younger temporary file may belong to a writer that has not locked it yet


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Turn an OSError into a StorageError that says what was being done, and to which file."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        where = f": {error.filename}" if error.filename else ""
        hint = "Free some disk space and run the same command again." if full else ""
        raise StorageError(f"{what}: {error.strerror or error}{where}", hint=hint) from error


def sync_data(handle: int) -> None:
    """Make a file's content and size durable; macOS has no fdatasync. Raises OSError."""
    getattr(os, "fdatasync", os.fsync)(handle)


def refuse_links(private: Path) -> None:
    """Raise InvalidData when a project's .mlm, its refs, or what stands in either, is a symbolic link.

    In a project of others such a link makes every writer, sweeper and collector work on what is not theirs.
    """
    for folder in (private, private / "refs"):
        with storage_errors("cannot list a folder"):
            link = str(folder) if folder.is_symlink() else ""
            try:
                with os.scandir(folder) as entries:
                    link = link or next((entry.path for entry in entries if entry.is_symlink()), "")
            except (FileNotFoundError, NotADirectoryError):
                continue
        if link:
            raise InvalidData(
                f"{link} is a symbolic link, expected a repository's own: mlm would change what lies behind it",
                hint="Move what it links to into its place, if that is yours; else remove the link.",
            )


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def temporary(folder: Path) -> Iterator[tuple[int, Path]]:
    """A locked temporary file in `folder`; removed at the end unless it was renamed."""
    handle, name = mkstemp(prefix=TEMPORARY, dir=folder)
    try:
        # The lock tells `sweep` that the writer lives.
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield handle, Path(name)
    finally:
        os.close(handle)
        Path(name).unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what killed writers left behind."""
    for path in folder.glob(f"{TEMPORARY}*"):
        try:
            handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue  # gone meanwhile, or in a shared folder somebody else's: not ours to remove
        try:
            if time.time() - os.fstat(handle).st_mtime > _STALE_AFTER:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
        except OSError:
            continue  # its writer lives, or the folder does not let us
        finally:
            os.close(handle)


def open_regular(path: Path) -> int:
    """Open a file of others to read it; raises OSError for a pipe or device, which would never end."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "expected a regular file", str(path))
    return handle


def read_regular(path: Path, most: int) -> bytes:
    """A whole regular file of at most `most` bytes; raises OSError for anything else."""
    with open(open_regular(path), "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"expected at most {most} bytes", str(path))
    return data


def read_at(handle: int, at: int, size: int) -> bytes:
    """`size` bytes from `at` on, or as many as there are."""
    data = os.pread(handle, size, at)
    while len(data) < size and (more := os.pread(handle, size - len(data), at + len(data))):
        data += more
    return data


def write_all(handle: int, data: bytes | memoryview) -> None:
    """Write every byte; a single write may stop short."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def replace_file(
    path: Path, pieces: Iterable[bytes], *, mode: int = 0o644, durable: bool = True, staging: Path | None = None
) -> os.stat_result:
    """Write `path` whole or not at all, by way of a file in `staging` (its own folder). Raises OSError.

    Returns what the file system says of the file that was written, whatever stands at `path` by now.
    """
    try:
        with temporary(staging or path.parent) as (handle, name):
            for piece in pieces:
                write_all(handle, piece)
            os.fchmod(handle, mode)
            if durable:
                os.fsync(handle)
            name.replace(path)
            found = os.fstat(handle)
        if durable:
            sync_folder(path.parent)
        return found
    except OSError as error:
        error.filename, error.filename2 = str(path), None  # whoever reads the message knows of no temporary file
        raise


@contextmanager
def locked(path: Path, timeout: float = 10.0) -> Iterator[None]:
    """Hold a lock file, or a folder that others may write into: a file in it could be another's, or a link.

    The kernel lets go of it when the process dies. Nothing is waited for while this process holds it by `holding`.
    Raises StateConflict when time runs out.
    """
    if path in _held:
        yield
        return
    with storage_errors("cannot take a lock"):
        flags = os.O_DIRECTORY if path.is_dir() else os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        handle = os.open(path, flags | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise StateConflict(
                        f"another mlm has held {path} for {timeout:g} s",
                        hint="Wait until it ends, then run the command again.",
                    ) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(handle)


@contextmanager
def holding(path: Path, timeout: float = 10.0) -> Iterator[None]:
    """Hold a lock file over several writes, each of which takes the same lock by `locked`. Not for threads."""
    if path in _held:
        yield
        return
    with locked(path, timeout):
        _held.add(path)
        try:
            yield
        finally:
            _held.discard(path)
