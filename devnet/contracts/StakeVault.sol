// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Payments} from "./base/Payments.sol";
import {Reservations} from "./base/Reservations.sol";
import {StakeRewards} from "./base/StakeRewards.sol";
import {IStakeVaultErrors} from "./errors/IStakeVaultErrors.sol";
import {IStakeVault, Stake} from "./interfaces/IStakeVault.sol";
import {Role} from "./interfaces/Types.sol";
import {MAX_UNBONDING, MIN_UNBONDING} from "./libraries/Limits.sol";

/// @title Stake by role, locked by the market for jobs and slashed for proven faults
/// @notice Held stake earns a part of the protocol fees (base/StakeRewards.sol); unbonding stake earns nothing.
/// INVARIANT: token.balanceOf(vault) >= sum of all `total` + rewardPool; equal unless somebody donates.
/// INVARIANT: for every stake, held >= locked + reserved (base/Reservations.sol), and total = held + unbonding.
/// INVARIANT: `locked` of an account is the sum of its locks over all jobs.
contract StakeVault is IStakeVault, IStakeVaultErrors, StakeRewards, Reservations {
    using SafeERC20 for IERC20;

    /// A stake as it is stored: jobs touch its first word only, a withdrawal its second. Stake.total = held + unbonding.
    struct Account {
        uint128 held; // free or locked
        uint128 locked;
        uint128 unbonding;
        uint64 releaseAt;
    }

    /// @notice The only contract that locks, unlocks and slashes.
    address public immutable market;

    /// @notice Seconds between `requestWithdraw` and `withdraw`.
    uint64 public immutable unbondingPeriod;

    mapping(address account => mapping(Role role => Account)) private _stakes;
    mapping(bytes32 jobId => mapping(address account => mapping(Role role => uint128))) private _locks;

    modifier onlyMarket() {
        if (msg.sender != market) revert NotMarket(market, msg.sender);
        _;
    }

    /// @param market_ May have no code yet: vault and market name each other, and so do vault and batch auction.
    constructor(IERC20 token_, address market_, address batch_, uint64 unbondingPeriod_)
        Payments(token_)
        Reservations(batch_)
    {
        if (market_ == address(0)) revert AddressMissing("market");
        if (batch_ == address(0)) revert AddressMissing("batch");
        _bounded("unbondingPeriod", unbondingPeriod_, MIN_UNBONDING, MAX_UNBONDING);
        market = market_;
        unbondingPeriod = unbondingPeriod_;
    }

    /// @inheritdoc IStakeVault
    function deposit(Role role, uint128 amount) external nonReentrant {
        if (amount == 0) revert StakeAmountZero(msg.sender, role);
        _earnMore(msg.sender, amount);
        _stakes[msg.sender][role].held += amount;
        emit StakeDeposited(msg.sender, role, amount);
        _pull(amount);
    }

    /// @inheritdoc IStakeVault
    function requestWithdraw(Role role, uint128 amount) external {
        if (amount == 0) revert StakeAmountZero(msg.sender, role);
        Account storage stake = _needFree(msg.sender, role, amount);
        uint64 releaseAt = uint64(block.timestamp) + unbondingPeriod;
        _earnLess(msg.sender, amount);
        stake.held -= amount;
        stake.unbonding += amount;
        stake.releaseAt = releaseAt;
        emit UnbondingStarted(msg.sender, role, amount, releaseAt);
    }

    /// @inheritdoc IStakeVault
    function withdraw(Role role) external nonReentrant {
        Account storage stake = _stakes[msg.sender][role];
        uint128 amount = stake.unbonding;
        if (amount == 0) revert NothingUnbonding(msg.sender, role);
        if (block.timestamp < stake.releaseAt) revert StillUnbonding(msg.sender, role, stake.releaseAt);
        stake.unbonding = 0;
        emit StakeWithdrawn(msg.sender, role, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IStakeVault
    function lock(bytes32 jobId, address account, Role role, uint128 amount) external onlyMarket {
        mapping(Role role => uint128) storage locks = _locks[jobId][account];
        uint128 held = locks[role];
        // INVARIANT: one lock for each job, account and role.
        if (held != 0) revert AlreadyLocked(jobId, account, role, held);
        locks[role] = amount;
        _needFree(account, role, amount).locked += amount;
        emit StakeLocked(jobId, account, role, amount);
    }

    /// @inheritdoc IStakeVault
    function unlock(bytes32 jobId, address account, Role role) external onlyMarket {
        mapping(Role role => uint128) storage locks = _locks[jobId][account];
        uint128 amount = locks[role];
        locks[role] = 0;
        _stakes[account][role].locked -= amount;
        emit StakeUnlocked(jobId, account, role, amount);
    }

    /// @inheritdoc IStakeVault
    function slash(bytes32 jobId, address account, Role role, uint128 amount) external onlyMarket nonReentrant {
        mapping(Role role => uint128) storage locks = _locks[jobId][account];
        uint128 held = locks[role];
        // INVARIANT: a job can cost no more than what was locked for it.
        if (amount > held) revert LockTooLow(jobId, account, role, amount, held);
        Account storage stake = _stakes[account][role];
        _earnLess(account, amount);
        locks[role] = held - amount;
        stake.locked -= amount;
        stake.held -= amount;
        emit StakeSlashed(jobId, account, role, amount);
        token.safeTransfer(market, amount);
    }

    /// @inheritdoc IStakeVault
    function stakeOf(address account, Role role) external view returns (Stake memory) {
        Account storage stake = _stakes[account][role];
        return Stake({
            total: stake.held + stake.unbonding,
            locked: stake.locked,
            unbonding: stake.unbonding,
            releaseAt: stake.releaseAt
        });
    }

    /// @inheritdoc IStakeVault
    function freeOf(address account, Role role) external view returns (uint128) {
        return _freeOf(account, role);
    }

    /// @inheritdoc IStakeVault
    function lockOf(bytes32 jobId, address account, Role role) external view returns (uint128) {
        return _locks[jobId][account][role];
    }

    /// @dev What earns rewards: stake that is free or locked, in all roles.
    function _earningOf(address account) internal view override returns (uint256 held) {
        for (uint8 role = 0; role <= uint8(type(Role).max); ++role) {
            held += _stakes[account][Role(role)].held;
        }
    }

    function _market() internal view override returns (address) {
        return market;
    }

    function _needFree(address account, Role role, uint128 needed) private view returns (Account storage stake) {
        _checkFree(account, role, needed);
        stake = _stakes[account][role];
    }

    function _checkFree(address account, Role role, uint128 needed) internal view override {
        uint128 free = _freeOf(account, role);
        if (needed > free) revert FreeStakeTooLow(account, role, needed, free);
    }

    function _freeOf(address account, Role role) private view returns (uint128) {
        Account storage stake = _stakes[account][role];
        return stake.held - stake.locked - reservedOf(account, role);
    }
}
