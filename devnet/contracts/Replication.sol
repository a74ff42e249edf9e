// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Payments} from "./base/Payments.sol";
import {Slots} from "./base/Slots.sol";
import {IDisputeGame} from "./interfaces/IDisputeGame.sol";
import {IJobMarket, Job, Terms} from "./interfaces/IJobMarket.sol";
import {IRandomness} from "./interfaces/IRandomness.sol";
import {IReplication, ReplicaEnd, ReplicaStage, Replicas, ReplicationParams, Slot} from "./interfaces/IReplication.sol";
import {State, Tier} from "./interfaces/Types.sol";
import {BPS, BURN_ADDRESS} from "./libraries/Limits.sol";
import {JobStates} from "./libraries/JobStates.sol";
import {
    BUSY_LOOKS,
    CONSUMER_BPS,
    LOOKS,
    MAX_EMPTY_LOOKS,
    MAX_REVEAL_WINDOW,
    MIN_REVEAL_WINDOW,
    WINDOW_TIMES
} from "./libraries/ReplicationLimits.sol";
import {ReplicationPolicy} from "./libraries/ReplicationPolicy.sol";

/// @title The replicas of the tier redundant: who runs a job again, bound to what it found before the provider shows anything
/// @notice docs/fault-proofs.md, 9. Whose result is true is never voted on: the game convicts (DisputeGame), and this pays by that.
/// Immutable, without an owner; reads market, game and beacon.
/// INVARIANT: token.balanceOf(this) >= totalCredit + totalHeld; equal unless somebody donates.
/// INVARIANT: totalHeld is the sum of all stakes, and of the fees of all jobs that are funded and not settled.
/// INVARIANT: who is drawn follows from a seed that nobody knew when the job was funded and its provider chosen, and from the slots
/// that there were then; a slot serves one job at a time.
/// INVARIANT: nobody gains by slashing: of what a replica loses at least half burns, and of what it loses by its absence, which may be the consumer's
/// doing, everything.
/// ASSUMPTION: market, game and beacon are the deployment's own.
contract Replication is Slots {
    bytes32 private constant DRAW_DOMAIN = keccak256("mlm/replicas/1");
    bytes32 private constant COMMITMENT_DOMAIN = keccak256("mlm/replica/1");

    struct Replica {
        bytes32 commitment;
        ReplicaStage stage;
    }

    /// How a job has ended, and what is added up of its replicas.
    struct Sums {
        State state;
        bool submitted;
        bool convicted;
        uint256 fee;
        uint256 refund;
        uint256 burned;
    }

    IJobMarket public immutable market;
    IDisputeGame public immutable game;
    IRandomness public immutable beacon;
    /// @notice Seconds to reveal, from the submission.
    uint32 public immutable revealWindow;

    mapping(bytes32 jobId => Replicas) private _jobs;
    mapping(bytes32 jobId => mapping(address account => Replica)) private _replicas;

    /// @param game_ May have no code yet: game and replication name each other; and so may the market.
    constructor(
        IERC20 token_,
        IJobMarket market_,
        IDisputeGame game_,
        IRandomness beacon_,
        ReplicationParams memory params_
    ) Payments(token_) Slots(params_.stake, params_.leaveWindow) {
        _present("market", address(market_));
        _present("game", address(game_));
        if (address(beacon_).code.length == 0) revert AddressMissing("beacon");
        _bounded("revealWindow", params_.revealWindow, MIN_REVEAL_WINDOW, MAX_REVEAL_WINDOW);
        (market, game, beacon, revealWindow) = (market_, game_, beacon_, params_.revealWindow);
    }

    // ---------------------------------------------------------------- the consumer

    /// @inheritdoc IReplication
    /// @dev SAFETY: all fees together are at most what burns of the provider's lock where it is convicted (half of it: libraries/Limits.sol), so
    /// that a provider does not pay replicas of its own for finding it false.
    function fund(bytes32 jobId, Terms calldata terms) external nonReentrant {
        Job memory job = market.jobOf(jobId);
        if (job.verifier != address(game)) revert NotRedundant(jobId, address(game), job.verifier);
        if (msg.sender != job.consumer) revert NotConsumer(jobId, job.consumer, msg.sender);
        bytes32 termsHash = keccak256(abi.encode(terms));
        if (termsHash != job.termsHash) revert TermsMismatch(jobId, job.termsHash, termsHash);
        // SAFETY: the game is the verifier of two tiers, and waits for replicas in this one alone.
        Tier tier = terms.request.tier;
        if (tier != Tier.Redundant) revert TierMismatch(jobId, Tier.Redundant, tier);
        (uint8 wanted, uint128 fee) = ReplicationPolicy.decode(terms.request.policy);
        uint256 most = job.lock / 2;
        if (uint256(fee) * wanted > most) revert FeesTooHigh(jobId, most, uint256(fee) * wanted);
        _needWindow(jobId, "executionWindow", job.executionWindow);
        _needWindow(jobId, "verificationWindow", job.verificationWindow);
        Replicas storage replicas = _jobs[jobId];
        if (replicas.fundedAt != 0) revert AlreadyFunded(jobId);
        _needUndecided(jobId, job);
        (replicas.fee, replicas.fundedAt, replicas.wanted) = (fee, uint40(block.timestamp), wanted);
        replicas.places = uint32(placeCount());
        totalHeld += uint256(fee) * wanted;
        emit ReplicasFunded(jobId, job.versionId, msg.sender, wanted, fee);
        _pull(uint256(fee) * wanted);
    }

    // ---------------------------------------------------------------- the replicas

    /// @inheritdoc IReplication
    function draw(bytes32 jobId) external {
        Replicas storage replicas = _funded(jobId);
        if (replicas.drawn.length != 0) revert AlreadyDrawn(jobId);
        State state = market.stateOf(jobId);
        if (state != State.Leased) revert JobInState(jobId, state);
        Job memory job = market.jobOf(jobId);
        uint256 round = beacon.roundAfter(_leasedAt(job));
        bytes32 seed = beacon.seedOf(round);
        if (seed == 0) revert SeedUnknown(jobId, round);
        (address[] memory found, uint256 count) = _find(jobId, job, replicas, seed);
        uint256 wanted = replicas.wanted;
        if (count < wanted) revert TooFewSlots(jobId, wanted, count);
        (replicas.round, replicas.drawn) = (round, found);
        for (uint256 i = 0; i < wanted; ++i) {
            _serve(found[i], jobId);
            _replicas[jobId][found[i]].stage = ReplicaStage.Drawn;
        }
        emit ReplicasDrawn(jobId, job.versionId, round, seed, found);
    }

    /// @inheritdoc IReplication
    function commit(bytes32 jobId, bytes32 commitment) external {
        if (commitment == 0) revert CommitmentZero(jobId, msg.sender);
        Replica storage replica = _staged(jobId, ReplicaStage.Drawn);
        Job memory job = market.jobOf(jobId);
        if (job.acceptedAt != 0) {
            uint256 closesAt = _commitBy(job);
            if (block.timestamp >= closesAt) revert CommittedTooLate(jobId, closesAt);
        }
        (replica.commitment, replica.stage) = (commitment, ReplicaStage.Committed);
        ++_jobs[jobId].committed;
        emit ReplicaCommitted(jobId, job.versionId, msg.sender, commitment);
    }

    /// @inheritdoc IReplication
    function reveal(bytes32 jobId, bytes32 traceRoot, bytes32 salt) external {
        Replica storage replica = _staged(jobId, ReplicaStage.Committed);
        Job memory job = market.jobOf(jobId);
        if (job.submittedAt == 0) revert NothingSubmitted(jobId);
        uint256 closesAt = uint256(job.submittedAt) + revealWindow;
        if (block.timestamp >= closesAt) revert RevealsClosed(jobId, closesAt);
        bytes32 commitment =
            keccak256(abi.encode(COMMITMENT_DOMAIN, block.chainid, address(this), msg.sender, jobId, traceRoot, salt));
        if (commitment != replica.commitment) revert RootMismatch(jobId, replica.commitment, commitment);
        bool equal = game.traceOf(jobId).traceRoot == traceRoot;
        replica.stage = equal ? ReplicaStage.Equal : ReplicaStage.Different;
        emit ReplicaRevealed(jobId, job.versionId, msg.sender, traceRoot, equal);
    }

    // ---------------------------------------------------------------- the end

    /// @inheritdoc IReplication
    /// @dev SAFETY: a final state stands, and with it whether there was a result and a conviction.
    // There are at most MAX_EXECUTIONS - 1 replicas.
    // slither-disable-next-line costly-loop
    function settle(bytes32 jobId) external {
        Replicas storage replicas = _funded(jobId);
        Job memory job = market.jobOf(jobId);
        Sums memory sums = _ended(jobId, job);
        replicas.settled = true;
        uint256 fees = uint256(replicas.fee) * replicas.wanted;
        // INVARIANT: what is held for this job, and what its slots lose, is credited whole: to replicas, to the consumer, or burned.
        (sums.fee, sums.refund) = (replicas.fee, fees);
        address[] memory drawn = replicas.drawn;
        for (uint256 i = 0; i < drawn.length; ++i) {
            _end(jobId, job.versionId, drawn[i], sums);
        }
        totalHeld -= fees;
        if (sums.refund != 0) _addCredit(job.consumer, sums.refund);
        if (sums.burned != 0) _addCredit(BURN_ADDRESS, sums.burned);
        emit ReplicasSettled(jobId, job.versionId, job.consumer, sums.refund, sums.burned);
    }

    /// @inheritdoc IReplication
    function burn() external nonReentrant returns (uint256 amount) {
        return _payOut(BURN_ADDRESS);
    }

    // ---------------------------------------------------------------- the game

    /// @inheritdoc IReplication
    function checkSubmission(bytes32 jobId) external view {
        Replicas storage replicas = _jobs[jobId];
        uint256 wanted = replicas.drawn.length;
        if (wanted == 0) revert NotDrawn(jobId);
        uint256 committed = replicas.committed;
        if (committed == wanted) return;
        uint256 closesAt = _commitBy(market.jobOf(jobId));
        if (block.timestamp < closesAt) revert ReplicasNotCommitted(jobId, wanted, committed, closesAt);
    }

    // ---------------------------------------------------------------- views

    /// @inheritdoc IReplication
    function drawnBy(bytes32 jobId, bytes32 seed) external view returns (address[] memory found) {
        (address[] memory all, uint256 count) = _find(jobId, market.jobOf(jobId), _jobs[jobId], seed);
        found = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            found[i] = all[i];
        }
    }

    /// @inheritdoc IReplication
    function replicasOf(bytes32 jobId) external view returns (Replicas memory) {
        return _jobs[jobId];
    }

    /// @inheritdoc IReplication
    function replicaOf(bytes32 jobId, address account) external view returns (ReplicaStage stage, bytes32 commitment) {
        Replica storage replica = _replicas[jobId][account];
        return (replica.stage, replica.commitment);
    }

    // ---------------------------------------------------------------- the draw

    /// @dev The first slots, in the order of the looks, that can serve the job.
    // The seed is the beacon's, whose bias docs/fault-proofs.md, 9 tells.
    // slither-disable-next-line weak-prng
    function _find(bytes32 jobId, Job memory job, Replicas storage replicas, bytes32 seed)
        private
        view
        returns (address[] memory found, uint256 count)
    {
        (uint256 places, uint256 wanted, uint256 fundedAt) = (replicas.places, replicas.wanted, replicas.fundedAt);
        found = new address[](wanted);
        if (places == 0) return (found, 0);
        (uint256 empty, uint256 busy) = (0, 0);
        for (uint256 i = 0; i < LOOKS * wanted + empty && count < wanted; ++i) {
            uint256 place = uint256(keccak256(abi.encode(DRAW_DOMAIN, seed, jobId, i))) % places;
            address account = accountAt(place + 1);
            if (account == address(0) && empty < MAX_EMPTY_LOOKS) ++empty;
            if (_isBusy(account) && ++busy > BUSY_LOOKS * wanted) break;
            if (account == job.provider || account == job.consumer || !_fits(account, fundedAt)) continue;
            bool again = false;
            for (uint256 j = 0; j < count; ++j) {
                if (found[j] == account) again = true;
            }
            if (!again) found[count++] = account;
        }
    }

    /// @dev From when on the provider is known.
    function _leasedAt(Job memory job) private pure returns (uint256) {
        return uint256(job.bidsCloseAt) + job.revealWindow;
    }

    /// @dev Bids are open, or nobody can know yet the seed that will draw. SAFETY: that is before the oracle tells it: a beacon's
    /// closed round that nobody has finished can be computed by whoever holds its secrets.
    function _needUndecided(bytes32 jobId, Job memory job) private view {
        State state = market.stateOf(jobId);
        if (state == State.Open || state == State.Revealing) return;
        if (state != State.Leased) revert JobInState(jobId, state);
        uint256 round = beacon.roundAfter(_leasedAt(job));
        if (beacon.roundAfter(block.timestamp) != round) revert FundedTooLate(jobId, round);
    }

    function _needWindow(bytes32 jobId, string memory name, uint256 actual) private view {
        uint256 least = WINDOW_TIMES * revealWindow;
        if (actual < least) revert WindowTooShort(jobId, name, least, actual);
    }

    // ---------------------------------------------------------------- facts

    function _funded(bytes32 jobId) private view returns (Replicas storage replicas) {
        replicas = _jobs[jobId];
        if (replicas.fundedAt == 0) revert NotFunded(jobId);
        if (replicas.settled) revert AlreadySettled(jobId);
    }

    function _staged(bytes32 jobId, ReplicaStage expected) private view returns (Replica storage replica) {
        replica = _replicas[jobId][msg.sender];
        ReplicaStage actual = replica.stage;
        if (actual != expected) revert StageMismatch(jobId, msg.sender, expected, actual);
    }

    /// @dev Until when replicas commit, and the provider waits for them.
    function _commitBy(Job memory job) private pure returns (uint256) {
        return uint256(job.acceptedAt) + job.executionWindow / 2;
    }

    /// @dev How a job has ended. Reverts while it has not, or while what was committed to may still be shown.
    function _ended(bytes32 jobId, Job memory job) private view returns (Sums memory sums) {
        sums.state = market.stateOf(jobId);
        if (!JobStates.isFinal(sums.state)) revert JobInState(jobId, sums.state);
        if (job.submittedAt == 0) return sums;
        // INVARIANT: whoever has committed has its time to show it, also where a result is convicted at once.
        uint256 revealBy = uint256(job.submittedAt) + revealWindow;
        if (block.timestamp < revealBy) revert RevealsOpen(jobId, revealBy);
        sums.submitted = true;
        sums.convicted = game.traceOf(jobId).convictedAt != 0;
    }

    /// @dev Pays or slashes one replica, and adds up what of its fee and its stake is the consumer's, and what is nobody's.
    function _end(bytes32 jobId, bytes32 versionId, address account, Sums memory sums) private {
        ReplicaEnd end = _endOf(_replicas[jobId][account].stage, sums);
        uint256 paid = end == ReplicaEnd.Paid ? sums.fee : 0;
        if (paid != 0) _addCredit(account, paid);
        uint256 slashed = _free(account, _lossOf(end, sums.fee));
        uint256 lost = slashed - slashed * CONSUMER_BPS / BPS;
        // Whose fault an absence is cannot be told: the input may not have been there. Both lose the fee, and nobody has it.
        if (end == ReplicaEnd.Absent) lost = sums.fee + slashed;
        sums.refund = sums.refund + slashed - paid - lost;
        sums.burned += lost;
        emit ReplicaSettled(jobId, versionId, account, end, paid, slashed);
    }

    /// @dev Anybody can answer a game for the provider: a replica that has the same root is convicted with it, also by silence.
    function _endOf(ReplicaStage stage, Sums memory sums) private pure returns (ReplicaEnd) {
        if (!sums.submitted) return ReplicaEnd.Released;
        if (stage == ReplicaStage.Drawn) return ReplicaEnd.Absent;
        if (stage == ReplicaStage.Committed) return ReplicaEnd.Silent;
        if (stage == ReplicaStage.Equal) return sums.convicted ? ReplicaEnd.Confirmed : ReplicaEnd.Paid;
        if (sums.convicted) return ReplicaEnd.Paid;
        // Rejected because it was not delivered: that says nothing about the root.
        return sums.state == State.Accepted ? ReplicaEnd.Mistaken : ReplicaEnd.Released;
    }

    /// @dev What an end costs a slot at most: nothing, as much as the fee, or all.
    function _lossOf(ReplicaEnd end, uint256 fee) private pure returns (uint256) {
        if (end == ReplicaEnd.Released || end == ReplicaEnd.Paid) return 0;
        return end == ReplicaEnd.Absent ? fee : type(uint256).max;
    }
}
