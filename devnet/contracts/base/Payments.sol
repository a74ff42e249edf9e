// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {IPaymentErrors} from "../errors/IPaymentErrors.sol";

/// @title The one token of a contract: how it comes in, and how a permit and a deposit become one transaction
abstract contract Payments is IPaymentErrors, Multicall {
    using SafeERC20 for IERC20;

    /// @notice The only token this contract takes. Amounts everywhere are its base units.
    IERC20 public immutable token;

    constructor(IERC20 token_) {
        if (address(token_).code.length == 0) revert AddressMissing("token");
        token = token_;
    }

    /// @notice Uses the caller's EIP-2612 signature as its allowance to this contract; for `multicall` with a deposit.
    /// @dev A permit can be seen and sent by anybody first: then the allowance stands already and this does nothing.
    function selfPermit(uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        if (token.allowance(msg.sender, address(this)) >= value) return;
        IERC20Permit(address(token)).permit(msg.sender, address(this), value, deadline, v, r, s);
    }

    /// @dev Pulls exactly `amount` from the caller. Callers hold the reentrancy guard and have written their state.
    function _pull(uint256 amount) internal {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert InexactTransfer(address(token), amount, received);
    }

    /// @dev A constructor argument within [least, most].
    function _bounded(string memory name, uint256 actual, uint256 least, uint256 most) internal pure {
        if (actual < least || actual > most) revert ParameterOutOfBounds(name, actual, least, most);
    }

    function _present(string memory name, address account) internal pure {
        if (account == address(0)) revert AddressMissing(name);
    }
}
