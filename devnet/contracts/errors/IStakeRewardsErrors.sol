// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Errors of base/StakeRewards.sol.
interface IStakeRewardsErrors {
    error NoReward(address account);
    /// The source paid nothing.
    error NothingFunded(address source);
}
