"""A trace: every node's tensor of one run, committed to by one root. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

from mlm.core import merkle
from mlm.core.exact.graph import Graph
from mlm.core.merkle import Tree


@dataclass(frozen=True)
class Trace:
    """`roots` are the nodes' tensor roots, in the graph's order; `data` the tensors' bytes, or none if dropped.

    Bytes are elements in row-major order, little-endian, without the padding of the last leaf.
    """

    graph: Graph
    roots: tuple[bytes, ...] = field(repr=False)
    data: tuple[bytes, ...] = field(default=(), repr=False)

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
