"""Each operator of an exact graph as ordinary ONNX operators: CONV and MATMUL are the profile's (ivf32.py, qop.py),

VIEW stands apart (views.py). Sums and products of floats are whole numbers below 2^24, over a power of two, and exact.
"""

from __future__ import annotations

from collections.abc import Callable

from mlm.adapters.exact.builder import TO_IMAGE, Builder, kind_of, limits_of, root_of, tensor_name
from mlm.adapters.exact.model import image_shape
from mlm.adapters.exact.views import view
from mlm.adapters.exact.windows import pads_of, window
from mlm.core.exact.node import Node, Op
from mlm.core.exact.tensor import AXES


def emit(builder: Builder, index: int) -> None:
    """Add the operators of a node that is no input; its output is called `tensor_name(index)`."""
    node = builder.graph.nodes[index]
    _EMITTERS[node.op](builder, node, tensor_name(index), builder.images[index])


def _conv(builder: Builder, node: Node, name: str, image: bool) -> None:
    builder.conv(node, name)


def _matmul(builder: Builder, node: Node, name: str, image: bool) -> None:
    builder.matmul(node, name)


def _add(builder: Builder, node: Node, name: str, image: bool) -> None:
    unit = 2.0 ** -node.attribute("shift")
    a = builder.scaled(builder.real(builder.operand(node, 0, image=image)), node.attribute("factor_a") * unit)
    b = builder.scaled(builder.real(builder.operand(node, 1, image=image)), node.attribute("factor_b") * unit)
    _whole(builder, node, builder.add("Add", [a, b]), name, image)


def _mul(builder: Builder, node: Node, name: str, image: bool) -> None:
    product = builder.add("Mul", [builder.real(builder.operand(node, i, image=image)) for i in (0, 1)])
    factor = node.attribute("factor") * 2.0 ** -node.attribute("shift")
    _whole(builder, node, builder.scaled(product, factor), name, image)


def _whole(builder: Builder, node: Node, tensor: str, name: str, image: bool) -> None:
    """Repeat along axes that no operand has whole, then requantise."""
    shapes = [operand.kind.shape for operand in node.operands]
    if any(max(sizes) < out for *sizes, out in zip(*shapes, node.output.shape, strict=True)):
        shape = image_shape(node.output.shape) if image else node.output.shape
        tensor = builder.add("Expand", [tensor, builder.constant(list(shape), "int64")])
    builder.rounded(tensor, *limits_of(node), name)


def _table(builder: Builder, node: Node, name: str, image: bool) -> None:
    """ONNX counts negative numbers from the end: the table begins at 0, its negative half comes last."""
    table = builder.reshaped(builder.parameter(root_of(node, 1)), [256])
    turned = builder.add("Gather", [table, builder.constant([*range(128, 256), *range(128)], "int32")], axis=0)
    shape = image_shape(node.output.shape) if image else node.output.shape
    builder.looked_up(turned, builder.cast(builder.operand(node, 0, image=image), "int32"), shape, name)


def _maxpool(builder: Builder, node: Node, name: str, image: bool) -> None:
    """Padded with the least int8 beforehand: ONNX Runtime takes no padding of a kernel's size, and a window that sees

    nothing is -128 here.
    """
    kernel = node.attribute("kernel_h"), node.attribute("kernel_w")
    dilated = node.attribute("dilation_h") > 1 or node.attribute("dilation_w") > 1
    explicit = dilated or any(pad >= taps for pad, taps in zip(pads_of(node, kernel), kernel * 2, strict=True))
    seen, attributes = window(builder, node, kernel, -128 if explicit else None)
    builder.add("MaxPool", [seen], name, **attributes)


def _concat(builder: Builder, node: Node, name: str, image: bool) -> None:
    parts = [builder.operand(node, i, image=image) for i in range(len(node.operands))]
    axis = node.attribute("axis")
    builder.add("Concat", parts, name, axis=TO_IMAGE.index(axis) if image else axis)


def _pad(builder: Builder, node: Node, name: str, image: bool) -> None:
    before = [node.attribute(f"before_{axis}") for axis in range(AXES)]
    sizes = zip(node.output.shape, before, kind_of(node, 0).shape, strict=True)
    after = [out - first - size for out, first, size in sizes]
    if image:
        before, after = list(image_shape(before)), list(image_shape(after))
    amounts = builder.constant([*before, *after], "int64")
    value = builder.constant(node.attribute("value"), builder.whole)
    builder.add("Pad", [builder.operand(node, 0, image=image), amounts, value], name)


def _gather(builder: Builder, node: Node, name: str, image: bool) -> None:
    rows, width = kind_of(node, 0).shape[2:]
    table = builder.reshaped(builder.operand(node, 0), [rows, width])
    limits = [builder.constant(limit, "int32") for limit in (0, rows - 1)]
    numbers = builder.reshaped(builder.add("Clip", [builder.numbers(node, 1), *limits]), node.output.shape[:3])
    builder.add("Gather", [table, numbers], name, axis=0)


def _softmax(builder: Builder, node: Node, name: str, image: bool) -> None:
    """In int32: no product or sum reaches 2^31."""
    x = builder.real(builder.operand(node, 0))
    below = builder.add("Sub", [builder.add("ReduceMax", [x], axes=[3], keepdims=1), x])
    weights = builder.reshaped(builder.stored(root_of(node, 1)), [256])
    own = builder.looked_up(weights, builder.cast(below, "int32"), node.output.shape)
    total = builder.add("ReduceSum", [own, builder.constant([3], "int64")], keepdims=1)
    twice = builder.add("Mul", [own, builder.constant(2 * node.attribute("scale"), "int32")])
    share = builder.add(
        "Div",
        [builder.add("Add", [twice, total]), builder.add("Mul", [total, builder.constant(2, "int32")])],
    )
    builder.cast(builder.add("Min", [share, builder.constant(127, "int32")]), builder.whole, name)


def _layernorm(builder: Builder, node: Node, name: str, image: bool) -> None:
    """In int64, but for the square root in float64, whose whole part is the integer square root of V below 2^52:

    V is exact in float64 and Sqrt is rounded correctly (IEEE 754), so that only V = r² - 1 could be taken for r². Its
    root lies more than 1 / 2r below r; floats just below r lie less than r · 2^-52 apart, and half of it decides.
    """
    whole = lambda value: builder.constant(value, "int64")  # noqa: E731
    width = node.output.shape[3]
    x = builder.cast(builder.operand(node, 0), "int64")
    total = builder.add("ReduceSum", [x, whole([3])], keepdims=1)
    squares = builder.add("ReduceSum", [builder.add("Mul", [x, x]), whole([3])], keepdims=1)
    variance = builder.add("Sub", [builder.add("Mul", [squares, whole(width)]), builder.add("Mul", [total, total])])
    variance = builder.add("Add", [variance, whole(node.attribute("epsilon"))])
    root = builder.cast(builder.add("Sqrt", [builder.cast(variance, "float64")]), "int64")
    centred = builder.add("Sub", [builder.add("Mul", [x, whole(width)]), total])
    scaled = builder.add("Div", [builder.add("Mul", [centred, whole(1 << node.attribute("bits"))]), root])
    gamma, beta = (builder.cast(builder.stored(root_of(node, i)), "int64") for i in (1, 2))
    result = builder.add("Add", [builder.add("Mul", [scaled, gamma]), beta])
    unit = 2.0 ** -node.attribute("shift")
    builder.rounded(builder.scaled(builder.cast(result, "float32"), unit), *limits_of(node), name)


def _view(builder: Builder, node: Node, name: str, image: bool) -> None:
    view(builder, node, name)


_EMITTERS: dict[Op, Callable[[Builder, Node, str, bool], None]] = {
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
