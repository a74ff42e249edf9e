"""An exact graph: nodes in topological order, inputs first and outputs last, and what a version registers of it. Pure.

`check` is what everybody does before dealing: a graph that passes has a value for every cell, whatever the inputs.
That accumulators stay below 2^24, so that floats compute the same, is checked where the parameters are at hand
(mlm/adapters/exact/bounds.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from mlm.core import merkle
from mlm.core.digest import domain, keccak256, words
from mlm.core.errors import InvalidData
from mlm.core.exact.node import ATTRIBUTES, MAX_OPERANDS, Node, Op, Operand
from mlm.core.exact.tensor import AXES, LIMITS, DType, TensorType
from mlm.core.merkle import Tree

MAX_NODES = 256
MAX_SHIFT = 31
EXACT_LIMIT = 1 << 24  # whole numbers below it are exact in float32
_LOW, _HIGH = LIMITS[DType.I8]


@dataclass(frozen=True)
class Graph:
    """The first `inputs` nodes are its inputs, the last `outputs` its outputs."""

    nodes: tuple[Node, ...]
    outputs: int

    @cached_property
    def inputs(self) -> int:
        return sum(node.op is Op.INPUT for node in self.nodes)

    @cached_property
    def tree(self) -> Tree:
        """Over the nodes' digests."""
        return merkle.tree_of([node.digest() for node in self.nodes])

    @property
    def key(self) -> bytes:
        """What a version registers for the tier."""
        return key_of(self.tree.root, len(self.nodes), self.inputs, self.outputs)

    def check(self) -> None:
        """Raises InvalidData, naming the node, unless

        1. there are 2 to MAX_NODES nodes, its inputs first, and one or more outputs that are no inputs, last;
        2. operands are earlier nodes' outputs as they are typed there, or parameters;
        3. every node's types and attributes are those of its operator, and its output follows from them.
        """
        count = len(self.nodes)
        # (1)
        if not 2 <= count <= MAX_NODES or not 1 <= self.outputs <= count - self.inputs or not self.inputs:
            raise InvalidData(
                f"expected 2 to {MAX_NODES} nodes with inputs and outputs, "
                f"found {count} with {self.inputs} and {self.outputs}"
            )
        for at, node in enumerate(self.nodes):
            try:
                if (node.op is Op.INPUT) != (at < self.inputs):
                    raise InvalidData("expected the inputs before all other nodes")
                self._check_node(at, node)
            except InvalidData as error:
                raise InvalidData(f"node {at} ({node.op.name}): {error}") from error

    def _check_node(self, at: int, node: Node) -> None:
        node.output.check()
        # (2)
        for operand in node.operands:
            operand.kind.check()
            if isinstance(operand.source, bytes):
                if len(operand.source) != 32:
                    raise InvalidData(f"expected a parameter's root of 32 bytes, found {len(operand.source)}")
            elif not 0 <= operand.source < at:
                raise InvalidData(f"expected an operand among the nodes before it, found {operand.source}")
            elif self.nodes[operand.source].output != operand.kind:
                raise InvalidData(f"expected {self.nodes[operand.source].output}, found {operand.kind}")
        # (3)
        if len(node.attributes) != len(ATTRIBUTES[node.op]):
            raise InvalidData(f"expected {len(ATTRIBUTES[node.op])} attributes, found {len(node.attributes)}")
        if node.op is not Op.INPUT and node.output.dtype is not DType.I8:
            raise InvalidData("expected an output of int8")
        for name, low, high in _RANGES:
            if name in ATTRIBUTES[node.op]:
                _within(name, node.attribute(name), low, high)
        if "low" in ATTRIBUTES[node.op] and node.attribute("low") > node.attribute("high"):
            raise InvalidData("expected low at most high")
        _CHECKS[node.op](node)


def key_of(root: bytes, nodes: int, inputs: int, outputs: int) -> bytes:
    """keccak256(abi.encode(H("mlm/exact-key/1"), root of the nodes' tree, nodes, inputs, outputs))."""
    return keccak256(words((domain("mlm/exact-key/1"), root, nodes, inputs, outputs)))


def input_name(name: str) -> int:
    """The attribute `name` of an input: sha256 of its name, as a signed word."""
    return int.from_bytes(sha256(name.encode()).digest(), "big", signed=True)


# Attribute -> least and greatest, wherever it occurs.
_RANGES = (
    *((name, 1, 1 << 15) for name in ("stride_h", "stride_w", "dilation_h", "dilation_w", "kernel_h", "kernel_w")),
    *((name, 0, 1 << 15) for name in ("pad_top", "pad_left")),
    *((name, _LOW, _HIGH) for name in ("low", "high", "value")),
    ("shift", 0, MAX_SHIFT),
    ("factor_a", -(1 << 15), 1 << 15),
    ("factor_b", -(1 << 15), 1 << 15),
    ("factor", -(1 << 9), 1 << 9),
    ("groups", 1, 1 << 20),
    ("axis", 0, AXES - 1),
    ("scale", 1, 127),
    ("bits", 0, 12),
    ("epsilon", 1, 1 << 40),
    *((f"before_{axis}", 0, 1 << 15) for axis in range(AXES)),
    *((f"every_{axis}", 1, 1 << 31) for axis in range(AXES)),
)


def _within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidData(f"expected {name} between {low} and {high}, found {value}")


def _operands(node: Node, *expected: tuple[DType, Sequence[int | None] | None]) -> list[tuple[int, int, int, int]]:
    """The operands' shapes, when they are of these types; None is any size, or any shape."""
    if len(node.operands) != len(expected):
        raise InvalidData(f"expected {len(expected)} operands, found {len(node.operands)}")
    for operand, (dtype, shape) in zip(node.operands, expected, strict=True):
        _operand(operand, dtype, shape)
    return [operand.kind.shape for operand in node.operands]


def _operand(operand: Operand, dtype: DType, shape: Sequence[int | None] | None) -> None:
    fits = shape is None or all(want in (None, size) for want, size in zip(shape, operand.kind.shape, strict=True))
    if operand.kind.dtype is not dtype or not fits:
        raise InvalidData(f"expected an operand of {dtype.name} {shape or ''}, found {operand.kind}")


def _shape(node: Node, *expected: int | None) -> None:
    if any(want not in (None, size) for want, size in zip(expected, node.output.shape, strict=True)):
        raise InvalidData(f"expected an output of {expected}, found {node.output.shape}")


def _parameters(node: Node, *which: int) -> None:
    for i in which:
        if not node.operands[i].is_parameter:
            raise InvalidData(f"expected a parameter as operand {i}")


def _check_window(node: Node, height: int, width: int, kernel: tuple[int, int]) -> None:
    """The last window begins within the padded image: what lies below and to the right is padding as well."""
    for size, taps, out, axis, before in (
        (height, kernel[0], node.output.shape[1], "h", "pad_top"),
        (width, kernel[1], node.output.shape[2], "w", "pad_left"),
    ):
        reach = (out - 1) * node.attribute(f"stride_{axis}") - node.attribute(before)
        if reach >= size or node.attribute(before) > (taps - 1) * node.attribute(f"dilation_{axis}"):
            raise InvalidData(f"expected windows that meet the image along {axis}")


def _check_input(node: Node) -> None:
    _operands(node)


def _check_conv(node: Node) -> None:
    i8, i32 = DType.I8, DType.I32
    image, weights, _, _ = _operands(
        node, (i8, None), (i8, None), (i32, (1, 1, 1, node.output.shape[3])), (i8, (1, 1, 1, node.output.shape[3]))
    )
    _parameters(node, 1, 2, 3)
    groups = node.attribute("groups")
    if image[3] != weights[3] * groups or weights[0] % groups:
        raise InvalidData(f"expected {weights[3]} channels in each of {groups} groups, found {image[3]}")
    _shape(node, image[0], None, None, weights[0])
    _check_window(node, image[1], image[2], (weights[1], weights[2]))


def _check_matmul(node: Node) -> None:
    columns = (1, 1, 1, node.output.shape[3])
    a, b, _, _ = _operands(node, (DType.I8, None), (DType.I8, None), (DType.I32, columns), (DType.I8, columns))
    _parameters(node, 2, 3)
    if b[3] != a[3] or b[0] not in (1, a[0]) or b[1] not in (1, a[1]):
        raise InvalidData(f"expected rows of {a[3]} in the second operand, found {b}")
    _shape(node, a[0], a[1], a[2], b[2])


def _check_broadcast(node: Node) -> None:
    for shape in _operands(node, (DType.I8, None), (DType.I8, None)):
        if any(size not in (1, out) for size, out in zip(shape, node.output.shape, strict=True)):
            raise InvalidData(f"expected {node.output.shape} or axes of 1, found {shape}")


def _check_table(node: Node) -> None:
    x, _ = _operands(node, (DType.I8, None), (DType.I8, (1, 1, 1, 256)))
    _parameters(node, 1)
    _shape(node, *x)


def _check_maxpool(node: Node) -> None:
    (image,) = _operands(node, (DType.I8, None))
    _shape(node, image[0], None, None, image[3])
    _check_window(node, image[1], image[2], (node.attribute("kernel_h"), node.attribute("kernel_w")))


def _check_view(node: Node) -> None:
    (x,) = _operands(node, (DType.I8, None))
    least = most = node.attribute("offset")
    for axis in range(AXES):
        reach = (node.output.shape[axis] - 1) // node.attribute(f"every_{axis}") * node.attribute(f"step_{axis}")
        least, most = least + min(reach, 0), most + max(reach, 0)
    elements = TensorType(DType.I8, x).elements
    if least < 0 or most >= elements:
        raise InvalidData(f"expected places from 0 to {elements - 1}, found {least} to {most}")


def _check_concat(node: Node) -> None:
    if not 2 <= len(node.operands) <= MAX_OPERANDS:
        raise InvalidData(f"expected 2 to {MAX_OPERANDS} operands, found {len(node.operands)}")
    axis = node.attribute("axis")
    rest: list[int | None] = list(node.output.shape)
    rest[axis] = None
    for operand in node.operands:
        _operand(operand, DType.I8, rest)
    if sum(operand.kind.shape[axis] for operand in node.operands) != node.output.shape[axis]:
        raise InvalidData(f"expected operands of {node.output.shape[axis]} in all along axis {axis}")


def _check_pad(node: Node) -> None:
    (x,) = _operands(node, (DType.I8, None))
    if any(node.output.shape[axis] < node.attribute(f"before_{axis}") + x[axis] for axis in range(AXES)):
        raise InvalidData(f"expected an output that holds {x} whole, found {node.output.shape}")


def _check_gather(node: Node) -> None:
    a, b, c, width = node.output.shape
    _operands(node, (DType.I8, (1, 1, None, width)), (DType.I32, (1, a, b, c)))


def _check_softmax(node: Node) -> None:
    x, _ = _operands(node, (DType.I8, None), (DType.I32, (1, 1, 1, 256)))
    _parameters(node, 1)
    _shape(node, *x)


def _check_layernorm(node: Node) -> None:
    row = (1, 1, 1, node.output.shape[3])
    x, _, _ = _operands(node, (DType.I8, None), (DType.I8, row), (DType.I32, row))
    _parameters(node, 1, 2)
    _shape(node, *x)


_CHECKS: dict[Op, Callable[[Node], None]] = {
    Op.INPUT: _check_input,
    Op.CONV: _check_conv,
    Op.MATMUL: _check_matmul,
    Op.ADD: _check_broadcast,
    Op.MUL: _check_broadcast,
    Op.TABLE: _check_table,
    Op.MAXPOOL: _check_maxpool,
    Op.VIEW: _check_view,
    Op.CONCAT: _check_concat,
    Op.PAD: _check_pad,
    Op.GATHER: _check_gather,
    Op.SOFTMAX: _check_softmax,
    Op.LAYERNORM: _check_layernorm,
}
