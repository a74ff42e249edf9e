// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

interface IStakeRewards {
    /// @param finishAt When the stream that it joined ends.
    event RewardsFunded(uint256 amount, uint64 finishAt);
    event RewardClaimed(address indexed account, uint256 amount);

    /// @notice Draws what the market has credited to the stakers and adds it to the stream. Anyone may call.
    function fund() external returns (uint256 amount);

    /// @notice The same from any other contract that credits this one a part of its fees, such as LicenceShop.
    function fundFrom(address source) external returns (uint256 amount);

    /// @notice Pays the caller the rewards of its stake in all roles.
    function claim() external returns (uint256 amount);

    /// @notice What `claim` would pay an account now.
    function rewardOf(address account) external view returns (uint256);

    /// @notice Rewards in this contract that nobody has claimed: earned ones, and those that are still to be streamed.
    function rewardPool() external view returns (uint256);

    /// @notice Rewards still to be streamed, without those earned by now, and when the stream ends: later while nobody stakes.
    function rewardStream() external view returns (uint256 left, uint64 finishAt);
}
