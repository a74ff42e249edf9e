// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Errors of CommitRevealBeacon.
interface ICommitRevealBeaconErrors {
    error AlreadyCommitted(uint256 round, address account);
    error CommitmentZero(uint256 round, address account);
    error CommitmentsRun(uint256 round, uint256 closesAt);
    error RoundAlreadyClosed(uint256 round, uint256 blockNumber);
    /// Nobody has kept the hash of this block while it could be read: whoever closes the round again mixes in another one.
    error HashLost(uint256 round, uint256 blockNumber);
    error RoundNotRunning(uint256 round, uint256 running);
    error RoundNotClosed(uint256 round);
    /// The block's hash is known from the next block on.
    error RoundTooYoung(uint256 round, uint256 blockNumber);
    error RoundAlreadyFinished(uint256 round);
    error RevealsOver(uint256 round, uint256 closedAt);
    error RevealsRun(uint256 round, uint256 closesAt, uint256 commitments, uint256 reveals);
    error SecretMismatch(uint256 round, bytes32 expected, bytes32 actual);
}
