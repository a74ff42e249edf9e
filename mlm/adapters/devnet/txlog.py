"""The devnet's journal: every change of the chain, durable before the node hears of it.

One file continues one snapshot: journal.SEQ holds the entries SEQ, SEQ+1, … in order, a JSON object and its CRC-32 a
line. A kill can only tear the last line, which then never reached the node: it is cut off.
"""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlm.adapters.disk import sync_data, sync_folder
from mlm.core.errors import StorageError

TX, MINE, CALL, CLOCK = "tx", "mine", "call", "clock"


@dataclass(frozen=True)
class Entry:
    """One change. `parent` is the head's hash before it: a replay that leads elsewhere is noticed.

    tx: `raw` is sent, and a block with `time` mined. mine: an empty block with `time`. call: `method` with `params` (a
    cheat such as anvil_setBalance). clock: `offset` becomes the seconds between the chain's clock and the wall's.
    """

    kind: str
    parent: str
    time: int = 0
    raw: str = ""
    method: str = ""
    params: list[Any] = field(default_factory=list)
    offset: int = 0

    def line(self) -> bytes:
        """The journal's line, newline included."""
        short = {key: value for key, value in vars(self).items() if value}
        text = json.dumps(short, sort_keys=True, separators=(",", ":"))
        return f"{zlib.crc32(text.encode()):08x} {text}\n".encode()


def parse_line(line: bytes) -> Entry | None:
    """The entry of a line (with its newline), or None when the line is torn or damaged."""
    try:
        if not line.endswith(b"\n") or int(line[:8], 16) != zlib.crc32(line[9:-1]):
            return None
        return Entry(**json.loads(line[9:-1]))
    except (ValueError, TypeError):
        return None


def read(path: Path) -> tuple[list[Entry], int]:
    """Entries of a journal and the length in bytes of its sound part; ([], 0) when there is no file.

    Raises StorageError when a line before the last is damaged: no kill does that.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return [], 0
    entries: list[Entry] = []
    length = 0
    lines = content.splitlines(keepends=True)
    for position, line in enumerate(lines):
        entry = parse_line(line)
        if entry is None:
            if position < len(lines) - 1:
                raise StorageError(
                    f"{path}: line {position + 1} of {len(lines)} is damaged",
                    hint="Run `mlm devnet restore NAME` or `mlm devnet reset`.",
                )
            break
        entries.append(entry)
        length += len(line)
    return entries, length


class TxLog:
    """The journal being written. `append` returns when the entry is on the disk."""

    def __init__(self, path: Path, length: int) -> None:
        """Continue `path` after its first `length` bytes, which are sound; what follows is cut off."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._file, length)
        os.lseek(self._file, length, os.SEEK_SET)
        self._length = length
        sync_folder(path.parent)

    def append(self, entry: Entry) -> None:
        """Raises StorageError, with the journal as it was, when the disk refuses."""
        line = entry.line()
        try:
            written = 0
            while written < len(line):
                written += os.write(self._file, line[written:])
            sync_data(self._file)
        except OSError as error:
            os.ftruncate(self._file, self._length)
            os.lseek(self._file, self._length, os.SEEK_SET)
            raise StorageError(f"cannot write the journal: {error.strerror}", hint="Free some disk.") from error
        self._length += len(line)

    def close(self) -> None:
        """Closing twice is no error."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
