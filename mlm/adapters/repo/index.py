"""The staging index: one compact file, replaced as a whole, read in milliseconds for ten thousand entries.

magic · count (8) · records (RECORD each) · paths, each ended by NUL · sha256 of all before
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from mlm.adapters.disk import locked, read_regular, replace_file, storage_errors
from mlm.core.cid import Cid
from mlm.core.errors import InvalidData
from mlm.ports.repo import FileStat, Staged

MAX_BYTES = 1 << 30  # millions of entries
_MAGIC = b"mlm/index/1\n"
# Size, mtime, ctime, inode, mode, size of all blocks, settled, CID. Times are signed: files from before 1970 exist.
_RECORD = struct.Struct(">QqqQIQ?36s")


class FileIndex:
    """Implements ports.repo.Index over `.mlm/index`, under `.mlm/lock`."""

    def __init__(self, private: Path) -> None:
        self._path = private / "index"
        self._lock = private / "lock"

    def load(self) -> dict[str, Staged]:
        with storage_errors("cannot read the index"):
            try:
                content = read_regular(self._path, MAX_BYTES)
            except FileNotFoundError:
                return {}
        return decode(content)

    @contextmanager
    def edit(self, timeout: float = 10.0) -> Iterator[dict[str, Staged]]:
        with locked(self._lock, timeout):
            entries = self.load()
            yield entries
            with storage_errors("cannot write the index"):
                replace_file(self._path, [encode(entries)])


def encode(entries: Mapping[str, Staged]) -> bytes:
    """The file's bytes, in order of paths."""
    records, paths = [], []
    for path in sorted(entries):
        entry = entries[path]
        stat = entry.stat
        numbers = (stat.size, stat.mtime_ns, stat.ctime_ns, stat.inode, stat.mode, entry.tsize, entry.settled)
        records.append(_RECORD.pack(*numbers, bytes(entry.cid)))
        paths.append(path.encode("utf-8") + b"\0")
    content = b"".join([_MAGIC, len(records).to_bytes(8, "big"), *records, *paths])
    return content + sha256(content).digest()


def decode(content: bytes) -> dict[str, Staged]:
    """Read the file's bytes; raises InvalidData for a damaged file."""
    start = len(_MAGIC) + 8
    if not content.startswith(_MAGIC) or sha256(content[:-32]).digest() != content[-32:]:
        raise InvalidData("the staging index .mlm/index is damaged", hint="Delete that file, then run `mlm add .`.")
    count = int.from_bytes(content[len(_MAGIC) : start], "big")
    end = start + count * _RECORD.size
    paths = content[end:-32].decode("utf-8").split("\0")
    entries = {}
    for path, record in zip(paths, _RECORD.iter_unpack(content[start:end]), strict=False):
        size, mtime, ctime, inode, mode, tsize, settled, cid = record
        entries[path] = Staged(Cid.from_bytes(cid), tsize, FileStat(path, size, mtime, ctime, inode, mode), settled)
    return entries
