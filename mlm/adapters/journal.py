"""The journal of operations: one append-only JSON-lines file for each, durable before a call returns.

Those that have ended are put away, many to a file (journal_archive.py), once RECENT newer ones and BATCH of their kind
are there: what a command reads at its start does not grow with the years.

Lines: {"begin": operation, "params": …, "at": seconds}, then {"step": n, "at": …, "entry": …}, at last
{"close": outcome, "at": …}. A last line without its newline was never acknowledged: a reader leaves it out, the next
writer cuts it off. Whoever works on an operation holds its file's lock; the kernel takes it back when the process ends.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from mlm.adapters.disk import locked, replace_file, storage_errors, sync_folder, write_all
from mlm.adapters.journal_archive import Archive
from mlm.adapters.system import OsSystem
from mlm.core.errors import InvalidData, NotFound, StateConflict, StorageError
from mlm.ports.journal import ENDED
from mlm.ports.system import System

RECENT = 200  # operations that stay files of their own in any case
_DIGITS = 18  # of an operation's number
BATCH = 128  # that are put away together; their files are open meanwhile


def line_of(record: dict[str, Any]) -> bytes:
    """One line; bytes are written as 0x-hex. Raises TypeError for a value that JSON does not know."""
    return json.dumps(record, separators=(",", ":"), default=_bytes_to_hex, allow_nan=False).encode() + b"\n"


def _bytes_to_hex(value: object) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    raise TypeError(f"a journal entry cannot hold a {type(value).__name__}")


class FileJournal:
    """The Journal port over `folder`. Operations are numbered from 1; an operation belongs to one process at a time."""

    def __init__(self, folder: Path, system: System | None = None, *, recent: int = RECENT, batch: int = BATCH) -> None:
        self._folder = folder
        self._recent, self._batch = max(1, recent), batch
        self._archive = Archive(folder / "archive")
        self._system = system or OsSystem()
        self._held: dict[str, int] = {}  # operation -> handle of its locked file

    def begin(self, operation: str, params: dict[str, Any]) -> str:
        """Open an operation; its id is the next free number."""
        line = line_of({"begin": operation, "params": params, "at": self._system.now()})
        with storage_errors("cannot write the journal"):
            self._folder.mkdir(parents=True, exist_ok=True)
            live = self._live()
            number = max([*live[-1:], self._archive.highest()]) + 1
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
            if number % self._batch == 0 and len(live) >= self._recent + self._batch:
                self._put_away(live)
        return op

    @contextmanager
    def hold(self, op: str) -> Iterator[None]:
        """Hold an operation until the block ends; raises StateConflict while another process has it, NotFound."""
        if op not in self._held:
            self._held[op] = self._taken(op)
        try:
            yield
        finally:
            os.close(self._held.pop(op))

    def held(self, op: str) -> bool:
        """Whether a living process, this one or another, works on the operation."""
        if op in self._held:
            return True
        try:
            handle = self._open(op)
        except FileNotFoundError:
            self._lines_of(op)
            return False  # put away
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

    def operations(
        self, newest: int | None = None, *, op: str | None = None, open_only: bool = False
    ) -> list[dict[str, Any]]:
        """See the port."""
        if op is not None:
            lines = self._read(op)[0]
            return [summary(op, lines)] if lines else []
        numbers = self._live()
        least = numbers[-newest] if newest and newest <= len(numbers) else 0
        if not open_only:
            numbers = sorted({*numbers, *self._archive.numbers(least)})
        numbers = numbers[-newest if newest else 0 :]
        found = []
        for number in numbers:
            name = f"{number:06d}"
            with suppress(NotFound):  # it was taken back by who began it
                lines = self._read(name)[0]
                if lines:  # a process was killed before it had written the first line: nothing was done
                    found.append(summary(name, lines))
        return found

    def _path(self, op: str) -> Path:
        return self._folder / f"{op}.jsonl"

    def _live(self) -> list[int]:
        """The numbers of the operations that are files of their own, in order."""
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return []
        stems = (name.removesuffix(".jsonl") for name in names if name.endswith(".jsonl"))
        return sorted(int(stem) for stem in stems if stem.isascii() and stem.isdigit())

    def _open(self, op: str) -> int:
        """Raises FileNotFoundError for one that was put away, or is none."""
        _number(op)
        try:
            return os.open(self._path(op), os.O_WRONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise
        except OSError:
            with storage_errors("cannot open the journal"):
                raise

    def _taken(self, op: str) -> int:
        """The locked file of an operation, made again where it was put away."""
        while True:
            try:
                handle = self._open(op)
            except FileNotFoundError:
                self._take_out(op)
                continue
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # SAFETY: between the opening and the lock it may have been put away: then this is no file any more.
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(handle), self._path(op).stat()):
                        return handle
            except BlockingIOError:
                os.close(handle)
                raise StateConflict(
                    f"another process is working on operation {op}", hint=f"Let it end; `mlm op show {op}` shows it."
                ) from None
            os.close(handle)

    def _take_out(self, op: str) -> None:
        with locked(self._folder / "archive.lock"), storage_errors("cannot write the journal"):
            if self._path(op).exists():
                return
            lines = self._archive.find(_number(op))
            if lines is None:
                raise _unknown(op)
            replace_file(self._path(op), [lines], mode=0o600)

    def _put_away(self, live: list[int]) -> None:
        """Put the oldest of those that have ended away, as soon as there are enough of them. A failure does no harm."""
        with suppress(StateConflict, OSError), ExitStack() as held:
            held.enter_context(locked(self._folder / "archive.lock", timeout=0))
            ended: dict[int, bytes] = {}
            for number in live[: -self._recent]:
                if (lines := self._ended(number, held)) is not None:
                    ended[number] = lines
                if len(ended) == self._batch:
                    break
            if not ended:
                return
            self._archive.add(ended)
            # A kill before here leaves files of their own, which count; one from here on some of them, which say the
            # same, and are put away again.
            for number in ended:
                self._path(f"{number:06d}").unlink()

    def _ended(self, number: int, held: ExitStack) -> bytes | None:
        """The lines of an operation that nobody works on, and of which nothing is left to resume; it stays locked."""
        op = f"{number:06d}"
        if op in self._held:
            return None
        with ExitStack() as own:
            try:
                handle = os.open(self._path(op), os.O_RDONLY | os.O_CLOEXEC)
                own.callback(os.close, handle)
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                lines, sound = self._read(op)
                if not _over(lines):
                    return None
                raw = self._path(op).read_bytes()[:sound]
            except (OSError, InvalidData, NotFound, StorageError):
                return None  # somebody works on it, or a disk has spoiled it
            held.push(own.pop_all())
            return raw

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

    def _lines_of(self, op: str) -> bytes:
        """An operation as it lies on the disk: its own file counts more than what was put away. Raises NotFound."""
        number = _number(op)
        for _ in range(2):  # it may be put away between the two, or taken out
            with storage_errors("cannot read the journal"), suppress(FileNotFoundError):
                return self._path(op).read_bytes()
            if (lines := self._archive.find(number)) is not None:
                return lines
        raise _unknown(op)

    def _read(self, op: str) -> tuple[list[dict[str, Any]], int]:
        """The whole lines, and how many bytes they take."""
        path, raw = self._path(op), self._lines_of(op)
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


def _number(op: str) -> int:
    if not (op.isascii() and op.isdigit() and len(op) <= _DIGITS and op == f"{int(op):06d}"):
        raise _unknown(op)
    return int(op)


def _over(lines: list[dict[str, Any]]) -> bool:
    """Whether nothing is left to resume: it has ended, or was stopped before anything but blocks had left it."""
    if not lines or "close" not in lines[-1]:
        return False
    if str(lines[-1]["close"]).partition(" ")[0] in ENDED:
        return True
    moves = any(step.get("kind") == "move" for step in lines[0].get("params", {}).get("steps", ()))
    return not moves and all(set(line["entry"]) == {"stored"} for line in lines if "step" in line)


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
