"""CARv1 archives: one root, every block once, every block checked against its CID on the way in.

Source: https://ipld.io/specs/transport/car/carv1/ . A CAR's own hash says nothing: writers order blocks differently.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass

from mlm.core import dagcbor
from mlm.core.cid import Cid
from mlm.core.dagpb import varint
from mlm.core.errors import InvalidData

_CID_LENGTH = 36
_CARV2_PRAGMA = bytes.fromhex("0aa16776657273696f6e02")


@dataclass(frozen=True)
class Limits:
    """What a reader accepts from outside."""

    block: int = 2 * 1024 * 1024  # bytes of one block
    blocks: int = 50_000_000
    total: int = 1 << 44  # bytes of all blocks
    header: int = 4096  # bytes


def header(root: Cid) -> bytes:
    """The first bytes of an archive: always HEADER_LENGTH of them, so that a root can be filled in last."""
    raw = dagcbor.encode({"roots": [root], "version": 1})
    return varint(len(raw)) + raw


HEADER_LENGTH = 59


def record(cid: Cid, data: bytes) -> bytes:
    """What stands before a block's bytes: the length of CID and bytes, and the CID."""
    return varint(_CID_LENGTH + len(data)) + bytes(cid)


def write(root: Cid, blocks: Iterable[tuple[Cid, bytes]]) -> Iterator[bytes]:
    """The pieces of an archive, in the order of `blocks` without repetitions; raises InvalidData without its root."""
    seen: set[Cid] = set()
    yield header(root)
    for cid, data in blocks:
        if cid not in seen:
            seen.add(cid)
            yield record(cid, data)
            yield data
    if root not in seen:
        raise InvalidData(f"expected the root {root} among the blocks of the archive, found {len(seen)} others")


class Reader:
    """A streaming reader over `read(n)`, which returns at most n bytes and b"" at the end.

    1. The header is canonical DAG-CBOR of a CARv1 with exactly one root.
    2. Every record's length is a shortest varint within the limits, and all its bytes are there.
    3. Every CID is a CIDv1 with sha2-256, and its block has that hash.
    4. At the end the root was among the blocks.
    Iterating yields (offset of the block's bytes, CID, bytes); a block that is there twice comes once.
    """

    def __init__(self, read: Callable[[int], bytes], limits: Limits = Limits()) -> None:
        self._read = read
        self._limits = limits
        self.offset = 0
        self.root = self._header()

    def _exactly(self, count: int, what: str) -> bytes:
        parts: list[bytes] = []
        left = count
        while left:
            piece = self._read(left)
            if not piece:
                raise InvalidData(f"the CAR is cut off: expected {count} bytes of {what}, found {count - left}")
            parts.append(piece)
            left -= len(piece)
        self.offset += count
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _length(self, most: int, what: str) -> int | None:
        """A shortest varint up to `most`; None at the archive's end."""
        number = shift = 0
        while True:
            raw = self._read(1)
            if not raw:
                if shift:
                    raise InvalidData(f"the CAR is cut off inside the length of {what} at byte {self.offset}")
                return None
            self.offset += 1
            number |= (raw[0] & 127) << shift
            if raw[0] < 128:
                if raw[0] == 0 and shift:
                    raise InvalidData(f"the CAR's length of {what} before byte {self.offset} is padded")
                break
            shift += 7
            if shift > 56:
                raise InvalidData(f"the CAR's length of {what} before byte {self.offset} is too long a varint")
        if number > most:
            raise InvalidData(f"expected at most {most} bytes of {what} in the CAR, {number} are announced")
        return number

    def _header(self) -> Cid:
        # (1) One root, version 1, nothing else.
        try:
            length = self._length(self._limits.header, "header")
            if not length:
                raise InvalidData("expected a CAR, found no header")
            raw = self._exactly(length, "header")
            value = dagcbor.decode(raw)
        except InvalidData as error:
            raise InvalidData(f"not a CAR archive: {error}") from error
        if varint(length) + raw == _CARV2_PRAGMA:
            raise InvalidData("expected a CARv1, found a CARv2", hint="Convert it with `car get-dag` or `car detach`.")
        if not isinstance(value, dict) or value.keys() != {"roots", "version"} or value["version"] != 1:
            raise InvalidData("expected a CARv1 header {roots, version: 1}, found something else")
        roots = value["roots"]
        if not isinstance(roots, list) or len(roots) != 1 or not isinstance(roots[0], Cid):
            count = len(roots) if isinstance(roots, list) else "no list of"
            raise InvalidData(f"expected a CAR with exactly one root, found {count} roots")
        return roots[0]

    def __iter__(self) -> Iterator[tuple[int, Cid, bytes]]:
        seen: set[Cid] = set()
        for at, cid, size in self._records():
            # (3) Each block is what it is called.
            data = self._exactly(size, "block") if size else b""
            cid.verify(data)
            if cid not in seen:
                seen.add(cid)
                yield at, cid, data
        self._finish(seen)

    def places(self, skip: Callable[[int], int]) -> dict[Cid, tuple[int, int]]:
        """Where each block's bytes lie and how many they are, without step 3, which is left to whoever reads them.

        `skip(n)` passes over n bytes and says how many of them there were.
        """
        found: dict[Cid, tuple[int, int]] = {}
        for at, cid, size in self._records():
            if (passed := skip(size)) != size:
                raise InvalidData(f"the CAR is cut off: expected {size} bytes of block, found {passed}")
            self.offset += size
            found.setdefault(cid, (at, size))
        self._finish(found)
        return found

    def _records(self) -> Iterator[tuple[int, Cid, int]]:
        """Offset, CID and size of each block; whoever iterates reads or skips its bytes."""
        total = count = 0
        # (2) Lengths and totals before bytes.
        while (length := self._length(self._limits.block + _CID_LENGTH, "block")) is not None:
            if length < _CID_LENGTH:
                raise InvalidData(f"expected a CID of {_CID_LENGTH} bytes in the CAR, {length} bytes are announced")
            total, count = total + length, count + 1
            if total > self._limits.total or count > self._limits.blocks:
                raise InvalidData(f"the CAR passes {self._limits.blocks} blocks or {self._limits.total} bytes")
            cid = Cid.from_bytes(self._exactly(_CID_LENGTH, "CID"))
            yield self.offset, cid, length - _CID_LENGTH

    def _finish(self, seen: Container[Cid]) -> None:
        # (4) A root that is not there would make an empty archive look complete.
        if self.root not in seen:
            raise InvalidData(f"the CAR does not hold its own root {self.root}")
