"""DAG-CBOR, strict both ways: one value has one encoding, and every other encoding of it is refused.

Source: https://ipld.io/specs/codecs/dag-cbor/spec/ (RFC 8949 without indefinite lengths, tags other than 42, floats
other than finite 64-bit, and simple values other than false, true and null; map keys are text, sorted by length and
then by bytes). Depth and size are limited, for what is decoded comes from outside.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from mlm.core.cid import Cid
from mlm.core.errors import InvalidData

Value: TypeAlias = "None | bool | int | float | str | bytes | Cid | Sequence[Value] | Mapping[str, Value]"

MAX_DEPTH = 64  # nested lists and maps
MAX_BYTES = 2 * 1024 * 1024  # of one block, as kubo accepts
MAX_ITEMS = 1 << 18  # of one block: each takes far more memory than its byte

UINT, _NEGATIVE, BYTES, TEXT, ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_FALSE, _TRUE, _NULL, _FLOAT64 = 20, 21, 22, 27
_CID_TAG = b"\xd8\x2a"
_WIDTHS = {24: (1, 24), 25: (2, 1 << 8), 26: (4, 1 << 16), 27: (8, 1 << 32)}  # info: (bytes, smallest value allowed)


def encode(value: Value, *, max_bytes: int = MAX_BYTES) -> bytes:
    """The canonical bytes of a value; raises InvalidData for what DAG-CBOR cannot hold (NaN, int beyond 64 bits, …)."""
    out = bytearray()
    _write(out, value, 0)
    if len(out) > max_bytes:
        raise InvalidData(f"a DAG-CBOR block has at most {max_bytes} bytes, this one has {len(out)}")
    if len(out) > MAX_ITEMS and (items := _count(value)) > MAX_ITEMS:
        raise InvalidData(f"a DAG-CBOR block has at most {MAX_ITEMS} items, this one has {items}")
    return bytes(out)


def decode(data: bytes, *, max_bytes: int = MAX_BYTES) -> Value:
    """The value of canonical bytes, with lists and dicts; raises InvalidData for anything else."""
    if len(data) > max_bytes:
        raise InvalidData(f"a DAG-CBOR block has at most {max_bytes} bytes, this one has {len(data)}")
    reader = _Reader(bytes(data))
    value = reader.value(0)
    if reader.at != len(data):
        raise InvalidData(f"DAG-CBOR: expected the end at byte {reader.at}, found {len(data) - reader.at} bytes more")
    return value


def links(value: Value) -> list[Cid]:
    """Every CID inside a value, in order of appearance."""
    found: list[Cid] = []
    stack: list[Value] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Cid):
            found.append(item)
        elif isinstance(item, Mapping):
            stack.extend(reversed(list(item.values())))
        elif isinstance(item, Sequence) and not isinstance(item, str | bytes):
            stack.extend(reversed(item))
    return found


def _count(value: Value) -> int:
    """The values inside a value, itself included, keys not."""
    count, stack = 0, [value]
    while stack:
        item = stack.pop()
        count += 1
        if isinstance(item, Mapping):
            stack.extend(item.values())
        elif isinstance(item, Sequence) and not isinstance(item, str | bytes):
            stack.extend(item)
    return count


def head(out: bytearray, major: int, number: int) -> None:
    """Write the head of an item: its major type and its number or length."""
    if number < 24:
        out.append(major << 5 | number)
    elif number < 1 << 8:
        out += bytes((major << 5 | 24, number))
    elif number < 1 << 16:
        out += struct.pack(">BH", major << 5 | 25, number)
    elif number < 1 << 32:
        out += struct.pack(">BI", major << 5 | 26, number)
    else:
        out += struct.pack(">BQ", major << 5 | 27, number)


def utf8(text: str) -> bytes:
    """Text as it is written; raises InvalidData for lone surrogates."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidData(f"DAG-CBOR text is Unicode without lone surrogates, got {text[:40]!r}") from error


def _write(out: bytearray, value: Value, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise InvalidData(f"DAG-CBOR values nest at most {MAX_DEPTH} deep")
    if value is None:
        out.append(_SIMPLE << 5 | _NULL)
    elif isinstance(value, bool):
        out.append(_SIMPLE << 5 | (_TRUE if value else _FALSE))
    elif isinstance(value, int):
        if not -(1 << 64) <= value < 1 << 64:
            raise InvalidData(f"DAG-CBOR integers have 64 bits and a sign, got {value.bit_length()} bits")
        head(out, UINT if value >= 0 else _NEGATIVE, value if value >= 0 else -1 - value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidData(f"DAG-CBOR numbers are finite, got {value}")
        out += struct.pack(">Bd", _SIMPLE << 5 | _FLOAT64, value)
    elif isinstance(value, str):
        raw = utf8(value)
        head(out, TEXT, len(raw))
        out += raw
    elif isinstance(value, bytes):
        head(out, BYTES, len(value))
        out += value
    elif isinstance(value, Cid):
        raw = b"\x00" + bytes(value)
        out += _CID_TAG
        head(out, BYTES, len(raw))
        out += raw
    elif isinstance(value, Mapping):
        items = []
        for key, item in value.items():
            if not isinstance(key, str):
                raise InvalidData(f"DAG-CBOR map keys are text, got {type(key).__name__}")
            items.append((utf8(key), item))
        items.sort(key=lambda pair: (len(pair[0]), pair[0]))
        head(out, _MAP, len(items))
        for raw, item in items:
            head(out, TEXT, len(raw))
            out += raw
            _write(out, item, depth + 1)
    elif isinstance(value, Sequence):
        head(out, ARRAY, len(value))
        for item in value:
            _write(out, item, depth + 1)
    else:
        raise InvalidData(f"DAG-CBOR cannot hold a {type(value).__name__}")


class _Reader:
    """A cursor over one block."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = self.items = 0

    def take(self, count: int) -> bytes:
        left = len(self.data) - self.at
        if count > left:
            raise InvalidData(f"DAG-CBOR: expected {count} bytes at byte {self.at}, found the end after {left}")
        self.at += count
        return self.data[self.at - count : self.at]

    def head(self) -> tuple[int, int, int]:
        """Major type, additional information and the number it announces, which must be in its shortest form."""
        start = self.at
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if info < 24:
            return major, info, info
        if info not in _WIDTHS:
            raise InvalidData(f"DAG-CBOR: indefinite or reserved length (0x{first:02x}) at byte {start}")
        width, least = _WIDTHS[info]
        number = int.from_bytes(self.take(width), "big")
        if number < least and major != _SIMPLE:
            raise InvalidData(f"DAG-CBOR: {number} at byte {start} is not in its shortest form")
        return major, info, number

    def text(self, length: int) -> str:
        start = self.at
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidData(f"DAG-CBOR: the text at byte {start} is not UTF-8") from error

    def value(self, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise InvalidData(f"DAG-CBOR values nest at most {MAX_DEPTH} deep; byte {self.at} is deeper")
        start = self.at
        self.items += 1
        if self.items > MAX_ITEMS:
            raise InvalidData(f"DAG-CBOR: expected at most {MAX_ITEMS} items, found more at byte {start}")
        major, info, number = self.head()
        if major == UINT:
            return number
        if major == _NEGATIVE:
            return -1 - number
        if major == BYTES:
            return self.take(number)
        if major == TEXT:
            return self.text(number)
        if major == ARRAY:
            self.expect_room(number, 1, start)
            return [self.value(depth + 1) for _ in range(number)]
        if major == _MAP:
            self.expect_room(number, 2, start)
            return self.map(number, depth)
        if major == _TAG:
            return self.link(number, start)
        return self.simple(info, number, start)

    def expect_room(self, count: int, least: int, start: int) -> None:
        """A count that the remaining bytes cannot hold is refused before anything is allocated for it."""
        if count * least > len(self.data) - self.at:
            raise InvalidData(f"DAG-CBOR: {count} items announced at byte {start}, more than the bytes left can hold")

    def map(self, count: int, depth: int) -> dict[str, Value]:
        result: dict[str, Value] = {}
        previous = (-1, b"")
        for _ in range(count):
            start = self.at
            major, _, length = self.head()
            if major != TEXT:
                raise InvalidData(f"DAG-CBOR: expected a text key at byte {start}, found major type {major}")
            key = self.text(length)
            raw = self.data[self.at - length : self.at]
            if (length, raw) <= previous:
                raise InvalidData(f"DAG-CBOR: the key {key[:40]!r} at byte {start} is repeated or out of order")
            previous = (length, raw)
            result[key] = self.value(depth + 1)
        return result

    def link(self, tag: int, start: int) -> Cid:
        if tag != 42:
            raise InvalidData(f"DAG-CBOR: expected tag 42 (a CID) at byte {start}, found tag {tag}")
        major, _, length = self.head()
        if major != BYTES:
            raise InvalidData(f"DAG-CBOR: expected bytes inside the CID tag at byte {start}, found major type {major}")
        raw = self.take(length)
        if raw[:1] != b"\x00":
            raise InvalidData(f"DAG-CBOR: expected the identity multibase (0x00) in the CID at byte {start}")
        return Cid.from_bytes(raw[1:])

    def simple(self, info: int, number: int, start: int) -> Value:
        if info == _FALSE:
            return False
        if info == _TRUE:
            return True
        if info == _NULL:
            return None
        if info == _FLOAT64:
            value: float = struct.unpack(">d", number.to_bytes(8, "big"))[0]
            if not math.isfinite(value):
                raise InvalidData(f"DAG-CBOR: numbers are finite, found {value} at byte {start}")
            return value
        raise InvalidData(f"DAG-CBOR: expected a boolean, null or 64-bit float at byte {start}, found simple {info}")
