// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Order, OrderState} from "../contracts/interfaces/ILicenceShop.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {LicenceBase} from "./LicenceBase.sol";
import {LicenceHandler} from "./LicenceHandler.sol";

/// Money and licences are conserved whatever anybody does in whatever order.
contract LicenceInvariantsTest is LicenceBase {
    LicenceHandler private handler;

    function setUp() public override {
        super.setUp();
        handler = new LicenceHandler(registry, licences, shop, token, feeShares, versionId);
        token.transfer(address(handler), ONE);
        for (uint256 i = 0; i < 4; ++i) {
            address person = handler.people(i);
            token.transfer(person, 1_000 * ONE);
            vm.startPrank(person);
            token.approve(address(shop), type(uint256).max);
            token.approve(address(licences), type(uint256).max);
            vm.stopPrank();
        }
        address first = handler.people(0);
        vm.prank(OWNER);
        registry.transferFrom(OWNER, first, tokenId);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// @dev All moves, `finish` excepted; offers and purchases keep the play going.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory moves = new bytes4[](20);
        moves[0] = moves[1] = moves[2] = handler.offer.selector;
        moves[3] = moves[4] = moves[5] = moves[6] = handler.buy.selector;
        moves[7] = moves[8] = handler.deliver.selector;
        moves[9] = handler.complain.selector;
        moves[10] = handler.settle.selector;
        moves[11] = handler.refund.selector;
        moves[12] = handler.revoke.selector;
        moves[13] = handler.redeem.selector;
        moves[14] = handler.transfer.selector;
        moves[15] = handler.withdraw.selector;
        moves[16] = handler.sellTheAsset.selector;
        moves[17] = handler.wait.selector;
        moves[18] = handler.waitLong.selector;
        moves[19] = handler.donate.selector;
        targets = new FuzzSelector[](2);
        targets[0] = FuzzSelector(address(handler), moves);
        bytes4[] memory shares = new bytes4[](1);
        shares[0] = handler.setShares.selector;
        targets[1] = FuzzSelector(address(handler), shares);
    }

    /// All of them after every move of one play: of the same seed forge would play the same moves again for each.
    function invariant_everyMoveLeavesTheLicencesSound() public view {
        _money();
        _units();
    }

    /// At the end of each play: if everybody is silent from then on, every order ends, and no money stays behind in it.
    function afterInvariant() external {
        handler.finish();
        vm.assertEq(shop.totalEscrow(), 0, "escrow at the end");
        for (uint256 i = 0; i < handler.count(); ++i) {
            Order memory order = handler.orderOf(i);
            vm.assertTrue(uint256(shop.stateOf(shop.orderIdOf(order))) >= uint256(OrderState.Settled));
        }
        _money();
        _units();
    }

    /// Every unit that the contracts owe is there, every open price is in escrow once, and what went in is there or drawn.
    function _money() private view {
        uint256 held = token.balanceOf(address(shop));
        vm.assertEq(held, shop.totalEscrow() + shop.totalCredit() + handler.donatedShop(), "shop");
        vm.assertEq(shop.totalEscrow(), handler.escrow(), "escrow");
        uint256 refunds = token.balanceOf(address(licences));
        vm.assertEq(refunds, licences.totalCredit() + handler.donatedLicences(), "licences");
        uint256 shopCredits = shop.creditOf(PARENT_OWNER) + shop.creditOf(TREASURY) + shop.creditOf(address(vault))
            + shop.creditOf(BURN_ADDRESS);
        uint256 credits = 0;
        for (uint256 i = 0; i < 4; ++i) {
            shopCredits += shop.creditOf(handler.people(i));
            credits += licences.creditOf(handler.people(i));
        }
        vm.assertEq(shop.totalCredit(), shopCredits, "credits of the shop");
        vm.assertEq(licences.totalCredit(), credits, "credits of the licences");
        uint256 owed = shop.totalEscrow() + shopCredits + credits;
        vm.assertEq(handler.paidIn(), owed + handler.drawnOut(), "paid in");
    }

    /// A licence was minted for a settled order, and its units are with people until they are used up or revoked.
    function _units() private view {
        for (uint256 i = 0; i < handler.countIds(); ++i) {
            uint256 id = handler.ids(i);
            uint256 held = 0;
            for (uint256 j = 0; j < 4; ++j) {
                held += licences.balanceOf(handler.people(j), id);
            }
            vm.assertEq(held, handler.supply(id), "units");
        }
    }
}
