// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IJobMarketErrors} from "../contracts/errors/IJobMarketErrors.sol";
import {IJobMarket, Job, Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, State, Tier} from "../contracts/interfaces/Types.sol";
import {MAX_ANSWER} from "../contracts/libraries/Limits.sol";
import {MarketBase} from "./MarketBase.sol";

/// Late bids in a reverse auction leave the others time to answer, up to a last second.
contract JobMarketLateTest is MarketBase {
    uint256 private constant END = START + 10 minutes;
    uint256 private constant ANSWER = 150;

    function _closeOf(bytes32 jobId) private view returns (uint256) {
        return market.jobOf(jobId).bidsCloseAt;
    }

    function test_aLateBidMovesTheCloseAndSaysSo() public {
        (bytes32 jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        vm.warp(END - ANSWER);
        _bid(jobId, ALICE, 90 * ONE);
        vm.assertEq(_closeOf(jobId), END);
        vm.warp(END - 1);
        vm.expectEmit(address(market));
        emit IJobMarket.BidPlaced(jobId, versionId, BOB, 80 * ONE);
        vm.expectEmit(address(market));
        emit IJobMarket.BidsExtended(jobId, versionId, uint48(END - 1 + ANSWER));
        _bid(jobId, BOB, 80 * ONE);
        vm.assertEq(_closeOf(jobId), END - 1 + ANSWER);
        // Nothing is revealed in a reverse auction, wherever its close lies.
        vm.assertEq(market.jobOf(jobId).revealWindow, 0);
        vm.warp(END - 2 + ANSWER);
        _needState(jobId, State.Open);
        vm.warp(END - 1 + ANSWER);
        _needState(jobId, State.Leased);
        vm.expectRevert(_inState(jobId, State.Open, State.Leased));
        _bid(jobId, ALICE, 70 * ONE);
    }

    function test_theLeaseBeginsAtTheMovedClose() public {
        (bytes32 jobId, Terms memory terms) = _post(AuctionKind.Reverse, Tier.Zk);
        vm.warp(END - 1);
        _bid(jobId, ALICE, 90 * ONE);
        uint256 close = _closeOf(jobId);
        vm.warp(close + terms.request.deliveryWindow - 1);
        _needState(jobId, State.Leased);
        vm.warp(close + terms.request.deliveryWindow);
        _needState(jobId, State.Undelivered);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Undelivered);
    }

    function test_theConsumerEndsItWheneverItLikes() public {
        (bytes32 jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        vm.warp(END - 1);
        _bid(jobId, ALICE, 90 * ONE);
        vm.warp(END + 1);
        vm.prank(CONSUMER);
        market.award(jobId);
        _needState(jobId, State.Leased);
        vm.assertEq(_closeOf(jobId), END + 1);
    }

    /// Whoever bids, and however often, itself below itself too: bids never last longer than twice what was posted, nobody
    /// who is outbid before the last moves has less than its time, and no half-time comes back.
    /// forge-config: default.fuzz.runs = 256
    /// forge-config: fuzz.fuzz.runs = 10000
    function testFuzz_boundedAndFair(uint32 window, uint16[24] memory waits, bool alone) public {
        window = uint32(_within(window, 1 minutes, 7 days));
        Request memory request = _request(AuctionKind.Reverse, Tier.Zk);
        request.biddingWindow = window;
        vm.prank(CONSUMER);
        bytes32 jobId = market.post(request, 1);
        uint256 answer = window / 4 < MAX_ANSWER ? window / 4 : MAX_ANSWER;
        uint256 latest = START + 2 * uint256(window);
        vm.warp(START + window - 1);
        for (uint128 i = 0; i < waits.length; ++i) {
            uint256 before = _closeOf(jobId);
            _bid(jobId, alone || i % 2 == 0 ? ALICE : BOB, MAX_PRICE - i);
            uint256 close = _closeOf(jobId);
            vm.assertTrue(close >= before && close <= latest);
            vm.assertTrue(close >= block.timestamp + answer || close == latest);
            vm.assertTrue(close == before || close == block.timestamp + answer || close == latest);
            vm.expectRevert(
                abi.encodeWithSelector(IJobMarketErrors.WithdrawalTooLate.selector, jobId, START + window / 2)
            );
            vm.prank(alone || i % 2 == 0 ? ALICE : BOB);
            market.withdrawBid(jobId);
            // Mostly the last second, which moves it farthest.
            uint256 next = waits[i] % 3 == 0 ? block.timestamp + waits[i] : close - 1;
            if (next >= close) next = close - 1;
            vm.warp(next);
        }
        vm.warp(_closeOf(jobId));
        _needState(jobId, State.Leased);
        Job memory job = market.jobOf(jobId);
        vm.assertEq(job.price, MAX_PRICE - (waits.length - 1));
        _needSound();
    }

    /// Other kinds close when they did.
    function test_onlyReverseAuctionsMove() public {
        (bytes32 jobId,) = _post(AuctionKind.Fixed, Tier.Zk);
        vm.warp(END - 1);
        _bid(jobId, ALICE, MAX_PRICE);
        vm.assertEq(_closeOf(jobId), END - 1);
    }
}
