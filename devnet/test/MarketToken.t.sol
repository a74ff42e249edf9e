// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MarketToken} from "../contracts/MarketToken.sol";
import {Base} from "./Base.sol";

contract MarketTokenTest is Base {
    function test_fixedSupplyToOneHolder() public {
        MarketToken token = new MarketToken(address(0xA1), 1e27);
        vm.assertEq(token.totalSupply(), 1e27);
        vm.assertEq(token.balanceOf(address(0xA1)), 1e27);
        vm.assertEq(token.decimals(), 18);
        vm.assertEq(keccak256(bytes(token.symbol())), keccak256("MLM"));
    }
}
