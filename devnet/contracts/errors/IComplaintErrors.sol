// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {State, Verdict} from "../interfaces/Types.sol";

/// Errors of verifiers where a consumer complains of what did not arrive.
interface IComplaintErrors {
    error JobInState(bytes32 jobId, State expected, State actual);
    /// The job's results are judged by another verifier.
    error VerifierMismatch(bytes32 jobId, address expected, address actual);
    error NotConsumer(bytes32 jobId, address expected, address actual);
    error NotLeaseHolder(bytes32 jobId, address expected, address actual);
    /// No complaint waits for an answer: none was made, it was answered, or its clock has ended.
    error ComplaintNotOpen(bytes32 jobId, Verdict actual);
    error OutputsTooLarge(bytes32 jobId, uint256 actual, uint256 most);
    error OutputMismatch(bytes32 jobId, bytes32 expected, bytes32 actual);
    /// The deposit is nobody's before the complaint has an answer or its clock has ended.
    error DepositNotDue(bytes32 jobId, Verdict actual);
    error DepositAlreadyPaid(bytes32 jobId);
}
