// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AssetSale} from "../contracts/AssetSale.sol";
import {MarketToken} from "../contracts/MarketToken.sol";
import {ICreditSource, Sale, SaleState} from "../contracts/interfaces/IAssetSale.sol";
import {Base} from "./Base.sol";
import {SaleHandler} from "./SaleHandler.sol";
import {Shipped} from "./Shipped.sol";
import {ToyCollection} from "./ToyCollection.sol";
import {ToyUnits} from "./ToyUnits.sol";

/// Money, tokens and units are conserved whatever anybody does in whatever order, also while the collections refuse transfers.
contract SaleInvariantsTest is Base {
    uint256 private constant STARTED = 1_000e18;

    AssetSale private sale;
    MarketToken private token;
    ToyCollection private toy;
    ToyUnits private units;
    SaleHandler private handler;

    function setUp() public {
        vm.warp(1_700_000_000);
        token = Shipped.marketToken(address(this), 1e9 * 1e18);
        toy = new ToyCollection();
        units = new ToyUnits();
        sale = Shipped.assetSale(token, new ICreditSource[](0)); // nothing is earned in this play
        handler = new SaleHandler(sale, token, toy, units);
        token.transfer(address(handler), 100e18);
        for (uint256 i = 0; i < 4; ++i) {
            token.transfer(handler.people(i), STARTED);
            vm.prank(handler.people(i));
            token.approve(address(sale), type(uint256).max);
        }
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// A play in which nothing is sold would show nothing: these moves sell in each way, tokens and units.
    function test_thePlaySellsInEachWay() public {
        for (uint128 draw = 0; draw < 6; ++draw) {
            handler.open(0, 1e18, 500, 3_600, 600, draw % 3 + 12_288 + (draw < 3 ? 0 : 7 * 48));
            if (draw % 3 == 0) handler.bid(0, 1, 0);
            else handler.buy(0, 1, draw);
            vm.assertEq(
                uint256(sale.stateOf(handler.sales(draw))),
                uint256(draw % 3 == 0 ? SaleState.Open : SaleState.Delivered)
            );
        }
        handler.quarrel(true);
        handler.buy(1, 2, 0);
        handler.quarrel(false);
        handler.finish();
        for (uint256 kind = 0; kind < 3; ++kind) {
            vm.assertEq(handler.sold(kind), 2);
        }
        _money();
        _tokens();
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// @dev All moves, `finish` excepted; bids keep the play going.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory moves = new bytes4[](17);
        moves[0] = moves[1] = handler.open.selector;
        moves[2] = moves[3] = moves[4] = moves[5] = handler.bid.selector;
        moves[6] = handler.cancel.selector;
        moves[7] = moves[8] = handler.settle.selector;
        moves[9] = handler.refund.selector;
        moves[10] = handler.withdraw.selector;
        moves[11] = handler.quarrel.selector;
        moves[12] = handler.wait.selector;
        moves[13] = handler.waitLong.selector;
        moves[14] = handler.donate.selector;
        moves[15] = moves[16] = handler.buy.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), moves);
    }

    /// All of them after every move of one play: of the same seed forge would play the same moves again for each.
    function invariant_everyMoveLeavesTheSalesSound() public {
        _money();
        _tokens();
        _everySaleEnds();
    }

    /// Every unit that the contract owes is there, and every best bid is in escrow once.
    function _money() private view {
        vm.assertEq(token.balanceOf(address(sale)), sale.totalEscrow() + sale.totalCredit() + handler.donated());
        uint256 escrow = 0;
        for (uint256 i = 0; i < handler.count(); ++i) {
            Sale memory found = sale.saleOf(handler.sales(i));
            if (found.closedAt == 0 && !found.refunded) escrow += found.price;
        }
        vm.assertEq(sale.totalEscrow(), escrow, "escrow");
        uint256 credits = sale.creditOf(handler.CREATOR());
        for (uint256 i = 0; i < 4; ++i) {
            credits += sale.creditOf(handler.people(i));
        }
        vm.assertEq(sale.totalCredit(), credits, "credits");
    }

    /// Every lot is where the last outcome of its sale put it: in escrow until then.
    function _tokens() private view {
        for (uint256 i = 1; i < handler.nextToken(); ++i) {
            if (handler.size(i) == 0) vm.assertEq(toy.ownerOf(i), handler.holder(i));
            else vm.assertEq(units.balanceOf(handler.holder(i), i), handler.size(i));
        }
    }

    /// After the end nothing stays behind, and people have gained or lost what their sales say, to the unit.
    function _everySaleEnds() private {
        uint256 before = vm.snapshotState();
        handler.finish();
        vm.warp(block.timestamp + 60 days);
        handler.finish();
        vm.assertEq(sale.totalEscrow(), 0, "escrow");
        for (uint256 i = 0; i < handler.count(); ++i) {
            vm.assertTrue(uint256(sale.stateOf(handler.sales(i))) >= uint256(SaleState.Delivered));
        }
        for (uint256 i = 0; i < 5; ++i) {
            address account = i < 4 ? handler.people(i) : handler.CREATOR();
            int256 wealth = int256(token.balanceOf(account) + sale.creditOf(account));
            vm.assertEq(wealth, int256(i < 4 ? STARTED : 0) + handler.gained(account), "wealth");
        }
        vm.revertToState(before);
    }
}
