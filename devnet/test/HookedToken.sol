// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

interface IHook {
    function tokensMove(address from, address to, uint256 amount, bool before) external;
}

/// @title A token that calls its sender before and its receiver after every transfer, as ERC-777 does
contract HookedToken is ERC20("hooked", "HOOK") {
    mapping(address => bool) private _listens;

    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }

    function listen() external {
        _listens[msg.sender] = true;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (_listens[from]) IHook(from).tokensMove(from, to, amount, true);
        super._update(from, to, amount);
        if (_listens[to]) IHook(to).tokensMove(from, to, amount, false);
    }
}
