"""Strided views: where the numbers of a logical ONNX tensor lie in the output of an exact node. Pure.

Reshape, Transpose, Slice, Split, Squeeze, Expand and nearest Resize only change a view; a VIEW node is emitted when an
operator wants the numbers laid out otherwise than they are. A logical axis is a tuple of factors, the slowest first, so
that an axis which a Reshape has merged from others stays readable wherever those lie. An axis of size 1 has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

Factors = tuple["Factor", ...]


@dataclass(frozen=True)
class Factor:
    """`size` indices; index i lies at (i // every) · step."""

    size: int
    step: int
    every: int = 1


@dataclass(frozen=True)
class View:
    """The flat place of an index is `offset` and, for each axis, that of its factors' indices."""

    axes: tuple[Factors, ...]
    offset: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(prod(factor.size for factor in axis) for axis in self.axes)

    @property
    def elements(self) -> int:
        return prod(self.shape)

    def transposed(self, order: Sequence[int]) -> View:
        """Axis i of the result is axis order[i]."""
        return View(tuple(self.axes[i] for i in order), self.offset)

    def reshaped(self, shape: Sequence[int]) -> View | None:
        """The same numbers in the same order under another shape; None where no view shows that."""
        axes = carve([factor for axis in self.axes for factor in axis], shape)
        return None if axes is None else View(axes, self.offset)

    def sliced(self, axis: int, start: int, count: int, step: int = 1) -> View | None:
        """`count` indices of an axis, from `start` on, each `step` on; None where no view shows that."""
        if start == 0 and step == 1 and count == self.shape[axis]:
            return self
        factors = merged(self.axes[axis])
        if not factors:
            return self if count == 1 else None
        if len(factors) > 1 or factors[0].every > 1:
            return None
        factor = factors[0]
        kept = (Factor(count, factor.step * step),) if count > 1 else ()
        axes = (*self.axes[:axis], kept, *self.axes[axis + 1 :])
        return View(axes, self.offset + start * factor.step)

    def expanded(self, shape: Sequence[int]) -> View:
        """Broadcast as ONNX and numpy do: axes align at the end, those of size 1 are repeated."""
        missing = len(shape) - len(self.axes)
        axes: list[Factors] = []
        for size, axis in zip(shape, ((),) * missing + self.axes, strict=True):
            repeated = not axis and size > 1
            axes.append((Factor(size, 0),) if repeated else axis)
        return View(tuple(axes), self.offset)

    def repeated(self, axis: int, times: int) -> View | None:
        """Every index of an axis `times` times: nearest upsampling. None where no view shows that."""
        factors = merged(self.axes[axis])
        if len(factors) > 1 or (factors and factors[0].every > 1):
            return None
        size, step = (factors[0].size, factors[0].step) if factors else (1, 0)
        made = (Factor(size * times, step, times),) if size * times > 1 else ()
        return View((*self.axes[:axis], made, *self.axes[axis + 1 :]), self.offset)


def merged(factors: Sequence[Factor]) -> Factors:
    """Neighbours that lie one after the other become one factor."""
    made: list[Factor] = []
    for factor in factors:
        if factor.size == 1:
            continue
        last = made[-1] if made else None
        if last and last.every == factor.every == 1 and last.step == factor.size * factor.step:
            made[-1] = Factor(last.size * factor.size, factor.step)
        else:
            made.append(factor)
    return tuple(made)


def carve(factors: Sequence[Factor], sizes: Sequence[int]) -> tuple[Factors, ...] | None:
    """The factors, in their order, divided into groups whose products are `sizes`; None where a boundary cuts one."""
    rest, made = list(merged(factors))[::-1], []
    for size in sizes:
        group: list[Factor] = []
        while size > 1:
            if not rest:
                return None
            factor = rest.pop()
            if size % factor.size == 0:
                group.append(factor)
                size //= factor.size
            elif factor.size % size == 0 and factor.every == 1:
                inner = factor.size // size
                group.append(Factor(size, factor.step * inner))
                rest.append(Factor(inner, factor.step))
                size = 1
            else:
                return None
        made.append(tuple(group))
    return None if rest else tuple(made)
