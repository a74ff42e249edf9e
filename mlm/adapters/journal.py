"""The journal of operations: one append-only JSON-lines file for each, durable before a call returns.

Lines: {"begin": operation, "params": …, "at": seconds}, then {"step": n, "at": …, "entry": …}, at last
{"close": outcome, "at": …}. A last line without its newline was never acknowledged: a reader leaves it out, the next
writer cuts it off. Whoever works on an operation holds its file's lock; the kernel takes it back when the process ends.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlm.adapters.disk import storage_errors, sync_folder, write_all
from mlm.adapters.system import OsSystem
from mlm.core.errors import InvalidData, NotFound, StateConflict
from mlm.ports.system import System


def line_of(record: dict[str, Any]) -> bytes:
    """One line; bytes are written as 0x-hex. Raises TypeError for a value that JSON does not know."""
    return json.dumps(record, separators=(",", ":"), default=_bytes_to_hex, allow_nan=False).encode() + b"\n"


def _bytes_to_hex(value: object) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    raise TypeError(f"a journal entry cannot hold a {type(value).__name__}")


class FileJournal:
    """The Journal port over `folder`. Operations are numbered from 1; an operation belongs to one process at a time."""

    def __init__(self, folder: Path, system: System | None = None) -> None:
        self._folder = folder
        self._system = system or OsSystem()
        self._held: dict[str, int] = {}  # operation -> handle of its locked file

    def begin(self, operation: str, params: dict[str, Any]) -> str:
        """Open an operation; its id is the next free number."""
        line = line_of({"begin": operation, "params": params, "at": self._system.now()})
        with storage_errors("cannot write the journal"):
            self._folder.mkdir(parents=True, exist_ok=True)
            number = max((int(path.stem) for path in self._files()), default=0) + 1
            while True:
                op = f"{number:06d}"
                try:
                    handle = os.open(self._path(op), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                    break
                except FileExistsError:
                    number += 1  # another process took it meanwhile
            self._held[op] = handle
            fcntl.flock(handle, fcntl.LOCK_EX)
            try:
                _write(handle, line)
            except OSError:
                os.close(self._held.pop(op))
                self._path(op).unlink()  # nothing was begun
                raise
            sync_folder(self._folder)
        return op

    @contextmanager
    def hold(self, op: str) -> Iterator[None]:
        """Hold an operation until the block ends; raises StateConflict while another process has it, NotFound."""
        if op not in self._held:
            handle = self._open(op)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                raise StateConflict(
                    f"another process is working on operation {op}", hint=f"Let it end; `mlm op show {op}` shows it."
                ) from None
            self._held[op] = handle
        try:
            yield
        finally:
            os.close(self._held.pop(op))

    def held(self, op: str) -> bool:
        """Whether a living process, this one or another, works on the operation."""
        if op in self._held:
            return True
        handle = self._open(op)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        finally:
            os.close(handle)

    def record(self, op: str, step: int, entry: dict[str, Any]) -> None:
        """Append a fact about a step."""
        self._append(op, {"step": step, "at": self._system.now(), "entry": entry})

    def close(self, op: str, outcome: str) -> None:
        """Append the outcome; an operation that is resumed may be closed again."""
        self._append(op, {"close": outcome, "at": self._system.now()})

    def entries(self, op: str) -> list[dict[str, Any]]:
        """The facts recorded, in order: {step, at, entry}. Raises NotFound for an unknown operation."""
        return [line for line in self._read(op)[0] if "step" in line]

    def operations(self, newest: int | None = None) -> list[dict[str, Any]]:
        """All operations, or the newest: {op, operation, params, started_at, closed_at, outcome}, oldest first."""
        found = []
        for path in self._files()[-newest if newest else 0 :]:
            lines = self._read(path.stem)[0]
            if lines:  # a process was killed before it had written the first line: nothing was done
                found.append(summary(path.stem, lines))
        return found

    def _path(self, op: str) -> Path:
        return self._folder / f"{op}.jsonl"

    def _files(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return sorted(path for path in self._folder.glob("*.jsonl") if path.stem.isascii() and path.stem.isdigit())

    def _open(self, op: str) -> int:
        if self._path(op) not in self._files():
            raise _unknown(op)
        with storage_errors("cannot open the journal"):
            return os.open(self._path(op), os.O_WRONLY | os.O_CLOEXEC)

    def _append(self, op: str, record: dict[str, Any]) -> None:
        line = line_of(record)
        lines, sound = self._read(op)
        if not lines:
            raise StateConflict(f"operation {op} was never begun")
        if op not in self._held:
            with self.hold(op):
                return self._append(op, record)
        handle = self._held[op]
        with storage_errors("cannot write the journal"):
            os.ftruncate(handle, sound)
            os.lseek(handle, sound, os.SEEK_SET)
            _write(handle, line)

    def _read(self, op: str) -> tuple[list[dict[str, Any]], int]:
        """The whole lines, and how many bytes they take."""
        path = self._path(op)
        if path not in self._files():
            raise _unknown(op)
        with storage_errors("cannot read the journal"):
            raw = path.read_bytes()
        sound = raw.rfind(b"\n") + 1
        lines = []
        for number, text in enumerate(raw[:sound].splitlines(), 1):
            try:
                line = json.loads(text)
            except ValueError as error:
                raise InvalidData(f"{path}: line {number}: expected JSON, found {text[:40]!r}") from error
            if not isinstance(line, dict) or not ({"begin", "step", "close"} & set(line)) or "at" not in line:
                raise InvalidData(f"{path}: line {number}: expected a journal entry, found {text[:40]!r}")
            lines.append(line)
        if lines and "begin" not in lines[0]:
            raise InvalidData(f"{path}: line 1: expected the operation's begin, found {sorted(lines[0])}")
        return lines, sound


def summary(op: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """An operation as `operations` lists it, from its lines. Resuming one that was closed reopens it."""
    last = lines[-1]
    closed = "close" in last
    return {
        "op": op,
        "operation": lines[0]["begin"],
        "params": lines[0].get("params", {}),
        "started_at": lines[0]["at"],
        "closed_at": last["at"] if closed else None,
        "outcome": last["close"] if closed else None,
    }


def _unknown(op: str) -> NotFound:
    return NotFound(f"no operation {op}", hint="`mlm op log` lists them.")


def _write(handle: int, data: bytes) -> None:
    """Write all and flush to the disk."""
    write_all(handle, data)
    os.fsync(handle)
