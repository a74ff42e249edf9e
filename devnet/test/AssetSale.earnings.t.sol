// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAssetSaleErrors as Errors} from "../contracts/errors/IAssetSaleErrors.sol";
import {Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {SaleState} from "../contracts/interfaces/IAssetSale.sol";
import {AuctionKind, State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {SaleBase} from "./SaleBase.sol";

/// What an asset earns while it is up for sale is its seller's, to the unit
/// (docs/decisions/0016-what-an-asset-earns-while-for-sale.md).
contract SaleEarningsTest is SaleBase {
    /// @dev A job on the asset, for 100: the owner's part is 10, of which the parent's owner takes a quarter.
    function _work() private {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Optimistic);
        _finish(jobId, terms);
    }

    function _finish(bytes32 jobId, Terms memory terms) private {
        _submit(jobId, terms, Verdict.Pending);
        verifier.decide(jobId, Verdict.Accepted);
        vm.warp(block.timestamp + 1 days);
        market.settle(jobId, terms);
        vm.assertEq(uint256(market.stateOf(jobId)), uint256(State.Accepted));
    }

    function test_earningsDuringASaleAreTheSellers() public {
        bytes32 saleId = _open(_offer());
        _work();
        address escrow = sale.escrowOf(saleId);
        vm.assertEq(market.creditOf(escrow), 7.5 ether);
        vm.prank(ANYONE);
        vm.assertEq(sale.collect(saleId), 7.5 ether);
        vm.assertEq(sale.creditOf(OWNER), 7.5 ether);
        vm.assertEq(market.creditOf(escrow), 0);
        vm.assertEq(token.balanceOf(escrow), 0);
        _needCovered();
        vm.expectRevert(abi.encodeWithSelector(Errors.NothingEarned.selector, saleId));
        sale.collect(saleId);
        vm.prank(OWNER);
        vm.assertEq(sale.withdraw(), 7.5 ether);
    }

    /// Payees are as of a job's posting: one posted during the sale pays the seller although it ends after it.
    function test_earningsAfterTheSaleFollowThePosting() public {
        bytes32 saleId = _open(_offer());
        _bidOn(saleId, BOB, RESERVE);
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Optimistic);
        _submit(jobId, terms, Verdict.Pending);
        vm.warp(START + DURATION);
        sale.settle(saleId, BOB);
        verifier.decide(jobId, Verdict.Accepted);
        market.settle(jobId, terms);
        sale.collect(saleId);
        // Royalty and proceeds of the sale, and the job.
        vm.assertEq(sale.creditOf(OWNER), RESERVE + 7.5 ether);
        vm.assertEq(market.creditOf(BOB), 0);
        _needSale(saleId, SaleState.Delivered);
    }

    /// Two sales of one asset, one after the other: each seller draws its own.
    function test_twoSellersAreKeptApart() public {
        bytes32 first = _open(_offer());
        _work();
        _bidOn2(first);
        vm.startPrank(BOB);
        registry.approve(address(sale), tokenId);
        bytes32 second = sale.open(_offer(), 1);
        vm.stopPrank();
        (bytes32 jobId, Terms memory terms) = _again();
        _finish(jobId, terms);
        vm.assertEq(sale.collect(second), 7.5 ether);
        vm.assertEq(sale.collect(first), 7.5 ether);
        vm.assertEq(sale.creditOf(BOB), 7.5 ether);
        vm.assertEq(sale.creditOf(OWNER), 7.5 ether + 5_000 ether);
        _needCovered();
    }

    /// @dev BOB wins for 5,000.
    function _bidOn2(bytes32 saleId) private {
        vm.warp(START + DURATION - 1);
        _bidOn(saleId, BOB, 5_000 ether);
        vm.warp(sale.saleOf(saleId).endsAt);
        sale.settle(saleId, BOB);
    }

    function _again() private returns (bytes32 jobId, Terms memory terms) {
        Request memory request = _request(AuctionKind.Fixed, Tier.Optimistic);
        (terms,) = market.quote(request);
        vm.prank(CONSUMER);
        jobId = market.post(request, 2);
        _bid(jobId, ALICE, MAX_PRICE);
        vm.prank(ALICE);
        market.accept(jobId);
    }

    /// What anybody sends to an escrow is the seller's too.
    function test_donationsToAnEscrow() public {
        bytes32 saleId = _open(_offer());
        token.transfer(sale.escrowOf(saleId), 3);
        vm.assertEq(sale.collect(saleId), 3);
        vm.assertEq(sale.creditOf(OWNER), 3);
        vm.expectRevert(_inSaleState("none", SaleState.Open, SaleState.Unknown));
        sale.collect("none");
    }

    /// Nobody changes what is bid on: prices and versions stand still while the token is in escrow.
    function test_theSellerDoesNotChangeTheAssetMeanwhile() public {
        _open(_offer());
        vm.expectRevert();
        vm.prank(OWNER);
        registry.setPrice(versionId, 0, 0);
    }
}
