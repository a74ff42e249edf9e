// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAssetRegistryErrors} from "../errors/IAssetRegistryErrors.sol";
import {IAssetRegistry} from "../interfaces/IAssetRegistry.sol";

/// @title Commit, then reveal: a copier in the mempool learns a name only when its claim is already the older one
/// @notice Commitments are kept by account, so nobody can renew, spend or disturb another's.
abstract contract Commitments is IAssetRegistry, IAssetRegistryErrors {
    struct Commitment {
        uint48 blockNumber;
        uint48 timestamp;
    }

    /// @notice Seconds for which a commitment can be opened, from its block's time.
    uint48 public constant COMMIT_LIFETIME = 1 days;

    mapping(address account => mapping(bytes32 commitment => Commitment)) private _commitments;

    /// @inheritdoc IAssetRegistry
    function commit(bytes32 commitment) external {
        _commitments[msg.sender][commitment] = Commitment(uint48(block.number), uint48(block.timestamp));
    }

    /// @notice When an account made a commitment that is still unopened: block and time, or zeros.
    function commitmentOf(address account, bytes32 commitment) external view returns (Commitment memory) {
        return _commitments[account][commitment];
    }

    /// @dev Opens the caller's commitment to a payload; it cannot be opened again.
    function _open(bytes32 domain, bytes32 payloadHash, bytes32 salt) internal {
        bytes32 commitment = keccak256(abi.encode(domain, block.chainid, address(this), msg.sender, payloadHash, salt));
        Commitment memory made = _commitments[msg.sender][commitment];
        if (made.timestamp == 0) revert CommitmentMissing(msg.sender, commitment);
        if (block.number <= made.blockNumber) revert CommitmentTooYoung(commitment, made.blockNumber);
        uint48 expiresAt = made.timestamp + COMMIT_LIFETIME;
        if (block.timestamp >= expiresAt) revert CommitmentExpired(commitment, expiresAt);
        delete _commitments[msg.sender][commitment];
    }
}
