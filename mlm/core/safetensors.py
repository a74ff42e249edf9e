"""The header of a safetensors file: which tensors it holds, and where. Pure; tensors are never read here.

Source: https://huggingface.co/docs/safetensors and the checks of its Rust reader. 8 bytes of little-endian length, as
many bytes of JSON `{name: {dtype, shape, data_offsets}}`, then the tensors, without holes and without overlaps.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from mlm.core.errors import InvalidData

SUFFIX = ".safetensors"
# The format allows 100 MB, which Python's parser would blow up to gigabytes. Large models are sharded into files of a
# few gigabytes, whose headers take about 100 bytes for each of some thousand tensors: below 1 MiB.
MAX_HEADER = 16 << 20  # bytes
MAX_TENSORS = 100_000
MAX_NAME = 1024  # characters
MAX_AXES = 64
_LARGEST = 1 << 63  # of an axis: what the format's readers count in
_LENGTH = 8  # bytes of the header's length
_METADATA = "__metadata__"
_FIELDS = {"dtype", "shape", "data_offsets"}

# The format's names -> bits of an element. F4 and F6 are packed: their tensors fill whole bytes.
BITS = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip
# The same types as numpy and ml_dtypes call them, and this tool everywhere else.
DTYPES = {
    "BOOL": "bool", "F4": "float4_e2m1fn", "F6_E2M3": "float6_e2m3fn", "F6_E3M2": "float6_e3m2fn", "U8": "uint8",
    "I8": "int8", "F8_E5M2": "float8_e5m2", "F8_E4M3": "float8_e4m3fn", "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz", "I16": "int16", "U16": "uint16",
    "F16": "float16", "BF16": "bfloat16", "I32": "int32", "U32": "uint32", "F32": "float32", "C64": "complex64",
    "F64": "float64", "I64": "int64", "U64": "uint64",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor: `dtype` is numpy's name; its bytes are [begin, end) of the file, little-endian in C order."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """Tensors in the order of their bytes, and what the writer says besides."""

    tensors: tuple[Stored, ...]
    metadata: dict[str, str]

    @property
    def parameters(self) -> int:
        """The elements of all tensors."""
        return sum(prod(tensor.shape) for tensor in self.tensors)


def read_header(read: Callable[[int, int], bytes], size: int) -> Header:
    """The header of a file of `size` bytes, of which `read(begin, end)` returns the bytes [begin, end).

    Hostile input. Raises InvalidData unless (1) the header fits the file and MAX_HEADER, (2) it is JSON without
    repeated names, (3) dtypes, shapes and metadata are what the format knows, (4) each tensor takes the bytes of its
    shape and dtype, and (5) they cover the rest of the file, each byte once.
    """
    if size < _LENGTH:  # (1)
        raise InvalidData(f"expected a safetensors file, found {size} bytes: its header's length alone takes {_LENGTH}")
    length = int.from_bytes(read(0, _LENGTH), "little")
    if length > min(size - _LENGTH, MAX_HEADER):
        raise InvalidData(
            f"expected a safetensors header of at most {min(size - _LENGTH, MAX_HEADER)} bytes, found {length}"
        )
    start = _LENGTH + length
    document = _parse(read(_LENGTH, start))  # (2)
    metadata = _metadata(document.pop(_METADATA, {}))  # (3)
    if len(document) > MAX_TENSORS:
        raise InvalidData(f"expected at most {MAX_TENSORS} tensors in a safetensors file, found {len(document)}")
    tensors = sorted((_tensor(name, entry, start) for name, entry in document.items()), key=_place)  # (4)
    at = start
    for tensor in tensors:  # (5)
        if tensor.begin != at:
            raise InvalidData(
                f"tensor {tensor.name[:60]!r}: expected to begin at byte {at - start}, found {tensor.begin - start}: "
                "safetensors have neither holes nor overlaps"
            )
        at = tensor.end
    if at != size:
        raise InvalidData(f"expected {at - start} bytes of tensors after the safetensors header, found {size - start}")
    return Header(tuple(tensors), metadata)


def _place(tensor: Stored) -> tuple[int, int]:
    return tensor.begin, tensor.end


def _parse(data: bytes) -> dict[str, Any]:
    if not data.startswith(b"{"):
        raise InvalidData(f"expected a safetensors header that begins with '{{', found {data[:1]!r}")
    try:
        return _object(json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_number))
    except (ValueError, RecursionError) as error:
        raise InvalidData(f"expected a safetensors header in JSON: {' '.join(str(error).split())[:200]}") from error


def _object(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise InvalidData("expected a safetensors header that is an object")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise InvalidData(f"expected each name once in a safetensors header, found {twice[:60]!r} twice")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _metadata(found: object) -> dict[str, str]:
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise InvalidData(f"expected texts by name under {_METADATA} of a safetensors header")
    return found


def _tensor(name: str, entry: object, start: int) -> Stored:
    label = f"tensor {name[:60]!r}"
    if not 0 < len(name) <= MAX_NAME:
        raise InvalidData(f"a tensor's name has 1 to {MAX_NAME} characters, found {len(name)}")
    if not isinstance(entry, dict) or set(entry) != _FIELDS:
        found = sorted(entry)[:9] if isinstance(entry, dict) else type(entry).__name__
        raise InvalidData(f"{label}: expected the fields {', '.join(sorted(_FIELDS))}, found {str(found)[:200]}")
    dtype, shape = entry["dtype"], entry["shape"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise InvalidData(f"{label}: expected a dtype of safetensors, such as F32 or BF16, found {str(dtype)[:60]!r}")
    if not _numbers(shape) or len(shape) > MAX_AXES:
        raise InvalidData(f"{label}: expected a shape of at most {MAX_AXES} axes, found {str(shape)[:60]}")
    bits = prod(shape) * BITS[dtype]
    offsets = entry["data_offsets"]
    if not _numbers(offsets) or len(offsets) != 2:
        raise InvalidData(f"{label}: expected two data_offsets, found {str(offsets)[:60]}")
    begin, end = offsets
    if bits % 8 or (end - begin) * 8 != bits:
        takes = f"{bits // 8} bytes" if bits % 8 == 0 else f"{bits} bits, which are no whole bytes"
        raise InvalidData(
            f"{label}: shape {str(shape)[:60]} of {dtype} takes {takes}, found data_offsets of {end - begin} bytes"
        )
    return Stored(name, DTYPES[dtype], tuple(shape), start + begin, start + end)


def _numbers(found: object) -> bool:
    return isinstance(found, list) and all(type(number) is int and 0 <= number < _LARGEST for number in found)
