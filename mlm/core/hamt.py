"""Sharded UnixFS directories: a hash array mapped trie of 256 places a node, by murmur3 of the name.

Source: https://specs.ipfs.tech/unixfs/ (HAMT directories); a link's name is two hex digits of its place, then the
entry's name, or nothing for a shard below. Which directories are sharded is decided in unixfs.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from mlm.core import dagpb
from mlm.core.cid import DAG_PB, Cid
from mlm.core.errors import InvalidData

FANOUT = 256
TYPE = 5  # UnixFS HAMTShard
_MURMUR3_X64_64 = 0x22
_TAIL = b"\x28" + dagpb.varint(_MURMUR3_X64_64) + b"\x30" + dagpb.varint(FANOUT)
_MAX_DEPTH = 8  # bytes of the hash

Item = tuple[bytes, bytes, Cid, int]  # hash, name, CID, tsize


def hash_name(name: bytes) -> bytes:
    """The 8 bytes that place a name, the first for the root."""
    import mmh3

    return mmh3.hash64(name, signed=False)[0].to_bytes(8, "big")


def build(entries: Mapping[str, tuple[Cid, int]], emit: Callable[[Cid, bytes], None]) -> tuple[Cid, int]:
    """Emit the shards of a directory, deepest first; returns the root's CID and the bytes of all its blocks."""
    items = [(hash_name(raw := name.encode("utf-8")), raw, cid, tsize) for name, (cid, tsize) in entries.items()]
    return _shard(sorted(items, key=lambda item: item[:2]), 0, emit)


def _shard(items: Sequence[Item], depth: int, emit: Callable[[Cid, bytes], None]) -> tuple[Cid, int]:
    if depth == _MAX_DEPTH:
        raise InvalidData(f"{len(items)} file names have the same 64-bit hash, {items[0][1]!r} among them")
    parts: list[bytes] = []
    bitfield = total = 0
    for place, group in groupby(items, key=lambda item: item[0][depth]):
        members = list(group)
        prefix = b"%02X" % place
        if len(members) == 1:
            _, name, cid, tsize = members[0]
        else:
            name = b""
            cid, tsize = _shard(members, depth + 1, emit)
        parts.append(dagpb.encode_link(prefix + name, cid, tsize))
        bitfield |= 1 << place
        total += tsize
    field = bitfield.to_bytes((bitfield.bit_length() + 7) // 8, "big")
    parts.append(dagpb.field(1, b"\x08\x05" + dagpb.field(2, field) + _TAIL))
    block = b"".join(parts)
    cid = Cid.of(DAG_PB, block)
    emit(cid, block)
    return cid, len(block) + total


def check_shard(links: Sequence[dagpb.Link], bitfield: bytes, fanout: int | None, hash_type: int | None) -> None:
    """Raise InvalidData unless a shard's links are in order and are those of its bit field."""
    if fanout != FANOUT or hash_type != _MURMUR3_X64_64:
        raise InvalidData(f"expected a HAMT shard of {FANOUT} places by murmur3, found {fanout}, hash {hash_type}")
    places = []
    for link in links:
        prefix = link.name[:2]
        if len(prefix) != 2 or any(digit not in "0123456789ABCDEF" for digit in prefix):
            raise InvalidData(f"expected two hex digits before a HAMT entry's name, found {link.name[:40]!r}")
        places.append(int(prefix, 16))
    if places != sorted(set(places)):
        raise InvalidData("the places of a HAMT shard are repeated or out of order")
    if sum(1 << place for place in places) != int.from_bytes(bitfield, "big"):
        raise InvalidData("the bit field of a HAMT shard does not match its links")


def check_place(name: str, path: bytes) -> None:
    """Raise InvalidData unless `name` belongs into the shard reached over the places in `path`."""
    if not hash_name(name.encode("utf-8")).startswith(path):
        raise InvalidData(f"the HAMT entry {name[:40]!r} is in a place where its hash does not lead")
