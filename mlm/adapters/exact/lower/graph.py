"""Collects the nodes and parameters of an exact graph, and lays a tensor out as an operator wants it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

from mlm.adapters.exact.lower.layout import Layout, Shape4, moved, natural, placed, row_major
from mlm.adapters.exact.lower.views import Factor, View, merged
from mlm.core import merkle
from mlm.core.errors import InvalidData
from mlm.core.exact.graph import MAX_NODES, Graph
from mlm.core.exact.node import Node, Op, Operand
from mlm.core.exact.tensor import AXES, DType, TensorType, tensor_root

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Value:
    """A logical ONNX tensor: where its whole numbers lie, and number = scale · (whole number - zero)."""

    node: int
    view: View
    scale: float
    zero: float = 0.0

    @property
    def shape(self) -> tuple[int, ...]:
        return self.view.shape

    def seen(self, view: View) -> Value:
        """The same numbers through another view."""
        return replace(self, view=view)


class Nodes:
    """The graph as it grows; operands are indices of nodes, or arrays of parameters with four axes."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.parameters: dict[bytes, Array] = {}
        self._made: dict[tuple[int, Shape4, tuple[int, ...]], int] = {}  # views, by base

    def shape(self, index: int) -> Shape4:
        """Of a node's output."""
        return self.nodes[index].output.shape

    def add(
        self,
        op: Op,
        shape: Shape4,
        operands: Sequence[int | Array] = (),
        attributes: Sequence[int] = (),
        dtype: DType = DType.I8,
    ) -> int:
        """A new node; its index."""
        read = tuple(self._operand(each) for each in operands)
        self.nodes.append(Node(op, TensorType(dtype, shape), read, tuple(int(value) for value in attributes)))
        return len(self.nodes) - 1

    def _operand(self, operand: int | Array) -> Operand:
        import numpy as np

        if isinstance(operand, int):
            return Operand(self.nodes[operand].output, operand)
        a, b, c, d = operand.shape
        kind = TensorType(DType.I32 if operand.dtype == np.int32 else DType.I8, (a, b, c, d))
        data = np.ascontiguousarray(operand).astype(operand.dtype.newbyteorder("<"), copy=False).tobytes()
        root = tensor_root(kind, merkle.tree_over(data).root)
        self.parameters[root] = operand
        return Operand(kind, root)

    def layout(self, value: Value) -> Layout:
        """The layout that a tensor has already, or the row-major one."""
        return natural(value.view, self.shape(value.node)) or row_major(value.shape)

    def place(self, value: Value, layout: Layout, *, repeat: bool = False) -> int:
        """A node whose output is the tensor in this layout; axes that are only repeated have size 1 unless `repeat`.

        VIEWs are emitted as needed, none where the tensor lies so already. Raises InvalidData where they do not do.
        """
        found = placed(value.view, layout)
        if found is None:
            plain = row_major(value.shape)
            whole = Value(self.place(value, plain, repeat=True), plain.view(len(value.shape)), value.scale, value.zero)
            return self.place(whole, layout, repeat=repeat)
        groups = list(found)
        if repeat:
            for at, group in enumerate(groups):
                size = layout.shape[at]
                groups[at] = group or ((Factor(size, 0),) if size > 1 else ())
        if all(len(group) <= 1 for group in groups):
            return self._viewed(value, [group[0] if group else Factor(1, 0) for group in groups])
        flat = merged([factor for group in groups for factor in group])
        if len(flat) > AXES:
            nearer = moved(value.view, layout)
            if nearer is None:
                raise InvalidData(
                    f"a tensor of shape {list(value.shape)} lies in {len(flat)} pieces, a VIEW has {AXES}"
                )
            whole = Value(self.place(value, nearer), nearer.view(len(value.shape)), value.scale, value.zero)
            return self.place(whole, layout, repeat=repeat)
        between = self._viewed(value, [*[Factor(1, 0)] * (AXES - len(flat)), *flat])
        shape = [prod(factor.size for factor in group) for group in groups]
        steps = [prod(shape[at + 1 :]) for at in range(AXES)]
        return self._viewed(
            Value(between, View(()), value.scale), [Factor(size, step) for size, step in zip(shape, steps, strict=True)]
        )

    def _viewed(self, value: Value, factors: Sequence[Factor]) -> int:
        """The VIEW of a base through one factor for each axis; the base itself where it is that."""
        base = self.shape(value.node)
        a, b, c, d = (factor.size for factor in factors)
        shape, offset = (a, b, c, d), value.view.offset
        straight = all(
            factor.size == 1 or (factor.step, factor.every) == (step, 1)
            for factor, step in zip(factors, TensorType(DType.I8, base).strides, strict=True)
        )
        if shape == base and straight and not offset:
            return value.node
        steps = [factor.step if factor.size > 1 else 0 for factor in factors]
        attributes = (offset, *steps, *(factor.every if factor.size > 1 else 1 for factor in factors))
        key = value.node, shape, attributes
        if key not in self._made:
            self._made[key] = self.add(Op.VIEW, shape, [value.node], attributes)
        return self._made[key]

    def finished(self, outputs: Sequence[int]) -> tuple[Graph, list[int]]:
        """The graph with unused nodes gone and the outputs last, and for each of its nodes the index it had here.

        An output that is read within the graph, twice an output, or an input, is copied by a VIEW.
        """
        last: list[int] = []
        for index in outputs:
            read = any(operand.source == index for node in self.nodes for operand in node.operands)
            if read or index in last or self.nodes[index].op is Op.INPUT:
                shape = self.shape(index)
                strides = TensorType(DType.I8, shape).strides
                index = self.add(Op.VIEW, shape, [index], (0, *strides, 1, 1, 1, 1))
            last.append(index)
        alive, stack = set(last), list(last)
        while stack:
            for operand in self.nodes[stack.pop()].operands:
                if isinstance(operand.source, int) and operand.source not in alive:
                    alive.add(operand.source)
                    stack.append(operand.source)
        inputs = [index for index, node in enumerate(self.nodes) if node.op is Op.INPUT]
        order = inputs + [index for index in sorted(alive) if index not in (*inputs, *last)] + last
        if len(order) > MAX_NODES:
            raise InvalidData(f"the model takes {len(order)} nodes as an exact graph, which has at most {MAX_NODES}")
        renamed = {index: at for at, index in enumerate(order)}
        nodes = tuple(
            replace(
                self.nodes[index],
                operands=tuple(
                    replace(each, source=renamed[each.source]) if isinstance(each.source, int) else each
                    for each in self.nodes[index].operands
                ),
            )
            for index in order
        )
        return Graph(nodes, len(last)), order
