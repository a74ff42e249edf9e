"""What each operator computes, for one cell of its output: the specification, in whole numbers. Pure.

The same in numpy for whole tensors: mlm/adapters/exact/reference.py; in Solidity: devnet/contracts/exact/; as ordinary
ONNX operators: mlm/adapters/exact/emit.py. Every function is total over tensors of the node's types: whatever a trace
holds, its cells follow from one another or do not. `Read` says which numbers are needed: a proof opens exactly these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isqrt

from mlm.core.exact.node import Node, Op

# (operand, flat index) -> the number there.
Read = Callable[[int, int], int]
Coordinates = tuple[int, int, int, int]


def cell(node: Node, index: int, read: Read) -> int:
    """The number that a node's output holds at a flat index; IndexError beyond it. An input has none to follow from."""
    if not 0 <= index < node.output.elements:
        raise IndexError(index)
    return _CELLS[node.op](node, index, read)


def coordinates(index: int, shape: tuple[int, ...]) -> Coordinates:
    """A flat index as one for each axis."""
    index, d = divmod(index, shape[3])
    index, c = divmod(index, shape[2])
    a, b = divmod(index, shape[1])
    return a, b, c, d


def flat(at: Coordinates, shape: tuple[int, ...]) -> int:
    """The inverse of `coordinates`."""
    return ((at[0] * shape[1] + at[1]) * shape[2] + at[2]) * shape[3] + at[3]


def requantise(value: int, shift: int, low: int, high: int) -> int:
    """value / 2^shift, rounded to the nearest, halves to the even, and clipped."""
    whole = value >> shift
    rest = value - (whole << shift)
    if 2 * rest > 1 << shift or (2 * rest == 1 << shift and whole & 1):
        whole += 1
    return min(max(whole, low), high)


def divide(a: int, b: int) -> int:
    """a / b for b > 0, rounded towards zero, as ONNX's and the EVM's division of integers."""
    return a // b if a >= 0 else -(-a // b)


def _broadcast(at: Coordinates, shape: tuple[int, ...]) -> int:
    """The flat index in a tensor whose axes of size 1 are repeated."""
    a, b, c, d = (0 if size == 1 else i for i, size in zip(at, shape, strict=True))
    return flat((a, b, c, d), shape)


def _window(node: Node, y: int, x: int, kernel: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """The taps of a window that lie within the image, as (row of the kernel, column of it, y, x); others are absent."""
    _, height, width, _ = node.operands[0].kind.shape
    names = ("stride_h", "stride_w", "pad_top", "pad_left", "dilation_h", "dilation_w")
    stride_h, stride_w, top, left, dilation_h, dilation_w = (node.attribute(name) for name in names)
    for row in range(kernel[0]):
        at_y = y * stride_h - top + row * dilation_h
        for column in range(kernel[1]):
            at_x = x * stride_w - left + column * dilation_w
            if 0 <= at_y < height and 0 <= at_x < width:
                yield row, column, at_y, at_x


def _conv(node: Node, index: int, read: Read) -> int:
    """Operands: image [N, H, W, C], weights [O, KH, KW, C/groups], bias i32 [1, 1, 1, O], shifts i8 [1, 1, 1, O].

    requantise(bias[o] + sum of image · weights over the window, shifts[o], low, high); taps beyond the image count 0.
    """
    image, weights = node.operands[0].kind.shape, node.operands[1].kind.shape
    n, y, x, o = coordinates(index, node.output.shape)
    count = weights[3]
    first = o // (weights[0] // node.attribute("groups")) * count
    total = read(2, o)
    for row, column, at_y, at_x in _window(node, y, x, (weights[1], weights[2])):
        here, there = flat((n, at_y, at_x, first), image), flat((o, row, column, 0), weights)
        total += sum(read(0, here + i) * read(1, there + i) for i in range(count))
    return requantise(total, read(3, o), node.attribute("low"), node.attribute("high"))


def _matmul(node: Node, index: int, read: Read) -> int:
    """Operands: a [N, H, M, K], b [N or 1, H or 1, P, K] (its rows are the columns), bias i32, shifts i8 [1, 1, 1, P].

    requantise(bias[p] + sum of a[n, h, m, :] · b[n, h, p, :], shifts[p], low, high).
    """
    a, b = node.operands[0].kind.shape, node.operands[1].kind.shape
    n, h, m, p = coordinates(index, node.output.shape)
    here = flat((n, h, m, 0), a)
    there = flat((n if b[0] > 1 else 0, h if b[1] > 1 else 0, p, 0), b)
    total = read(2, p) + sum(read(0, here + i) * read(1, there + i) for i in range(a[3]))
    return requantise(total, read(3, p), node.attribute("low"), node.attribute("high"))


def _requantised(node: Node, value: int) -> int:
    return requantise(value, node.attribute("shift"), node.attribute("low"), node.attribute("high"))


def _add(node: Node, index: int, read: Read) -> int:
    """Operands a, b; axes of size 1 are repeated. requantise(factor_a · a + factor_b · b, shift, low, high)."""
    at = coordinates(index, node.output.shape)
    a, b = (read(i, _broadcast(at, node.operands[i].kind.shape)) for i in (0, 1))
    return _requantised(node, node.attribute("factor_a") * a + node.attribute("factor_b") * b)


def _mul(node: Node, index: int, read: Read) -> int:
    """Operands a, b; axes of size 1 are repeated. requantise(factor · a · b, shift, low, high)."""
    at = coordinates(index, node.output.shape)
    a, b = (read(i, _broadcast(at, node.operands[i].kind.shape)) for i in (0, 1))
    return _requantised(node, node.attribute("factor") * a * b)


def _table(node: Node, index: int, read: Read) -> int:
    """Operands x, table i8 [1, 1, 1, 256]: table[x + 128]."""
    return read(1, read(0, index) + 128)


def _maxpool(node: Node, index: int, read: Read) -> int:
    """The largest of the window's taps within the image; -128 if there is none."""
    image = node.operands[0].kind.shape
    n, y, x, c = coordinates(index, node.output.shape)
    kernel = node.attribute("kernel_h"), node.attribute("kernel_w")
    taps = [read(0, flat((n, at_y, at_x, c), image)) for _, _, at_y, at_x in _window(node, y, x, kernel)]
    return max(taps, default=-128)


def _view(node: Node, index: int, read: Read) -> int:
    """x[offset + sum over the axes of (i_a // every_a) · step_a]: transposes, slices, reshapes, repeats, upsampling."""
    at = coordinates(index, node.output.shape)
    places = (at[a] // node.attribute(f"every_{a}") * node.attribute(f"step_{a}") for a in range(4))
    return read(0, node.attribute("offset") + sum(places))


def _concat(node: Node, index: int, read: Read) -> int:
    """The operands one after the other along an axis."""
    at, axis = list(coordinates(index, node.output.shape)), node.attribute("axis")
    operand = 0
    while at[axis] >= node.operands[operand].kind.shape[axis]:
        at[axis] -= node.operands[operand].kind.shape[axis]
        operand += 1
    return read(operand, flat((at[0], at[1], at[2], at[3]), node.operands[operand].kind.shape))


def _pad(node: Node, index: int, read: Read) -> int:
    """x at i_a - before_a, or `value` beyond it."""
    at, shape = coordinates(index, node.output.shape), node.operands[0].kind.shape
    a, b, c, d = (i - node.attribute(f"before_{axis}") for axis, i in enumerate(at))
    inside = all(0 <= i < size for i, size in zip((a, b, c, d), shape, strict=True))
    return read(0, flat((a, b, c, d), shape)) if inside else node.attribute("value")


def _gather(node: Node, index: int, read: Read) -> int:
    """Operands: table [1, 1, V, D], numbers i32 [1, A, B, C] of an output [A, B, C, D]: the table's row numbers.

    A number beyond the table counts as the nearest row of it.
    """
    rows = node.operands[0].kind.shape[2]
    width = node.output.shape[3]
    number = min(max(read(1, index // width), 0), rows - 1)
    return read(0, number * width + index % width)


def _softmax(node: Node, index: int, read: Read) -> int:
    """Operands x, weights i32 [1, 1, 1, 256] for how far below its row's largest a number lies. Along the last axis.

    min(127, (2 · scale · w + s) // (2 · s)), w the cell's weight, s the sum of the row's.
    """
    width = node.output.shape[3]
    start = index - index % width
    row = [read(0, start + i) for i in range(width)]
    largest = max(row)
    total = sum(read(1, largest - value) for value in row)
    own = read(1, largest - row[index - start])
    return min(127, (2 * node.attribute("scale") * own + total) // (2 * total))


def _layernorm(node: Node, index: int, read: Read) -> int:
    """Operands x, gamma i8 and beta i32 [1, 1, 1, C]. Along the last axis, with S its sum and Q that of its squares:

    requantise(gamma · divide((C · x - S) · 2^bits, isqrt(C · Q - S² + epsilon)) + beta, shift, low, high).
    """
    width = node.output.shape[3]
    at = index % width
    row = [read(0, index - at + i) for i in range(width)]
    total = sum(row)
    root = isqrt(width * sum(value * value for value in row) - total * total + node.attribute("epsilon"))
    scaled = divide((width * row[at] - total) << node.attribute("bits"), root)
    return _requantised(node, read(1, at) * scaled + read(2, at))


_CELLS: dict[Op, Callable[[Node, int, Read], int]] = {
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
