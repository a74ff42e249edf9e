// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Outcome} from "./Types.sol";

/// What settled jobs say of a provider.
interface IReputation {
    /// @notice Counts a settled job. Market only.
    /// @param price What the job was to be paid, in base units. @param points What burned of its protocol fee.
    function record(address provider, Outcome outcome, uint128 price, uint128 points) external;

    function pointsOf(address provider) external view returns (uint128);
}
