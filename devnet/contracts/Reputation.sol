// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IReputationErrors} from "./errors/IReputationErrors.sol";
import {IJobMarket, Job, Snapshot, Terms} from "./interfaces/IJobMarket.sol";
import {IReputation, Standing} from "./interfaces/IReputation.sol";
import {Outcome, State} from "./interfaces/Types.sol";
import {Settlement} from "./libraries/Settlement.sol";

/// @title What settled jobs say of a provider: counts, value, points and ratings, readable in one call
/// @notice Points are what burned of the protocol fee, so whoever fakes them has burned them (docs/reputation.md). A rating
/// weighs as much as its job burned: many cheap jobs rate no louder than one dear job that burned as much.
/// INVARIANT: ratedPoints <= points, and ratedPoints <= starPoints <= 5 * ratedPoints, until a number has reached its largest.
/// ASSUMPTION: the market is the deployment's own: it records a job once, when it settles.
contract Reputation is IReputation, IReputationErrors {
    uint8 private constant MOST_STARS = 5;

    /// @notice The only contract that records jobs.
    address public immutable market;

    /// @inheritdoc IReputation
    mapping(bytes32 jobId => uint8) public starsOf;

    /// @dev Three words: a job that was not accepted touches the first, an accepted one the second too, a rating the last two.
    mapping(address provider => Standing) private _standings;

    /// @param market_ May have no code yet: market and reputation name each other.
    constructor(address market_) {
        if (market_ == address(0)) revert AddressMissing("market");
        market = market_;
    }

    /// @inheritdoc IReputation
    function record(bytes32 jobId, address provider, Outcome outcome, uint128 price, uint128 points) external {
        if (msg.sender != market) revert NotMarket(market, msg.sender);
        Standing storage standing = _standings[provider];
        if (outcome == Outcome.Accepted) {
            standing.accepted = _next(standing.accepted);
            standing.value = _sum(standing.value, price);
            standing.points = _sum(standing.points, points);
        } else {
            (price, points) = (0, 0);
            if (outcome == Outcome.Rejected) standing.rejected = _next(standing.rejected);
            else if (outcome == Outcome.Undelivered) standing.undelivered = _next(standing.undelivered);
            else standing.defaulted = _next(standing.defaulted);
        }
        emit JobRecorded(jobId, provider, outcome, price, points);
    }

    /// @inheritdoc IReputation
    /// @dev The points follow from the job's terms: to store them would cost every settlement a word, for the sake of the
    /// jobs that are rated.
    function rate(bytes32 jobId, Terms calldata terms, uint8 stars) external {
        if (stars == 0 || stars > MOST_STARS) revert StarsOutOfBounds(jobId, stars, 1, MOST_STARS);
        State state = IJobMarket(market).stateOf(jobId);
        if (state != State.Accepted) revert JobNotAccepted(jobId, state);
        Job memory job = IJobMarket(market).jobOf(jobId);
        if (job.settledAt == 0) revert JobNotSettled(jobId);
        if (msg.sender != job.consumer) revert NotConsumer(jobId, job.consumer, msg.sender);
        if (starsOf[jobId] != 0) revert JobAlreadyRated(jobId, starsOf[jobId]);
        bytes32 termsHash = keccak256(abi.encode(terms));
        if (termsHash != job.termsHash) revert TermsMismatch(jobId, job.termsHash, termsHash);

        starsOf[jobId] = stars;
        uint128 points = _burned(job.price, terms.snapshot);
        Standing storage standing = _standings[job.provider];
        uint160 starPoints = standing.starPoints;
        unchecked {
            // SAFETY: 5 * 2^128 fits; a sum beyond the largest number stops there.
            uint160 sum = starPoints + uint160(stars) * points;
            standing.starPoints = sum < starPoints ? type(uint160).max : sum;
        }
        standing.ratedPoints = _sum(standing.ratedPoints, points);
        standing.ratings = _next(standing.ratings);
        emit JobRated(jobId, job.provider, msg.sender, stars);
    }

    /// @inheritdoc IReputation
    function reputationOf(address provider) external view returns (Standing memory) {
        return _standings[provider];
    }

    /// @inheritdoc IReputation
    function pointsOf(address provider) external view returns (uint128) {
        return _standings[provider].points;
    }

    /// @dev What burned of the protocol fee of an accepted job. SAFETY: the fee is at most the price, which fits.
    function _burned(uint128 price, Snapshot calldata snapshot) private pure returns (uint128) {
        uint256 fee = Settlement.feeUp(price, snapshot.protocolFeeBps);
        // slither-disable-next-line unused-return
        (,, uint256 burned) = Settlement.splitFee(fee, snapshot.treasuryBps, snapshot.stakersBps);
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint128(burned);
    }

    function _next(uint32 count) private pure returns (uint32) {
        return count == type(uint32).max ? count : count + 1;
    }

    function _sum(uint128 left, uint128 right) private pure returns (uint128) {
        unchecked {
            uint128 sum = left + right;
            return sum < left ? type(uint128).max : sum;
        }
    }
}
