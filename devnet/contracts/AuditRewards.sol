// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Payments} from "./base/Payments.sol";
import {IAuditRewardsErrors} from "./errors/IAuditRewardsErrors.sol";
import {Merkle} from "./exact/Merkle.sol";
import {Tensors} from "./exact/Tensors.sol";
import {
    Audit,
    AuditCommitment,
    AuditOpening,
    AuditParams,
    AuditStage,
    AuditTimes,
    Draw,
    IAuditRewards,
    IMarketFee
} from "./interfaces/IAuditRewards.sol";
import {IDisputeGame, Trace} from "./interfaces/IDisputeGame.sol";
import {IJobMarket, Job} from "./interfaces/IJobMarket.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";
import {Role, State} from "./interfaces/Types.sol";
import {
    AUDIT_POSITIONS,
    HASH_BLOCKS,
    MAX_OPEN_WINDOW,
    MAX_PERIOD,
    MIN_OPEN_WINDOW,
    MIN_PERIOD
} from "./libraries/AuditLimits.sol";
import {BPS, MIN_BURN_BPS} from "./libraries/Limits.sol";

/// @title Pay for those who find results of the optimistic tier true
/// @notice docs/fault-proofs.md, 8: a draw chooses results; within the verification window auditors commit to a tree over the
/// whole trace, keyed with their address; a later draw names leaves, which they open in the provider's tree and in their own.
/// Immutable, without an owner; reads market, game and vault, which know nothing of it.
/// INVARIANT: token.balanceOf(this) >= pool + sum of all audits' `left`; equal unless somebody donates.
/// INVARIANT: an audit's `weight` is the stake of its auditors that have opened and are not paid; the last one is paid all that is left.
/// INVARIANT: a period is drawn once, by the hash of a block that nobody could read when all that it decides about stood fixed.
/// ASSUMPTION: market, game and vault are the deployment's own.
contract AuditRewards is IAuditRewards, IAuditRewardsErrors, Payments, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    bytes32 private constant AUDIT_DOMAIN = keccak256("mlm/audit/1");
    bytes32 private constant DRAW_DOMAIN = keccak256("mlm/audit-draw/1");

    IJobMarket public immutable market;
    IDisputeGame public immutable game;
    IStakeVault public immutable vault;
    /// @notice Of a job's price: the market's fee.
    uint16 public immutable protocolFeeBps;
    /// @notice Of all results, those that are audited.
    uint16 public immutable drawBps;
    /// @notice Of all protocol fees, what auditors get on average. SAFETY: never more than what burns of a fee at least, so that
    /// jobs with oneself do not draw the pool, not even by whoever is paid the treasury's and the stakers' shares.
    uint16 public immutable shareBps;
    /// @notice Seconds whose submissions one draw decides about: period n is [n, n + 1) of them since 1970.
    uint32 public immutable period;
    /// @notice Seconds to open, from the end of the period in which commitments close.
    uint32 public immutable openWindow;
    /// @notice Stake as a watcher, in token base units, that an auditor needs.
    uint128 public immutable minStake;

    /// @inheritdoc IAuditRewards
    uint256 public pool;

    mapping(uint256 number => Draw) private _draws;
    mapping(bytes32 jobId => Audit) private _audits;
    mapping(bytes32 jobId => mapping(address auditor => AuditCommitment)) private _commitments;

    constructor(IERC20 token_, IJobMarket market_, IDisputeGame game_, IStakeVault vault_, AuditParams memory params_)
        Payments(token_)
    {
        if (address(market_).code.length == 0) revert AddressMissing("market");
        if (address(game_).code.length == 0) revert AddressMissing("game");
        if (address(vault_).code.length == 0) revert AddressMissing("vault");
        _bounded("drawBps", params_.drawBps, 1, BPS);
        _bounded("shareBps", params_.shareBps, 1, MIN_BURN_BPS);
        _bounded("period", params_.period, MIN_PERIOD, MAX_PERIOD);
        _bounded("openWindow", params_.openWindow, MIN_OPEN_WINDOW, MAX_OPEN_WINDOW);
        _bounded("minStake", params_.minStake, 1, type(uint128).max);
        (market, game, vault) = (market_, game_, vault_);
        protocolFeeBps = IMarketFee(address(market_)).params().protocolFeeBps;
        (drawBps, shareBps, minStake) = (params_.drawBps, params_.shareBps, params_.minStake);
        (period, openWindow) = (params_.period, params_.openWindow);
    }

    // ---------------------------------------------------------------- the pool and the draws

    /// @inheritdoc IAuditRewards
    function fund(uint128 amount) external nonReentrant {
        if (amount == 0) revert FundingMissing();
        pool += amount;
        emit PoolFunded(msg.sender, amount);
        _pull(amount);
    }

    /// @inheritdoc IAuditRewards
    function beginDraw(uint256 number) external {
        // SAFETY: a number that is too large to be multiplied reverts.
        uint256 endsAt = (number + 1) * period;
        if (block.timestamp < endsAt) revert PeriodNotOver(number, endsAt);
        Draw storage draw = _draws[number];
        if (draw.blockNumber != 0) revert DrawAlreadyBegun(number, draw.blockNumber);
        draw.blockNumber = uint64(block.number);
        emit DrawBegun(number, msg.sender, block.number);
    }

    /// @inheritdoc IAuditRewards
    function endDraw(uint256 number) external {
        Draw storage draw = _draws[number];
        uint256 at = draw.blockNumber;
        if (at == 0) revert DrawNotBegun(number);
        if (draw.seed != 0) revert DrawAlreadyEnded(number);
        if (block.number <= at) revert DrawTooYoung(number, at);
        // INVARIANT: never drawn again, or whoever likes no draw would wait for another.
        if (block.number > at + HASH_BLOCKS) revert DrawLapsed(number, at);
        bytes32 seed = blockhash(at);
        draw.seed = seed;
        emit DrawEnded(number, msg.sender, seed);
    }

    // ---------------------------------------------------------------- the auditor

    /// @inheritdoc IAuditRewards
    function commit(bytes32 jobId, bytes32 root) external {
        Job memory job = _audited(jobId);
        AuditTimes memory times = _times(job);
        if (block.timestamp >= times.closesAt) revert CommitmentsClosed(jobId, times.closesAt);
        if (!isDrawn(_seedOf(times.choosing), jobId)) revert NotDrawn(jobId);
        if (msg.sender == job.provider) revert ProviderCannotAudit(jobId, job.provider);
        uint128 weight = vault.freeOf(msg.sender, Role.Watcher);
        if (weight < minStake) revert WatcherStakeTooLow(msg.sender, minStake, weight);
        _setAside(jobId, job.price);
        _commitments[jobId][msg.sender] = AuditCommitment(root, weight, AuditStage.Committed);
        emit AuditCommitted(jobId, job.versionId, msg.sender, root, weight);
    }

    /// @inheritdoc IAuditRewards
    /// @dev SAFETY: commitments are closed before the block whose hash draws the positions, so that what others open helps nobody.
    function open(bytes32 jobId, AuditOpening[] calldata openings) external {
        AuditCommitment storage own = _staged(jobId, AuditStage.Committed);
        Job memory job = _audited(jobId);
        AuditTimes memory times = _times(job);
        if (block.timestamp >= times.openBy) revert OpeningsClosed(jobId, times.openBy);
        bytes32 seed = _seedOf(times.positions);
        if (openings.length != AUDIT_POSITIONS) revert OpeningCountMismatch(AUDIT_POSITIONS, openings.length);
        Trace memory trace = game.traceOf(jobId);
        bytes32 key = keccak256(abi.encode(AUDIT_DOMAIN, block.chainid, address(this), jobId, msg.sender));
        for (uint256 i = 0; i < AUDIT_POSITIONS; ++i) {
            _checkOpening(trace, own.root, seed, key, i, openings[i]);
        }
        own.stage = AuditStage.Opened;
        _audits[jobId].weight += own.weight;
        emit AuditOpened(jobId, job.versionId, msg.sender);
    }

    /// @inheritdoc IAuditRewards
    function claim(bytes32 jobId) external nonReentrant returns (uint256 amount) {
        AuditCommitment storage own = _staged(jobId, AuditStage.Opened);
        Job memory job = _audited(jobId);
        _needOpened(jobId, job);
        State state = market.stateOf(jobId);
        if (state != State.Accepted) revert JobNotAccepted(jobId, state);
        Audit storage audit = _audits[jobId];
        (uint128 left, uint128 weight) = (audit.left, audit.weight);
        // SAFETY: of 128 bits each; the last one's weight is all the weight, so that nothing stays.
        amount = uint256(left) * own.weight / weight;
        own.stage = AuditStage.Paid;
        // forge-lint: disable-next-line(unsafe-typecast) at most `left`
        (audit.left, audit.weight) = (left - uint128(amount), weight - own.weight);
        emit AuditPaid(jobId, job.versionId, msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IAuditRewards
    /// @dev SAFETY: a state that is Rejected stands, so that nobody who has opened is to be paid any more.
    function release(bytes32 jobId) external {
        Job memory job = _audited(jobId);
        _needOpened(jobId, job);
        Audit storage audit = _audits[jobId];
        State state = market.stateOf(jobId);
        uint128 left = audit.left;
        if (left == 0 || (audit.weight != 0 && state != State.Rejected)) revert NothingToRelease(jobId, state);
        audit.left = 0;
        pool += left;
        emit AuditReleased(jobId, job.versionId, left);
    }

    // ---------------------------------------------------------------- views

    /// @inheritdoc IAuditRewards
    function payFor(uint128 price) public view returns (uint256) {
        return uint256(price) * protocolFeeBps * shareBps / (BPS * uint256(drawBps));
    }

    /// @inheritdoc IAuditRewards
    function drawOf(uint256 number) external view returns (Draw memory) {
        return _draws[number];
    }

    /// @inheritdoc IAuditRewards
    function auditOf(bytes32 jobId) external view returns (Audit memory) {
        return _audits[jobId];
    }

    /// @inheritdoc IAuditRewards
    function commitmentOf(bytes32 jobId, address auditor) external view returns (AuditCommitment memory) {
        return _commitments[jobId][auditor];
    }

    /// @inheritdoc IAuditRewards
    function timesOf(bytes32 jobId) external view returns (AuditTimes memory) {
        return _times(_audited(jobId));
    }

    /// @inheritdoc IAuditRewards
    // What whoever makes the block of a draw gains by its hash: docs/fault-proofs.md, 8.
    // slither-disable-next-line weak-prng
    function isDrawn(bytes32 seed, bytes32 jobId) public view returns (bool) {
        return uint256(keccak256(abi.encode(DRAW_DOMAIN, seed, jobId))) % BPS < drawBps;
    }

    // ---------------------------------------------------------------- facts

    /// @dev A job of the tier with a result.
    function _audited(bytes32 jobId) private view returns (Job memory job) {
        job = market.jobOf(jobId);
        if (job.submittedAt == 0 || job.verifier != address(game)) revert NothingToAudit(jobId);
    }

    function _times(Job memory job) private view returns (AuditTimes memory times) {
        times.closesAt = uint256(job.submittedAt) + job.verificationWindow;
        times.choosing = job.submittedAt / period;
        times.positions = times.closesAt / period;
        times.openBy = (times.positions + 1) * period + openWindow;
    }

    function _seedOf(uint256 number) private view returns (bytes32 seed) {
        seed = _draws[number].seed;
        if (seed == 0) revert DrawNotEnded(number);
    }

    function _staged(bytes32 jobId, AuditStage expected) private view returns (AuditCommitment storage own) {
        own = _commitments[jobId][msg.sender];
        if (own.stage != expected) revert StageMismatch(jobId, msg.sender, expected, own.stage);
    }

    function _needOpened(bytes32 jobId, Job memory job) private view {
        uint256 openBy = _times(job).openBy;
        if (block.timestamp < openBy) revert OpeningsNotClosed(jobId, openBy);
    }

    /// @dev Whoever has committed first knows that the pay is there, whatever others are promised later.
    function _setAside(bytes32 jobId, uint128 price) private {
        Audit storage audit = _audits[jobId];
        if (audit.left != 0) return;
        (uint256 pay, uint256 funded) = (payFor(price), pool);
        if (pay == 0 || pay > funded) revert PayNotFunded(jobId, pay, funded);
        pool = funded - pay;
        audit.left = SafeCast.toUint128(pay);
    }

    // ---------------------------------------------------------------- openings

    /// @dev The leaf at position i lies in the provider's trace, and was in the auditor's tree.
    // As in isDrawn.
    // slither-disable-next-line weak-prng
    function _checkOpening(
        Trace memory trace,
        bytes32 keyedRoot,
        bytes32 seed,
        bytes32 key,
        uint256 i,
        AuditOpening calldata opening
    ) private view {
        if (opening.leaf.length != Merkle.LEAF_BYTES) {
            revert LeafLengthMismatch(i, Merkle.LEAF_BYTES, opening.leaf.length);
        }
        uint256 word = uint256(keccak256(abi.encode(seed, key, i)));
        // SAFETY: a graph's inputs are not all of its nodes (base/Traces.sol).
        uint256 node = trace.inputs + (word >> 128) % (trace.nodes - trace.inputs);
        uint256 typeWord = opening.typeWord;
        // SAFETY: of the low half, so that it is one leaf's whatever the node was.
        uint256 leaf = uint128(word) % _leaves(typeWord);
        uint256 depth = Tensors.depth(typeWord);
        uint256 nodesDepth = Merkle.depthOf(trace.nodes);

        bytes32 root = Merkle.climb(sha256(opening.leaf), leaf, depth, opening.siblings);
        root = Merkle.climb(Tensors.root(typeWord, root), node, nodesDepth, opening.path);
        if (root != trace.traceRoot) revert TraceMismatch(i, trace.traceRoot, root);

        root = Merkle.climb(sha256(abi.encodePacked(key, opening.leaf)), leaf, depth, opening.keyedSiblings);
        root = Merkle.climb(root, node, nodesDepth, opening.keyedPath);
        if (root != keyedRoot) revert KeyedRootMismatch(i, keyedRoot, root);
    }

    /// @dev How many leaves hold a tensor; the type was committed to with it.
    function _leaves(uint256 typeWord) private pure returns (uint256 count) {
        count = (Tensors.size(typeWord) + Merkle.LEAF_BYTES - 1) / Merkle.LEAF_BYTES;
        if (count == 0) count = 1;
    }
}
