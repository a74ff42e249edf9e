"""A trace: every node's tensor of one run, committed to by one root. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

from mlm.core import merkle
from mlm.core.exact.graph import Graph
from mlm.core.exact.tensor import ITEM_BYTES, TensorType, tensor_root
from mlm.core.merkle import LEAF_BYTES, Tree


@dataclass(frozen=True)
class Tensor:
    """A node's output: its elements' bytes (little-endian, row-major), and the tree over them."""

    kind: TensorType
    data: bytes = field(repr=False)
    tree: Tree = field(repr=False)

    @cached_property
    def root(self) -> bytes:
        return tensor_root(self.kind, self.tree.root)

    def at(self, index: int) -> int:
        """The element at a flat index."""
        return element(self.kind, self.data, index)

    def leaf(self, index: int) -> bytes:
        """The bytes of a leaf, zeros beyond the data."""
        return self.data[index * LEAF_BYTES : (index + 1) * LEAF_BYTES].ljust(LEAF_BYTES, b"\0")


@dataclass(frozen=True)
class Trace:
    """`roots` are the nodes' tensor roots, in the graph's order; `data` the tensors' bytes, or none if dropped.

    Bytes are elements in row-major order, little-endian, without the padding of the last leaf.
    """

    graph: Graph
    roots: tuple[bytes, ...] = field(repr=False)
    data: tuple[bytes, ...] = field(default=(), repr=False)
    _made: dict[int, Tensor] = field(default_factory=dict, repr=False, compare=False)

    def tensor(self, node: int) -> Tensor:
        """A node's output with its tree, which is made when it is asked for first. IndexError if it was dropped."""
        if node not in self._made:
            self._made[node] = tensor_of(self.graph.nodes[node].output, self.data[node])
        return self._made[node]

    @cached_property
    def tree(self) -> Tree:
        """Over the tensor roots: its root is the trace root."""
        return merkle.tree_of(self.roots)

    @property
    def root(self) -> bytes:
        return self.tree.root

    @property
    def inputs_root(self) -> bytes:
        """sha256 of the inputs' tensor roots, packed: what the input commitment opens to."""
        return sha256(b"".join(self.roots[: self.graph.inputs])).digest()

    @property
    def outputs_root(self) -> bytes:
        """sha256 of the outputs' tensor roots, packed: what the output commitment is made of."""
        return sha256(b"".join(self.roots[len(self.roots) - self.graph.outputs :])).digest()


def element(kind: TensorType, data: bytes, index: int) -> int:
    """The number at a flat index of a tensor's bytes."""
    width = ITEM_BYTES[kind.dtype]
    return int.from_bytes(data[index * width : (index + 1) * width], "little", signed=True)


def tensor_of(kind: TensorType, data: bytes) -> Tensor:
    """A tensor with its tree."""
    return Tensor(kind, data, merkle.tree_over(data))


def trace_of(graph: Graph, data: Sequence[bytes]) -> Trace:
    """The trace that keeps these bytes, one tensor a node."""
    kinds = (node.output for node in graph.nodes)
    roots = (tensor_root(kind, merkle.root_over(own)) for kind, own in zip(kinds, data, strict=True))
    return Trace(graph, tuple(roots), tuple(data))
