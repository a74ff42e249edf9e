"""The index beside a pack: where each block's bytes lie in the CAR. It can always be rebuilt from the pack."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from mlm.adapters.disk import open_regular
from mlm.core import car
from mlm.core.cid import Cid

_MAGIC = b"mlm/pack-index/1\n"
MAX_BYTES = 1 << 30  # 20 million blocks, 20 TB of ours
_CHECKSUM = 32
_LEAST = 37  # bytes of a pack that its shortest record takes
_PIECE = 48 << 14  # bytes that are read at once: whole records
_ALIKE = ((0, 1), (2, 0x12), (3, 32))
_CID, _RECORD = 36, 48  # bytes: CID; then 8 of offset and 4 of length, big-endian


class PackIndex:
    """CID -> (offset, length), by binary search in the file's bytes."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._count = len(body) // _RECORD

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PackIndex) and self._body == other._body

    __hash__ = None  # type: ignore[assignment]  # its bytes are many

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


def read(pack: Path) -> PackIndex | None:
    """The index beside a pack; None when it is damaged, or larger than one of that pack can be. Raises OSError.

    Nothing is held of what no index begins with: a sparse file costs those who send it nothing.
    """
    most = len(_MAGIC) + _CHECKSUM + _RECORD * (os.stat(pack).st_size // _LEAST)
    with open(open_regular(pack.with_suffix(".idx")), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > min(most, MAX_BYTES):
            return None
        parts = [file.read(len(_MAGIC))]
        left = size - len(_MAGIC) - _CHECKSUM
        while left > 0:
            parts.append(file.read(min(left, _PIECE)))
            # Each record begins with a CID: version 1, a codec, sha2-256 of 32 bytes.
            if not parts[-1] or any(set(parts[-1][at::_RECORD]) != {byte} for at, byte in _ALIKE):
                return None
            left -= len(parts[-1])
        parts.append(file.read(_CHECKSUM))
    return from_bytes(b"".join(parts))


def scan(pack: Path) -> bytes:
    """Rebuild an index's bytes from its pack, checking every block; raises InvalidData for a damaged pack."""
    with open(open_regular(pack), "rb") as file:
        return to_bytes((cid, at, len(data)) for at, cid, data in car.Reader(file.read))
