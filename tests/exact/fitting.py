"""Random nodes whose sums fall within their limits, and on halves: where one rounding differs from another.

Of nodes as `sampling.py` draws them most cells are clipped, and then any rounding gives the same. Here shifts follow
from the sums' sizes, and biases, factors or operands are chosen such that some sums end in a half.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from mlm.adapters.exact.reference import numbers
from mlm.core.exact.graph import MAX_SHIFT
from mlm.core.exact.node import ATTRIBUTES, Node, Op
from tests.exact.models import arrays
from tests.exact.sampling import Sample, root, sample

Array = np.ndarray
WIDE = 1 << 62
MAX_FACTOR = 1 << 9  # of a MUL
BIAS, SHIFTS = 2, 3  # operands of a CONV and a MATMUL
BETA = 2  # of a LAYERNORM


@dataclass(frozen=True)
class Fitted:
    """A node, and the cells that were made to end in a half, where it rounds."""

    sample: Sample
    halves: tuple[int, ...] = ()


def fitted(op: Op, random: Random) -> Fitted:
    """A node that `Graph.check` would take. One in eight is as it was drawn, with whatever shift."""
    made = sample(op, random)
    if op not in _FITS or random.random() < 1 / 8:
        return Fitted(made)
    return _FITS[op](made, random)


def sums(made: Sample) -> Array:
    """What a node that rounds has before it does: int64, of the output's shape."""
    wide = {"shift": 0, "low": -WIDE, "high": WIDE}
    node, operands = _with_attributes(made, **wide).node, arrays(made)
    if node.op in (Op.CONV, Op.MATMUL):
        operands[SHIFTS] = np.zeros_like(operands[SHIFTS])
    return numbers(node, operands)


def shifts(made: Sample) -> Array:
    """The shift of each cell of a node that rounds."""
    if made.node.op in (Op.CONV, Op.MATMUL):
        own = arrays(made)[SHIFTS].astype(np.int64)
    else:
        own = np.array(made.node.attribute("shift"), np.int64)
    return np.broadcast_to(own, made.node.output.shape)


def _with_attributes(made: Sample, **values: int) -> Sample:
    names = ATTRIBUTES[made.node.op]
    attributes = tuple(values.get(name, own) for name, own in zip(names, made.node.attributes, strict=True))
    return replace(made, node=replace(made.node, attributes=attributes))


def _with_operand(made: Sample, which: int, values: Sequence[int]) -> Sample:
    """Another operand's elements, whose root follows where it is a parameter."""
    data = (*made.data[:which], tuple(int(value) for value in values), *made.data[which + 1 :])
    operands = list(made.node.operands)
    if operands[which].is_parameter:
        operands[which] = replace(operands[which], source=root(operands[which].kind, data[which]))
    return Sample(replace(made.node, operands=tuple(operands)), data)


def _span(node: Node) -> int:
    return max(abs(node.attribute("low")), abs(node.attribute("high")), 1)


def _shift_of(size: int, node: Node, random: Random) -> int:
    """That brings numbers of this size to the limits; now and then beyond them."""
    bits = _span(node).bit_length() + random.choice((-1, -1, 0, 0, 0, 1))
    return min(max(size.bit_length() - bits, 1), MAX_SHIFT)


def _to_half(total: int, shift: int) -> int:
    """The least that takes a sum to a half; shift >= 1."""
    unit = 1 << shift
    return (unit // 2 - total + unit // 2) % unit - unit // 2


def _within(total: int, shift: int, node: Node) -> bool:
    """Whether rounding decides: the whole numbers below and above both lie within the limits."""
    return node.attribute("low") <= total >> shift < node.attribute("high")


def _nearest(totals: Sequence[int], shift: int, node: Node, random: Random) -> int:
    """A cell of a column whose half would be seen, if there is one."""
    seen = [at for at, total in enumerate(totals) if _within(total, shift, node)]
    return random.choice(seen or range(len(totals)))


def _by_column(made: Sample, random: Random, operand: int, shift_of: Callable[[int, int], int]) -> Fitted:
    """Each column's addend brings one of its sums to a half. `shift_of(column, size of its sums)`."""
    own = sums(made).reshape(-1, made.node.output.shape[3]) - np.array(made.data[operand])
    addends, halves = [], []
    for column, values in enumerate(own.T):
        most = int(np.abs(values).max())
        addend = random.randint(-most, most)
        shift = shift_of(column, int(np.abs(values + addend).max()))
        totals = [int(value) + addend for value in values]
        if shift:
            at = _nearest(totals, shift, made.node, random)
            addend += _to_half(totals[at], shift)
            halves.append(at * own.shape[1] + column)
        addends.append(addend)
    return Fitted(_with_operand(made, operand, addends), tuple(halves))


def _products(made: Sample, random: Random) -> Fitted:
    """CONV, MATMUL: each column has its own shift."""
    chosen: dict[int, int] = {}

    def shift_of(column: int, size: int) -> int:
        return chosen.setdefault(column, _shift_of(size, made.node, random))

    found = _by_column(made, random, BIAS, shift_of)
    return replace(found, sample=_with_operand(found.sample, SHIFTS, [chosen[at] for at in range(len(chosen))]))


def _layernorm(made: Sample, random: Random) -> Fitted:
    shift = _shift_of(2 * int(np.abs(sums(made) - np.array(made.data[BETA])).max()), made.node, random)
    return _by_column(_with_attributes(made, shift=shift), random, BETA, lambda *_: shift)


def _add(made: Sample, random: Random) -> Fitted:
    """Either both factors are the same power of two, or three times it, or the first is solved for one odd `a`."""
    a, b = (np.broadcast_to(values, made.node.output.shape).ravel().tolist() for values in arrays(made))
    odd = [at for at, value in enumerate(a) if value % 2]
    if not odd or random.random() < 0.5:
        odd_a, odd_b = random.choice((-3, -1, 1, 3)), random.choice((-1, 1))
        totals = [odd_a * x + odd_b * y for x, y in zip(a, b, strict=True)]
        by, up = _shift_of(max(map(abs, totals)), made.node, random), random.randint(0, 13)
        ends = [at for at, total in enumerate(totals) if total % (1 << by) == 1 << by - 1]
        fit = _solved(made, [odd_a << up, odd_b << up], by + up)
        return Fitted(fit, tuple(random.sample(ends, min(len(ends), 8))))
    for _ in range(20):
        shift, at = random.randint(1, 15), random.choice(odd)
        second = random.randint(-(1 << shift - 1), 1 << shift - 1)
        unit = 1 << shift
        first = ((unit // 2 - second * b[at]) * pow(a[at], -1, unit) + unit // 2) % unit - unit // 2
        if _within(first * a[at] + second * b[at], shift, made.node):
            break
    return Fitted(_solved(made, [first, second], shift), (at,))


def _solved(made: Sample, factors: Sequence[int], shift: int) -> Sample:
    return _with_attributes(made, factor_a=factors[0], factor_b=factors[1], shift=shift)


def _mul(made: Sample, random: Random) -> Fitted:
    """Products end in a half where factor, a and b have one factor of two less than is shifted away: many get some."""
    first = [
        random.choice((-1, 1)) << random.randint(3, 6) if random.random() < 0.5 else value for value in made.data[0]
    ]
    made = _with_operand(made, 0, first)
    a, b = (np.broadcast_to(values.astype(np.int64), made.node.output.shape).ravel() for values in arrays(made))
    products = [int(value) for value in a * b]
    most = max(map(abs, products))
    near = [at for at, value in enumerate(products) if value and (value & -value) << 9 > most]
    few = [at for at in near if abs(products[at]) // (products[at] & -products[at]) <= 2 * _span(made.node)]
    if not few:
        factor = random.randint(1, MAX_FACTOR)
        return Fitted(_with_attributes(made, factor=factor, shift=_shift_of(most * factor, made.node, random)))
    at = random.choice(few)
    low = products[at] & -products[at]
    odd = random.choice([each for each in (1, 3, 5, 7) if each * abs(products[at]) // low <= 2 * _span(made.node)])
    up = random.randint(0, 6)
    factor, shift = random.choice((-1, 1)) * odd << up, up + low.bit_length()
    halves = [other for other in near if (products[other] & -products[other]) == low]
    return Fitted(_with_attributes(made, factor=factor, shift=shift), tuple(random.sample(halves, min(len(halves), 8))))


def _softmax(made: Sample, random: Random) -> Fitted:
    """An even number of equal numbers have the row to themselves, and their share ends in a half."""
    width = made.node.output.shape[3]
    if width < 2:
        return Fitted(made)
    equal = 2 * random.choice([each for each in (1, 2, 3, 5, 13) if 2 * each <= width])
    most = 127 // (equal // 2)
    scale = equal // 2 * random.choice(range(1, most + 1, 2))
    rows, halves = [], []
    for at in range(made.node.output.elements // width):
        largest = random.randint(-127, 127)
        row, own = [random.randint(-128, largest - 1) for _ in range(width)], random.sample(range(width), equal)
        for each in own:
            row[each] = largest
        rows += row
        halves += [at * width + each for each in own]
    made = _with_operand(made, 0, rows)
    made = _with_operand(made, 1, [random.randint(1, 1 << 16), *[0] * 255])
    return Fitted(_with_attributes(made, scale=scale), tuple(halves))


_FITS: dict[Op, Callable[[Sample, Random], Fitted]] = {
    Op.CONV: _products,
    Op.MATMUL: _products,
    Op.ADD: _add,
    Op.MUL: _mul,
    Op.SOFTMAX: _softmax,
    Op.LAYERNORM: _layernorm,
}
