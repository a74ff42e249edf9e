// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IFaultProofErrors as Errors} from "../errors/IFaultProofErrors.sol";

/// The operators' numbers, in the order of mlm/core/exact/node.py.
enum Op {
    Input,
    Conv,
    MatMul,
    Add,
    Mul,
    Table,
    MaxPool,
    View,
    Concat,
    Pad,
    Gather,
    Softmax,
    LayerNorm
}

/// @title A node's words: op, output's type, number of operands; type and source of each; attributes (mlm/core/exact/node.py)
/// @notice A word beyond the end reverts: no node of a checked graph lacks one.
library Descriptor {
    uint256 private constant HEAD = 3;
    uint256 private constant PARAMETER = 1 << 255;

    /// @notice sha256 of the words: the node's leaf in the graph's tree.
    function digest(uint256[] calldata words) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(words));
    }

    /// @notice What the node computes.
    function op(uint256[] calldata words) internal pure returns (Op) {
        if (words[0] > uint256(type(Op).max)) revert Errors.OperatorUnknown(words[0]);
        return Op(words[0]);
    }

    /// @notice The type word of the output.
    function output(uint256[] calldata words) internal pure returns (uint256) {
        return words[1];
    }

    /// @notice How many operands there are.
    function operands(uint256[] calldata words) internal pure returns (uint256) {
        return words[2];
    }

    /// @notice The type word of an operand.
    function operand(uint256[] calldata words, uint256 which) internal pure returns (uint256) {
        return words[HEAD + 2 * which] & ~PARAMETER;
    }

    /// @notice Whether an operand is a parameter of the graph.
    function isParameter(uint256[] calldata words, uint256 which) internal pure returns (bool) {
        return words[HEAD + 2 * which] & PARAMETER != 0;
    }

    /// @notice The node whose output an operand is, or the tensor root of a parameter.
    function source(uint256[] calldata words, uint256 which) internal pure returns (uint256) {
        return words[HEAD + 2 * which + 1];
    }

    /// @notice An attribute by its place among the operator's.
    function attribute(uint256[] calldata words, uint256 which) internal pure returns (int256) {
        return int256(words[HEAD + 2 * words[2] + which]);
    }

    /// @notice An attribute that is never negative in a checked graph.
    function number(uint256[] calldata words, uint256 which) internal pure returns (uint256) {
        return words[HEAD + 2 * words[2] + which];
    }
}
