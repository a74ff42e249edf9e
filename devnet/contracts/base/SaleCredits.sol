// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IAssetSaleErrors} from "../errors/IAssetSaleErrors.sol";
import {IAssetSale, SaleReason} from "../interfaces/IAssetSale.sol";
import {Payments} from "./Payments.sol";

/// @title Credits of sales: nobody is paid by push, everybody pulls
/// @notice INVARIANT: token.balanceOf(sale) >= totalEscrow + totalCredit; equal unless somebody donates.
abstract contract SaleCredits is IAssetSale, IAssetSaleErrors, Payments, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @inheritdoc IAssetSale
    uint256 public totalEscrow;

    /// @inheritdoc IAssetSale
    uint256 public totalCredit;

    /// @inheritdoc IAssetSale
    mapping(address account => uint256) public creditOf;

    /// @inheritdoc IAssetSale
    function withdraw() external nonReentrant returns (uint256 amount) {
        amount = creditOf[msg.sender];
        if (amount == 0) revert NoCredit(msg.sender);
        totalCredit -= amount;
        creditOf[msg.sender] = 0;
        emit Withdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    function _credit(bytes32 saleId, address account, SaleReason reason, uint256 amount) internal {
        if (amount == 0) return;
        totalCredit += amount;
        creditOf[account] += amount;
        emit SaleCredited(saleId, account, reason, amount);
    }
}
