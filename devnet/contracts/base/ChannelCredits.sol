// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IPaymentChannelsErrors} from "../errors/IPaymentChannelsErrors.sol";
import {IPaymentChannels} from "../interfaces/IPaymentChannels.sol";
import {Reason} from "../interfaces/Types.sol";
import {BURN_ADDRESS} from "../libraries/Limits.sol";
import {Payments} from "./Payments.sol";

/// @title Credits of channels: nobody is paid by push, everybody pulls
/// @notice INVARIANT: token.balanceOf(channels) >= totalEscrow + totalCredit; equal unless somebody donates.
abstract contract ChannelCredits is IPaymentChannels, IPaymentChannelsErrors, Payments, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @inheritdoc IPaymentChannels
    uint128 public totalEscrow;

    /// @inheritdoc IPaymentChannels
    /// @dev INVARIANT: totalEscrow + totalCredit < 2^128: `_deposit` holds it, nothing else adds to the sum.
    uint128 public totalCredit;

    /// @inheritdoc IPaymentChannels
    mapping(address account => uint256) public creditOf;

    /// @inheritdoc IPaymentChannels
    function withdraw() external nonReentrant returns (uint256 amount) {
        return _payOut(msg.sender);
    }

    /// @inheritdoc IPaymentChannels
    function burn() external nonReentrant returns (uint256 amount) {
        return _payOut(BURN_ADDRESS);
    }

    function _deposit(uint128 amount) internal {
        uint256 most = type(uint128).max - totalEscrow - totalCredit;
        if (amount > most) revert DepositTooLarge(amount, most);
        totalEscrow += amount;
    }

    /// @dev What a channel held belongs to accounts. Callers credit it whole.
    function _release(uint128 amount) internal {
        totalEscrow -= amount;
        totalCredit += amount;
    }

    function _credit(bytes32 channelId, address account, Reason reason, uint256 amount) internal {
        if (amount == 0) return;
        creditOf[account] += amount;
        emit ChannelCredited(channelId, account, reason, amount);
    }

    function _payOut(address account) private returns (uint256 amount) {
        amount = creditOf[account];
        if (amount == 0) revert NoCredit(account);
        // SAFETY: a credit is a part of totalCredit, which fits.
        // forge-lint: disable-next-line(unsafe-typecast)
        totalCredit -= uint128(amount);
        creditOf[account] = 0;
        emit Withdrawn(account, amount);
        token.safeTransfer(account, amount);
    }
}
