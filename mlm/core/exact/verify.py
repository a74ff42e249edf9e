"""Fault proofs verified: the pure twin of devnet/contracts/exact/FaultProof.sol, with the contract's names of refusals.

A trace that was computed as specified is never convicted, whatever is shown; see docs/fault-proofs.md, 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from mlm.core import merkle
from mlm.core.digest import words
from mlm.core.errors import VerificationFailed
from mlm.core.exact.cell import cell
from mlm.core.exact.node import Node, of_words
from mlm.core.exact.opening import CellFault, Committed, HeaderFault, Opening, PaddingFault, Place, leaf_of
from mlm.core.exact.tensor import ITEM_BYTES, TensorType, root_of_word, tensor_root
from mlm.core.exact.trace import element
from mlm.core.merkle import LEAF_BYTES, depth_of

OUTPUT = 16  # the output's number among the operands in errors


class FaultRefused(VerificationFailed):
    """A fault proof that convicts nobody; `reason` is the contract's error."""

    code = "fault_refused"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason


def verify_cell(committed: Committed, fault: CellFault) -> tuple[int, int]:
    """The number that follows and the one that the trace holds. Raises FaultRefused unless

    1. the words are the node's, and it is no input;
    2. the cell is one of its output's;
    3. what is opened is what the trace, or the graph, has committed to;
    4. all that the cell needs is opened, and it does not follow.
    """
    # (1)
    node = _computed(committed, fault.place)
    # (2)
    if not 0 <= fault.index < node.output.elements:
        raise FaultRefused("IndexOutOfRange", f"expected a cell below {node.output.elements}, found {fault.index}")
    # (3)
    _check_output(committed, fault.place.node, node.output, fault.output)
    _check_operands(committed, node, fault.operands)

    # (4)
    def read(operand: int, index: int) -> int:
        return _read(node.operands[operand].kind, fault.operands[operand], operand, index)

    expected = cell(node, fault.index, read)
    claimed = _read(node.output, fault.output, OUTPUT, fault.index)
    if expected == claimed:
        raise FaultRefused("CellConsistent", f"node {fault.place.node}, cell {fault.index}: {claimed}, as it should be")
    return expected, claimed


def verify_padding(committed: Committed, fault: PaddingFault) -> None:
    """Raises FaultRefused unless a byte beyond the elements of a node's output is not zero."""
    node = _computed(committed, fault.place)
    if fault.at < node.output.size:
        raise FaultRefused("NotPadding", f"expected a byte from {node.output.size} on, found {fault.at}")
    _check_output(committed, fault.place.node, node.output, fault.output)
    if _byte(fault.output, OUTPUT, fault.at) == 0:
        raise FaultRefused("PaddingConsistent", f"node {fault.place.node}, byte {fault.at}: zero, as it should be")


def verify_header(committed: Committed, fault: HeaderFault) -> None:
    """Raises FaultRefused unless a tensor root of the trace was made with another type than the node's."""
    node = _computed(committed, fault.place)
    if fault.type_word == node.output.word():
        raise FaultRefused("HeaderConsistent", f"node {fault.place.node}: {node.output}, as it should be")
    root = root_of_word(fault.type_word, fault.tree_root)
    _check_traced(committed, OUTPUT, fault.place.node, root, fault.path)


def _computed(committed: Committed, place: Place) -> Node:
    """The node, which follows from others."""
    if place.node < committed.inputs:
        raise FaultRefused("NodeIsInput", f"expected one of the nodes from {committed.inputs} on, found {place.node}")
    return verify_place(committed.graph_root, committed.nodes, place)


def verify_place(graph_root: bytes, nodes: int, place: Place) -> Node:
    """The node. Raises FaultRefused unless its words are a graph's."""
    if not 0 <= place.node < nodes:
        raise FaultRefused("NodeOutOfRange", f"expected one of {nodes} nodes, found {place.node}")
    digest = sha256(words(place.descriptor)).digest()
    actual = _climb(digest, place.node, depth_of(nodes), place.graph_path)
    if actual != graph_root:
        raise FaultRefused("DescriptorMismatch", f"expected graph root {graph_root.hex()}, found {actual.hex()}")
    return of_words(place.descriptor)


def _climb(digest: bytes, index: int, depth: int, path: Sequence[bytes]) -> bytes:
    expected = merkle.siblings_of([index], depth)
    if len(path) != expected:
        raise FaultRefused("PathLengthMismatch", f"expected a path of {expected}, found {len(path)}")
    return merkle.root_of({index: digest}, depth, path)


def _check_output(committed: Committed, node: int, kind: TensorType, opening: Opening) -> None:
    _check_traced(committed, OUTPUT, node, _root(kind, opening), opening.path)


def _check_operands(committed: Committed, node: Node, openings: Sequence[Opening]) -> None:
    """Of an operand whose opening has no leaves, nothing can be read."""
    count = len(node.operands)
    if len(openings) != count:
        raise FaultRefused("OperandCountMismatch", f"expected {count} operands, found {len(openings)}")
    for i, (operand, opening) in enumerate(zip(node.operands, openings, strict=True)):
        if not opening.leaves:
            continue
        root = _root(operand.kind, opening)
        if not isinstance(operand.source, bytes):
            _check_traced(committed, i, operand.source, root, opening.path)
        elif opening.path:
            raise FaultRefused("PathLengthMismatch", f"expected no path of parameter {i}, found {len(opening.path)}")
        elif root != operand.source:
            raise FaultRefused("RootMismatch", f"operand {i}: expected {operand.source.hex()}, found {root.hex()}")


def _check_traced(committed: Committed, operand: int, node: int, root: bytes, path: Sequence[bytes]) -> None:
    actual = _climb(root, node, depth_of(committed.nodes), path)
    if actual != committed.trace_root:
        raise FaultRefused(
            "RootMismatch",
            f"operand {operand}: expected trace root {committed.trace_root.hex()}, found {actual.hex()}",
        )


def _root(kind: TensorType, opening: Opening) -> bytes:
    """The tensor root that the opened leaves give."""
    leaves, depth = opening.leaves, kind.depth
    if not leaves:
        raise FaultRefused("LeavesMissing", "expected at least one leaf, found none")
    if len(opening.data) != len(leaves) * LEAF_BYTES:
        raise FaultRefused(
            "DataLengthMismatch", f"expected {len(leaves) * LEAF_BYTES} bytes of leaves, found {len(opening.data)}"
        )
    for previous, leaf in zip(leaves, leaves[1:], strict=False):
        if leaf <= previous:
            raise FaultRefused("LeavesNotAscending", f"expected a leaf after {previous}, found {leaf}")
    if leaves[0] < 0 or leaves[-1] >= merkle.width_of(depth):
        raise FaultRefused("LeafOutOfRange", f"expected leaves below {merkle.width_of(depth)}, found {leaves[-1]}")
    used = merkle.siblings_of(leaves, depth)
    if used != len(opening.siblings):
        reason = "SiblingMissing" if used > len(opening.siblings) else "SiblingLeftOver"
        raise FaultRefused(reason, f"expected {used} siblings, found {len(opening.siblings)}")
    hashes = {leaf: sha256(_leaf(opening, i)).digest() for i, leaf in enumerate(leaves)}
    return tensor_root(kind, merkle.root_of(hashes, depth, opening.siblings))


def _leaf(opening: Opening, position: int) -> bytes:
    return opening.data[position * LEAF_BYTES : (position + 1) * LEAF_BYTES]


def _found(opening: Opening, operand: int, leaf: int) -> bytes:
    if leaf not in opening.leaves:
        raise FaultRefused("LeafMissing", f"expected leaf {leaf} of operand {operand}, found {list(opening.leaves)}")
    return _leaf(opening, opening.leaves.index(leaf))


def _read(kind: TensorType, opening: Opening, operand: int, index: int) -> int:
    leaf = leaf_of(kind, index)
    first = leaf * LEAF_BYTES // ITEM_BYTES[kind.dtype]
    return element(kind, _found(opening, operand, leaf), index - first)


def _byte(opening: Opening, operand: int, at: int) -> int:
    return _found(opening, operand, at // LEAF_BYTES)[at % LEAF_BYTES]
