// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ICreditSource} from "../interfaces/IAssetSale.sol";
import {IPullCredits} from "../interfaces/IPullCredits.sol";
import {Payments} from "./Payments.sol";

/// @title Credits without a reason of their own: whoever adds one says why in an event
/// @notice INVARIANT: totalCredit is the sum of all credits, and the token balance is at least that.
abstract contract PullCredits is IPullCredits, Payments, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @inheritdoc IPullCredits
    uint256 public totalCredit;

    /// @inheritdoc ICreditSource
    mapping(address account => uint256) public creditOf;

    /// @inheritdoc ICreditSource
    function withdraw() external nonReentrant returns (uint256 amount) {
        return _payOut(msg.sender);
    }

    function _addCredit(address account, uint256 amount) internal {
        // Where it is called in a loop, that has a bound.
        // slither-disable-next-line costly-loop
        totalCredit += amount;
        creditOf[account] += amount;
    }

    /// @dev Callers hold the guard.
    function _payOut(address account) internal returns (uint256 amount) {
        amount = creditOf[account];
        if (amount == 0) revert NoCredit(account);
        totalCredit -= amount;
        creditOf[account] = 0;
        emit Withdrawn(account, amount);
        token.safeTransfer(account, amount);
    }
}
