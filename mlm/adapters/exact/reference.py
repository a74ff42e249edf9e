"""What each operator computes, for whole tensors in numpy's int64: the twin of mlm/core/exact/cell.py. To be read.

Holds for graphs that `bounds.check_bounds` takes: no number leaves int64 there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isqrt
from typing import TYPE_CHECKING, Any

from mlm.core.errors import InvalidData
from mlm.core.exact.graph import Graph
from mlm.core.exact.node import Node, Op
from mlm.core.exact.tensor import AXES, DType, TensorType

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

NUMPY = {DType.I8: "int8", DType.I32: "int32"}


def run_graph(graph: Graph, parameters: Mapping[bytes, Array], inputs: Sequence[Array]) -> list[Array]:
    """Every node's output, in the graph's order, of its type's shape; `inputs` are those of the graph, as typed there.

    Raises InvalidData for inputs or parameters that are not what the graph says.
    """
    if len(inputs) != graph.inputs:
        raise InvalidData(f"expected {graph.inputs} inputs, found {len(inputs)}")
    values: list[Array] = []
    for at, node in enumerate(graph.nodes):
        if node.op is Op.INPUT:
            values.append(checked(inputs[at], node.output, f"input {at}"))
            continue
        operands = []
        for operand in node.operands:
            if isinstance(operand.source, bytes):
                operands.append(parameter(parameters, operand.source, operand.kind))
            else:
                operands.append(values[operand.source])
        values.append(run_node(node, operands))
    return values


def run_node(node: Node, operands: Sequence[Array]) -> Array:
    """A node's output as int8, of its type's shape; `operands` have theirs."""
    return numbers(node, operands).astype("int8")


def numbers(node: Node, operands: Sequence[Array]) -> Array:
    """The same as int64: limits that are wider than int8's show what lies beyond them."""
    import numpy as np

    return _OPERATORS[node.op](node, [operand.astype(np.int64) for operand in operands]).reshape(node.output.shape)


def parameter(parameters: Mapping[bytes, Array], root: bytes, kind: TensorType) -> Array:
    """The parameter of this root, of this type. Raises InvalidData."""
    if root not in parameters:
        raise InvalidData(f"expected the parameter {root.hex()}, found none")
    return checked(parameters[root], kind, f"parameter {root.hex()}")


def checked(value: Array, kind: TensorType, what: str) -> Array:
    """An array that is of a type. Raises InvalidData."""
    if value.dtype.name != NUMPY[kind.dtype] or value.shape != kind.shape:
        found = f"{value.dtype.name} {list(value.shape)}"
        raise InvalidData(f"{what}: expected {NUMPY[kind.dtype]} {list(kind.shape)}, found {found}")
    return value


def requantise(value: Array, shift: Array | int, low: int, high: int) -> Array:
    """value / 2^shift, rounded to the nearest, halves to the even, and clipped."""
    import numpy as np

    shifts = np.asarray(shift, np.int64)
    whole = value >> shifts
    twice, unit = 2 * (value - (whole << shifts)), np.int64(1) << shifts
    whole += (twice > unit) | ((twice == unit) & (whole & 1 == 1))
    return np.clip(whole, low, high)


def divide(a: Array, b: Array) -> Array:
    """a / b for b > 0, rounded towards zero."""
    import numpy as np

    return np.sign(a) * (np.abs(a) // b)


def _requantised(node: Node, value: Array) -> Array:
    return requantise(value, node.attribute("shift"), node.attribute("low"), node.attribute("high"))


def _taps(node: Node) -> Callable[[Array, int, int], Array]:
    """(padded image, row, column of the kernel) -> what that tap sees, [N, OH, OW, C]."""
    _, height, width, _ = node.output.shape
    names = ("stride_h", "stride_w", "dilation_h", "dilation_w")
    stride_h, stride_w, dilation_h, dilation_w = (node.attribute(name) for name in names)

    def tap(image: Array, row: int, column: int) -> Array:
        y, x = row * dilation_h, column * dilation_w
        return image[
            :, y : y + (height - 1) * stride_h + 1 : stride_h, x : x + (width - 1) * stride_w + 1 : stride_w, :
        ]

    return tap


def _padded(node: Node, image: Array, kernel: tuple[int, int], absent: int) -> Array:
    """The image with `absent` around it, as far as the windows reach."""
    import numpy as np

    pads = [(0, 0)]
    for axis, name, before, taps in ((1, "h", "pad_top", kernel[0]), (2, "w", "pad_left", kernel[1])):
        first = node.attribute(before)
        reach = (node.output.shape[axis] - 1) * node.attribute(f"stride_{name}") + 1
        reach += (taps - 1) * node.attribute(f"dilation_{name}")
        pads.append((first, max(0, reach - first - image.shape[axis])))
    return np.pad(image, [*pads, (0, 0)], constant_values=absent)


def _conv(node: Node, operands: list[Array]) -> Array:
    import numpy as np

    image, weights, bias, shifts = operands
    kernel = weights.shape[1], weights.shape[2]
    groups = node.attribute("groups")
    padded, tap = _padded(node, image, kernel, 0), _taps(node)
    per_group = weights.shape[0] // groups
    total = np.zeros(node.output.shape, np.int64)
    for row in range(kernel[0]):
        for column in range(kernel[1]):
            seen = tap(padded, row, column)
            for group in range(groups):
                own = slice(group * per_group, (group + 1) * per_group)
                channels = slice(group * weights.shape[3], (group + 1) * weights.shape[3])
                total[..., own] += seen[..., channels] @ weights[own, row, column].T
    return requantise(total + bias, shifts, node.attribute("low"), node.attribute("high"))


def _matmul(node: Node, operands: list[Array]) -> Array:
    a, b, bias, shifts = operands
    return requantise(a @ b.swapaxes(2, 3) + bias, shifts, node.attribute("low"), node.attribute("high"))


def _add(node: Node, operands: list[Array]) -> Array:
    import numpy as np

    a, b = operands
    total = node.attribute("factor_a") * a + node.attribute("factor_b") * b
    return _requantised(node, np.broadcast_to(total, node.output.shape))


def _mul(node: Node, operands: list[Array]) -> Array:
    import numpy as np

    return _requantised(node, np.broadcast_to(node.attribute("factor") * operands[0] * operands[1], node.output.shape))


def _table(node: Node, operands: list[Array]) -> Array:
    x, table = operands
    result: Array = table.ravel()[x + 128]
    return result


def _maxpool(node: Node, operands: list[Array]) -> Array:
    import numpy as np

    (image,) = operands
    kernel = node.attribute("kernel_h"), node.attribute("kernel_w")
    padded, tap = _padded(node, image, kernel, -128), _taps(node)
    result = np.full(node.output.shape, -128, np.int64)
    for row in range(kernel[0]):
        for column in range(kernel[1]):
            result = np.maximum(result, tap(padded, row, column))
    return result


def _view(node: Node, operands: list[Array]) -> Array:
    import numpy as np

    place = np.full((1, 1, 1, 1), node.attribute("offset"), np.int64)
    for axis, size in enumerate(node.output.shape):
        along = np.arange(size) // node.attribute(f"every_{axis}")
        if along[-1]:  # a step that is never taken may be any number
            place = place + (along * node.attribute(f"step_{axis}")).reshape(
                [size if a == axis else 1 for a in range(AXES)]
            )
    result: Array = operands[0].ravel()[np.broadcast_to(place, node.output.shape)]
    return result


def _concat(node: Node, operands: list[Array]) -> Array:
    import numpy as np

    return np.concatenate(operands, axis=node.attribute("axis"))


def _pad(node: Node, operands: list[Array]) -> Array:
    import numpy as np

    (x,) = operands
    result = np.full(node.output.shape, node.attribute("value"), np.int64)
    before = [node.attribute(f"before_{axis}") for axis in range(AXES)]
    result[tuple(slice(first, first + size) for first, size in zip(before, x.shape, strict=True))] = x
    return result


def _gather(node: Node, operands: list[Array]) -> Array:
    import numpy as np

    table, numbers = operands
    result: Array = table[0, 0][np.clip(numbers, 0, table.shape[2] - 1)]
    return result


def _softmax(node: Node, operands: list[Array]) -> Array:
    import numpy as np

    x, weights = operands
    own = weights.ravel()[x.max(axis=-1, keepdims=True) - x]
    total = own.sum(axis=-1, keepdims=True)
    return np.minimum(127, (2 * node.attribute("scale") * own + total) // (2 * total))


def _layernorm(node: Node, operands: list[Array]) -> Array:
    import numpy as np

    x, gamma, beta = operands
    width = x.shape[-1]
    total = x.sum(axis=-1, keepdims=True)
    variance = width * (x * x).sum(axis=-1, keepdims=True) - total * total + node.attribute("epsilon")
    root = np.array([isqrt(int(value)) for value in variance.ravel()], np.int64).reshape(variance.shape)
    scaled = divide((width * x - total) << node.attribute("bits"), root)
    return _requantised(node, gamma * scaled + beta)


_OPERATORS: dict[Op, Callable[[Node, list[Array]], Array]] = {
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
