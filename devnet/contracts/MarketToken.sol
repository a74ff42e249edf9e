// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title The market's payment and stake token: ERC-20 with EIP-2612 permits, 18 decimals, fixed supply
contract MarketToken is ERC20, ERC20Permit {
    /// @param holder Receives the whole supply.
    /// @param supply In base units (1 MLM = 1e18).
    constructor(address holder, uint256 supply) ERC20("mlm market token", "MLM") ERC20Permit("mlm market token") {
        _mint(holder, supply);
    }
}
