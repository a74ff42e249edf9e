"""Strict decoding of ABI-encoded values, by slicing.

Only the canonical encoding is accepted, the one solc writes: tails follow each other without gap, overlap or trailing
bytes, and padding is zero. So decoding is linear in the data, and no offset or length of a hostile log costs anything.
Source: the Solidity ABI specification, "Formal Specification of the Encoding".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlm.core.errors import InvalidData

WORD = 32
_ZEROS = bytes(WORD)


@dataclass(frozen=True)
class Type:
    """A compiled type.

    `head` is its size in the head in bytes. `read(data, at)` gives a static value; of a dynamic type, whose tail starts
    at `at`, it gives the value and the tail's end. The caller has checked that a static head lies within the data.
    """

    name: str
    head: int
    dynamic: bool
    read: Callable[[bytes, int], Any]


@dataclass(frozen=True)
class Field:
    """A named, compiled parameter."""

    name: str
    type: Type
    indexed: bool = False


def _word(data: bytes, at: int) -> int:
    if at + WORD > len(data):
        raise InvalidData(f"ABI data ends at byte {len(data)}, expected a word at byte {at}")
    return int.from_bytes(data[at : at + WORD], "big")


def _uint(bits: int) -> Type:
    from_bytes = int.from_bytes
    if bits == 256:
        return Type("uint256", WORD, False, lambda data, at: from_bytes(data[at : at + WORD], "big"))

    def read(data: bytes, at: int) -> int:
        value = from_bytes(data[at : at + WORD], "big")
        if value >> bits:
            raise InvalidData(f"ABI word at byte {at}: expected uint{bits}, found {value}")
        return value

    return Type(f"uint{bits}", WORD, False, read)


def _int(bits: int) -> Type:
    bound = 1 << (bits - 1)

    def read(data: bytes, at: int) -> int:
        value = int.from_bytes(data[at : at + WORD], "big", signed=True)
        if not -bound <= value < bound:
            raise InvalidData(f"ABI word at byte {at}: expected int{bits}, found {value}")
        return value

    return Type(f"int{bits}", WORD, False, read)


def _read_bool(data: bytes, at: int) -> bool:
    value = int.from_bytes(data[at : at + WORD], "big")
    if value > 1:
        raise InvalidData(f"ABI word at byte {at}: expected bool, found {value}")
    return value == 1


def _read_address(data: bytes, at: int) -> str:
    if data[at : at + 12] != _ZEROS[:12]:
        raise InvalidData(f"ABI word at byte {at}: expected address, found 0x{data[at : at + WORD].hex()}")
    return "0x" + data[at + 12 : at + WORD].hex()


def _fixed_bytes(size: int) -> Type:
    padding = _ZEROS[size:]

    def read(data: bytes, at: int) -> str:
        if data[at + size : at + WORD] != padding:
            raise InvalidData(f"ABI word at byte {at}: expected bytes{size}, found 0x{data[at : at + WORD].hex()}")
        return "0x" + data[at : at + size].hex()

    return Type(f"bytes{size}", WORD, False, read)


def _content(data: bytes, at: int) -> tuple[bytes, int]:
    length = _word(data, at)
    start = at + WORD
    if length > len(data) - start:
        raise InvalidData(f"ABI bytes at byte {at}: {length} bytes announced, {len(data) - start} left")
    end = start + length
    padded = start + -(-length // WORD) * WORD
    if data[end:padded] != _ZEROS[: padded - end]:
        raise InvalidData(f"ABI bytes at byte {at}: padding is missing or not zero")
    return data[start:end], padded


def _read_bytes(data: bytes, at: int) -> tuple[str, int]:
    content, end = _content(data, at)
    return "0x" + content.hex(), end


def _read_string(data: bytes, at: int) -> tuple[str, int]:
    # Anyone can publish a licence that is no UTF-8: it must be shown as it is, and must not stop the others' sync.
    content, end = _content(data, at)
    return content.decode("utf-8", "backslashreplace"), end


Decoder = Callable[[bytes, int], tuple[dict[str, Any], int]]


def sequence_of(fields: tuple[Field, ...]) -> Decoder:
    """A decoder of a head at a position and of its tails: the values by name, and the end of the last tail."""
    size = sum(field.type.head for field in fields)
    parts = tuple((field.name, field.type.head, field.type.dynamic, field.type.read) for field in fields)

    def read(data: bytes, base: int) -> tuple[dict[str, Any], int]:
        tail = base + size
        if tail > len(data):
            raise InvalidData(f"ABI data ends at byte {len(data)}, expected {tail} bytes")
        values: dict[str, Any] = {}
        at = base
        for name, head, dynamic, read_one in parts:
            if dynamic:
                if (offset := _word(data, at)) != tail - base:
                    raise InvalidData(f"ABI offset of {name or 'a value'}: expected {tail - base}, found {offset}")
                values[name], tail = read_one(data, tail)
            else:
                values[name] = read_one(data, at)
            at += head
        return values, tail

    return read


def tuple_of(fields: tuple[Field, ...]) -> Type:
    """A struct, decoded into a dict by field name."""
    name = "(" + ",".join(field.type.name for field in fields) + ")"
    read = sequence_of(fields)
    if any(field.type.dynamic for field in fields):
        return Type(name, WORD, True, read)
    size = sum(field.type.head for field in fields)
    return Type(name, size, False, lambda data, at: read(data, at)[0])


def array_of(element: Type, length: int | None) -> Type:
    """An array, decoded into a list; `length` None for T[]."""
    name = f"{element.name}[{'' if length is None else length}]"

    def elements(data: bytes, at: int, count: int) -> tuple[list[Any], int]:
        # Before the loop, so that an announced length costs nothing that the data does not back.
        if count * element.head > len(data) - at:
            raise InvalidData(f"ABI array at byte {at}: {count} elements announced, {len(data) - at} bytes left")
        tail = at + count * element.head
        if not element.dynamic:
            return [element.read(data, start) for start in range(at, tail, element.head)], tail
        values = []
        for index in range(count):
            if (offset := _word(data, at + WORD * index)) != tail - at:
                raise InvalidData(f"ABI offset of element {index}: expected {tail - at}, found {offset}")
            value, tail = element.read(data, tail)
            values.append(value)
        return values, tail

    if length is None:
        return Type(name, WORD, True, lambda data, at: elements(data, at + WORD, _word(data, at)))
    if element.dynamic:
        return Type(name, WORD, True, lambda data, at: elements(data, at, length))
    return Type(name, element.head * length, False, lambda data, at: elements(data, at, length)[0])


def elementary(name: str) -> Type:
    """The elementary type called `name`; raises ValueError for another name."""
    named = {
        "bool": Type("bool", WORD, False, _read_bool),
        "address": Type("address", WORD, False, _read_address),
        "bytes": Type("bytes", WORD, True, _read_bytes),
        "string": Type("string", WORD, True, _read_string),
    }
    if name in named:
        return named[name]
    for prefix, make, low, high, step in (
        ("uint", _uint, 8, 256, 8),
        ("int", _int, 8, 256, 8),
        ("bytes", _fixed_bytes, 1, WORD, 1),
    ):
        size = name.removeprefix(prefix)
        if size != name and size.isascii() and size.isdigit() and int(size) in range(low, high + 1, step):
            return make(int(size))
    raise ValueError(f"no ABI type {name!r}")
