"""Weights, biases and shifts of a CONV or MATMUL: whole numbers, with requantisation by a power of two. Pure but numpy.

An output channel's weights have the scale 2^-shift · s_y / s_x, so that the accumulator's shift is the requantisation.
The shift is the largest under which the weights fit int8, or one more where clipping a few costs less than coarser
steps. Rounding errors move a channel's mean; the bias takes that back (Nagel et al., arXiv 1906.04721, §4.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlm.core.exact.graph import EXACT_LIMIT

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

LARGEST = 127
_MAGNITUDE = 128
_MAX_SHIFT = 24  # accumulators have 24 bits


@dataclass(frozen=True)
class Columns:
    """`weights` int8 of the given shape, `bias` int32 [O], `shifts` int8 [O]; how many weights were clipped."""

    weights: Array
    bias: Array
    shifts: Array
    clipped: int
    largest: int  # of the accumulators, at worst


def columns(
    weights: Array,
    bias: Array,
    *,
    means: Array | None = None,
    offset: float = 0.0,
    target: float = 0.0,
) -> Columns:
    """Of float weights [O, K] and bias [O], both in units of the output's scale (weights also in those of the input's).

    `means` [1 or O, K]: the input's means in its units. `offset`: the zero point of the input, whose numbers stand that
    much too high; `target`: that of the output.
    """
    import numpy as np

    count = len(weights)
    largest = np.maximum(np.abs(weights).max(axis=1), 1e-30)
    first = np.clip(np.floor(np.log2((LARGEST + 0.499) / largest)), 0, _MAX_SHIFT).astype(np.int64)
    best = _quantised(weights, bias, first, means, offset, target)
    error = _error(weights, best[0], first)
    higher = np.minimum(first + 1, _MAX_SHIFT)
    other = _quantised(weights, bias, higher, means, offset, target)
    better = (_error(weights, other[0], higher) < error) & (_reach(*other) < EXACT_LIMIT)
    shifts = np.where(better, higher, first)
    for _ in range(_MAX_SHIFT + 1):
        made, offsets = _quantised(weights, bias, shifts, means, offset, target)
        over = (_reach(made, offsets) >= EXACT_LIMIT) & (shifts > 0)
        if not over.any():
            break
        shifts = shifts - over
    limit = EXACT_LIMIT - 1 - np.abs(made).sum(axis=1) * _MAGNITUDE
    offsets = np.clip(offsets, -limit, limit)  # at shift 0: an output that is beyond int8 whatever the input
    exact = weights * np.exp2(shifts)[:, None]
    return Columns(
        weights=made.astype(np.int8),
        bias=offsets.astype(np.int32),
        shifts=shifts.astype(np.int8),
        clipped=int((np.abs(exact) > LARGEST + 0.5).sum()),
        largest=int(_reach(made, offsets).max()) if count else 0,
    )


def _quantised(
    weights: Array, bias: Array, shifts: Array, means: Array | None, offset: float, target: float
) -> tuple[Array, Array]:
    import numpy as np

    unit = np.exp2(shifts)
    exact = weights * unit[:, None]
    made = np.clip(np.rint(exact), -LARGEST, LARGEST)
    wanted = (bias + target) * unit - offset * made.sum(axis=1)
    if means is not None:
        wanted = wanted - ((made - exact) * means).sum(axis=1)
    return made, np.rint(wanted)


def _error(weights: Array, made: Array, shifts: Array) -> Array:
    import numpy as np

    result: Array = np.square(made / np.exp2(shifts)[:, None] - weights).sum(axis=1)
    return result


def _reach(made: Array, bias: Array) -> Array:
    import numpy as np

    result: Array = np.abs(made).sum(axis=1) * _MAGNITUDE + np.abs(bias)
    return result
