// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// How a job ended for the provider that held its lease.
enum Outcome {
    Accepted,
    Rejected,
    Undelivered,
    Defaulted
}

interface IReputation {
    /// @notice Counts a job's end. Market only.
    function record(address provider, Outcome outcome, uint128 price, uint128 points) external;

    /// @notice Points of a provider: what burned of the fees of its accepted jobs, in token base units.
    function pointsOf(address provider) external view returns (uint128);
}
