"""Where operations that have ended are put away, many to a file: a daemon's journal stays as quick as it was at first.

    archive/000007.000301-000428.gz     the seventh file, with operations of these numbers; each is there whole:
                                        a line {"op": number, "bytes": length}, then its lines as they were

A file is written once, whole or not at all, and never changed. An operation that is gone on with is a file of its own
again, which counts more than what the archive has of it; put away anew it lies in a later file, which counts more.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from mlm.adapters.disk import read_regular, replace_file, storage_errors
from mlm.core.errors import InvalidData

_NAME = re.compile(r"(\d{6,18})\.(\d{6,18})-(\d{6,18})\.gz")
_MAX_FILE, _MAX_WHOLE = 1 << 28, 1 << 30  # bytes, compressed and not
_QUICK = 1  # of gzip: hex halves at any level


class Archive:
    """The files of one folder. Nothing is read before it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._latest: tuple[Path, Mapping[int, bytes]] | None = None  # the file that was read last

    def add(self, operations: Mapping[int, bytes]) -> None:
        """Put operations away: their numbers, and their lines. On the disk when this returns; raises OSError."""
        self._folder.mkdir(exist_ok=True)
        number = max((sequence for sequence, *_ in self._files()), default=0) + 1
        low, high = min(operations), max(operations)
        pieces = (
            json.dumps({"op": op, "bytes": len(lines)}).encode() + b"\n" + lines
            for op, lines in sorted(operations.items())
        )
        packed = gzip.compress(b"".join(pieces), _QUICK, mtime=0)
        replace_file(self._folder / f"{number:06d}.{low:06d}-{high:06d}.gz", [packed], mode=0o600)

    def find(self, op: int) -> bytes | None:
        """An operation's lines; None where it was not put away. Raises InvalidData, StorageError."""
        for _, low, high, name in sorted(self._files(), reverse=True):
            if low <= op <= high and (lines := self._read(name).get(op)) is not None:
                return lines
        return None

    def numbers(self, least: int = 0) -> set[int]:
        """The operations that were put away, from `least` on; only files that reach so far are read."""
        found = (self._read(name) for _, _, high, name in self._files() if high >= least)
        return {op for operations in found for op in operations if op >= least}

    def highest(self) -> int:
        """The highest number, 0 where there is none. Reads names alone."""
        return max((high for _, _, high, _ in self._files()), default=0)

    def _files(self) -> Iterator[tuple[int, int, int, str]]:
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return
        for name in names:
            if match := _NAME.fullmatch(name):
                sequence, low, high = match.groups()
                yield int(sequence), int(low), int(high), name

    def _read(self, name: str) -> Mapping[int, bytes]:
        path = self._folder / name
        if self._latest is None or self._latest[0] != path:
            with storage_errors("cannot read the journal's archive"):
                packed = read_regular(path, _MAX_FILE)
            try:
                self._latest = path, dict(_unpacked(packed))
            except (ValueError, KeyError, TypeError, EOFError, OSError, RecursionError) as error:
                raise InvalidData(f"{path}: expected operations that mlm put away, found otherwise: {error}") from error
        return self._latest[1]


def _unpacked(packed: bytes) -> Iterable[tuple[int, bytes]]:
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
        whole = file.read(_MAX_WHOLE + 1)
    if not 0 < len(whole) <= _MAX_WHOLE:
        raise ValueError(f"{len(whole)} bytes")
    at = 0
    while at < len(whole):
        end = whole.index(b"\n", at) + 1
        head = json.loads(whole[at:end])
        at = end + head["bytes"]
        if at > len(whole) or head["bytes"] < 0:
            raise ValueError("it is cut off")
        yield int(head["op"]), whole[end:at]
