// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IJobMarketErrors} from "../errors/IJobMarketErrors.sol";
import {IJobMarket} from "../interfaces/IJobMarket.sol";
import {Reason} from "../interfaces/Types.sol";
import {BURN_ADDRESS} from "../libraries/Limits.sol";
import {Settlement} from "../libraries/Settlement.sol";
import {Payments} from "./Payments.sol";

/// @title Credits: nobody is paid by push, everybody pulls
/// @notice INVARIANT: token.balanceOf(market) >= totalEscrow + totalCredit; equal unless somebody donates.
abstract contract Credits is IJobMarket, IJobMarketErrors, Payments, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @inheritdoc IJobMarket
    uint256 public totalCredit;

    /// @inheritdoc IJobMarket
    mapping(address account => uint256) public creditOf;

    /// @dev Last, so that what NewJobsPause stores shares its word: a posting uses both.
    /// SAFETY: 2^80 jobs of the largest price fit.
    uint208 internal _escrow;

    /// @inheritdoc IJobMarket
    function totalEscrow() external view returns (uint256) {
        return _escrow;
    }

    /// @inheritdoc IJobMarket
    function withdraw() external nonReentrant returns (uint256 amount) {
        return _payOut(msg.sender);
    }

    /// @inheritdoc IJobMarket
    function burn() external nonReentrant returns (uint256 amount) {
        return _payOut(BURN_ADDRESS);
    }

    /// @dev A job ends: what it held in escrow belongs to accounts. Callers credit it whole.
    function _release(uint128 amount) internal {
        _escrow -= amount;
        totalCredit += amount;
    }

    /// @dev Callers count what they credit in `totalCredit`, once for all accounts.
    function _credit(bytes32 jobId, address account, Reason reason, uint256 amount) internal {
        Settlement.credit(creditOf, jobId, account, reason, amount);
    }

    function _payOut(address account) private returns (uint256 amount) {
        amount = creditOf[account];
        if (amount == 0) revert NoCredit(account);
        totalCredit -= amount;
        creditOf[account] = 0;
        emit Withdrawn(account, amount);
        token.safeTransfer(account, amount);
    }
}
