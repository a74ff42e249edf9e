"""DAG-PB nodes and the varints under them, strict both ways. What the bytes in a node mean is in unixfs.py.

Source: https://ipld.io/specs/codecs/dag-pb/spec/ : links come first, then data, each field once and in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlm.core.cid import Cid
from mlm.core.errors import InvalidData

MAX_BYTES = 2 * 1024 * 1024  # of one block, as kubo accepts

_VARINT, _LENGTH = 0, 2  # protobuf wire types


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a node. `tsize` is the size of all blocks below it, as its writer claims."""

    name: str
    cid: Cid
    tsize: int


@dataclass(frozen=True, slots=True)
class Node:
    links: tuple[Link, ...]
    data: bytes


def varint(number: int) -> bytes:
    """Unsigned LEB128 in its shortest form."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at `at` and where it ends; raises InvalidData when it is cut, too long (over 64 bits) or padded."""
    number = shift = 0
    start = at
    while at < len(data):
        byte = data[at]
        number |= (byte & 127) << shift
        at += 1
        if byte < 128:
            if (byte == 0 and shift) or number >> 64:
                raise InvalidData(f"the varint at byte {start} is not in its shortest form or exceeds 64 bits")
            return number, at
        shift += 7
        if shift > 63:
            raise InvalidData(f"the varint at byte {start} has more than 64 bits")
    raise InvalidData(f"the varint at byte {start} is cut off")


def field(number: int, raw: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return bytes((number << 3 | _LENGTH,)) + varint(len(raw)) + raw


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each protobuf field: an int for varints, bytes for the rest; raises InvalidData."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        if key & 7 == _VARINT:
            number, at = read_varint(data, at)
            yield key >> 3, number
        elif key & 7 == _LENGTH:
            length, at = read_varint(data, at)
            if length > len(data) - at:
                raise InvalidData(f"a protobuf field announces {length} bytes, {len(data) - at} are left")
            yield key >> 3, data[at : at + length]
            at += length
        else:
            raise InvalidData(f"expected a protobuf varint or bytes at byte {at}, found wire type {key & 7}")


def encode_link(name: bytes, cid: Cid, tsize: int) -> bytes:
    """One PBLink as a field of its PBNode: Hash, Name, Tsize, in this order (the DAG-PB specification)."""
    return field(2, field(1, bytes(cid)) + field(2, name) + b"\x18" + varint(tsize))


def encode(links: Sequence[Link], data: bytes) -> bytes:
    """The block of a node. Links are written in the order given."""
    return b"".join(encode_link(link.name.encode("utf-8"), link.cid, link.tsize) for link in links) + field(1, data)


def decode(block: bytes) -> Node:
    """The node of a block; raises InvalidData for anything that `encode` would write otherwise."""
    if len(block) > MAX_BYTES:
        raise InvalidData(f"a DAG-PB block has at most {MAX_BYTES} bytes, this one has {len(block)}")
    links: list[Link] = []
    data = None
    for number, value in fields(block):
        if not isinstance(value, bytes) or number not in (1, 2) or data is not None:
            raise InvalidData("a DAG-PB node is its links (field 2), then data (field 1), once")
        if number == 2:
            links.append(_decode_link(value))
        else:
            data = value
    if data is None:
        raise InvalidData("expected data in the DAG-PB node, found none")
    node = Node(tuple(links), data)
    if encode(node.links, node.data) != block:
        raise InvalidData("the DAG-PB node is not in canonical form")
    return node


def _decode_link(raw: bytes) -> Link:
    parts = list(fields(raw))
    match parts:
        case [(1, bytes(cid)), (2, bytes(name)), (3, int(tsize))]:
            try:
                return Link(name.decode("utf-8"), Cid.from_bytes(cid), tsize)
            except UnicodeDecodeError as error:
                raise InvalidData(f"the name of a DAG-PB link is not UTF-8: {name[:40]!r}") from error
    raise InvalidData(f"a DAG-PB link is a CID, name and size; found fields {[number for number, _ in parts][:8]}")
