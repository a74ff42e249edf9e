"""MemoryMeter: the Meter port an element at a time, with nothing but Python. The reference for the fast one."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from math import inf, isfinite

from mlm.core import float8
from mlm.ports.meter import ITEM_BYTES, Distance

_CODES = {
    "bool": "B", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q",
    "uint64": "Q", "float16": "e", "float32": "f", "float64": "d",
}  # fmt: skip


class MemoryMeter:
    """Slow: a million elements take a second."""

    def measure(self, old: str, new: str, pieces: Iterable[tuple[bytes, bytes]]) -> Distance:
        elements = changed = apart = 0
        largest = squares = base = 0.0
        for before, after in pieces:
            for a, b in zip(_decode(old, before), _decode(new, after), strict=True):
                elements += 1
                if a != b and (a == a or b == b):  # two NaN are equal here
                    changed += 1
                    difference = abs(float(b) - float(a)) if isfinite(a) and isfinite(b) else inf
                    if difference == inf:
                        apart += 1
                        continue
                    largest = max(largest, difference)
                    squares += difference * difference
                elif not isfinite(a):
                    continue
                base += float(a) * float(a)
        return Distance(elements, changed, apart, largest, squares, base)


def _decode(dtype: str, data: bytes) -> Iterable[int | float]:
    count = len(data) // ITEM_BYTES[dtype]
    if dtype == "bfloat16":
        return struct.unpack(f"<{count}f", b"".join(b"\0\0" + data[at : at + 2] for at in range(0, len(data), 2)))
    if dtype in float8.NAMES:
        return [float8.decode(dtype, byte) for byte in data]
    return struct.unpack(f"<{count}{_CODES[dtype]}", data)
