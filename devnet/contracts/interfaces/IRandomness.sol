// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Numbers that nobody could know or choose when they were asked for, from whatever oracle
interface IRandomness {
    /// @notice The first round whose seed nobody can know at a time. Rounds grow with time.
    function roundAfter(uint256 time) external view returns (uint256 round);

    /// @notice A round's seed; 0 while nobody knows it.
    function seedOf(uint256 round) external view returns (bytes32 seed);
}
