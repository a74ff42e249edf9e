// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MarketToken} from "../contracts/MarketToken.sol";
import {Base} from "./Base.sol";
import {Shipped} from "./Shipped.sol";

contract MarketTokenTest is Base {
    function test_fixedSupplyToOneHolder() public {
        MarketToken token = Shipped.marketToken(address(0xA1), 1e27);
        vm.assertEq(token.totalSupply(), 1e27);
        vm.assertEq(token.balanceOf(address(0xA1)), 1e27);
        vm.assertEq(token.decimals(), 18);
        vm.assertEq(keccak256(bytes(token.symbol())), keccak256("MLM"));
    }

    /// EIP-2612 over EIP-712: what wallets sign names this token, on this chain.
    function test_permitsAreSignedForThisTokenAndChain() public {
        MarketToken token = Shipped.marketToken(address(0xA1), 1e27);
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("mlm market token"),
                keccak256("1"),
                block.chainid,
                address(token)
            )
        );
        vm.assertEq(token.DOMAIN_SEPARATOR(), domain);
        address owner = vm.addr(7);
        bytes32 digest = keccak256(
            abi.encodePacked(
                hex"1901",
                domain,
                keccak256(
                    abi.encode(
                        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                        owner,
                        address(0xB0),
                        uint256(5),
                        uint256(0),
                        uint256(block.timestamp)
                    )
                )
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(7, digest);
        token.permit(owner, address(0xB0), 5, block.timestamp, v, r, s);
        vm.assertEq(token.allowance(owner, address(0xB0)), 5);
        // Once only.
        vm.expectRevert();
        token.permit(owner, address(0xB0), 5, block.timestamp, v, r, s);
    }
}
