// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IVerifier} from "./IVerifier.sol";

/// What is stored of a consumer's complaint that it did not receive a job's outputs.
struct Complaint {
    uint48 answerBy; // the first second that is too late; 0 where nobody complained
    bool answered;
    bool refunded;
}

interface IUnverified is IVerifier {
    event ComplaintFiled(bytes32 indexed jobId, bytes32 indexed versionId, address indexed consumer, uint48 answerBy);
    /// `outputs` are the very bytes that the output commitment binds, with `salt` (docs/commitments.md).
    event ComplaintAnswered(
        bytes32 indexed jobId, bytes32 indexed versionId, address indexed provider, bytes32 salt, bytes outputs
    );
    event DepositRefunded(bytes32 indexed jobId, bytes32 indexed versionId, address indexed consumer);

    /// @notice Says that the outputs did not arrive, or are not those of the commitment. Consumer only, once, within the
    /// verification window; takes the deposit. The provider then shows them on chain, or the job is rejected.
    function complain(bytes32 jobId) external;

    /// @notice Shows the outputs. Lease holder only, before the complaint's clock ends; pays it the deposit.
    function answer(bytes32 jobId, bytes32 salt, bytes calldata outputs) external;

    /// @notice Pays the deposit of a complaint that was not answered back to the consumer, who calls.
    function refund(bytes32 jobId) external;

    function complaintOf(bytes32 jobId) external view returns (Complaint memory);
}
