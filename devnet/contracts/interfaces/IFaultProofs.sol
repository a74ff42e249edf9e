// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Some leaves of one tensor's tree, and what binds them to a root that the contract holds.
struct Opening {
    uint32[] leaves; // their indices, strictly ascending; none where nothing of the tensor is needed
    bytes data; // 512 bytes each, in that order
    bytes32[] siblings; // of the multiproof, level by level from the leaves up, from left to right
    bytes32[] path; // from the tensor root to the trace root, from the leaf up; empty for a parameter
}

/// A cell of a node's output that does not follow from its operands.
struct CellFault {
    uint256 node; // its index in the graph
    uint256[] descriptor; // its words (docs/fault-proofs.md, 2)
    bytes32[] graphPath; // from their digest to the graph root
    uint256 index; // of the cell, flat
    Opening output; // the leaf that holds the cell
    Opening[] operands; // as many as the node has, in its order
}

/// A byte beyond the elements of a node's output that is not zero.
struct PaddingFault {
    uint256 node;
    uint256[] descriptor;
    bytes32[] graphPath;
    uint256 at; // of the byte, within the bytes of the whole tree
    Opening output; // the leaf that holds the byte
}

/// A tensor root made with another type than the node's.
struct HeaderFault {
    uint256 node;
    uint256[] descriptor;
    bytes32[] graphPath;
    uint256 typeWord; // the type that the tensor root was made with
    bytes32 treeRoot; // and the root of the tree over its bytes
    bytes32[] path; // from the tensor root to the trace root
}

/// What a submission has committed to, as its verifier has stored or derived it: never taken from a prover.
struct Committed {
    bytes32 graphRoot; // over the nodes' digests
    bytes32 traceRoot; // over the nodes' tensor roots
    uint256 nodes;
    uint256 inputs; // the first of them, which follow from nothing
}

/// @title Decides whether a trace contradicts itself at one place (docs/fault-proofs.md, 3)
/// @notice Stateless. Each function returns for a fault, and reverts for everything else, with the reason
/// (errors/IFaultProofErrors.sol).
/// TRUST: the graph behind `graphRoot` has passed `Graph.check` and `bounds` (mlm/core/exact); whoever deals with a version
/// checks that first. Tensors of the trace may hold anything.
interface IFaultProofs {
    /// @notice Recomputes a cell; reverts unless the trace holds another number there.
    /// @return expected What follows from the node's operands.
    /// @return claimed What the trace holds.
    function checkCell(Committed calldata committed, CellFault calldata fault)
        external
        view
        returns (int256 expected, int256 claimed);

    /// @notice Reverts unless the byte lies beyond the tensor's elements and is not zero.
    function checkPadding(Committed calldata committed, PaddingFault calldata fault) external view;

    /// @notice Reverts unless the tensor root was made with another type than the node's.
    function checkHeader(Committed calldata committed, HeaderFault calldata fault) external view;

    /// @notice Reverts unless these are the words of a graph's node.
    /// @param nodes How many the graph has.
    /// @return outputType The type word of the node's output.
    function checkDescriptor(
        bytes32 graphRoot,
        uint256 nodes,
        uint256 node,
        uint256[] calldata words,
        bytes32[] calldata path
    ) external view returns (uint256 outputType);
}
