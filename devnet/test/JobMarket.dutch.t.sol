// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IJobMarketErrors} from "../contracts/errors/IJobMarketErrors.sol";
import {IJobMarket, Job, Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Role, State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {MarketBase} from "./MarketBase.sol";

/// bid on a clock that rises from 40 to 100 in ten minutes: a tenth of a token each second.
contract JobMarketDutchTest is MarketBase {
    function _refuse(bytes32 jobId, uint128 offered, uint128 price) private {
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.PriceAboveClock.selector, jobId, offered, price));
        _bid(jobId, ALICE, price);
    }

    function test_theFirstBidWinsAtTheClocksPrice() public {
        (bytes32 jobId, Terms memory terms) = _post(AuctionKind.Dutch, Tier.Zk);
        vm.assertEq(market.jobOf(jobId).startPrice, 40 * ONE);
        vm.warp(START + 100);
        _refuse(jobId, 50 * ONE, 50 * ONE + 1);
        // Whoever would do it for less is paid what the clock offers.
        vm.expectEmit(address(market));
        emit IJobMarket.BidPlaced(jobId, versionId, ALICE, 50 * ONE);
        vm.expectEmit(address(market));
        emit IJobMarket.BidsClosed(jobId, versionId, ALICE, 50 * ONE);
        _bid(jobId, ALICE, 45 * ONE);
        _needState(jobId, State.Leased);
        vm.assertEq(market.jobOf(jobId).bidsCloseAt, START + 100);
        vm.assertEq(vault.lockOf(jobId, ALICE, Role.Provider), 20 * ONE);
        vm.expectRevert(_inState(jobId, State.Open, State.Leased));
        _bid(jobId, BOB, 1);
        vm.prank(ALICE);
        market.accept(jobId);
        _submit(jobId, terms, Verdict.Accepted);
        vm.assertEq(market.creditOf(CONSUMER), 50 * ONE);
        _needSettled(jobId, State.Accepted);
    }

    function test_theClocksEnds() public {
        (bytes32 jobId,) = _post(AuctionKind.Dutch, Tier.Zk);
        _refuse(jobId, 40 * ONE, 40 * ONE + 1);
        uint256 before = vm.snapshotState();
        _bid(jobId, ALICE, 40 * ONE);
        vm.assertEq(market.jobOf(jobId).price, 40 * ONE);
        vm.revertToState(before);
        // The last second offers a tenth less than the maximum; at the maximum the bids are closed.
        vm.warp(START + 10 minutes - 1);
        _refuse(jobId, MAX_PRICE - ONE / 10, MAX_PRICE);
        vm.warp(START + 10 minutes);
        _needState(jobId, State.Expired);
        vm.expectRevert(_inState(jobId, State.Open, State.Expired));
        _bid(jobId, ALICE, MAX_PRICE);
    }

    function test_aPriceOfNothingTakesWhatIsOffered() public {
        (bytes32 jobId,) = _post(AuctionKind.Dutch, Tier.Zk);
        _bid(jobId, ALICE, 0);
        vm.assertEq(market.jobOf(jobId).price, 40 * ONE);
    }

    function test_aClockThatStands() public {
        Request memory request = _request(AuctionKind.Dutch, Tier.Zk);
        request.startPrice = MAX_PRICE;
        vm.prank(CONSUMER);
        bytes32 jobId = market.post(request, 1);
        vm.warp(START + 321);
        _bid(jobId, ALICE, MAX_PRICE);
        vm.assertEq(market.jobOf(jobId).price, MAX_PRICE);
    }

    function test_theConsumerCannotBidAndCanCancel() public {
        (bytes32 jobId,) = _post(AuctionKind.Dutch, Tier.Zk);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.ConsumerCannotBid.selector, jobId, CONSUMER));
        _bid(jobId, CONSUMER, 1);
        vm.startPrank(CONSUMER);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.JobHasNoBid.selector, jobId));
        market.award(jobId);
        market.cancel(jobId);
        vm.stopPrank();
        _needSettled(jobId, State.Cancelled);
    }

    /// The offer is the formula's, within floor and maximum, and never falls.
    function testFuzz_theClock(uint128 start, uint128 maxPrice, uint32 window, uint32 early, uint32 late) public {
        Request memory request = _request(AuctionKind.Dutch, Tier.Zk);
        request.maxPrice = uint128(_within(maxPrice, 3 * ONE, 5_000 * ONE));
        (, uint128 floor) = market.quote(_fixed(request));
        request.startPrice = uint128(_within(start, floor, request.maxPrice));
        request.biddingWindow = uint32(_within(window, 60, 7 days));
        vm.prank(CONSUMER);
        bytes32 jobId = market.post(request, 1);
        early = uint32(_within(early, 0, request.biddingWindow - 1));
        late = uint32(_within(late, early, request.biddingWindow - 1));
        uint256 before = vm.snapshotState();
        uint128 first = _taken(jobId, early);
        vm.revertToState(before);
        uint128 second = _taken(jobId, late);
        uint256 rise = uint256(request.maxPrice - request.startPrice);
        vm.assertEq(first, request.startPrice + rise * early / request.biddingWindow, "formula");
        vm.assertLe(first, second);
        vm.assertGe(first, floor);
        vm.assertLe(second, request.maxPrice);
    }

    function _taken(bytes32 jobId, uint256 elapsed) private returns (uint128) {
        vm.warp(START + elapsed);
        _fund(jobId);
        _bid(jobId, ALICE, 0);
        Job memory job = market.jobOf(jobId);
        vm.assertEq(job.provider, ALICE);
        return job.price;
    }

    function _fund(bytes32 jobId) private {
        uint128 lock = market.jobOf(jobId).lock;
        token.transfer(ALICE, lock);
        _stake(ALICE, lock);
    }

    function _fixed(Request memory request) private pure returns (Request memory copy) {
        copy = abi.decode(abi.encode(request), (Request));
        (copy.auction, copy.startPrice) = (AuctionKind.Fixed, 0);
    }
}
