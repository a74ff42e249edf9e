"""Random small nodes of every operator, with random operands and the corners of their types: for differential tests."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from random import Random

from mlm.core import merkle
from mlm.core.exact.cell import cell
from mlm.core.exact.graph import input_name
from mlm.core.exact.node import Node, Op, Operand
from mlm.core.exact.tensor import LIMITS, DType, TensorType, tensor_root

I8, I32 = DType.I8, DType.I32
Shape = tuple[int, int, int, int]


@dataclass(frozen=True)
class Sample:
    """A node whose operands are parameters or the outputs of nodes 0, 1, …; `data` their elements, flat."""

    node: Node
    data: tuple[tuple[int, ...], ...]

    def output(self, index: int) -> int:
        """What the specification says of one cell."""
        return cell(self.node, index, lambda operand, at: self.data[operand][at])


def to_bytes(kind: TensorType, values: Sequence[int]) -> bytes:
    """Elements as they are committed to."""
    return struct.pack(f"<{len(values)}{'b' if kind.dtype is I8 else 'i'}", *values)


def root(kind: TensorType, values: Sequence[int]) -> bytes:
    """The tensor root of these elements."""
    return tensor_root(kind, merkle.tree_over(to_bytes(kind, values)).root)


def sample(op: Op, random: Random) -> Sample:
    """A node that `Graph.check` would take, once the nodes that its operands name are there."""
    return _SAMPLES[op](random)


def _values(random: Random, shape: Shape, low: int = -128, high: int = 127) -> tuple[int, ...]:
    corners = (low, high, 0, -1 if low < 0 else 0, 1)
    spread = random.random() < 0.5
    return tuple(
        random.choice(corners) if not spread and random.random() < 0.3 else random.randint(low, high)
        for _ in range(prod(shape))
    )


def _made(
    op: Op,
    output: Shape,
    operands: Sequence[tuple[DType, Shape, tuple[int, ...], bool]],
    attributes: tuple[int, ...] = (),
) -> Sample:
    """Operands are (element type, shape, elements, whether it is a parameter)."""
    made, nodes = [], 0
    for dtype, shape, values, parameter in operands:
        kind = TensorType(dtype, shape)
        made.append(Operand(kind, root(kind, values) if parameter else nodes))
        nodes += not parameter
    node = Node(op, TensorType(I8, output), tuple(made), attributes)
    return Sample(node, tuple(values for _, _, values, _ in operands))


def _clip(random: Random) -> tuple[int, int]:
    return random.choice(((-128, 127), (-127, 127), (0, 127), (0, 6), (-5, 5)))


def _window(random: Random, size: int) -> tuple[int, int, int, int, int]:
    """Kernel, stride, padding before, dilation and output size along one axis."""
    while True:
        kernel, stride, dilation = random.randint(1, 3), random.randint(1, 2), random.randint(1, 2)
        reach = (kernel - 1) * dilation
        before, after = random.randint(0, reach), random.randint(0, reach)
        out = (size + before + after - reach - 1) // stride + 1
        if out >= 1 and (out - 1) * stride - before < size:
            return kernel, stride, before, dilation, out


def _columns(random: Random, count: int) -> list[tuple[DType, Shape, tuple[int, ...], bool]]:
    """Bias and shifts."""
    row = (1, 1, 1, count)
    most = 1 << random.randint(0, 16)
    return [(I32, row, _values(random, row, -most, most), True), (I8, row, _values(random, row, 0, 12), True)]


def _input(random: Random) -> Sample:
    shape = (1, random.randint(1, 3), random.randint(1, 9), random.randint(1, 40))
    return _made(Op.INPUT, shape, (), (input_name(f"x{random.randint(0, 9)}"),))


def _conv(random: Random) -> Sample:
    groups = random.choice((1, 1, 2, 3))
    depth, wide = random.randint(1, 40), random.randint(1, 3)
    height, width = random.randint(1, 7), random.randint(1, 7)
    (kh, sh, ph, dh, oh), (kw, sw, pw, dw, ow) = _window(random, height), _window(random, width)
    n, o = random.randint(1, 2), groups * wide
    image, weights = (n, height, width, depth * groups), (o, kh, kw, depth)
    operands = [(I8, image, _values(random, image), False), (I8, weights, _values(random, weights), True)]
    return _made(
        Op.CONV, (n, oh, ow, o), [*operands, *_columns(random, o)], (sh, sw, ph, pw, dh, dw, groups, *_clip(random))
    )


def _matmul(random: Random) -> Sample:
    n, h, m, p = (random.randint(1, 3) for _ in range(4))
    k = random.choice((1, 7, 64, 600))
    a, b = (n, h, m, k), (random.choice((1, n)), random.choice((1, h)), p, k)
    operands = [(I8, a, _values(random, a), False), (I8, b, _values(random, b), random.random() < 0.5)]
    return _made(Op.MATMUL, (n, h, m, p), [*operands, *_columns(random, p)], _clip(random))


def _pair(random: Random) -> tuple[Shape, list[tuple[DType, Shape, tuple[int, ...], bool]]]:
    out = tuple(random.randint(1, 6) for _ in range(4))
    shapes = [tuple(random.choice((size, size, 1)) for size in out) for _ in range(2)]
    output = tuple(max(pair) for pair in zip(*shapes, strict=True))
    return output, [  # type: ignore[return-value]
        (I8, shape, _values(random, shape), i > 0 and random.random() < 0.3)  # type: ignore[arg-type,misc]
        for i, shape in enumerate(shapes)
    ]


def _add(random: Random) -> Sample:
    output, operands = _pair(random)
    factors = (random.randint(-(1 << 15), 1 << 15), random.randint(-300, 300))
    return _made(Op.ADD, output, operands, (*factors, random.randint(0, 18), *_clip(random)))


def _mul(random: Random) -> Sample:
    output, operands = _pair(random)
    return _made(Op.MUL, output, operands, (random.randint(-512, 512), random.randint(0, 16), *_clip(random)))


def _some(random: Random, most: int = 8) -> Shape:
    return random.randint(1, 2), random.randint(1, most), random.randint(1, most), random.randint(1, 40)


def _table(random: Random) -> Sample:
    shape, row = _some(random), (1, 1, 1, 256)
    return _made(Op.TABLE, shape, [(I8, shape, _values(random, shape), False), (I8, row, _values(random, row), True)])


def _maxpool(random: Random) -> Sample:
    n, height, width, c = _some(random)
    (kh, sh, ph, dh, oh), (kw, sw, pw, dw, ow) = _window(random, height), _window(random, width)
    image = (n, height, width, c)
    return _made(
        Op.MAXPOOL, (n, oh, ow, c), [(I8, image, _values(random, image), False)], (kh, kw, sh, sw, ph, pw, dh, dw)
    )


def _view(random: Random) -> Sample:
    shape = _some(random)
    strides = TensorType(I8, shape).strides
    axes = random.sample(range(4), 4)  # a transpose of slices, each axis forwards or backwards, and repeated
    offset, output, steps, every = 0, [], [], []
    for axis in axes:
        size, repeat = shape[axis], random.choice((1, 1, 2, 3))
        first, last = random.randint(0, size - 1), random.randint(0, size - 1)
        offset += first * strides[axis]
        output.append((abs(last - first) + 1) * repeat)
        steps.append(strides[axis] if last >= first else -strides[axis])
        every.append(repeat)
    a, b, c, d = output
    return _made(Op.VIEW, (a, b, c, d), [(I8, shape, _values(random, shape), False)], (offset, *steps, *every))


def _concat(random: Random) -> Sample:
    axis, shape = random.randint(0, 3), list(_some(random, 4))
    operands, total = [], 0
    for _ in range(random.randint(2, 4)):
        shape[axis] = random.randint(1, 9)
        total += shape[axis]
        own: Shape = tuple(shape)  # type: ignore[assignment]
        operands.append((I8, own, _values(random, own), bool(operands) and random.random() < 0.3))
    shape[axis] = total
    return _made(Op.CONCAT, tuple(shape), operands, (axis,))  # type: ignore[arg-type]


def _pad(random: Random) -> Sample:
    shape = _some(random, 4)
    before = [random.randint(0, 2) for _ in range(4)]
    a, b, c, d = (size + first + random.randint(0, 2) for size, first in zip(shape, before, strict=True))
    return _made(
        Op.PAD, (a, b, c, d), [(I8, shape, _values(random, shape), False)], (*before, random.randint(-128, 127))
    )


def _gather(random: Random) -> Sample:
    rows, width = random.randint(1, 40), random.randint(1, 30)
    a, b, c = random.randint(1, 2), random.randint(1, 3), random.randint(1, 5)
    table, numbers = (1, 1, rows, width), (1, a, b, c)
    wild = random.random() < 0.3
    low, high = LIMITS[I32] if wild else (0, rows - 1)
    return _made(
        Op.GATHER,
        (a, b, c, width),
        [
            (I8, table, _values(random, table), random.random() < 0.7),
            (I32, numbers, _values(random, numbers, low, high), False),
        ],
    )


def _softmax(random: Random) -> Sample:
    shape = (1, random.randint(1, 2), random.randint(1, 3), random.choice((1, 2, 10, 600)))
    row = (1, 1, 1, 256)
    falling = sorted((random.randint(0, 1 << 16) for _ in range(256)), reverse=True)
    weights = (max(falling[0], 1), *falling[1:])
    return _made(
        Op.SOFTMAX, shape, [(I8, shape, _values(random, shape), False), (I32, row, weights, True)],
        (random.randint(1, 127),),
    )  # fmt: skip


def _layernorm(random: Random) -> Sample:
    width = random.choice((1, 2, 5, 64, 600))
    shape, row = (1, random.randint(1, 2), random.randint(1, 3), width), (1, 1, 1, width)
    middle = random.randint(-126, 125)
    spread = random.choice((256, 256, 256, 2, 0))  # beside a small one, epsilon matters
    values = _values(random, shape, max(middle - spread, -128), min(middle + spread, 127))
    return _made(
        Op.LAYERNORM,
        shape,
        [
            (I8, shape, values, False),
            (I8, row, _values(random, row), True),
            (I32, row, _values(random, row, -(1 << 18), 1 << 18), True),
        ],
        (random.randint(1, width * width), random.randint(0, 10), random.randint(0, 14), *_clip(random)),
    )


_SAMPLES: dict[Op, Callable[[Random], Sample]] = {
    Op.INPUT: _input,
    Op.CONV: _conv,
    Op.MATMUL: _matmul,
    Op.ADD: _add,
    Op.MUL: _mul,
    Op.TABLE: _table,
    Op.MAXPOOL: _maxpool,
    Op.VIEW: _view,
    Op.CONCAT: _concat,
    Op.PAD: _pad,
    Op.GATHER: _gather,
    Op.SOFTMAX: _softmax,
    Op.LAYERNORM: _layernorm,
}
