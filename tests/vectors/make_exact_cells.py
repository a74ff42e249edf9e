"""Writes exact_cells.json: cells of every operator. `python -m tests.vectors.make_exact_cells`.

Expected numbers come from definitions on whole arrays, in rational numbers, and not from mlm/core/exact/cell.py.
Nodes and operands are random, or chosen for a corner; operands that are no parameters are inputs 0, 1, …
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from fractions import Fraction
from math import floor, isqrt
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from mlm.core.exact.node import Node, Op, Operand
from mlm.core.exact.tensor import DType, TensorType
from tests.exact.sampling import Sample, Shape, root, sample, to_bytes

HERE = Path(__file__).resolve().parent
Array = Any  # an int64 array of four axes
I8, I32 = DType.I8, DType.I32


def clipped(value: Fraction | int, low: int, high: int) -> int:
    """Rounded to the nearest, halves to the even (as Python's round of a Fraction), and clipped."""
    return max(low, min(high, round(Fraction(value))))


def _window(image: Array, at: Sequence[int], kernel: tuple[int, int], window: Sequence[int], absent: int) -> Array:
    """The taps of a window, those beyond the image `absent`."""
    stride_h, stride_w, top, left, dilation_h, dilation_w = window
    n, y, x = at[0], at[1] * stride_h, at[2] * stride_w
    after = [
        (size - 1) * dilation + stride * 9 for size, dilation, stride in zip(kernel, window[4:], window, strict=False)
    ]
    padded = np.pad(image, ((0, 0), (top, after[0]), (left, after[1]), (0, 0)), constant_values=absent)
    rows = y + dilation_h * np.arange(kernel[0])
    return padded[n, rows][:, x + dilation_w * np.arange(kernel[1])]


def conv(node: Node, at: Sequence[int], image: Array, weights: Array, bias: Array, shifts: Array) -> int:
    *window, groups, low, high = node.attributes
    o = at[3]
    taps = _window(image, at, weights.shape[1:3], window, 0)
    group = np.split(np.arange(weights.shape[0]), groups)
    which = next(i for i, members in enumerate(group) if o in members)
    own = np.split(taps, groups, axis=-1)[which]
    return clipped(Fraction(int((own * weights[o]).sum() + bias.flat[o]), 1 << int(shifts.flat[o])), low, high)


def matmul(node: Node, at: Sequence[int], a: Array, b: Array, bias: Array, shifts: Array) -> int:
    product = a @ np.swapaxes(b, 2, 3) + bias
    return clipped(Fraction(int(product[tuple(at)]), 1 << int(shifts.flat[at[3]])), *node.attributes)


def add(node: Node, at: Sequence[int], a: Array, b: Array) -> int:
    factor_a, factor_b, shift, low, high = node.attributes
    return clipped(Fraction(int((factor_a * a + factor_b * b)[tuple(at)]), 1 << shift), low, high)


def mul(node: Node, at: Sequence[int], a: Array, b: Array) -> int:
    factor, shift, low, high = node.attributes
    return clipped(Fraction(factor * int((a * b)[tuple(at)]), 1 << shift), low, high)


def table(node: Node, at: Sequence[int], x: Array, entries: Array) -> int:
    return int(entries[0, 0, 0, x[tuple(at)] + 128])


def maxpool(node: Node, at: Sequence[int], image: Array) -> int:
    kernel_h, kernel_w, *window = node.attributes
    return int(_window(image, at, (kernel_h, kernel_w), window, -128)[:, :, at[3]].max())


def view(node: Node, at: Sequence[int], x: Array) -> int:
    offset, steps, everies = node.attributes[0], node.attributes[1:5], node.attributes[5:]
    return int(x.flat[offset + sum(i // every * step for i, every, step in zip(at, everies, steps, strict=True))])


def concat(node: Node, at: Sequence[int], *operands: Array) -> int:
    return int(np.concatenate(operands, axis=node.attributes[0])[tuple(at)])


def pad(node: Node, at: Sequence[int], x: Array) -> int:
    made = np.full(node.output.shape, node.attributes[4])
    made[tuple(slice(first, first + size) for first, size in zip(node.attributes, x.shape, strict=False))] = x
    return int(made[tuple(at)])


def gather(node: Node, at: Sequence[int], entries: Array, numbers: Array) -> int:
    rows = np.clip(numbers[0], 0, entries.shape[2] - 1)
    return int(entries[0, 0][rows][tuple(at)])


def softmax(node: Node, at: Sequence[int], x: Array, weights: Array) -> int:
    row = x[tuple(at[:3])]
    own = weights[0, 0, 0, row.max() - row]
    return min(127, floor(Fraction(node.attributes[0] * int(own[at[3]]), int(own.sum())) + Fraction(1, 2)))


def layernorm(node: Node, at: Sequence[int], x: Array, gamma: Array, beta: Array) -> int:
    epsilon, bits, shift, low, high = node.attributes
    row = [int(value) for value in x[tuple(at[:3])]]
    count, total = len(row), sum(row)
    spread = isqrt(sum((count * value - total) ** 2 for value in row) // count + epsilon)
    scaled = int(Fraction((count * row[at[3]] - total) * 2**bits, spread))  # int() of a Fraction rounds to zero
    return clipped(Fraction(int(gamma.flat[at[3]]) * scaled + int(beta.flat[at[3]]), 1 << shift), low, high)


DEFINED: dict[Op, Callable[..., int]] = {
    Op.CONV: conv,
    Op.MATMUL: matmul,
    Op.ADD: add,
    Op.MUL: mul,
    Op.TABLE: table,
    Op.MAXPOOL: maxpool,
    Op.VIEW: view,
    Op.CONCAT: concat,
    Op.PAD: pad,
    Op.GATHER: gather,
    Op.SOFTMAX: softmax,
    Op.LAYERNORM: layernorm,
}


def expected(made: Sample, index: int) -> int:
    """What a node's definition says of a cell."""
    node = made.node
    arrays = [
        np.array(values, dtype=np.int64).reshape(operand.kind.shape)
        for values, operand in zip(made.data, node.operands, strict=True)
    ]
    at = [int(i) for i in np.unravel_index(index, node.output.shape)]
    return DEFINED[node.op](node, at, *arrays)


def _node(
    op: Op, output: Shape, operands: Sequence[tuple[DType, Shape, Sequence[int], bool]], *attributes: int
) -> Sample:
    made, inputs = [], 0
    for dtype, shape, values, parameter in operands:
        kind = TensorType(dtype, shape)
        made.append(Operand(kind, root(kind, values) if parameter else inputs))
        inputs += not parameter
    node = Node(op, TensorType(I8, output), tuple(made), attributes)
    return Sample(node, tuple(tuple(values) for _, _, values, _ in operands))


def _scalars(a: int, b: int) -> list[tuple[DType, Shape, Sequence[int], bool]]:
    return [(I8, (1, 1, 1, 1), (a,), False), (I8, (1, 1, 1, 1), (b,), True)]


def corners() -> list[tuple[str, Sample, int]]:
    """Name, node and cell."""
    row: Shape = (1, 1, 1, 8)
    halves = (1, 3, 5, -1, -3, -5, 0, 2)  # halves, once divided by two
    zeros = (0,) * 8
    ties = _node(Op.ADD, row, [(I8, row, halves, False), (I8, row, zeros, False)], 1, 0, 1, -128, 127)
    far = (127, -128, 100, -100, 1, -1, 0, 64)
    saturated = _node(Op.MUL, row, [(I8, row, far, False), (I8, row, far[::-1], False)], 512, 3, -5, 6)
    one: Shape = (1, 1, 1, 1)
    ends = [
        _node(Op.MATMUL, one, [*pair, (I32, one, (bias,), True), (I8, one, (shift,), True)], -128, 127)
        for pair, bias, shift in (
            (_scalars(-128, -128), 0, 7),
            (_scalars(-128, 127), 0, 31),
            (_scalars(1, 1), -(1 << 31), 31),
            (_scalars(1, 1), (1 << 31) - 1, 24),
        )
    ]
    image: Shape = (1, 2, 2, 1)
    far_taps = _node(Op.MAXPOOL, (1, 3, 3, 1), [(I8, image, (-128, -127, -126, -125), False)], 3, 3, 2, 2, 2, 2, 1, 1)
    numbers = (1 << 31) - 1, -(1 << 31), 3, 4
    wild = _node(
        Op.GATHER, (1, 1, 4, 2), [(I8, (1, 1, 4, 2), tuple(range(8)), True), (I32, (1, 1, 1, 4), numbers, False)]
    )
    beta = (3, -3, 5, -5, 0, 1, 2, 9)
    equal = [(I8, row, (-7,) * 8, False), (I8, row, far, True), (I32, row, beta, True)]
    flat = _node(Op.LAYERNORM, row, equal, 1, 8, 1, -128, 127)
    even = [(I8, row, (3, 4, 3, 4, 3, 3, 4, 3), False), (I8, row, (9,) * 8, True), (I32, row, (0,) * 8, True)]
    steady = _node(Op.LAYERNORM, row, even, 64, 8, 6, -128, 127)
    weights = [1 << 16] + [0] * 255
    apart = _node(
        Op.SOFTMAX, row, [(I8, row, (-128, 127, 127, 0, 5, -1, 7, 8), False), (I32, (1, 1, 1, 256), weights, True)], 127
    )
    made = [
        *((f"halves to the even: {halves[i]} / 2", ties, i) for i in range(8)),
        *((f"clipped on both sides, {i}", saturated, i) for i in range(8)),
        *((f"the ends of the types, {i}", each, 0) for i, each in enumerate(ends)),
        *((f"taps beyond the image, {i}", far_taps, i) for i in range(9)),
        *((f"numbers beyond the table, {i}", wild, i) for i in range(8)),
        *((f"a row of equal numbers, {i}", flat, i) for i in range(8)),
        *((f"a small variance beside epsilon, {i}", steady, i) for i in range(2)),
        *((f"far below the largest, {i}", apart, i) for i in range(3)),
    ]
    return [(f"{each.node.op.name}: {name}", each, index) for name, each, index in made]


def drawn(op: Op, count: int, most: int) -> list[tuple[str, Sample, int]]:
    """Random nodes with few bytes of operands."""
    random = Random(f"mlm/exact-cells/{op}")
    made: list[tuple[str, Sample, int]] = []
    while len(made) < count:
        each = sample(op, random)
        if sum(operand.kind.size for operand in each.node.operands) <= most:
            made.append((f"{op.name}: random", each, random.randrange(each.node.output.elements)))
    return made


def value() -> dict[str, object]:
    """What the file holds."""
    cases = [case for op in DEFINED for case in drawn(op, 5, 1400 if op is Op.SOFTMAX else 700)]
    rows = [
        {
            "name": name,
            "words": "0x" + b"".join(word.to_bytes(32, "big") for word in made.node.words()).hex(),
            "index": index,
            "operands": [
                "0x" + to_bytes(operand.kind, values).hex()
                for operand, values in zip(made.node.operands, made.data, strict=True)
            ],
            "expected": expected(made, index),
        }
        for name, made, index in [*corners(), *cases]
    ]
    return {"format": "mlm/exact-cells/1", "cases": rows}


def main() -> None:
    """Write the file."""
    (HERE / "exact_cells.json").write_text(json.dumps(value(), indent=1) + "\n")


if __name__ == "__main__":
    main()
