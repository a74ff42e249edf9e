// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Payments} from "./base/Payments.sol";
import {PullCredits} from "./base/PullCredits.sol";
import {ICommitRevealBeaconErrors} from "./errors/ICommitRevealBeaconErrors.sol";
import {ICommitRevealBeacon, Round} from "./interfaces/ICommitRevealBeacon.sol";
import {IRandomness} from "./interfaces/IRandomness.sol";
import {BURN_ADDRESS} from "./libraries/Limits.sol";
import {MAX_ROUND, MIN_ROUND, READABLE_BLOCKS} from "./libraries/ReplicationLimits.sol";

/// @title Commit, then a block's hash, then reveal
/// @notice Round n takes commitments in [n, n + 1) of `length` seconds since 1970, and reveals for `length` seconds from when somebody
/// closes it. Between the two the hash of a block is mixed in that nobody could read when commitments closed; so whoever is alone
/// in a round did not choose its seed, and whoever makes that block does not know it where one honest account has committed.
/// Without commitments the hash alone decides. What is left to the last one to reveal: not to, for its deposit. Without an owner.
/// INVARIANT: token.balanceOf(this) >= totalCredit + deposit * (commitments of rounds not finished, less their reveals).
/// INVARIANT: a round is finished once, and no secret is shown before the hash that goes with it is kept: nobody draws again, whoever
/// dislikes a seed. A hash that nobody has kept while it could be read is lost, and another one takes its place: nobody has shown
/// a secret by then.
contract CommitRevealBeacon is ICommitRevealBeacon, ICommitRevealBeaconErrors, PullCredits {
    bytes32 private constant SECRET_DOMAIN = keccak256("mlm/beacon-secret/1");
    bytes32 private constant SEED_DOMAIN = keccak256("mlm/beacon/1");

    /// @notice Seconds of each of a round's two phases.
    uint32 public immutable length;
    /// @notice Token base units that a commitment deposits.
    uint128 public immutable deposit;

    mapping(uint256 number => Round) private _rounds;
    mapping(uint256 number => mapping(address account => bytes32)) private _commitments;

    constructor(IERC20 token_, uint32 length_, uint128 deposit_) Payments(token_) {
        _bounded("length", length_, MIN_ROUND, MAX_ROUND);
        _bounded("deposit", deposit_, 1, type(uint128).max);
        (length, deposit) = (length_, deposit_);
    }

    // ---------------------------------------------------------------- whoever takes part

    /// @inheritdoc ICommitRevealBeacon
    function commit(uint256 number, bytes32 commitment) external nonReentrant {
        // SAFETY: a transaction that is late would bind a deposit to what opens in no round.
        uint256 running = block.timestamp / length;
        if (number != running) revert RoundNotRunning(number, running);
        if (commitment == 0) revert CommitmentZero(number, msg.sender);
        if (_commitments[number][msg.sender] != 0) revert AlreadyCommitted(number, msg.sender);
        _commitments[number][msg.sender] = commitment;
        ++_rounds[number].commitments;
        emit RoundCommitted(number, msg.sender, commitment);
        _pull(deposit);
    }

    /// @inheritdoc ICommitRevealBeacon
    function reveal(uint256 number, bytes32 secret) external {
        Round storage round = _closed(number);
        uint256 endsAt = _endsAt(round);
        if (block.timestamp >= endsAt) revert RevealsOver(number, endsAt);
        bytes32 actual = keccak256(abi.encode(SECRET_DOMAIN, block.chainid, address(this), msg.sender, number, secret));
        bytes32 expected = _commitments[number][msg.sender];
        if (expected != actual) revert SecretMismatch(number, expected, actual);
        _keep(number, round);
        // SAFETY: shown once; a commitment that is zero opens nothing.
        delete _commitments[number][msg.sender];
        ++round.reveals;
        unchecked {
            round.sum += uint256(keccak256(abi.encode(msg.sender, secret)));
        }
        _addCredit(msg.sender, deposit);
        emit RoundRevealed(number, msg.sender, secret);
    }

    // ---------------------------------------------------------------- anyone

    /// @inheritdoc ICommitRevealBeacon
    function close(uint256 number) external {
        // SAFETY: a number that is too large to be multiplied reverts.
        uint256 endsAt = (number + 1) * length;
        if (block.timestamp < endsAt) revert CommitmentsRun(number, endsAt);
        Round storage round = _rounds[number];
        // SAFETY: again only where the hash is lost, without which no secret was shown.
        if (round.closedIn != 0 && !_isLost(round)) revert RoundAlreadyClosed(number, round.closedIn);
        (round.closedIn, round.closedAt) = (uint64(block.number), uint64(block.timestamp));
        emit RoundClosed(number, msg.sender, block.number);
    }

    /// @inheritdoc ICommitRevealBeacon
    function record(uint256 number) external {
        _keep(number, _closed(number));
    }

    /// @inheritdoc ICommitRevealBeacon
    function finish(uint256 number) external {
        Round storage round = _closed(number);
        if (round.finished) revert RoundAlreadyFinished(number);
        (uint256 commitments, uint256 reveals) = (round.commitments, round.reveals);
        uint256 endsAt = _endsAt(round);
        if (block.timestamp < endsAt && reveals < commitments) {
            revert RevealsRun(number, endsAt, commitments, reveals);
        }
        _keep(number, round);
        round.finished = true;
        bytes32 seed = keccak256(abi.encode(SEED_DOMAIN, block.chainid, address(this), number, round.mixed, round.sum));
        round.seed = seed;
        uint256 burned = (commitments - reveals) * deposit;
        if (burned != 0) _addCredit(BURN_ADDRESS, burned);
        emit RoundFinished(number, msg.sender, seed, commitments, reveals, burned);
    }

    /// @inheritdoc ICommitRevealBeacon
    function burn() external nonReentrant returns (uint256 amount) {
        return _payOut(BURN_ADDRESS);
    }

    // ---------------------------------------------------------------- views

    /// @inheritdoc IRandomness
    /// @dev The round that runs then: its block's hash is of a block that comes after.
    function roundAfter(uint256 time) external view returns (uint256) {
        return time / length;
    }

    /// @inheritdoc IRandomness
    function seedOf(uint256 number) external view returns (bytes32) {
        return _rounds[number].seed;
    }

    /// @inheritdoc ICommitRevealBeacon
    function roundOf(uint256 number) external view returns (Round memory) {
        return _rounds[number];
    }

    /// @inheritdoc ICommitRevealBeacon
    function commitmentOf(uint256 number, address account) external view returns (bytes32) {
        return _commitments[number][account];
    }

    // ---------------------------------------------------------------- facts

    /// @dev A round that was closed in an earlier block.
    function _closed(uint256 number) private view returns (Round storage round) {
        round = _rounds[number];
        uint256 at = round.closedIn;
        if (at == 0) revert RoundNotClosed(number);
        if (block.number <= at) revert RoundTooYoung(number, at);
    }

    function _endsAt(Round storage round) private view returns (uint256) {
        return uint256(round.closedAt) + length;
    }

    function _isLost(Round storage round) private view returns (bool) {
        return round.mixed == 0 && block.number > uint256(round.closedIn) + READABLE_BLOCKS;
    }

    /// @dev Keeps the hash of the block that the round was closed in.
    function _keep(uint256 number, Round storage round) private {
        if (round.mixed != 0) return;
        if (_isLost(round)) revert HashLost(number, round.closedIn);
        round.mixed = blockhash(round.closedIn);
    }
}
