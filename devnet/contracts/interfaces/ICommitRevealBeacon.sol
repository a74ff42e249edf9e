// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRandomness} from "./IRandomness.sol";

/// How far a round is.
struct Round {
    uint64 closedIn; // the block that mixes in; 0: nobody has closed the round
    uint64 closedAt; // when, in seconds: reveals run from then on
    uint32 commitments;
    uint32 reveals;
    bool finished;
    bytes32 mixed; // that block's hash; 0 while nobody has recorded it
    uint256 sum; // of the hashes of what was revealed: their order changes nothing
    bytes32 seed; // 0: it is not finished
}

/// @title A beacon of rounds: commit, then a block's hash, then reveal (docs/fault-proofs.md, 9)
interface ICommitRevealBeacon is IRandomness {
    event RoundCommitted(uint256 indexed round, address indexed account, bytes32 commitment);
    /// Once more where nobody has kept the hash of the block before.
    event RoundClosed(uint256 indexed round, address indexed account, uint256 blockNumber);
    event RoundRevealed(uint256 indexed round, address indexed account, bytes32 secret);
    /// `burned`: deposits of who did not reveal.
    event RoundFinished(
        uint256 indexed round,
        address indexed account,
        bytes32 seed,
        uint256 commitments,
        uint256 reveals,
        uint256 burned
    );

    /// @notice Commits to a secret in a round while it runs, once for each account, with the deposit.
    /// commitment = keccak256(abi.encode(keccak256("mlm/beacon-secret/1"), chainid, this, account, round, secret)).
    function commit(uint256 round, bytes32 commitment) external;

    /// @notice Closes a round whose commitments are over: the hash of this call's block mixes in, and reveals run. Anybody may. Again
    /// only where nobody has kept the hash of the block before, and no secret was shown.
    function close(uint256 round) external;

    /// @notice Keeps that block's hash while it can be read: from the next block on, for 256 blocks. Anybody may; reveals and the finish do
    /// it too.
    function record(uint256 round) external;

    /// @notice Shows the caller's secret, and credits its deposit: once the round is closed, and before reveals are over.
    function reveal(uint256 round, bytes32 secret) external;

    /// @notice Makes the seed, once reveals are over or all have revealed; deposits of who has not burn. Anybody may.
    /// seed = keccak256(abi.encode(keccak256("mlm/beacon/1"), chainid, this, round, hash, sum)).
    function finish(uint256 round) external;

    /// @notice Sends what was burned to the burn address. Anyone may call.
    function burn() external returns (uint256 amount);

    function roundOf(uint256 round) external view returns (Round memory);
    /// @notice An account's commitment in a round that it has not shown, or 0.
    function commitmentOf(uint256 round, address account) external view returns (bytes32);
}
