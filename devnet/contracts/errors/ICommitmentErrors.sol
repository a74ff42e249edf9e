// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Errors of contracts where something is committed to before it is shown.
interface ICommitmentErrors {
    error CommitmentMissing(address account, bytes32 commitment);
    /// A commitment can be opened from the block after its own.
    error CommitmentTooYoung(bytes32 commitment, uint48 committedBlock);
    error CommitmentExpired(bytes32 commitment, uint48 expiredAt);
}
