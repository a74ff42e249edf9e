// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Points as a test sets them
contract ToyReputation {
    mapping(address provider => uint128) public pointsOf;

    function set(address provider, uint128 points) external {
        pointsOf[provider] = points;
    }
}
