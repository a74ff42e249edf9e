// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Terms} from "./IJobMarket.sol";
import {Outcome} from "./Types.sol";

/// All that is known of a provider. Nothing ever leaves it; numbers stop at the largest that fits. Amounts in base units.
struct Standing {
    uint32 accepted; // jobs, by how they ended
    uint32 rejected;
    uint32 undelivered;
    uint32 defaulted;
    uint128 value; // sum of the prices of accepted jobs
    uint128 points; // sum of what burned of their protocol fees
    uint128 ratedPoints; // of those points, the ones whose jobs were rated
    uint160 starPoints; // sum of stars times points over rated jobs: starPoints / ratedPoints is the average
    uint32 ratings;
}

/// What settled jobs say of a provider.
interface IReputation {
    event JobRecorded(
        bytes32 indexed jobId, address indexed provider, Outcome indexed outcome, uint128 price, uint128 points
    );
    event JobRated(bytes32 indexed jobId, address indexed provider, address indexed consumer, uint8 stars);

    /// @notice Counts a job that is being settled; never reverts for the market. Market only.
    /// @param price What an accepted job paid, in base units; not read for another outcome.
    /// @param points What burned of its protocol fee; not read for another outcome.
    function record(bytes32 jobId, address provider, Outcome outcome, uint128 price, uint128 points) external;

    /// @notice Rates an accepted and settled job, once. The job's consumer only.
    /// @param terms The job's, as it was posted with: what it burned follows from them.
    /// @param stars From 1 to 5; they weigh as much as the job's points.
    function rate(bytes32 jobId, Terms calldata terms, uint8 stars) external;

    function reputationOf(address provider) external view returns (Standing memory);
    function pointsOf(address provider) external view returns (uint128);

    /// @notice The stars that a job was given, or 0.
    function starsOf(bytes32 jobId) external view returns (uint8);
}
