// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Params} from "../base/MarketTerms.sol";

/// A draw: the hash of the block in which it was begun decides. A period has one, and no second.
struct Draw {
    uint64 blockNumber; // 0: not begun
    bytes32 seed; // that block's hash; 0 while nobody has recorded it
}

/// What is kept for whoever audits a result.
struct Audit {
    uint128 left; // token base units that are set aside and not yet paid
    uint128 weight; // stake of those who have opened and are not yet paid
}

/// How far an auditor is with one result.
enum AuditStage {
    None,
    Committed,
    Opened,
    Paid
}

/// An auditor's word that it holds a whole trace.
struct AuditCommitment {
    bytes32 root; // over its keyed leaves
    uint128 weight; // its stake as a watcher when it committed
    AuditStage stage;
}

/// A leaf that was drawn: its bytes, its place in the provider's trace, and in the auditor's own tree.
struct AuditOpening {
    uint256 typeWord; // of the node's output
    bytes leaf;
    bytes32[] siblings; // from the leaf to the root of the tensor's tree
    bytes32[] path; // from the tensor root to the trace root
    bytes32[] keyedSiblings; // the same two ways in the auditor's tree
    bytes32[] keyedPath;
}

/// When an audit's steps are due, in seconds; and the periods whose draws decide.
struct AuditTimes {
    uint256 choosing; // the period whose draw says whether the result is audited: that of its submission
    uint256 positions; // the period whose draw says which leaves are opened: that in which commitments close
    uint256 closesAt; // of commitments: the end of the verification window
    uint256 openBy; // of openings; from then on it is paid
}

/// What the rewards are deployed with; immutable.
struct AuditParams {
    uint16 drawBps; // of all results are audited
    uint16 shareBps; // of the protocol fees that all results pay goes to auditors, on average
    uint32 period; // seconds whose submissions one draw decides about
    uint32 openWindow; // seconds to open, from the end of the period in which commitments close
    uint128 minStake; // as a watcher, in token base units
}

/// The part of the market that says what a job's fee is. JobMarket.
interface IMarketFee {
    function params() external view returns (Params memory);
}

/// @title Pay for those who find results of the optimistic tier true (docs/fault-proofs.md, 8)
interface IAuditRewards {
    event PoolFunded(address indexed account, uint256 amount);
    event DrawBegun(uint256 indexed period, address indexed account, uint256 blockNumber);
    event DrawEnded(uint256 indexed period, address indexed account, bytes32 seed);
    event AuditCommitted(
        bytes32 indexed jobId, bytes32 indexed versionId, address indexed auditor, bytes32 root, uint256 weight
    );
    event AuditOpened(bytes32 indexed jobId, bytes32 indexed versionId, address indexed auditor);
    event AuditPaid(bytes32 indexed jobId, bytes32 indexed versionId, address indexed auditor, uint256 amount);
    /// What was set aside for an audit that nobody is paid for is in the pool again.
    event AuditReleased(bytes32 indexed jobId, bytes32 indexed versionId, uint256 amount);

    /// @notice Puts token base units into the pool that audits are paid from. Anybody may; nothing comes back.
    function fund(uint128 amount) external;

    /// @notice Begins the draw of a period that has ended: the hash of this call's block decides. Once for each period; anybody may.
    function beginDraw(uint256 period) external;

    /// @notice Records the hash, at least one block and at most 256 after `beginDraw`. Anybody may. A hash that nobody
    /// recorded is lost: what it would have drawn is not audited.
    function endDraw(uint256 period) external;

    /// @notice Commits to a whole trace of a result that was drawn, within its verification window; again replaces the
    /// root. The first one sets the pay aside.
    /// @param root Of a tree as the trace's, over sha256(key, leaf) in place of sha256(leaf), and without the step that binds
    /// a tensor's type; key = keccak256(abi.encode(keccak256("mlm/audit/1"), chainid, this, jobId, auditor)).
    function commit(bytes32 jobId, bytes32 root) external;

    /// @notice Shows the leaves that were drawn for the caller, in their order: they are the provider's, and the caller
    /// had committed to them.
    /// @dev Of position i: word = keccak256(abi.encode(seed, key, i)); the node is inputs + (word >> 128) % (nodes - inputs),
    /// the leaf (word % 2^128) % (leaves of the node's output).
    function open(bytes32 jobId, AuditOpening[] calldata openings) external;

    /// @notice Pays the caller its part, by stake, of what was set aside, once openings are over and the job is accepted.
    function claim(bytes32 jobId) external returns (uint256 amount);

    /// @notice Puts back into the pool what was set aside for an audit in which nobody opened, or whose job was rejected.
    /// Anybody may.
    function release(bytes32 jobId) external;

    /// @notice Token base units that are in the pool and not set aside.
    function pool() external view returns (uint256);
    /// @notice What all auditors of one result get together, for a job of this price.
    function payFor(uint128 price) external view returns (uint256);
    function drawOf(uint256 period) external view returns (Draw memory);
    function auditOf(bytes32 jobId) external view returns (Audit memory);
    function commitmentOf(bytes32 jobId, address auditor) external view returns (AuditCommitment memory);
    /// @notice Of a result that was handed in.
    function timesOf(bytes32 jobId) external view returns (AuditTimes memory);
    /// @notice Whether a seed chooses a job to be audited.
    function isDrawn(bytes32 seed, bytes32 jobId) external view returns (bool);
}
