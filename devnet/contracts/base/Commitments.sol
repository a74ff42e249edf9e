// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommitmentErrors} from "../errors/ICommitmentErrors.sol";

/// @title Commit, then reveal: a copier in the mempool learns what is shown only when its owner's commitment is already the older one
/// @notice Commitments are kept by account, so nobody can renew, spend or disturb another's.
abstract contract Commitments is ICommitmentErrors {
    struct Commitment {
        uint48 blockNumber;
        uint48 timestamp;
    }

    /// @notice Seconds for which a commitment can be opened, from its block's time.
    uint48 public constant COMMIT_LIFETIME = 1 days;

    mapping(address account => mapping(bytes32 commitment => Commitment)) private _commitments;

    /// @notice When an account made a commitment that is still unopened: block and time, or zeros.
    function commitmentOf(address account, bytes32 commitment) external view returns (Commitment memory) {
        return _commitments[account][commitment];
    }

    /// @dev What a contract's `commit` records.
    function _commit(bytes32 commitment) internal {
        _commitments[msg.sender][commitment] = Commitment(uint48(block.number), uint48(block.timestamp));
    }

    /// @dev Opens the caller's commitment; it cannot be opened again.
    function _open(bytes32 commitment) internal {
        Commitment memory made = _commitments[msg.sender][commitment];
        if (made.timestamp == 0) revert CommitmentMissing(msg.sender, commitment);
        if (block.number <= made.blockNumber) revert CommitmentTooYoung(commitment, made.blockNumber);
        uint48 expiresAt = made.timestamp + COMMIT_LIFETIME;
        if (block.timestamp >= expiresAt) revert CommitmentExpired(commitment, expiresAt);
        delete _commitments[msg.sender][commitment];
    }
}
