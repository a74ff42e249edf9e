// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IComplaints} from "./IComplaints.sol";
import {CellFault, HeaderFault, PaddingFault} from "./IFaultProofs.sol";
import {IVerifier} from "./IVerifier.sol";
import {Reason} from "./Types.sol";

/// What is stored of a submission.
struct Trace {
    bytes32 traceRoot; // over the nodes' tensor roots; 0 where nothing was handed in
    bytes32 graphRoot; // over the nodes' digests
    uint16 nodes;
    uint16 inputs; // the first of them
    uint24 openGames;
    uint40 convictedAt; // 0: nobody has shown a fault
    address challenger; // who is rewarded for it
}

/// Whose turn it is in a game, and with what.
enum Phase {
    None,
    Root, // provider: what lies behind the node's tensor root
    Post, // provider: what lies below the hash that was picked
    Pick, // challenger: one of the hashes that were posted
    Leaf, // provider: the bytes of the leaf that was picked
    Prove, // challenger: the fault
    Ended
}

/// What a provider was convicted of.
enum Fault {
    Cell,
    Padding,
    Header,
    Silence
}

/// How a game ended.
enum End {
    Proven, // its challenger showed a fault
    Silent, // the provider's clock ran out
    Lost, // the challenger's clock ran out
    Closed // the job's provider was convicted elsewhere
}

/// A game for data that the provider withholds (docs/fault-proofs.md, 4).
struct Game {
    bytes32 jobId;
    bytes32 target; // what the provider has to open: the tensor root, then a hash of the tensor's tree
    address challenger;
    uint40 deadline; // the first second that is too late for whoever's turn it is
    uint16 node;
    uint8 below; // levels of the tree below the target
    Phase phase;
    uint136 outputType; // the node's type word
    uint32 position; // of the target among the hashes of its level
    uint24 providerLeft; // seconds of the provider's clock, as its last turn ended
    uint24 challengerLeft;
    bytes32 next; // of the games on this node that have not ended, in the order of their opening
    bytes32 previous;
}

/// A node whose tensor root is another than the challenger's.
struct Challenge {
    uint256 node;
    uint256[] descriptor; // its words
    bytes32[] graphPath; // from their digest to the graph root
    bytes32 tensorRoot; // as the provider committed to it
    bytes32[] tracePath; // from it to the trace root
}

interface IDisputeGame is IVerifier, IComplaints {
    /// A result was handed in. The roots are those of all nodes, in the graph's order.
    event TraceCommitted(
        bytes32 indexed jobId,
        bytes32 indexed versionId,
        address indexed provider,
        bytes32 graphRoot,
        uint256 inputs,
        uint256 outputs,
        bytes32[] tensorRoots
    );
    /// `prover` showed it; `challenger` has the reward. `index` is a cell's or a byte's, or the type word of a header;
    /// `expected` and `claimed` are a cell's.
    event ProviderConvicted(
        bytes32 indexed jobId,
        bytes32 indexed versionId,
        address indexed challenger,
        address prover,
        Fault fault,
        uint256 node,
        uint256 index,
        int256 expected,
        int256 claimed
    );
    event GameOpened(
        bytes32 indexed jobId,
        bytes32 indexed versionId,
        address indexed challenger,
        bytes32 gameId,
        uint256 node,
        uint256 outputType,
        bytes32 tensorRoot,
        uint40 deadline
    );
    /// `hashes` lie up to two levels below the target, which has this `position` in its level.
    event HashesPosted(
        bytes32 indexed gameId,
        bytes32 indexed jobId,
        address indexed account,
        uint32 position,
        bytes32[] hashes,
        uint40 deadline
    );
    event HashPicked(
        bytes32 indexed gameId, bytes32 indexed jobId, address indexed challenger, uint32 position, uint40 deadline
    );
    event LeafPosted(
        bytes32 indexed gameId,
        bytes32 indexed jobId,
        address indexed account,
        uint32 position,
        bytes data,
        uint40 deadline
    );
    event GameEnded(bytes32 indexed gameId, bytes32 indexed jobId, address indexed challenger, End end);
    event GameCredited(bytes32 indexed gameId, address indexed account, Reason indexed reason, uint256 amount);
    /// `outputs` are the very bytes that the output commitment binds, with their type words.
    event OutputsShown(
        bytes32 indexed jobId, bytes32 indexed versionId, address indexed provider, uint256[] typeWords, bytes[] outputs
    );

    /// @notice Records a commitment to a later proof or game, so that a copier in the mempool gains nothing.
    /// commitment = keccak256(abi.encode(keccak256("mlm/challenge/1"), chainid, this, sender, jobId, node, index, salt)),
    /// with the cell's index, the byte's, the header's type word, or type(uint256).max to open a game.
    function commit(bytes32 commitment) external;

    /// @notice Shows a cell that does not follow from its operands: the job is rejected. Needs a commitment at least one
    /// block and less than COMMIT_LIFETIME old.
    function prove(bytes32 jobId, CellFault calldata fault, bytes32 salt) external;

    /// @notice Shows a byte beyond a tensor's elements that is not zero. Needs a commitment.
    function provePadding(bytes32 jobId, PaddingFault calldata fault, bytes32 salt) external;

    /// @notice Shows a tensor root made with another type than its node's. Needs a commitment.
    function proveHeader(bytes32 jobId, HeaderFault calldata fault, bytes32 salt) external;

    /// @notice As `prove`, by the challenger of a game on this node in which the leaf was posted; needs no commitment.
    function proveInGame(bytes32 gameId, CellFault calldata fault) external;

    /// @notice As `provePadding`, likewise.
    function provePaddingInGame(bytes32 gameId, PaddingFault calldata fault) external;

    /// @notice Forces the provider to open a node's tensor, within the job's verification window. Takes the bond; needs a
    /// commitment.
    /// @return gameId keccak256(abi.encode(keccak256("mlm/game/1"), chainid, this, jobId, node, sender, salt)).
    function open(bytes32 jobId, Challenge calldata challenge, bytes32 salt) external returns (bytes32 gameId);

    /// @notice Shows the 16 hashes two levels below the target, or the hashes of the 4 leaves, or of the one, where fewer levels
    /// are left. Anybody may, for the provider: nobody else's hashes fit.
    function post(bytes32 gameId, bytes32[] calldata hashes) external;

    /// @notice Names one of the posted hashes as the next target. The game's challenger only.
    function pick(bytes32 gameId, uint256 index, bytes32[] calldata hashes) external;

    /// @notice Shows the 512 bytes of the leaf that was picked. Anybody may, for the provider.
    function leaf(bytes32 gameId, bytes calldata data) external;

    /// @notice Ends a game in which a clock has run out: a silent provider is convicted, a silent challenger loses its bond.
    /// Anybody may call.
    function timeout(bytes32 gameId) external;

    /// @notice Ends a game of a job whose provider was convicted elsewhere, and credits the bond. Anybody may call.
    function reclaim(bytes32 gameId) external;

    /// @notice Shows the outputs to a consumer who complained. Lease holder only, before the complaint's clock ends. Moves no tokens.
    function answer(bytes32 jobId, uint256[] calldata typeWords, bytes[] calldata outputs) external;

    /// @notice Sends what was burned to the burn address. Anyone may call.
    function burn() external returns (uint256 amount);

    function traceOf(bytes32 jobId) external view returns (Trace memory);
    function gameOf(bytes32 gameId) external view returns (Game memory);
    /// @notice The first of the games on a node that have not ended, or 0: whose challenger is rewarded for a conviction there.
    function firstGameOf(bytes32 jobId, uint256 node) external view returns (bytes32 gameId);
}
