"""A small node of every operator whose numbers matter: nearly each of them, changed by itself, changes an output.

Random nodes (sampling.py) have taps outside of windows, tables that nothing looks up, and clips that hide what lies
behind: a lie about those is none. Here the numbers are small enough for few clips, and everything is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from random import Random

from mlm.core.exact.node import Node, Op, Operand
from mlm.core.exact.tensor import DType, TensorType
from tests.exact.sampling import Sample, Shape, root

I8, I32 = DType.I8, DType.I32


@dataclass(frozen=True)
class Part:
    """An operand: where its numbers lie, and which they are if not chance decides."""

    shape: Shape
    low: int
    high: int
    dtype: DType = I8
    is_parameter: bool = False
    values: tuple[int, ...] = ()


@dataclass(frozen=True)
class Telling:
    """A node with its operands' numbers, and the least and greatest that a number of each may be."""

    sample: Sample
    limits: tuple[tuple[int, int], ...]


def telling(op: Op) -> Telling:
    """The operator's node: the same each time."""
    random = Random(f"mlm/telling/{op}")
    output, parts, attributes = _NODES[op]
    operands, data, inputs = [], [], 0
    for part in parts:
        values = part.values or tuple(random.randint(part.low, part.high) for _ in range(prod(part.shape)))
        kind = TensorType(part.dtype, part.shape)
        operands.append(Operand(kind, root(kind, values) if part.is_parameter else inputs))
        inputs += not part.is_parameter
        data.append(values)
    node = Node(op, TensorType(I8, output), tuple(operands), attributes)
    return Telling(Sample(node, tuple(data)), tuple((part.low, part.high) for part in parts))


def _columns(count: int, shift: int) -> tuple[Part, Part]:
    """Bias and shifts."""
    row = (1, 1, 1, count)
    return Part(row, -200, 200, I32, True), Part(row, shift, shift + 2, I8, True)


def _weights(shape: Shape) -> Part:
    return Part(shape, -40, 40, I8, True)


_EVERY = tuple((37 * i) % 256 - 128 for i in range(256))  # each number of int8 once
_PAIRS = tuple(value for below in range(256) for value in (127, 127 - below))  # each distance of two numbers once
_NODES: dict[Op, tuple[Shape, Sequence[Part], tuple[int, ...]]] = {
    Op.CONV: (
        (1, 3, 3, 4),
        [Part((1, 5, 4, 6), -40, 40), _weights((4, 3, 2, 3)), *_columns(4, 5)],
        (2, 1, 1, 1, 1, 2, 2, -110, 100),
    ),
    Op.MATMUL: (
        (1, 2, 3, 4),
        [Part((1, 2, 3, 5), -60, 60), _weights((1, 2, 4, 5)), *_columns(4, 4)],
        (-110, 100),
    ),
    Op.ADD: ((1, 2, 3, 4), [Part((1, 2, 3, 4), -40, 40), Part((1, 1, 3, 1), -40, 40)], (3, -5, 2, -50, 60)),
    Op.MUL: ((1, 2, 3, 4), [Part((1, 2, 3, 4), 5, 40), Part((1, 1, 3, 4), 5, 40, I8, True)], (3, 4, 20, 110)),
    Op.TABLE: (
        (1, 4, 4, 16),
        [Part((1, 4, 4, 16), -128, 127, values=_EVERY), Part((1, 1, 1, 256), -128, 127, I8, True)],
        (),
    ),
    Op.MAXPOOL: ((1, 3, 3, 2), [Part((1, 5, 4, 2), -100, 100)], (3, 2, 2, 1, 1, 1, 1, 2)),
    # Transposed, with each number of the last axis twice; the first element alone is left out.
    Op.VIEW: ((2, 2, 3, 4), [Part((1, 1, 5, 5), -128, 127)], (1, 6, 3, 1, 12, 1, 1, 1, 2)),
    Op.CONCAT: ((1, 2, 3, 5), [Part((1, 2, 3, 2), -128, 127), Part((1, 2, 3, 3), -128, 127, I8, True)], (3,)),
    Op.PAD: ((2, 4, 5, 5), [Part((1, 2, 3, 3), -128, 127)], (0, 1, 1, 1, 7)),
    Op.GATHER: (
        (1, 1, 10, 3),
        [
            Part((1, 1, 6, 3), -128, 127, I8, True),
            Part((1, 1, 1, 10), 0, 5, I32, values=(3, 0, 5, 1, 4, 2, 2, 0, 5, 1)),
        ],
        (),
    ),
    Op.SOFTMAX: (
        (1, 1, 256, 2),
        [
            Part((1, 1, 256, 2), -128, 127, values=_PAIRS),
            Part((1, 1, 1, 256), 1, 1 << 16, I32, True, tuple((1 << 16) - 250 * i for i in range(256))),
        ],
        (127,),
    ),
    Op.LAYERNORM: (
        (1, 1, 3, 6),
        [Part((1, 1, 3, 6), -90, 90), Part((1, 1, 1, 6), 20, 90, I8, True), Part((1, 1, 1, 6), -2000, 2000, I32, True)],
        (9, 8, 9, -20, 40),
    ),
}
