// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IComplaints} from "./IComplaints.sol";
import {IVerifier} from "./IVerifier.sol";

interface IUnverified is IVerifier, IComplaints {
    /// `outputs` are the very bytes that the output commitment binds, with `salt` (docs/commitments.md).
    event ComplaintAnswered(
        bytes32 indexed jobId, bytes32 indexed versionId, address indexed provider, bytes32 salt, bytes outputs
    );

    /// @notice Shows the outputs. Lease holder only, before the complaint's clock ends. Moves no tokens: no token can keep
    /// it from answering.
    function answer(bytes32 jobId, bytes32 salt, bytes calldata outputs) external;
}
