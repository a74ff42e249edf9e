"""The index beside a pack: where each block's bytes lie in the CAR. It can always be rebuilt from the pack."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from mlm.adapters.disk import open_regular
from mlm.core import car
from mlm.core.cid import Cid

_MAGIC = b"mlm/pack-index/1\n"
_CID, _RECORD = 36, 48  # bytes: CID; then 8 of offset and 4 of length, big-endian


class PackIndex:
    """CID -> (offset, length), by binary search in the file's bytes."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._count = len(body) // _RECORD

    def find(self, cid: Cid) -> tuple[int, int] | None:
        raw = bytes(cid)
        at = bisect_left(range(self._count), raw, key=self._key)
        if at == self._count or self._key(at) != raw:
            return None
        start = at * _RECORD + _CID
        place = self._body[start : start + _RECORD - _CID]
        return int.from_bytes(place[:8], "big"), int.from_bytes(place[8:], "big")

    def cids(self) -> Iterator[Cid]:
        return (Cid.from_bytes(self._key(at)) for at in range(self._count))

    def _key(self, at: int) -> bytes:
        return self._body[at * _RECORD : at * _RECORD + _CID]


def to_bytes(places: Iterable[tuple[Cid, int, int]]) -> bytes:
    """The file: magic, records sorted by CID, sha256 of both."""
    rows = sorted(bytes(cid) + at.to_bytes(8, "big") + size.to_bytes(4, "big") for cid, at, size in places)
    content = _MAGIC + b"".join(rows)
    return content + sha256(content).digest()


def from_bytes(content: bytes) -> PackIndex | None:
    """None when the file is damaged: the pack then tells the same."""
    body, checksum = content[len(_MAGIC) : -32], content[-32:]
    if not content.startswith(_MAGIC) or len(body) % _RECORD or sha256(content[:-32]).digest() != checksum:
        return None
    return PackIndex(body)


def scan(pack: Path) -> bytes:
    """Rebuild an index's bytes from its pack, checking every block; raises InvalidData for a damaged pack."""
    with open(open_regular(pack), "rb") as file:
        return to_bytes((cid, at, len(data)) for at, cid, data in car.Reader(file.read))
