"""A file's bytes by range, its leaves read when they are needed; and which ranges are the same without reading them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from mlm.core import unixfs
from mlm.core.cid import RAW, Cid
from mlm.core.errors import InvalidData

_KEPT = 2  # leaves: what lies on the border of two is read from both


class Content:
    """`leaves` are the CID and size of each part in order, `load(i)` the bytes of part `i`, held to that size."""

    def __init__(self, leaves: Sequence[tuple[Cid, int]], load: Callable[[int], bytes]) -> None:
        self._leaves = leaves
        self._ends = list(accumulate(size for _, size in leaves))
        self._load = load
        self._held: dict[int, bytes] = {}
        self.size = self._ends[-1] if self._ends else 0

    def read(self, begin: int, end: int) -> bytes:
        """The bytes [begin, end); raises InvalidData when the file has no such range."""
        if not 0 <= begin <= end <= self.size:
            raise InvalidData(f"expected bytes within the {self.size} of the file, found [{begin}, {end})")
        if begin == end:
            return b""
        parts = []
        at = bisect_right(self._ends, begin)
        while begin < end:
            start = self._ends[at] - self._leaves[at][1]
            until = min(end, self._ends[at])
            parts.append(self._part(at)[begin - start : until - start])
            begin = until
            at += 1
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def pieces(self, begin: int, end: int, size: int = unixfs.CHUNK, first: int = 0) -> Iterator[bytes]:
        """The bytes [begin, end) in pieces of `size`, the last shorter; before them one of `first` if that is set."""
        if first and begin < end:
            yield self.read(begin, min(begin + first, end))
            begin += first
        for at in range(begin, end, size):
            yield self.read(at, min(at + size, end))

    def same(self, begin: int, other: Content, start: int, length: int) -> bool:
        """Whether `length` bytes from `begin` lie in the same leaves as those of `other` from `start`: so are equal.

        False only says that this cannot be told without reading them.
        """
        return length == 0 or self._run(begin, length) == other._run(start, length)

    def _run(self, begin: int, length: int) -> tuple[int, list[Cid]]:
        """Where in its first leaf a range begins, and its leaves."""
        first, last = bisect_right(self._ends, begin), bisect_right(self._ends, begin + length - 1)
        offset = begin - (self._ends[first] - self._leaves[first][1])
        return offset, [cid for cid, _ in self._leaves[first : last + 1]]

    def _part(self, at: int) -> bytes:
        found = self._held.get(at)
        if found is None:
            found = self._load(at)
            cid, size = self._leaves[at]
            if len(found) != size:
                raise InvalidData(f"expected {size} bytes under {cid}, found {len(found)}")
            if len(self._held) == _KEPT:
                del self._held[next(iter(self._held))]
            self._held[at] = found
        return found


def of_bytes(data: bytes) -> Content:
    """Bytes in memory."""
    return Content([(Cid.of(RAW, data), len(data))], lambda at: data)


def of_file(get: unixfs.Get, cid: Cid) -> Content:
    """A file of blocks, of which only the inner nodes are read now; raises InvalidData."""
    found = list(unixfs.leaves(get, cid))
    inline = {at: data for at, (_, _, data) in enumerate(found) if data is not None}
    leaves = [(at, size) for at, size, _ in found]

    def load(at: int) -> bytes:
        return inline[at] if at in inline else get(leaves[at][0])

    return Content(leaves, load)
