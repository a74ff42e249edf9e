// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IStakeRewardsErrors} from "../errors/IStakeRewardsErrors.sol";
import {ICreditSource} from "../interfaces/IAssetSale.sol";
import {IStakeRewards} from "../interfaces/IStakeRewards.sol";
import {REWARD_PERIOD} from "../libraries/Limits.sol";
import {Payments} from "./Payments.sol";

/// @title The stakers' part of the protocol fee, streamed to held stake by amount and time
/// @notice The algorithm is Synthetix's StakingRewards (https://github.com/Synthetixio/synthetix, contracts/StakingRewards.sol):
/// one accumulator of rewards per unit of stake, and for each account what the accumulator was when its stake last changed.
/// It differs in three points. What joins a running stream moves the end in proportion to its amount: whoever adds dust again
/// and again cannot stretch the stream. While nobody stakes the stream stands still. Rewards are counted in 1/SCALE of a
/// base unit, and what a division leaves stays in the stream: nothing is lost to rounding.
/// INVARIANT: rewardPool * SCALE = _stream + sum over all accounts of SCALE-ths earned and not claimed.
/// INVARIANT: the token balance is at least all stakes plus rewardPool: rewards never pay stakes, nor stakes rewards.
abstract contract StakeRewards is IStakeRewards, IStakeRewardsErrors, Payments, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    struct Earner {
        uint256 perUnit; // the accumulator when `earned` was last counted
        uint256 earned; // in 1/SCALE of a base unit
    }

    /// @dev A count leaves less than one unit in the stream while all stakes together are below 2^96 units.
    uint256 private constant SCALE = 2 ** 96;

    /// @inheritdoc IStakeRewards
    uint256 public rewardPool;

    /// @dev SCALE-ths of a base unit, not yet earned. SAFETY: 2^128 units of reward fit, and so does their product with a period.
    uint256 private _stream;
    /// @dev SCALE-ths of a base unit that one base unit of stake has earned since the beginning.
    uint256 private _perUnit;
    /// @dev Sum of all held stakes.
    uint128 private _earning;
    uint64 private _countedAt;
    uint64 private _finishAt;

    mapping(address account => Earner) private _earners;

    /// @inheritdoc IStakeRewards
    function fund() external nonReentrant returns (uint256 amount) {
        return _fund(_market());
    }

    /// @inheritdoc IStakeRewards
    function fundFrom(address source) external nonReentrant returns (uint256 amount) {
        return _fund(source);
    }

    /// @inheritdoc IStakeRewards
    function claim() external nonReentrant returns (uint256 amount) {
        _countFor(msg.sender);
        Earner storage earner = _earners[msg.sender];
        // What a division leaves stays where it was.
        // slither-disable-next-line divide-before-multiply
        amount = earner.earned / SCALE;
        if (amount == 0) revert NoReward(msg.sender);
        earner.earned -= amount * SCALE;
        rewardPool -= amount;
        emit RewardClaimed(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IStakeRewards
    function rewardOf(address account) external view returns (uint256) {
        (uint256 perUnit,) = _counted();
        Earner storage earner = _earners[account];
        return (earner.earned + _earningOf(account) * (perUnit - earner.perUnit)) / SCALE;
    }

    /// @inheritdoc IStakeRewards
    function rewardStream() external view returns (uint256 left, uint64 finishAt) {
        (, uint256 stream) = _counted();
        return (stream / SCALE, _finish());
    }

    /// @dev SAFETY: only what came in counts, whoever the source is; it is asked before anything here is read, and the guard keeps
    /// stakes from moving meanwhile. Callers hold it.
    // The credit's amount is known only after that call; all that pays or takes tokens here holds the guard.
    // slither-disable-next-line reentrancy-no-eth,reentrancy-balance,reentrancy-benign
    function _fund(address source) private returns (uint256 amount) {
        uint256 before = token.balanceOf(address(this));
        amount = ICreditSource(source).withdraw();
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert InexactTransfer(address(token), amount, received);
        if (amount == 0) revert NothingFunded(source);

        _count();
        uint256 added = amount * SCALE;
        uint256 old = _stream;
        uint256 left = _finishAt - _countedAt;
        // Each part keeps its own length on average. SAFETY: rounded up, every call with a unit would add a second.
        uint256 length = (old * left + added * REWARD_PERIOD) / (old + added);
        // A stream takes at least a second.
        if (length == 0) length = 1;
        _stream = old + added;
        _finishAt = uint64(block.timestamp + length);
        rewardPool += amount;
        emit RewardsFunded(amount, _finishAt);
    }

    /// @dev Before an account's held stake grows.
    function _earnMore(address account, uint128 amount) internal {
        _countFor(account);
        _earning += amount;
    }

    /// @dev Before an account's held stake shrinks: unbonding or slashed.
    function _earnLess(address account, uint128 amount) internal {
        _countFor(account);
        _earning -= amount;
    }

    /// @dev The only contract that credits this one.
    function _market() internal view virtual returns (address);

    /// @dev An account's held stake in all roles.
    function _earningOf(address account) internal view virtual returns (uint256);

    /// @dev SAFETY: an account's stake is part of `_earning` in every second counted, so the product is at most what was streamed.
    function _countFor(address account) private {
        _count();
        Earner storage earner = _earners[account];
        uint256 perUnit = _perUnit;
        if (earner.perUnit == perUnit) return;
        earner.earned += _earningOf(account) * (perUnit - earner.perUnit);
        earner.perUnit = perUnit;
    }

    /// @dev Moves what was earned since the last count from the stream into the accumulator.
    function _count() private {
        if (_finishAt > _countedAt) {
            uint64 finishAt = _finish();
            (_perUnit, _stream) = _counted();
            _finishAt = finishAt;
        }
        // Without a stream the two are the same, so that nothing is left of it.
        _countedAt = uint64(block.timestamp);
        if (_finishAt < _countedAt) _finishAt = _countedAt;
    }

    /// @dev Accumulator and stream as a count now would leave them. The remainder of the division stays in the stream.
    function _counted() private view returns (uint256 perUnit, uint256 stream) {
        (perUnit, stream) = (_perUnit, _stream);
        uint256 length = _finishAt - _countedAt;
        if (length == 0 || _earning == 0) return (perUnit, stream);
        uint256 elapsed = block.timestamp - _countedAt;
        if (elapsed > length) elapsed = length;
        // slither-disable-next-line divide-before-multiply
        uint256 growth = (stream * elapsed) / length / _earning;
        return (perUnit + growth, stream - growth * _earning);
    }

    /// @dev The stream's end: while nobody stakes it moves with the clock.
    function _finish() private view returns (uint64) {
        if (_earning != 0 || _finishAt == _countedAt) return _finishAt;
        return uint64(_finishAt + block.timestamp - _countedAt);
    }
}
