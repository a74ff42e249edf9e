"""How far two machines' outputs lie apart: what can be said of them where arithmetic is not exact. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, isfinite, isnan

from mlm.core.tensors import Tensor

# struct's letters of dtypes; little-endian.
_LETTERS = {
    "bool": "?", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q",
    "uint64": "Q", "float16": "e", "float32": "f", "float64": "d",
}  # fmt: skip


@dataclass(frozen=True)
class Apart:
    """The largest difference of two numbers at one place, and where: infinite where only one of them is a number."""

    tensor: str
    place: int
    difference: float


def largest(left: Iterable[Tensor], right: Iterable[Tensor]) -> Apart | str:
    """How far two lots of tensors lie apart at most; in words where they have not the same names, types and shapes."""
    ours, theirs = list(left), list(right)
    if (a := [_form(each) for each in ours]) != (b := [_form(each) for each in theirs]):
        return f"one has {', '.join(a) or 'no tensor'}, the other {', '.join(b) or 'no tensor'}"
    found = Apart(ours[0].name if ours else "", 0, 0.0)
    for one, other in zip(ours, theirs, strict=True):
        if one.data == other.data:
            continue
        for place, (x, y) in enumerate(zip(_numbers(one), _numbers(other), strict=True)):
            if (difference := _difference(x, y)) > found.difference:
                found = Apart(one.name, place, difference)
    return found


def _form(tensor: Tensor) -> str:
    return f"{tensor.name[:60]!r} {tensor.dtype}{list(tensor.shape)}"


def _numbers(tensor: Tensor) -> Sequence[float]:
    letter = _LETTERS[tensor.dtype]
    count = len(tensor.data) // struct.calcsize(f"<{letter}")
    return struct.unpack(f"<{count}{letter}", tensor.data)


def _difference(x: float, y: float) -> float:
    if x == y or (isnan(x) and isnan(y)):
        return 0.0
    return float(abs(x - y)) if isfinite(x) and isfinite(y) else inf
