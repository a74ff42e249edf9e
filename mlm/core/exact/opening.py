"""Openings of leaves, and the fault proofs made of them: built from a trace, as the contract takes them. Pure.

Which leaves a cell needs is found by computing it with `cell.py`. Verification is `verify.py`; the contract that
decides: devnet/contracts/FaultProofs.sol.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mlm.core import merkle
from mlm.core.exact.cell import Read, cell
from mlm.core.exact.graph import Graph
from mlm.core.exact.node import Node, Op
from mlm.core.exact.tensor import ITEM_BYTES, TensorType
from mlm.core.exact.trace import Tensor
from mlm.core.merkle import CHILDREN, HASH_BYTES, LEAF_BYTES, Tree

WORD_BYTES = 32  # of an index in calldata


@dataclass(frozen=True)
class Opening:
    """Some leaves of one tensor's tree, and what binds them to a root: `Opening` of IFaultProofs.sol."""

    leaves: tuple[int, ...] = ()  # ascending; none where nothing of the tensor is needed
    data: bytes = field(default=b"", repr=False)
    siblings: tuple[bytes, ...] = ()
    path: tuple[bytes, ...] = ()  # from the tensor root to the trace root; empty for a parameter

    def words(self) -> tuple[object, ...]:
        """As the contract's ABI takes it."""
        return list(self.leaves), self.data, list(self.siblings), list(self.path)


@dataclass(frozen=True)
class Place:
    """A node whose words are shown against the graph root: what every fault proof begins with."""

    node: int
    descriptor: tuple[int, ...]
    graph_path: tuple[bytes, ...]

    def words(self) -> tuple[object, ...]:
        """As the contract's ABI takes them."""
        return self.node, list(self.descriptor), list(self.graph_path)


@dataclass(frozen=True)
class CellFault:
    """A cell that does not follow from the node's operands."""

    place: Place
    index: int
    output: Opening
    operands: tuple[Opening, ...]

    def words(self) -> tuple[object, ...]:
        """As the contract's ABI takes it."""
        return *self.place.words(), self.index, self.output.words(), [each.words() for each in self.operands]


@dataclass(frozen=True)
class PaddingFault:
    """A byte beyond the elements of a node's output that is not zero; `at` counts in the bytes of the whole tree."""

    place: Place
    at: int
    output: Opening

    def words(self) -> tuple[object, ...]:
        """As the contract's ABI takes it."""
        return *self.place.words(), self.at, self.output.words()


@dataclass(frozen=True)
class HeaderFault:
    """A tensor root that was made with another type than the node's."""

    place: Place
    type_word: int
    tree_root: bytes
    path: tuple[bytes, ...]

    def words(self) -> tuple[object, ...]:
        """As the contract's ABI takes it."""
        return *self.place.words(), self.type_word, self.tree_root, list(self.path)


@dataclass(frozen=True)
class Committed:
    """What a submission has committed to."""

    graph_root: bytes
    trace_root: bytes
    nodes: int
    inputs: int

    def words(self) -> tuple[object, ...]:
        """As the contract's ABI takes it."""
        return self.graph_root, self.trace_root, self.nodes, self.inputs


def computed(node: Node, index: int, read: Read) -> tuple[int, tuple[tuple[int, ...], ...]]:
    """A cell's number, and the leaves of each operand that hold what it is computed from, ascending."""
    leaves: tuple[set[int], ...] = tuple(set() for _ in node.operands)

    def recorded(operand: int, at: int) -> int:
        leaves[operand].add(leaf_of(node.operands[operand].kind, at))
        return read(operand, at)

    value = cell(node, index, recorded)
    return value, tuple(tuple(sorted(each)) for each in leaves)


def leaf_of(kind: TensorType, index: int) -> int:
    """The leaf that holds an element."""
    return index * ITEM_BYTES[kind.dtype] // LEAF_BYTES


def most_bytes(node: Node) -> int:
    """At most so many bytes does the proof of any cell open: leaves with their indices and siblings, its output's too.

    A node is only worth something to a challenger if they fit into a transaction, 128 KiB in most clients' pools.
    """
    kinds = [*(operand.kind for operand in node.operands), node.output]
    return sum(_bytes_of(kind, most) for kind, most in zip(kinds, [*_most_of_operands(node), 1], strict=True))


def _bytes_of(kind: TensorType, most: int) -> int:
    """Of so many leaves of a tensor, or of all, as far from each other as its tree allows."""
    row = min(most, merkle.leaves_of(kind.size))
    total = row * (LEAF_BYTES + WORD_BYTES)
    for depth in range(kind.depth, 0, -1):
        total += HASH_BYTES * min((CHILDREN - 1) * row, merkle.width_of(depth) - row)
        row = min(row, merkle.width_of(depth - 1))
    return total


def _most_of_operands(node: Node) -> Sequence[int]:
    """Leaves of each operand, if it has as many."""
    kinds = [operand.kind.shape for operand in node.operands]
    match node.op:
        case Op.CONV:
            _, rows, columns, depth = kinds[1]
            whole = node.attribute("groups") == 1 and node.attribute("dilation_w") == 1
            image = rows * (_span(columns * depth) if whole else columns * _span(depth))
            return image, _span(rows * columns * depth), 1, 1
        case Op.MATMUL:
            return _span(kinds[0][3]), _span(kinds[1][3]), 1, 1
        case Op.MAXPOOL:
            return [min(node.attribute("kernel_h"), kinds[0][1]) * min(node.attribute("kernel_w"), kinds[0][2])]
        case Op.SOFTMAX:
            return _span(kinds[0][3]), 2
        case Op.LAYERNORM:
            return _span(kinds[0][3]), 1, 1
        case Op.CONCAT:
            sizes = [operand.kind.size for operand in node.operands]
            return [int(i == sizes.index(max(sizes))) for i in range(len(sizes))]  # one of them
        case _:
            return [1] * len(kinds)


def _span(count: int) -> int:
    """Leaves that a row of int8 touches at most."""
    return (count + LEAF_BYTES - 2) // LEAF_BYTES + 1


def opened(tensor: Tensor, leaves: Iterable[int], path: Sequence[bytes] = ()) -> Opening:
    """These leaves, which ascend; `path` binds the tensor root to the trace root."""
    indices = tuple(leaves)
    if not indices:
        return Opening()
    data = b"".join(map(tensor.leaf, indices))
    return Opening(indices, data, tensor.tree.prove(indices), tuple(path))


class Prover:
    """Makes fault proofs about one trace: its tensors by node, and the graph's parameters by tensor root.

    Tensors that nobody asks for may be absent.
    """

    def __init__(self, graph: Graph, trace_tree: Tree, trace: Mapping[int, Tensor], parameters: Mapping[bytes, Tensor]):
        self.graph = graph
        self.trace_tree = trace_tree
        self.trace = trace
        self.parameters = parameters

    @property
    def committed(self) -> Committed:
        return Committed(self.graph.tree.root, self.trace_tree.root, len(self.graph.nodes), self.graph.inputs)

    def place(self, node: int) -> Place:
        """What shows that the words are the node's."""
        return Place(node, self.graph.nodes[node].words(), self.graph.tree.prove([node]))

    def expected(self, node: int, index: int) -> int:
        """The number that follows from the trace's own operands."""
        return cell(self.graph.nodes[node], index, self._read(node))

    def cell(self, node: int, index: int) -> CellFault:
        """The proof about one cell, whether or not it is a fault."""
        made = self.graph.nodes[node]
        _, needed = computed(made, index, self._read(node))
        operands = tuple(
            opened(self.operand(node, i), leaves, self.path(node, i)) if leaves else Opening()
            for i, leaves in enumerate(needed)
        )
        return CellFault(self.place(node), index, self._output(node, [leaf_of(made.output, index)]), operands)

    def padding(self, node: int, at: int) -> PaddingFault:
        """The proof about one byte beyond the elements, whether or not it is a fault."""
        return PaddingFault(self.place(node), at, self._output(node, [at // LEAF_BYTES]))

    def header(self, node: int, type_word: int, tree_root: bytes) -> HeaderFault:
        """The proof that a tensor root was made with this type and tree root."""
        return HeaderFault(self.place(node), type_word, tree_root, self.trace_tree.prove([node]))

    def _output(self, node: int, leaves: Sequence[int]) -> Opening:
        return opened(self.trace[node], leaves, self.trace_tree.prove([node]))

    def operand(self, node: int, which: int) -> Tensor:
        """The tensor that an operand is."""
        source = self.graph.nodes[node].operands[which].source
        return self.parameters[source] if isinstance(source, bytes) else self.trace[source]

    def path(self, node: int, which: int) -> tuple[bytes, ...]:
        """What binds an operand's tensor root to the trace root."""
        source = self.graph.nodes[node].operands[which].source
        return () if isinstance(source, bytes) else self.trace_tree.prove([source])

    def _read(self, node: int) -> Read:
        return lambda which, at: self.operand(node, which).at(at)
