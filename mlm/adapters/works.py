"""What a worker keeps, in files of the user's own folder: one for each name, a log, and a lock."""

from __future__ import annotations

import fcntl
import json
import os
import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mlm.adapters.disk import locked, read_regular, replace_file, storage_errors, sync_folder, write_all
from mlm.core.errors import StateConflict, UsageError

MAX_BYTES = 1 << 30  # of a result
LOG_BYTES = 4 << 20  # then a new log begins, and the one before the last goes
_FLOCK = "hhqqi4x"  # Linux's struct flock: kind, whence, start, length, process
# Locks of an open file, not of a process, which can be asked for without being taken; Linux alone has them.
_TAKE, _ASK = getattr(fcntl, "F_OFD_SETLK", None), getattr(fcntl, "F_OFD_GETLK", None)
_WHOLE_FILE = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,120}")


class FileWorks:
    """The Works port over `folder` (mode 0700), which belongs to one account."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Be this account's only worker."""
        self._make()
        try:
            lock = locked(self._folder / "lock", timeout=0)
            lock.__enter__()
        except StateConflict:
            raise StateConflict(
                "another worker of this account is running on this machine",
                hint="Two of them would bid for one another's capacity: raise --jobs of the one, or use two accounts.",
            ) from None
        try:
            with self._shown():
                yield
        finally:
            lock.__exit__(None, None, None)

    def held(self) -> bool:
        """Whether a worker of the account lives: the kernel is asked who has its second lock, which nobody takes.

        Where the kernel cannot be asked (macOS) the first is tried for an instant.
        """
        if _ASK is None:
            try:
                with self.hold():
                    return False
            except StateConflict:
                return True
        try:
            handle = os.open(self._folder / "running", os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            found = fcntl.fcntl(handle, _ASK, _WHOLE_FILE)
            return bool(struct.unpack(_FLOCK, found)[0] != fcntl.F_UNLCK)
        finally:
            os.close(handle)

    @contextmanager
    def _shown(self) -> Iterator[None]:
        """Hold the lock by which others see that this worker lives: one that can be asked for without taking it."""
        with storage_errors("cannot make the worker's folder"):
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(self._folder / "running", flags, 0o600)
        try:
            with suppress(OSError):  # a file system without it: nobody sees the worker, and all else works
                if _TAKE is not None:
                    fcntl.fcntl(handle, _TAKE, _WHOLE_FILE)
            yield
        finally:
            os.close(handle)

    def keep(self, name: str, data: bytes) -> None:
        """Whole or not at all, on the disk when this returns."""
        self._make()
        with storage_errors(f"cannot keep {name}"):
            replace_file(self._path(name), [data], mode=0o600)

    def find(self, name: str) -> bytes | None:
        """The bytes, None where there are none."""
        with storage_errors(f"cannot read {name}"):
            try:
                return read_regular(self._path(name), MAX_BYTES)
            except FileNotFoundError:
                return None

    def forget(self, name: str) -> None:
        """Remove it."""
        with storage_errors(f"cannot remove {name}"):
            self._path(name).unlink(missing_ok=True)

    def note(self, entry: Mapping[str, Any]) -> None:
        """One line of JSON, on the disk when this returns. A torn line before it is ended first."""
        self._make()
        line = json.dumps(dict(entry), separators=(",", ":"), allow_nan=False).encode() + b"\n"
        with storage_errors("cannot write the worker's log"):
            if self._log.exists() and self._log.stat().st_size >= LOG_BYTES:
                self._log.replace(self._older)
                sync_folder(self._folder)
            handle = os.open(self._log, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                end = os.fstat(handle).st_size
                if end and os.pread(handle, 1, end - 1) != b"\n":
                    line = b"\n" + line
                write_all(handle, line)
                os.fsync(handle)
            finally:
                os.close(handle)

    def notes(self, newest: int) -> list[dict[str, Any]]:
        """The newest so many, oldest first."""
        found: list[dict[str, Any]] = []
        for path in (self._older, self._log):
            with storage_errors("cannot read the worker's log"):
                try:
                    found += [entry for line in path.read_bytes().splitlines() if (entry := _entry(line)) is not None]
                except FileNotFoundError:
                    continue
        return found[-newest:] if newest else []

    @property
    def _log(self) -> Path:
        return self._folder / "log.jsonl"

    @property
    def _older(self) -> Path:
        return self._folder / "log-1.jsonl"

    def _make(self) -> None:
        with storage_errors("cannot make the worker's folder"):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise UsageError(f"expected a name of letters, digits, - and _, found {name[:60]!r}")
        return self._folder / f"{name}.bin"


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
