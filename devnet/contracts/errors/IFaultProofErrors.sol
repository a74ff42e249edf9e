// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Errors of FaultProofs and its libraries, in the order of their checks. `operand` is an operand's number, or 16 for the output.
interface IFaultProofErrors {
    error NodeOutOfRange(uint256 node, uint256 nodes);
    /// An input follows from nothing: what binds it is the input commitment.
    error NodeIsInput(uint256 node, uint256 inputs);
    error PathLengthMismatch(uint256 expected, uint256 actual);
    /// The words are not the node's: they give another graph root.
    error DescriptorMismatch(uint256 node, bytes32 expected, bytes32 actual);
    error OperatorUnknown(uint256 op);
    error OperandCountMismatch(uint256 expected, uint256 actual);
    error IndexOutOfRange(uint256 index, uint256 elements);
    error DataLengthMismatch(uint256 expected, uint256 actual);
    error LeavesMissing();
    error LeavesNotAscending(uint256 previous, uint256 leaf);
    error LeafOutOfRange(uint256 leaf, uint256 leaves);
    error SiblingMissing(uint256 siblings);
    error SiblingLeftOver(uint256 expected, uint256 actual);
    /// The opened leaves are not the tensor's: they give another parameter root, or another trace root.
    error RootMismatch(uint256 operand, bytes32 expected, bytes32 actual);
    /// The cell needs a leaf that was not opened.
    error LeafMissing(uint256 operand, uint256 leaf);
    /// The trace holds what follows from the operands: no fault.
    error CellConsistent(uint256 node, uint256 index, int256 value);
    /// The byte belongs to an element.
    error NotPadding(uint256 at, uint256 size);
    error PaddingConsistent(uint256 node, uint256 at);
    error HeaderConsistent(uint256 node, uint256 typeWord);
}
