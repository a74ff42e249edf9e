"""NumpyMeter: the Meter port over numpy, in blocks that stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any

from mlm.core import float8
from mlm.ports.meter import ITEM_BYTES, Distance

if TYPE_CHECKING:
    import numpy as np

# Elements: few enough for the cache, and for OpenBLAS to add them up in this thread. From 10,000 on it wakes others,
# and on a busy machine waiting for them took forty times as long as adding.
_BLOCK = 1 << 13
_CODED = frozenset((*float8.NAMES, "bfloat16"))  # numpy has only their bits, which two equal numbers may differ in


class NumpyMeter:
    """Holds one pair of pieces and three blocks."""

    def measure(self, old: str, new: str, pieces: Iterable[tuple[bytes, bytes]]) -> Distance:
        import numpy as np

        elements = changed = apart = 0
        largest = squares = base = 0.0
        with np.errstate(all="ignore"):
            for before, after in pieces:
                first, second = _array(before, old), _array(after, new)
                elements += len(first)
                if old == new and before == after:
                    base += sum(_squares(_wide(first[at : at + _BLOCK], old)) for at in range(0, len(first), _BLOCK))
                    continue
                for at in range(0, len(first), _BLOCK):
                    a, b = first[at : at + _BLOCK], second[at : at + _BLOCK]
                    found = _block(a, b, old, new)
                    changed += found[0]
                    apart += found[1]
                    largest = max(largest, found[2])
                    squares += found[3]
                    base += found[4]
        return Distance(elements, changed, apart, largest, squares, base)


def _block(first: np.ndarray, second: np.ndarray, old: str, new: str) -> tuple[int, int, float, float, float]:
    """Changed, apart, largest, squares, base of one block."""
    import numpy as np

    a, b = _wide(first, old), _wide(second, new)
    difference = np.subtract(b, a, out=b)
    largest = max(float(difference.max()), -float(difference.min()))
    if isfinite(largest):
        # As they are, where they can be: 64-bit floating point holds whole numbers of 53 bits.
        alike = old == new and old not in _CODED
        changed = int(np.count_nonzero(first != second if alike else difference))
        return changed, 0, largest, float(difference @ difference), _squares(a)
    b = _wide(second, new)
    differs = (a != b) & ~(np.isnan(a) & np.isnan(b))
    finite = np.isfinite(difference)
    apart = differs & ~finite
    difference, a = difference[finite], a[finite]
    largest = float(np.abs(difference).max(initial=0.0))
    return int(differs.sum()), int(apart.sum()), largest, float(difference @ difference), _squares(a)


def _squares(values: np.ndarray) -> float:
    """The sum of the squares of the finite ones."""
    import numpy as np

    found = float(values @ values)
    if isfinite(found):
        return found
    values = values[np.isfinite(values)]
    return float(values @ values)


def _array(data: bytes, dtype: str) -> np.ndarray:
    """Bytes as elements, or as what stands for them."""
    import numpy as np

    if dtype in float8.NAMES or dtype == "bool":
        return np.frombuffer(data, np.uint8)
    kind: Any = np.uint16 if dtype == "bfloat16" else dtype
    return np.frombuffer(data, np.dtype(kind).newbyteorder("<"))


def _wide(values: np.ndarray, dtype: str) -> np.ndarray:
    """The elements as 64-bit numbers."""
    import numpy as np

    if dtype == "bfloat16":  # the upper half of a float32
        return (values.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    if dtype in float8.NAMES:
        return np.asarray(_table(dtype))[values]
    return values.astype(np.float64)


@cache
def _table(dtype: str) -> np.ndarray:
    """The number that each byte stands for."""
    import numpy as np

    assert ITEM_BYTES[dtype] == 1
    return np.array([float8.decode(dtype, byte) for byte in range(256)])
