// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Merkle} from "../exact/Merkle.sol";
import {Tensors} from "../exact/Tensors.sol";
import {Challenge, End, Fault, Game, IDisputeGame, Phase, Trace} from "../interfaces/IDisputeGame.sol";
import {IFaultProofs} from "../interfaces/IFaultProofs.sol";
import {Job} from "../interfaces/IJobMarket.sol";
import {Reason} from "../interfaces/Types.sol";
import {HashRows} from "../libraries/HashRows.sol";
import {
    BPS,
    BURN_ADDRESS,
    COMPENSATION_BPS,
    MAX_GAME,
    MAX_TURNS,
    MIN_CLOCK,
    MIN_EXTENSION
} from "../libraries/Limits.sol";
import {Commitments} from "./Commitments.sol";
import {PullCredits} from "./PullCredits.sol";
import {Traces} from "./Traces.sol";

/// @title The game for withheld data: a challenger forces a provider to open its own tree (docs/fault-proofs.md, 4)
/// @notice INVARIANT: `bond` lies here for each game that has not ended, and is credited whole when it ends.
/// INVARIANT: a node's games that have not ended form a list in the order of their opening.
/// INVARIANT: a turn begins with at least `extension`, and no game lasts longer than 2 clock + MAX_TURNS extension.
abstract contract Games is Traces, Commitments, PullCredits {
    bytes32 private constant CHALLENGE_DOMAIN = keccak256("mlm/challenge/1");
    bytes32 private constant GAME_DOMAIN = keccak256("mlm/game/1");

    // Levels that a turn opens.
    uint256 private constant STEP = 2;
    // A tree that opens within MAX_TURNS: 7 times hashes and a pick, the leaf, and the proof. A tensor has at most 12 levels.
    uint256 private constant MAX_DEPTH = 14;
    // Bits of a type word.
    uint256 private constant TYPE_BITS = 136;

    struct Ends {
        bytes32 first;
        bytes32 last;
    }

    IFaultProofs public immutable proofs;
    /// @notice Token base units that a game's challenger puts up.
    uint128 public immutable bond;
    /// @notice Seconds of each side's clock.
    uint32 public immutable clock;
    /// @notice Seconds that a turn begins with, at least.
    uint32 public immutable extension;

    mapping(bytes32 gameId => Game) private _games;
    mapping(bytes32 jobId => mapping(uint256 node => Ends)) private _lists;

    constructor(IFaultProofs proofs_, uint128 bond_, uint32 clock_, uint32 extension_) {
        if (address(proofs_).code.length == 0) revert AddressMissing("proofs");
        _bounded("bond", bond_, 1, type(uint128).max);
        _bounded("extension", extension_, MIN_EXTENSION, MAX_GAME / MAX_TURNS);
        _bounded("clock", clock_, MIN_CLOCK, (MAX_GAME - MAX_TURNS * extension_) / 2);
        (proofs, bond, clock, extension) = (proofs_, bond_, clock_, extension_);
    }

    // ---------------------------------------------------------------- the challenger

    /// @inheritdoc IDisputeGame
    function commit(bytes32 commitment) external {
        _commit(commitment);
    }

    /// @inheritdoc IDisputeGame
    function open(bytes32 jobId, Challenge calldata challenge, bytes32 salt)
        external
        nonReentrant
        returns (bytes32 gameId)
    {
        uint256 node = challenge.node;
        _openCommitment(jobId, node, type(uint256).max, salt);
        Job memory job = _challengeable(jobId);
        _needWindow(jobId, job);
        uint256 outputType = _checkChallenge(jobId, challenge);
        gameId = keccak256(abi.encode(GAME_DOMAIN, block.chainid, address(this), jobId, node, msg.sender, salt));
        Game storage game = _games[gameId];
        if (game.phase != Phase.None) revert GameAlreadyOpened(gameId);
        uint40 deadline = uint40(block.timestamp + clock);
        (game.jobId, game.target) = (jobId, challenge.tensorRoot);
        (game.challenger, game.deadline, game.phase) = (msg.sender, deadline, Phase.Root);
        // SAFETY: compared in _checkChallenge; clocks end within MAX_GAME.
        // forge-lint: disable-next-line(unsafe-typecast)
        (game.node, game.below) = (uint16(node), uint8(Tensors.depth(outputType)));
        // forge-lint: disable-next-line(unsafe-typecast)
        game.outputType = uint136(outputType);
        // forge-lint: disable-next-line(unsafe-typecast)
        (game.providerLeft, game.challengerLeft) = (uint24(clock), uint24(clock));
        ++_trace(jobId).openGames;
        _link(gameId, game);
        emit GameOpened(jobId, job.versionId, msg.sender, gameId, node, outputType, challenge.tensorRoot, deadline);
        _pull(bond);
    }

    /// @inheritdoc IDisputeGame
    function pick(bytes32 gameId, uint256 index, bytes32[] calldata hashes) external {
        Game storage game = _turn(gameId, Phase.Pick);
        if (msg.sender != game.challenger) revert NotChallenger(gameId, game.challenger, msg.sender);
        uint256 levels = _levels(game.below);
        bytes32 root = _rootOf(gameId, levels, hashes);
        if (root != game.target) revert TargetMismatch(gameId, game.target, root);
        if (index >= hashes.length) revert HashOutOfRange(gameId, index, hashes.length);
        // SAFETY: a leaf's index has two bits a level; at most MAX_DEPTH levels.
        // forge-lint: disable-next-line(unsafe-typecast)
        uint32 position = game.position * uint32(hashes.length) + uint32(index);
        // forge-lint: disable-next-line(unsafe-typecast)
        uint8 below = game.below - uint8(levels);
        (game.target, game.position, game.below) = (hashes[index], position, below);
        uint40 deadline = _toProvider(game, below == 0 ? Phase.Leaf : Phase.Post);
        emit HashPicked(gameId, game.jobId, msg.sender, position, deadline);
    }

    // ---------------------------------------------------------------- the provider, or anybody for it

    /// @inheritdoc IDisputeGame
    function post(bytes32 gameId, bytes32[] calldata hashes) external {
        bool first = _games[gameId].phase == Phase.Root;
        Game storage game = _turn(gameId, first ? Phase.Root : Phase.Post);
        bytes32 root = _rootOf(gameId, _levels(game.below), hashes);
        bytes32 opened = first ? Tensors.root(game.outputType, root) : root;
        if (opened != game.target) revert TargetMismatch(gameId, game.target, opened);
        uint40 deadline = game.deadline;
        if (first) game.target = root;
        // A tensor of one leaf has nothing to pick: the turn goes on.
        if (game.below == 0) game.phase = Phase.Leaf;
        else deadline = _toChallenger(game, Phase.Pick);
        emit HashesPosted(gameId, game.jobId, msg.sender, game.position, hashes, deadline);
    }

    /// @inheritdoc IDisputeGame
    function leaf(bytes32 gameId, bytes calldata data) external {
        Game storage game = _turn(gameId, Phase.Leaf);
        if (data.length != HashRows.LEAF_BYTES) {
            revert LeafLengthMismatch(gameId, HashRows.LEAF_BYTES, data.length);
        }
        bytes32 opened = sha256(data);
        if (opened != game.target) revert TargetMismatch(gameId, game.target, opened);
        uint40 deadline = _toChallenger(game, Phase.Prove);
        emit LeafPosted(gameId, game.jobId, msg.sender, game.position, data, deadline);
    }

    // ---------------------------------------------------------------- ends

    /// @inheritdoc IDisputeGame
    function timeout(bytes32 gameId) external {
        Game storage game = _games[gameId];
        Phase phase = game.phase;
        if (phase == Phase.None || phase == Phase.Ended) revert PhaseMismatch(gameId, Phase.Root, phase);
        bytes32 jobId = game.jobId;
        _needUnconvicted(jobId);
        if (block.timestamp < game.deadline) revert ClockStillRuns(gameId, game.deadline);
        Job memory job = market.jobOf(jobId);
        if (_challengersTurn(phase)) {
            _lose(gameId, game, job.provider);
        } else {
            _convict(job.versionId, jobId, Fault.Silence, game.node, 0, 0, 0);
            _end(gameId, game, End.Silent);
        }
    }

    /// @inheritdoc IDisputeGame
    function reclaim(bytes32 gameId) external {
        Game storage game = _games[gameId];
        Phase phase = game.phase;
        if (phase == Phase.None || phase == Phase.Ended) revert PhaseMismatch(gameId, Phase.Root, phase);
        uint40 convictedAt = _trace(game.jobId).convictedAt;
        if (convictedAt == 0) revert JobNotConvicted(game.jobId);
        // A challenger whose clock had run out before has lost, whoever was to say so.
        if (_challengersTurn(phase) && game.deadline <= convictedAt) {
            _lose(gameId, game, market.jobOf(game.jobId).provider);
        } else {
            _end(gameId, game, End.Closed);
        }
    }

    /// @inheritdoc IDisputeGame
    function burn() external nonReentrant returns (uint256 amount) {
        return _payOut(BURN_ADDRESS);
    }

    /// @inheritdoc IDisputeGame
    function gameOf(bytes32 gameId) external view returns (Game memory) {
        return _games[gameId];
    }

    /// @inheritdoc IDisputeGame
    function firstGameOf(bytes32 jobId, uint256 node) external view returns (bytes32 gameId) {
        return _lists[jobId][node].first;
    }

    // ---------------------------------------------------------------- for proofs

    /// @dev Opens the caller's commitment to a proof or a game.
    function _openCommitment(bytes32 jobId, uint256 node, uint256 index, bytes32 salt) internal {
        _open(
            keccak256(abi.encode(CHALLENGE_DOMAIN, block.chainid, address(this), msg.sender, jobId, node, index, salt))
        );
    }

    /// @dev The job of the caller's game on a node, in which it is to show a fault.
    function _proving(bytes32 gameId, uint256 node) internal view returns (bytes32 jobId) {
        Game storage game = _turn(gameId, Phase.Prove);
        if (msg.sender != game.challenger) revert NotChallenger(gameId, game.challenger, msg.sender);
        if (node != game.node) revert NodeMismatch(gameId, game.node, node);
        return game.jobId;
    }

    /// @dev The caller's game ends with its proof.
    function _endProven(bytes32 gameId) internal {
        _end(gameId, _games[gameId], End.Proven);
    }

    /// @dev Writes the conviction. SAFETY: the job is Submitted or Disputed, and nobody was convicted before.
    /// The reward is the first game's on this node: who copies what a provider was forced to show, or what another proves, has
    /// nothing of it. Without a game it is the caller's, whose commitment is older than what could be copied.
    function _convict(
        bytes32 versionId,
        bytes32 jobId,
        Fault fault,
        uint256 node,
        uint256 index,
        int256 expected,
        int256 claimed
    ) internal {
        bytes32 first = _lists[jobId][node].first;
        address challenger = first == 0 ? msg.sender : _games[first].challenger;
        Trace storage trace = _trace(jobId);
        (trace.convictedAt, trace.challenger) = (uint40(block.timestamp), challenger);
        emit ProviderConvicted(jobId, versionId, challenger, msg.sender, fault, node, index, expected, claimed);
    }

    // ---------------------------------------------------------------- turns

    /// @dev A game whose turn it is, in time. SAFETY: with a game open and no conviction the job is Disputed.
    function _turn(bytes32 gameId, Phase expected) private view returns (Game storage game) {
        game = _games[gameId];
        if (game.phase != expected) revert PhaseMismatch(gameId, expected, game.phase);
        _needUnconvicted(game.jobId);
        if (block.timestamp >= game.deadline) revert ClockRanOut(gameId, game.deadline);
    }

    /// @dev The provider has moved: its clock stops, the challenger's runs.
    function _toChallenger(Game storage game, Phase phase) private returns (uint40 deadline) {
        game.providerLeft = uint24(game.deadline - block.timestamp);
        deadline = _begin(game, game.challengerLeft, phase);
    }

    /// @dev The challenger has moved.
    function _toProvider(Game storage game, Phase phase) private returns (uint40 deadline) {
        game.challengerLeft = uint24(game.deadline - block.timestamp);
        deadline = _begin(game, game.providerLeft, phase);
    }

    /// @dev INVARIANT: a move in the last second leaves the other side its answer.
    function _begin(Game storage game, uint256 left, Phase phase) private returns (uint40 deadline) {
        deadline = uint40(block.timestamp + Math.max(left, extension));
        (game.deadline, game.phase) = (deadline, phase);
    }

    function _challengersTurn(Phase phase) private pure returns (bool) {
        return phase == Phase.Pick || phase == Phase.Prove;
    }

    function _levels(uint8 below) private pure returns (uint256) {
        return Math.min(below, STEP);
    }

    /// @dev The root over hashes that lie this many levels below it.
    function _rootOf(bytes32 gameId, uint256 levels, bytes32[] calldata hashes) private view returns (bytes32) {
        uint256 count = Merkle.widthOf(levels);
        if (hashes.length != count) revert HashCountMismatch(gameId, count, hashes.length);
        return HashRows.rootOf(hashes);
    }

    // ---------------------------------------------------------------- bonds

    /// @dev The challenger has its bond back.
    function _end(bytes32 gameId, Game storage game, End how) private {
        address challenger = game.challenger;
        _close(gameId, game, how);
        _credit(gameId, challenger, Reason.Refund, bond);
    }

    /// @dev The challenger loses its bond: a part pays the gas of the provider's answers, the rest burns, dust included.
    function _lose(bytes32 gameId, Game storage game, address provider) private {
        _close(gameId, game, End.Lost);
        uint256 compensation = (uint256(bond) * COMPENSATION_BPS) / BPS;
        _credit(gameId, provider, Reason.GasCompensation, compensation);
        _credit(gameId, BURN_ADDRESS, Reason.Burn, bond - compensation);
    }

    function _close(bytes32 gameId, Game storage game, End how) private {
        bytes32 jobId = game.jobId;
        game.phase = Phase.Ended;
        --_trace(jobId).openGames;
        _unlink(jobId, game);
        emit GameEnded(gameId, jobId, game.challenger, how);
    }

    function _credit(bytes32 gameId, address account, Reason reason, uint256 amount) private {
        if (amount == 0) return;
        _addCredit(account, amount);
        emit GameCredited(gameId, account, reason, amount);
    }

    // ---------------------------------------------------------------- openings

    /// @dev The node is one of the graph's, no input, and its tensor root one of the trace. Returns its type word.
    function _checkChallenge(bytes32 jobId, Challenge calldata challenge) private view returns (uint256 outputType) {
        Trace storage trace = _trace(jobId);
        (uint256 node, uint256 nodes) = (challenge.node, trace.nodes);
        if (node < trace.inputs) revert NodeNotOpenable(jobId, node, trace.inputs);
        outputType = proofs.checkDescriptor(trace.graphRoot, nodes, node, challenge.descriptor, challenge.graphPath);
        if (outputType >> TYPE_BITS != 0 || Tensors.depth(outputType) > MAX_DEPTH) revert TypeOutOfBounds(outputType);
        bytes32 root = Merkle.climb(challenge.tensorRoot, node, Merkle.depthOf(nodes), challenge.tracePath);
        if (root != trace.traceRoot) revert TensorRootMismatch(jobId, trace.traceRoot, root);
    }

    function _link(bytes32 gameId, Game storage game) private {
        Ends storage ends = _lists[game.jobId][game.node];
        bytes32 last = ends.last;
        if (last == 0) {
            ends.first = gameId;
        } else {
            _games[last].next = gameId;
            game.previous = last;
        }
        ends.last = gameId;
    }

    function _unlink(bytes32 jobId, Game storage game) private {
        Ends storage ends = _lists[jobId][game.node];
        (bytes32 previous, bytes32 next) = (game.previous, game.next);
        if (previous == 0) ends.first = next;
        else _games[previous].next = next;
        if (next == 0) ends.last = previous;
        else _games[next].previous = previous;
    }
}
