"""A DuckDB file that stays attached between two looks at it, while its lock is held during each alone.

To attach a file and let it go takes 5 ms of a processor, more than most looks do; and DuckDB locks a file for as long
as it is attached. Its lock is fcntl's, which belongs to the process and covers the whole file: so it can be given back
by another handle of that file, and taken again for the next look. What is attached serves on if nobody has written
since. Each write ends in a checkpoint, which DuckDB counts in the file's headers, or leaves a .wal beside it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

NAME = "mlm"  # of the attached file, in SQL
HEADERS = 3 * 4096  # bytes: the file's own header, and two of the database, of which a checkpoint writes one
_BESIDE = (".wal", ".wal.checkpoint", ".wal.recovery")  # what DuckDB writes beside it
_MOST = 4  # instances that are kept
# By the file that each may open, the one used last at the end. Whoever holds duckdb.py's _PROCESS may use one.
_KEPT: dict[Path, Attached] = {}


class Attached:
    """An instance of DuckDB that may open the file at `path` and no other: it may come from somebody else, with its
    views. For one thread at a time; `con` serves between `read` or `write` and `rest`."""

    def __init__(self, path: Path) -> None:
        import duckdb

        self._path = path
        self._handle: int | None = None  # of the file, while it is attached for reading
        self._seen: object = None  # how it was then
        self.con = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
        allowed = ", ".join(_quoted(beside(path, suffix)) for suffix in ("", *_BESIDE))
        self.con.execute(f"set allowed_paths = [{allowed}]")
        self.con.execute("set enable_external_access = false")

    def read(self, again: Callable[[], None]) -> bool:
        """Lock the file for reading; whether it had to be attached, now or since it was written.

        While another process has the lock, `again` is called before each new try, and raises when it is enough.
        """
        if self._handle is not None:
            self._lock(self._handle, again)
            if self._now(self._handle) == self._seen:
                return False
            self._let_go()
        handle = _opened(self._path)  # before DuckDB does: should another file take its place now, it shows
        try:
            self._attach("read_only", again)
        except BaseException:
            if handle is not None:
                os.close(handle)
            raise
        self._handle = handle
        self._seen = None if handle is None else self._now(handle)
        return True

    def write(self, again: Callable[[], None]) -> None:
        """Attach the file for writing, for this process alone; `again` as above."""
        self._let_go()
        self._attach("read_write", again)

    def rest(self) -> None:
        """Let others have the file: written, or unlocked."""
        if self._handle is None:
            self._detach()
        else:
            fcntl.lockf(self._handle, fcntl.LOCK_UN)  # DuckDB's lock, too

    def close(self) -> None:
        """End the instance, in whatever state it is."""
        self.con.close()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _let_go(self) -> None:
        if self._handle is not None:
            self._detach()
            os.close(self._handle)
            self._handle = None

    def _detach(self) -> None:
        self.con.execute("use memory")
        self.con.execute(f"detach {NAME}")

    def _attach(self, mode: str, again: Callable[[], None]) -> None:
        import duckdb

        while True:
            try:
                self.con.execute(f"attach {_quoted(self._path)} as {NAME} (type duckdb, {mode})")
                break
            except duckdb.IOException as error:
                if "lock" not in str(error).lower():
                    raise
            again()
        self.con.execute(f"use {NAME}")

    def _lock(self, handle: int, again: Callable[[], None]) -> None:
        while True:
            try:
                fcntl.lockf(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return
            except (BlockingIOError, PermissionError):
                again()

    def _now(self, handle: int) -> object:
        """What is another after each write, and when another file has taken this one's place; never the same while
        something lies beside it: that is read when the file is attached."""
        here = os.fstat(handle)
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            return object()
        if not os.path.samestat(here, there) or any(beside(self._path, suffix).exists() for suffix in _BESIDE):
            return object()
        return here.st_size, here.st_mtime_ns, os.pread(handle, HEADERS, 0)


def kept(path: Path) -> Attached:
    """The instance of a file, for all that look at it in this process."""
    _KEPT[path] = found = _KEPT.pop(path, None) or Attached(path)
    while len(_KEPT) > _MOST:
        forget(next(iter(_KEPT)))
    return found


def forget(path: Path) -> None:
    """End a file's instance, if there is one."""
    if (found := _KEPT.pop(path, None)) is not None:
        found.close()


def beside(path: Path, suffix: str) -> Path:
    """A file that lies beside another one, and is called after it."""
    return path.with_name(path.name + suffix)


def pauses(deadline: float, give_up: Callable[[], Exception]) -> Callable[[], None]:
    """What waits a little longer each time it is called, and raises `give_up`'s error past `deadline`."""
    pause = 0.005

    def again() -> None:
        nonlocal pause
        if time.monotonic() > deadline:
            raise give_up()
        time.sleep(pause)
        pause = min(2 * pause, 0.1)

    return again


def _opened(path: Path) -> int | None:
    """A handle; None for a file that cannot be opened: DuckDB says why, or opens it all the same."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _quoted(path: Path) -> str:
    text = str(path.absolute()).replace("'", "''")
    return f"'{text}'"
