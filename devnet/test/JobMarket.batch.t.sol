// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IJobMarketErrors} from "../contracts/errors/IJobMarketErrors.sol";
import {IStakeVaultErrors} from "../contracts/errors/IStakeVaultErrors.sol";
import {IJobMarket, Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Role, State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {MarketBase} from "./MarketBase.sol";
import {ToyBatch} from "./ToyModules.sol";

/// The market's side of a batch: a job enters a round, and the round gives the lease.
contract JobMarketBatchTest is MarketBase {
    // The next multiple of ten minutes after START.
    uint256 private constant CLOSE = (START / 10 minutes + 1) * 10 minutes;

    function test_theRoundClosesTheBids() public {
        (bytes32 jobId,) = _post(AuctionKind.Batch, Tier.Zk);
        vm.assertEq(market.jobOf(jobId).bidsCloseAt, CLOSE);
        vm.warp(CLOSE - 1);
        _needState(jobId, State.Open);
        vm.warp(CLOSE);
        _needState(jobId, State.Revealing);
        vm.warp(CLOSE + 5 minutes);
        _needState(jobId, State.Expired);
    }

    function test_aPriceOffTheGridIsRefusedByTheRound() public {
        Request memory request = _request(AuctionKind.Batch, Tier.Zk);
        request.maxPrice += 1;
        vm.expectRevert();
        vm.prank(CONSUMER);
        market.post(request, 1);
        vm.assertEq(market.totalEscrow(), 0);
    }

    function test_aDrawnAwardBeginsTheLease() public {
        (bytes32 jobId, Terms memory terms) = _post(AuctionKind.Batch, Tier.Zk);
        vm.warp(CLOSE + 20);
        vm.expectEmit(address(market));
        emit IJobMarket.BidsClosed(jobId, versionId, ALICE, 64 * ONE);
        batch.draw(market, jobId, ALICE, 64 * ONE);
        _needState(jobId, State.Leased);
        vm.assertEq(market.jobOf(jobId).bidsCloseAt, CLOSE);
        vm.assertEq(market.jobOf(jobId).revealWindow, 20);
        vm.assertEq(vault.lockOf(jobId, ALICE, Role.Provider), 20 * ONE);
        vm.warp(CLOSE + 20 + 5 minutes - 1);
        vm.prank(ALICE);
        market.accept(jobId);
        _submit(jobId, terms, Verdict.Accepted);
        vm.assertEq(market.creditOf(CONSUMER), 36 * ONE);
        _needSettled(jobId, State.Accepted);
    }

    function test_onlyTheBatchLeasesAndOnlyOnceAndInTime() public {
        (bytes32 jobId,) = _post(AuctionKind.Batch, Tier.Zk);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.NotBatchAuction.selector, address(batch), ALICE));
        vm.prank(ALICE);
        market.lease(jobId, ALICE, 64 * ONE);
        vm.expectRevert(_inState(jobId, State.Revealing, State.Open));
        batch.draw(market, jobId, ALICE, 64 * ONE);
        vm.warp(CLOSE + 5 minutes);
        vm.expectRevert(_inState(jobId, State.Revealing, State.Expired));
        batch.draw(market, jobId, ALICE, 64 * ONE);
        vm.warp(CLOSE);
        batch.draw(market, jobId, ALICE, 64 * ONE);
        vm.expectRevert(_inState(jobId, State.Revealing, State.Leased));
        batch.draw(market, jobId, BOB, 64 * ONE);
    }

    /// Even the batch cannot lease what it may not, nor at a price that could not be settled, nor without a lock.
    function test_whatTheBatchCannotDo() public {
        (bytes32 jobId,) = _post(AuctionKind.Batch, Tier.Zk);
        uint128 floor = market.jobOf(jobId).floor;
        vm.warp(CLOSE);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.PriceBelowFloor.selector, jobId, floor, floor - 1));
        batch.draw(market, jobId, ALICE, floor - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IJobMarketErrors.PriceAboveMaximum.selector, jobId, MAX_PRICE, MAX_PRICE + 1)
        );
        batch.draw(market, jobId, ALICE, MAX_PRICE + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IStakeVaultErrors.FreeStakeTooLow.selector, ANYONE, Role.Provider, 20 * ONE, 0)
        );
        batch.draw(market, jobId, ANYONE, 64 * ONE);
        (bytes32 other,) = _post(AuctionKind.Sealed, Tier.Zk);
        vm.prank(ALICE);
        market.commitBid(other, keccak256("a price"), "");
        vm.warp(market.jobOf(other).bidsCloseAt);
        vm.expectRevert(
            abi.encodeWithSelector(IJobMarketErrors.AuctionKindUnsuited.selector, other, AuctionKind.Sealed)
        );
        batch.draw(market, other, ALICE, 64 * ONE);
    }

    /// Its round counts on every job that entered it: the consumer cannot take one out.
    function test_noCancelAndNoAward() public {
        (bytes32 jobId,) = _post(AuctionKind.Batch, Tier.Zk);
        vm.startPrank(CONSUMER);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.AuctionKindUnsuited.selector, jobId, AuctionKind.Batch));
        market.cancel(jobId);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.JobHasNoBid.selector, jobId));
        market.award(jobId);
        vm.stopPrank();
    }
}
