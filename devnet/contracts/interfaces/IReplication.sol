// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Terms} from "./IJobMarket.sol";

/// An account's place among those that are drawn. One for each account, all with the same stake.
struct Slot {
    uint128 stake; // token base units; less than what a slot needs: it is not drawn until it is filled up
    uint40 joinedAt; // or filled up
    uint40 leftAt; // 0: it stays
    uint32 place; // 0: it has none
    bytes32 jobId; // what it was drawn for; 0: it is free
}

/// The replicas of a job.
struct Replicas {
    uint128 fee; // of each, in token base units
    uint40 fundedAt; // 0: nobody has paid
    uint32 places; // that there were then: what is drawn from
    uint8 wanted;
    uint8 committed;
    bool settled;
    uint256 round; // whose seed drew them
    address[] drawn;
}

/// How far a replica is with a job.
enum ReplicaStage {
    None,
    Drawn,
    Committed,
    Equal, // it has shown the provider's root
    Different // it has shown another
}

/// What became of a replica.
enum ReplicaEnd {
    Released, // there was no result, or nothing that says who was right
    Paid, // it found what stands, or what was convicted
    Absent, // it did not commit: it loses as much as its fee
    Silent, // it did not show what it had committed to: it loses its stake
    Confirmed, // it had the root of a result that was convicted: likewise
    Mistaken // it had another root than a result that stands: likewise
}

/// What replication is deployed with; immutable.
struct ReplicationParams {
    uint128 stake; // of a slot, in token base units
    uint32 revealWindow; // seconds to reveal, from the submission
    uint32 leaveWindow; // seconds that a slot that leaves can still be drawn
}

/// @title Replicas of the tier redundant (docs/fault-proofs.md, 9): drawn, paid, and bound before the provider shows anything
interface IReplication {
    /// Joined, filled up, or moved. `stake` is what the slot has now.
    event SlotJoined(address indexed account, uint256 place, uint256 stake);
    event SlotLeft(address indexed account, uint256 exitAt);
    event SlotExited(address indexed account, uint256 stake);
    event ReplicasFunded(
        bytes32 indexed jobId, bytes32 indexed versionId, address indexed consumer, uint256 wanted, uint256 fee
    );
    event ReplicasDrawn(
        bytes32 indexed jobId, bytes32 indexed versionId, uint256 round, bytes32 seed, address[] replicas
    );
    event ReplicaCommitted(
        bytes32 indexed jobId, bytes32 indexed versionId, address indexed replica, bytes32 commitment
    );
    event ReplicaRevealed(
        bytes32 indexed jobId, bytes32 indexed versionId, address indexed replica, bytes32 traceRoot, bool equal
    );
    /// `paid` was credited to the replica, `slashed` taken from its slot.
    event ReplicaSettled(
        bytes32 indexed jobId,
        bytes32 indexed versionId,
        address indexed replica,
        ReplicaEnd end,
        uint256 paid,
        uint256 slashed
    );
    /// All replicas of a job are settled. Of what was funded and slashed the consumer has `refund`; `burned` is nobody's.
    event ReplicasSettled(
        bytes32 indexed jobId, bytes32 indexed versionId, address indexed consumer, uint256 refund, uint256 burned
    );

    /// @notice Puts up the caller's stake, or fills it up.
    function join() external;

    /// @notice Begins to leave: the slot is drawn for nothing that is funded from now on.
    function leave() external;

    /// @notice Credits the stake of a slot that has left, `leaveWindow` later, and once it is free.
    function exit() external;

    /// @notice Moves the caller's slot into an empty place below its own, so that places that nobody has disappear; a draw that
    /// is funded already does not find it there.
    function move(uint32 place) external;

    /// @notice Pays for a job's replicas, before anybody can know who is drawn. Consumer only.
    function fund(bytes32 jobId, Terms calldata terms) external;

    /// @notice Draws the replicas of a leased job from the places that there were when it was funded. Anybody may; there is
    /// one draw, and where it finds too few there is none.
    /// @dev Of look i: place 1 + keccak256(abi.encode(keccak256("mlm/replicas/1"), seed, jobId, i)) % places.
    function draw(bytes32 jobId) external;

    /// @notice Commits a replica to its trace root, from the draw to the first half of the execution window. Once.
    /// commitment = keccak256(abi.encode(keccak256("mlm/replica/1"), chainid, this, replica, jobId, traceRoot, salt)).
    function commit(bytes32 jobId, bytes32 commitment) external;

    /// @notice Shows the trace root that the caller had committed to, in the reveal window after the submission.
    function reveal(bytes32 jobId, bytes32 traceRoot, bytes32 salt) external;

    /// @notice Pays and slashes once the job's state is final and reveals are over, and gives the consumer the rest. Anybody may.
    function settle(bytes32 jobId) external;

    /// @notice Sends what was burned to the burn address. Anyone may call.
    function burn() external returns (uint256 amount);

    /// @notice Reverts where a job's provider may not hand in its result yet. DisputeGame asks.
    function checkSubmission(bytes32 jobId) external view;

    /// @notice Whom a seed draws now, in their order; fewer than are wanted where the looks did not find more.
    function drawnBy(bytes32 jobId, bytes32 seed) external view returns (address[] memory);

    function slotOf(address account) external view returns (Slot memory);
    /// @notice The account at a place, from 1 on; 0 where it is empty.
    function accountAt(uint256 place) external view returns (address);
    /// @notice How many places there are, empty ones included.
    function placeCount() external view returns (uint256);
    function replicasOf(bytes32 jobId) external view returns (Replicas memory);
    /// @notice A replica's stage with a job, and its commitment.
    function replicaOf(bytes32 jobId, address account) external view returns (ReplicaStage stage, bytes32 commitment);
    /// @notice Sum of all slots' stakes, and of what was funded and is not settled.
    function totalHeld() external view returns (uint256);
}
