// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IFaultProofErrors as Errors} from "../contracts/errors/IFaultProofErrors.sol";
import {Merkle} from "../contracts/exact/Merkle.sol";
import {CellFault, Committed, HeaderFault, IFaultProofs, PaddingFault} from "../contracts/interfaces/IFaultProofs.sol";

/// @title Says of which nodes a trace lies, as a test tells it; descriptors are checked as they are
contract ToyFaultProofs is IFaultProofs {
    mapping(bytes32 traceRoot => mapping(uint256 node => bool)) public lies;

    function lie(bytes32 traceRoot, uint256 node) external {
        lies[traceRoot][node] = true;
    }

    function checkCell(Committed calldata committed, CellFault calldata fault)
        external
        view
        returns (int256 expected, int256 claimed)
    {
        if (!lies[committed.traceRoot][fault.node]) revert Errors.CellConsistent(fault.node, fault.index, 1);
        return (-1, 1);
    }

    function checkPadding(Committed calldata committed, PaddingFault calldata fault) external view {
        if (!lies[committed.traceRoot][fault.node]) revert Errors.PaddingConsistent(fault.node, fault.at);
    }

    function checkHeader(Committed calldata committed, HeaderFault calldata fault) external view {
        if (!lies[committed.traceRoot][fault.node]) revert Errors.HeaderConsistent(fault.node, fault.typeWord);
    }

    function checkDescriptor(
        bytes32 graphRoot,
        uint256 nodes,
        uint256 node,
        uint256[] calldata words,
        bytes32[] calldata path
    ) external view returns (uint256 outputType) {
        bytes32 root = Merkle.climb(sha256(abi.encodePacked(words)), node, Merkle.depthOf(nodes), path);
        if (root != graphRoot) revert Errors.DescriptorMismatch(node, graphRoot, root);
        return words[1];
    }
}
