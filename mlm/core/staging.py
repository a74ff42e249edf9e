"""The staging index, format `mlm/index/2`: what the next commit holds, and by which stat each file is known unchanged.

An index of ten thousand files is read at every `status`, so an entry is a record until somebody asks for it.

    magic · the commit that the entries are, 36 bytes, or zeros · number of entries, 8 bytes big-endian ·
    a record for each · their paths, each ended by NUL · sha256 of all before
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, MutableMapping
from hashlib import sha256
from typing import NamedTuple

from mlm.core.cid import Cid
from mlm.core.errors import InvalidData
from mlm.core.paths import check_paths

FORMAT = "mlm/index/2"
FILE, FOLDER, SYMLINK, OTHER = "file", "folder", "symlink", "other"
IGNORED = "ignored"  # by .mlmignore, whatever it is
GONE = "gone"  # staged, and not there
EXECUTABLE = 0o100  # of a mode: its owner may run it, which is all that Git keeps of a mode, and all that we do

_MAGIC = f"{FORMAT}\n".encode()
_OLD_MAGIC = b"mlm/index/1\n"  # the same without the commit
# Size, mtime, ctime, inode, mode, size of all blocks, settled, CID. Times are signed: files from before 1970 exist.
_RECORD = struct.Struct(">QqqQIQ?36s")
_CID = 36  # bytes
_NOTHING = bytes(_CID)
_HINT = "Delete that file, then run `mlm add .`."

Record = tuple[int, int, int, int, int, int, bool, bytes]


class FileStat(NamedTuple):
    """What the file system says of an entry of the working tree. Times in nanoseconds; `path` is relative, with "/"."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    mode: int
    kind: str = FILE

    @property
    def executable(self) -> bool:
        """Whether its owner may run it."""
        return bool(self.mode & EXECUTABLE)


class Staged(NamedTuple):
    """A staged file. `stat` was taken before its bytes were read.

    `settled`: the file's last change is older than the file system's clock was before the file was read, so that any
    later change shows in its stat. Otherwise it must be read again to know (the "racy Git" problem).
    """

    cid: Cid
    tsize: int  # bytes of all its blocks
    stat: FileStat
    settled: bool

    def is_unchanged(self, stat: FileStat) -> bool:
        """Whether the file needs no reading to be known as this one."""
        return self.settled and self.stat == stat


class Staging(MutableMapping[str, Staged]):
    """The staged files by path.

    `commit` is a commit that holds exactly these files, once that has been found: it is forgotten as soon as an entry
    changes, if only in its stat. So what an index says in which a stat is that of a file on this disk was found here;
    what one of others says, whose inodes and ctimes are not ours, is not to be believed.
    """

    def __init__(self, records: dict[str, Record] | None = None, commit: Cid | None = None) -> None:
        self._records = records or {}
        self.commit = commit

    def __getitem__(self, path: str) -> Staged:
        size, mtime, ctime, inode, mode, tsize, settled, cid = self._records[path]
        return Staged(Cid.from_bytes(cid), tsize, FileStat(path, size, mtime, ctime, inode, mode), settled)

    def __setitem__(self, path: str, entry: Staged) -> None:
        stat = entry.stat
        numbers = (stat.size, stat.mtime_ns, stat.ctime_ns, stat.inode, stat.mode, entry.tsize, entry.settled)
        new = (*numbers, bytes(entry.cid))
        old = self._records.get(path)
        if new != old:
            self.commit = None
        self._records[path] = new

    def __delitem__(self, path: str) -> None:
        del self._records[path]
        self.commit = None

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, path: object) -> bool:
        return path in self._records

    def __eq__(self, other: object) -> bool:
        return self._records == other._records if isinstance(other, Staging) else super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]  # it can change

    def records(self) -> dict[str, Record]:
        """A copy of the records by path, for who looks at all of them: `is_unchanged` says what the numbers are."""
        return dict(self._records)

    def is_unchanged(self, stat: FileStat) -> bool:
        """Whether the file needs no reading to be known as the staged one of its path."""
        record = self._records.get(stat.path)
        return record is not None and record[:5] == stat[1:6] and record[6] and stat.kind == FILE

    def copy(self) -> Staging:
        """Another one with the same entries."""
        return Staging(dict(self._records), self.commit)

    def to_bytes(self) -> bytes:
        """The file's bytes, in order of paths."""
        paths = sorted(self._records)
        pack, records = _RECORD.pack, self._records
        commit = _NOTHING if self.commit is None else bytes(self.commit)
        body = [pack(*records[path]) for path in paths]
        content = b"".join([_MAGIC, commit, len(paths).to_bytes(8, "big"), *body])
        content += b"".join(path.encode("utf-8") + b"\0" for path in paths)
        return content + sha256(content).digest()

    @classmethod
    def from_bytes(cls, content: bytes) -> Staging:
        """Read the file's bytes; raises InvalidData for a damaged file."""
        old = content.startswith(_OLD_MAGIC)
        start = len(_OLD_MAGIC) if old else len(_MAGIC) + _CID
        whole = old or content.startswith(_MAGIC)
        if not whole or len(content) < start + 40 or sha256(content[:-32]).digest() != content[-32:]:
            raise InvalidData("the staging index .mlm/index is damaged", hint=_HINT)
        raw = _NOTHING if old else content[start - _CID : start]
        commit = None if raw == _NOTHING else Cid.from_bytes(raw)
        end = start + 8 + int.from_bytes(content[start : start + 8], "big") * _RECORD.size
        try:
            paths = content[end:-32].decode("utf-8").split("\0")[:-1]
            check_paths(paths)
            records = zip(paths, _RECORD.iter_unpack(content[start + 8 : end]), strict=True)
            return cls(dict(records), commit)
        except (ValueError, struct.error, InvalidData) as error:
            raise InvalidData(f"the staging index .mlm/index is no {FORMAT}: {error}", hint=_HINT) from error
