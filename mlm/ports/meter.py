"""Measuring by how much two tensors differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import Protocol

# What can be measured: numpy's and ml_dtypes' names -> bytes of an element.
ITEM_BYTES = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8,
    "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8, "float8_e4m3fn": 1, "float8_e5m2": 1,
    "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1, "float8_e8m0fnu": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Distance:
    """From an old tensor to a new one of as many elements, computed in 64-bit floating point.

    `changed`: elements that are not equal; two NaN are. `apart`: those among them whose difference is no finite
    number; they count in no sum. `largest`: the largest absolute difference of the others. `squares` and `base` are
    sums over them and over the unchanged finite ones: of squared differences, and of the old elements' squares.
    """

    elements: int
    changed: int
    apart: int
    largest: float
    squares: float
    base: float

    @property
    def relative(self) -> float | None:
        """||new - old|| / ||old||, the relative L2 norm; None where the old tensor is zero and the new one is not."""
        if self.squares == 0:
            return 0.0
        return sqrt(self.squares) / sqrt(self.base) if self.base else None


class Meter(Protocol):
    def measure(self, old: str, new: str, pieces: Iterable[tuple[bytes, bytes]]) -> Distance:
        """The distance between tensors of the dtypes `old` and `new`, both in ITEM_BYTES.

        Each pair of pieces holds the same number of whole elements, little-endian; no more is held at once.
        """
