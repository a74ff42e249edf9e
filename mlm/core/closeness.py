"""How far two machines' outputs lie apart: what can be said of them where arithmetic is not exact. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, isfinite, isnan

from mlm.core.errors import UsageError
from mlm.core.tensors import Tensor

# struct's letters of dtypes; little-endian.
_LETTERS = {
    "bool": "?", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q",
    "uint64": "Q", "float16": "e", "float32": "f", "float64": "d",
}  # fmt: skip


_WORD = struct.Struct(">28xf")


def tolerance_word(tolerance: float) -> bytes:
    """A stated tolerance as a job's terms hold it, 32 bytes: the bits of the nearest float32, big-endian; 0: none.

    Raises UsageError for what is no finite number from 0 that a float32 holds.
    """
    try:
        word = _WORD.pack(tolerance)
    except (OverflowError, struct.error) as error:
        raise _odd(tolerance) from error
    if not isfinite(tolerance) or tolerance < 0 or (tolerance > 0 and not any(word)):
        raise _odd(tolerance)
    return word


def stated_tolerance(word: bytes) -> float:
    """The inverse, of a word that the verifier has taken."""
    found: float = _WORD.unpack(word)[0]
    return found


def _odd(tolerance: float) -> UsageError:
    return UsageError(f"--tolerance: expected a number from 0 that a float32 holds, found {tolerance}")


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
