// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IFaultProofErrors as Errors} from "../errors/IFaultProofErrors.sol";
import {CellFault, Committed, HeaderFault, Opening, PaddingFault} from "../interfaces/IFaultProofs.sol";
import {Cells} from "./Cells.sol";
import {Descriptor} from "./Descriptor.sol";
import {Merkle} from "./Merkle.sol";
import {Slab, Slabs} from "./Slabs.sol";
import {Tensors} from "./Tensors.sol";

/// @title The proofs that convict a trace (docs/fault-proofs.md, 3; the same in Python: mlm/core/exact/opening.py)
/// @notice INVARIANT: no trace that was computed as specified from the committed graph and inputs is convicted, whatever the
/// prover shows: every number that is read is bound to the graph root or the trace root, and the contract chooses which.
library FaultProof {
    using Descriptor for uint256[];
    using Slabs for Slab;

    /// The output's number in errors: that of no operand.
    uint256 internal constant OUTPUT = 16;

    /// @notice The number that follows, and the one that the trace holds; reverts where they are the same.
    function checkCell(Committed calldata committed, CellFault calldata fault)
        internal
        view
        returns (int256 expected, int256 claimed)
    {
        uint256[] calldata words = fault.descriptor;
        // (1) The words are the node's.
        uint256 kind = checkComputed(committed, fault.node, words, fault.graphPath);
        // (2) The cell is one of its output's.
        if (fault.index >= Tensors.elements(kind)) revert Errors.IndexOutOfRange(fault.index, Tensors.elements(kind));
        // (3) What is opened is what the trace, or the graph, has committed to.
        Slab memory output = _openOutput(committed, fault.node, kind, fault.output);
        Slab[] memory slabs = _openOperands(committed, words, fault.operands);
        // (4) The cell does not follow.
        expected = Cells.cell(words, fault.index, slabs);
        claimed = output.at(fault.index);
        if (expected == claimed) revert Errors.CellConsistent(fault.node, fault.index, claimed);
    }

    /// @notice Reverts unless a byte beyond the elements of a node's output is not zero.
    function checkPadding(Committed calldata committed, PaddingFault calldata fault) internal view {
        uint256 kind = checkComputed(committed, fault.node, fault.descriptor, fault.graphPath);
        if (fault.at < Tensors.size(kind)) revert Errors.NotPadding(fault.at, Tensors.size(kind));
        Slab memory output = _openOutput(committed, fault.node, kind, fault.output);
        if (output.byteAt(fault.at) == 0) revert Errors.PaddingConsistent(fault.node, fault.at);
    }

    /// @notice Reverts unless a tensor root of the trace was made with another type than the node's.
    function checkHeader(Committed calldata committed, HeaderFault calldata fault) internal view {
        uint256 kind = checkComputed(committed, fault.node, fault.descriptor, fault.graphPath);
        if (fault.typeWord == kind) revert Errors.HeaderConsistent(fault.node, kind);
        _checkTraced(committed, OUTPUT, fault.node, Tensors.root(fault.typeWord, fault.treeRoot), fault.path);
    }

    /// @notice The type word of a node's output; reverts unless the words are the node's.
    function checkDescriptor(
        bytes32 graphRoot,
        uint256 nodes,
        uint256 node,
        uint256[] calldata words,
        bytes32[] calldata path
    ) internal view returns (uint256) {
        if (node >= nodes) revert Errors.NodeOutOfRange(node, nodes);
        bytes32 actual = Merkle.climb(words.digest(), node, Merkle.depthOf(nodes), path);
        if (actual != graphRoot) revert Errors.DescriptorMismatch(node, graphRoot, actual);
        return words.output();
    }

    /// @notice The same for a node that follows from others: inputs are bound by the input commitment.
    function checkComputed(
        Committed calldata committed,
        uint256 node,
        uint256[] calldata words,
        bytes32[] calldata path
    ) internal view returns (uint256) {
        if (node < committed.inputs) revert Errors.NodeIsInput(node, committed.inputs);
        return checkDescriptor(committed.graphRoot, committed.nodes, node, words, path);
    }

    function _openOutput(Committed calldata committed, uint256 node, uint256 kind, Opening calldata opening)
        private
        view
        returns (Slab memory)
    {
        _checkTraced(committed, OUTPUT, node, _root(kind, opening), opening.path);
        return Slabs.opened(opening, OUTPUT, kind);
    }

    /// @dev Of an operand whose opening has no leaves, nothing can be read.
    function _openOperands(Committed calldata committed, uint256[] calldata words, Opening[] calldata openings)
        private
        view
        returns (Slab[] memory slabs)
    {
        uint256 count = words.operands();
        if (openings.length != count) revert Errors.OperandCountMismatch(count, openings.length);
        slabs = new Slab[](count);
        for (uint256 i = 0; i < count; ++i) {
            Opening calldata opening = openings[i];
            uint256 kind = words.operand(i);
            if (opening.leaves.length != 0) {
                bytes32 root = _root(kind, opening);
                uint256 source = words.source(i);
                if (!words.isParameter(i)) {
                    _checkTraced(committed, i, source, root, opening.path);
                } else {
                    if (opening.path.length != 0) revert Errors.PathLengthMismatch(0, opening.path.length);
                    if (root != bytes32(source)) revert Errors.RootMismatch(i, bytes32(source), root);
                }
            }
            slabs[i] = Slabs.opened(opening, i, kind);
        }
    }

    function _root(uint256 kind, Opening calldata opening) private view returns (bytes32) {
        return Tensors.root(kind, Merkle.rootOf(opening.leaves, opening.data, Tensors.depth(kind), opening.siblings));
    }

    function _checkTraced(
        Committed calldata committed,
        uint256 operand,
        uint256 node,
        bytes32 root,
        bytes32[] calldata path
    ) private view {
        bytes32 actual = Merkle.climb(root, node, Merkle.depthOf(committed.nodes), path);
        if (actual != committed.traceRoot) revert Errors.RootMismatch(operand, committed.traceRoot, actual);
    }
}
