// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Role} from "./Types.sol";

/// An account's stake in one role. total >= locked + unbonding.
struct Stake {
    uint128 total;
    uint128 locked;
    uint128 unbonding;
    uint64 releaseAt; // when `unbonding` can be withdrawn
}

/// Stake that is promised until a time, and free from then on.
struct Reservation {
    uint128 amount;
    uint48 until;
}

interface IStakeVault {
    event StakeDeposited(address indexed account, Role indexed role, uint256 amount);
    event UnbondingStarted(address indexed account, Role indexed role, uint256 amount, uint64 releaseAt);
    event StakeWithdrawn(address indexed account, Role indexed role, uint256 amount);
    event StakeLocked(bytes32 indexed jobId, address indexed account, Role indexed role, uint256 amount);
    event StakeUnlocked(bytes32 indexed jobId, address indexed account, Role indexed role, uint256 amount);
    event StakeSlashed(bytes32 indexed jobId, address indexed account, Role indexed role, uint256 amount);
    event StakeReserved(bytes32 indexed id, address indexed account, Role indexed role, uint256 amount, uint48 until);
    event StakeReleased(bytes32 indexed id, address indexed account, Role indexed role, uint256 amount, uint48 until);

    function deposit(Role role, uint128 amount) external;

    /// @notice Starts unbonding free stake; a second request adds to the first and restarts its clock.
    function requestWithdraw(Role role, uint128 amount) external;

    /// @notice Pays out what has finished unbonding.
    function withdraw(Role role) external;

    /// @notice Locks free stake for a job. Market only.
    function lock(bytes32 jobId, address account, Role role, uint128 amount) external;

    /// @notice Releases what is left of a job's lock. Market only.
    function unlock(bytes32 jobId, address account, Role role) external;

    /// @notice Takes part of a job's lock and sends it to the market, which credits it. Market only.
    function slash(bytes32 jobId, address account, Role role, uint128 amount) external;

    /// @notice Keeps free stake for a purpose until a time, at which it is free again by itself. BatchAuction only.
    function reserve(bytes32 id, address account, Role role, uint128 amount, uint48 until) external;

    /// @notice Frees a part of a reservation before its time. BatchAuction only.
    function release(bytes32 id, address account, Role role, uint128 amount) external;

    function stakeOf(address account, Role role) external view returns (Stake memory);

    /// @notice What can be locked now: total - locked - unbonding - reserved.
    function freeOf(address account, Role role) external view returns (uint128);

    /// @notice What is reserved now.
    function reservedOf(address account, Role role) external view returns (uint128);

    /// @notice What is left of a reservation, and until when; past that time it binds nothing.
    function reservationOf(bytes32 id, address account, Role role) external view returns (Reservation memory);

    function lockOf(bytes32 jobId, address account, Role role) external view returns (uint128);
}
