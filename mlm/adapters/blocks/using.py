"""Who uses a store of packs: so that `mlm gc` removes nothing that another process has just stored or relies on.

using-*    held by flock as long as a process lives that has stored blocks, or been told that they are there;
           its mtime is when that began. What was stored or asked for since is spared.
lock       shared while a pack is said to be needed (its time is set), exclusive while packs are removed
"""

from __future__ import annotations

import fcntl
import os
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp

USING = "using-"
_YOUNG = 60.0  # seconds: a file that is not held yet may be about to be
_mine: dict[Path, Callable[[], object]] = {}  # what this process says, and what takes it back


class Usage:
    """What one process relies on in a folder of packs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._said: set[str] = set()
        self._mark: Path | None = None

    def begin(self) -> None:
        """Say that this process stores blocks, until it ends. Where nothing can be written, nobody collects either."""
        if self._mark in _mine:
            return
        self._said.clear()
        try:
            handle, name = mkstemp(prefix=USING, dir=self._folder)
        except OSError:
            return
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        self._mark = Path(name)
        _mine[self._mark] = weakref.finalize(self, _end, handle, self._mark, os.getpid())

    def need(self, pack: str) -> bool:
        """Say that what a pack holds is needed; False when it is gone."""
        self.begin()
        if pack in self._said:
            return True
        try:
            with _locked(self._folder, fcntl.LOCK_SH):
                os.utime(self._folder / f"{pack}.car")
        except FileNotFoundError:
            return False
        except OSError:
            return True  # read-only, or another user's: who may not set its time may not collect it
        self._said.add(pack)
        return True


def release() -> None:
    """Say that this process relies on nothing any more: a command has ended."""
    for end in list(_mine.values()):
        end()


def since(folder: Path, before: float) -> float:
    """`before`, or when the first of the other processes that use the folder began, if that is earlier."""
    for path in folder.glob(f"{USING}*"):
        if path in _mine:
            continue
        try:
            handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # it has ended
        except PermissionError:
            before = min(before, path.lstat().st_mtime)
            continue
        try:
            begun = os.fstat(handle).st_mtime
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                before = min(before, begun)
            else:
                if time.time() - begun > _YOUNG:
                    path.unlink(missing_ok=True)  # killed
                else:
                    before = min(before, begun)
        finally:
            os.close(handle)
    return before


@contextmanager
def removing(folder: Path) -> Iterator[None]:
    """Nobody says meanwhile that a pack is needed: they do so for an instant each."""
    with _locked(folder, fcntl.LOCK_EX):
        yield


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, how)  # held for the time of a few calls at most
        yield
    finally:
        os.close(handle)


def _end(handle: int, path: Path, pid: int) -> None:
    if os.getpid() == pid:  # a child has the handle too, and must not speak for its parent
        with suppress(OSError):  # the folder may be gone, or no longer ours
            path.unlink(missing_ok=True)
    os.close(handle)
    _mine.pop(path, None)
