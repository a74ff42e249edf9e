// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// What is stored of a consumer's complaint that it did not receive a job's outputs.
struct Complaint {
    uint48 answerBy; // the first second that is too late; 0 where nobody complained
    bool answered;
    bool paid; // the deposit, to the lease holder that answered or back to the consumer
}

/// What a verifier offers a consumer that a result did not reach; how it is answered is the verifier's own.
interface IComplaints {
    event ComplaintFiled(bytes32 indexed jobId, bytes32 indexed versionId, address indexed consumer, uint48 answerBy);
    event DepositPaid(bytes32 indexed jobId, bytes32 indexed versionId, address indexed account);

    /// @notice Says that the outputs did not arrive, or are not those of the commitment. Consumer only, once, within the
    /// verification window; takes the deposit. The provider then shows them on chain, or the job is rejected.
    function complain(bytes32 jobId) external;

    /// @notice Pays the deposit of a complaint that has ended to the caller: the lease holder that answered, or the consumer
    /// who was not.
    function collect(bytes32 jobId) external;

    function complaintOf(bytes32 jobId) external view returns (Complaint memory);
}
