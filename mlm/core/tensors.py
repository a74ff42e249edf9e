"""Named tensors as a document that DAG-CBOR can hold: `{format, tensors: [{name, dtype, shape, data}]}`. Pure.

Canonical: tensors sorted by name, data little-endian in C order. The same tensors give the same bytes, so the same CID.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from mlm.core import dagcbor
from mlm.core.errors import InvalidData, UsageError

FORMAT = "mlm/tensors/1"
ITEM_BYTES = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8,
    "float16": 2, "float32": 4, "float64": 8,
}  # fmt: skip
MAX_TENSORS = 256
MAX_AXES = 16
MAX_BYTES = 1 << 30
MAX_NAME = 256
SUFFIXES = (".npy", ".npz", ".json")


# Parts of a block that are always the same: a map of two, and the heads of a tensor's map of four.
_BLOCK_HEAD = b"\xa2\x66format\x6d" + FORMAT.encode() + b"\x67tensors"
_DATA, _NAME, _DTYPE, _SHAPE = b"\xa4\x64data", b"\x64name", b"\x65dtype", b"\x65shape"


def check_suffix(suffix: str) -> None:
    """Raise UsageError for a file name's end that says of no format of tensors."""
    if suffix not in SUFFIXES:
        raise UsageError(f"expected a file that ends in {', '.join(SUFFIXES)}, found the suffix {suffix[:20]!r}")


@dataclass(frozen=True)
class Tensor:
    """`dtype` is numpy's name, `data` little-endian and C-ordered. Raises InvalidData when the three disagree."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: bytes

    def __post_init__(self) -> None:
        size, found = size_of(self.name, self.dtype, self.shape), len(self.data)
        if size != found:
            label = f"tensor {self.name[:60]!r}"
            raise InvalidData(f"{label}: shape {list(self.shape)} of {self.dtype} takes {size} bytes, found {found}")
        if self.dtype == "bool":
            check_bool(self.name, self.data)


Spec = tuple[str, str, tuple[int, ...]]  # a tensor without its data: name, dtype, shape


def size_of(name: str, dtype: str, shape: tuple[int, ...]) -> int:
    """Bytes of a tensor's data. Raises InvalidData for a name, dtype or shape that none has."""
    label = f"tensor {name[:60]!r}"
    if not 0 < len(name) <= MAX_NAME:
        raise InvalidData(f"a tensor's name has 1 to {MAX_NAME} characters, found {len(name)}")
    if dtype not in ITEM_BYTES:
        raise InvalidData(f"{label}: expected a dtype among {', '.join(ITEM_BYTES)}, found {dtype[:60]!r}")
    if len(shape) > MAX_AXES or any(not 0 <= axis < 1 << 40 for axis in shape):
        raise InvalidData(f"{label}: expected at most {MAX_AXES} axes in [0, 2^40), found {list(shape)[:20]}")
    return prod(shape) * ITEM_BYTES[dtype]


def check_bool(name: str, data: bytes) -> None:
    """Raise InvalidData unless the data of a tensor of bools is made of zeros and ones."""
    if data.translate(None, b"\0\1"):
        raise InvalidData(f"tensor {name[:60]!r}: a bool is 0 or 1")


def to_document(tensors: Iterable[Tensor]) -> dict[str, Any]:
    """The canonical document; raises InvalidData for repeated names, too many tensors or too many bytes."""
    ordered = sorted(tensors, key=lambda tensor: tensor.name)
    _check_whole([_spec(tensor) for tensor in ordered])
    return {
        "format": FORMAT,
        "tensors": [
            {"name": tensor.name, "dtype": tensor.dtype, "shape": list(tensor.shape), "data": tensor.data}
            for tensor in ordered
        ],
    }


def frame(specs: Sequence[Spec]) -> tuple[bytes, ...]:
    """What stands before the data of each tensor in the DAG-CBOR block of `to_document`, and after the last.

    It is the same for all calls of a model. `specs` are sorted by name; raises InvalidData for such as no block has.
    tests/core/test_tensors.py holds it to dagcbor.encode.
    """
    _check_whole(specs)
    pieces, out, total = [], bytearray(_BLOCK_HEAD), 0
    dagcbor.head(out, dagcbor.ARRAY, len(specs))
    for name, dtype, shape in specs:
        # Keys by length, then by bytes: data, name, dtype, shape.
        size = size_of(name, dtype, shape)
        out += _DATA
        dagcbor.head(out, dagcbor.BYTES, size)
        pieces.append(bytes(out))
        out, total = bytearray(), total + len(out) + size
        for key, text in ((_NAME, name), (_DTYPE, dtype)):
            raw = dagcbor.utf8(text)
            out += key
            dagcbor.head(out, dagcbor.TEXT, len(raw))
            out += raw
        out += _SHAPE
        dagcbor.head(out, dagcbor.ARRAY, len(shape))
        for axis in shape:
            dagcbor.head(out, dagcbor.UINT, axis)
    if (total := total + len(out)) > dagcbor.MAX_BYTES:
        raise InvalidData(f"a DAG-CBOR block has at most {dagcbor.MAX_BYTES} bytes, this one has {total}")
    return (*pieces, bytes(out))


def from_document(document: object) -> tuple[Tensor, ...]:
    """The inverse: hostile input. Raises InvalidData unless it is exactly what `to_document` writes."""
    if not isinstance(document, Mapping) or set(document) != {"format", "tensors"}:
        raise InvalidData(f"expected a document of {FORMAT} with the fields format and tensors")
    if document["format"] != FORMAT:
        raise InvalidData(f"expected format {FORMAT!r}, found {str(document['format'])[:60]!r}")
    items = document["tensors"]
    if not isinstance(items, list | tuple) or len(items) > MAX_TENSORS:
        raise InvalidData(f"expected a list of at most {MAX_TENSORS} tensors")
    tensors = [_tensor(item) for item in items]
    _check_whole([_spec(tensor) for tensor in tensors])
    if tensors != sorted(tensors, key=lambda tensor: tensor.name):
        raise InvalidData("tensors must be sorted by name")
    return tuple(tensors)


def _tensor(item: object) -> Tensor:
    if not isinstance(item, Mapping) or set(item) != {"name", "dtype", "shape", "data"}:
        raise InvalidData("a tensor has the fields name, dtype, shape and data, and no other")
    name, dtype, shape, data = item["name"], item["dtype"], item["shape"], item["data"]
    if not isinstance(name, str) or not isinstance(dtype, str) or not isinstance(data, bytes):
        raise InvalidData("a tensor's name and dtype are text and its data bytes")
    if not isinstance(shape, list | tuple) or any(type(axis) is not int for axis in shape):
        raise InvalidData(f"tensor {name[:60]!r}: its shape is a list of whole numbers")
    return Tensor(name, dtype, tuple(shape), data)


def _spec(tensor: Tensor) -> Spec:
    return tensor.name, tensor.dtype, tensor.shape


def _check_whole(specs: Sequence[Spec]) -> None:
    if len(specs) > MAX_TENSORS:
        raise InvalidData(f"expected at most {MAX_TENSORS} tensors, found {len(specs)}")
    names = [name for name, _, _ in specs]
    if len(set(names)) != len(names):
        raise InvalidData("two tensors have one name")
    total = sum(size_of(*spec) for spec in specs)
    if total > MAX_BYTES:
        raise InvalidData(f"tensors of {total} bytes together, more than the limit of {MAX_BYTES}")
