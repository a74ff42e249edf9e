// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IFaultProofErrors} from "./errors/IFaultProofErrors.sol";
import {FaultProof} from "./exact/FaultProof.sol";
import {CellFault, Committed, HeaderFault, IFaultProofs, PaddingFault} from "./interfaces/IFaultProofs.sol";

/// @title Decides fault proofs for the contracts that hold commitments (exact/FaultProof.sol)
/// @notice Stateless, and deployed by itself: with the operators of all cells in it, a game has no room for it.
contract FaultProofs is IFaultProofs, IFaultProofErrors {
    /// @inheritdoc IFaultProofs
    function checkCell(Committed calldata committed, CellFault calldata fault)
        external
        view
        returns (int256 expected, int256 claimed)
    {
        return FaultProof.checkCell(committed, fault);
    }

    /// @inheritdoc IFaultProofs
    function checkPadding(Committed calldata committed, PaddingFault calldata fault) external view {
        FaultProof.checkPadding(committed, fault);
    }

    /// @inheritdoc IFaultProofs
    function checkHeader(Committed calldata committed, HeaderFault calldata fault) external view {
        FaultProof.checkHeader(committed, fault);
    }

    /// @inheritdoc IFaultProofs
    function checkDescriptor(
        bytes32 graphRoot,
        uint256 nodes,
        uint256 node,
        uint256[] calldata words,
        bytes32[] calldata path
    ) external view returns (uint256 outputType) {
        return FaultProof.checkDescriptor(graphRoot, nodes, node, words, path);
    }
}
