// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IJobMarketErrors} from "../contracts/errors/IJobMarketErrors.sol";
import {IStakeVaultErrors} from "../contracts/errors/IStakeVaultErrors.sol";
import {IJobMarket, Job} from "../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Role, State, Tier} from "../contracts/interfaces/Types.sol";
import {MarketBase} from "./MarketBase.sol";

/// bid, award and cancel: how a lease comes about, or does not.
contract JobMarketBidTest is MarketBase {
    function _refuseBid(bytes32 jobId, address provider, uint128 price, bytes memory reason) private {
        vm.expectRevert(reason);
        _bid(jobId, provider, price);
    }

    function test_fixedPriceClosesTheBids() public {
        (bytes32 jobId,) = _post(AuctionKind.Fixed, Tier.Zk);
        vm.warp(START + 60);
        vm.expectEmit(address(market));
        emit IJobMarket.BidPlaced(jobId, versionId, ALICE, MAX_PRICE);
        vm.expectEmit(address(market));
        emit IJobMarket.BidsClosed(jobId, versionId, ALICE, MAX_PRICE);
        _bid(jobId, ALICE, MAX_PRICE);
        _needState(jobId, State.Leased);
        vm.assertEq(market.jobOf(jobId).bidsCloseAt, START + 60);
        vm.assertEq(vault.lockOf(jobId, ALICE, Role.Provider), 20 * ONE);
        _refuseBid(jobId, BOB, MAX_PRICE, _inState(jobId, State.Open, State.Leased));
    }

    function test_fixedPriceIsTakenAsItIs() public {
        (bytes32 jobId,) = _post(AuctionKind.Fixed, Tier.Zk);
        _refuseBid(
            jobId,
            ALICE,
            MAX_PRICE - 1,
            abi.encodeWithSelector(IJobMarketErrors.PriceNotFixed.selector, jobId, MAX_PRICE, MAX_PRICE - 1)
        );
    }

    function test_reverseAuctionFalls() public {
        (bytes32 jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        _bid(jobId, ALICE, 90 * ONE);
        _refuseBid(
            jobId,
            BOB,
            90 * ONE,
            abi.encodeWithSelector(IJobMarketErrors.PriceNotLower.selector, jobId, 90 * ONE, 90 * ONE)
        );
        _bid(jobId, BOB, 90 * ONE - 1);
        // Whoever is outbid is released in the same transaction.
        vm.assertEq(vault.lockOf(jobId, ALICE, Role.Provider), 0);
        vm.assertEq(vault.freeOf(ALICE, Role.Provider), 1_000 * ONE);
        vm.assertEq(vault.lockOf(jobId, BOB, Role.Provider), 20 * ONE);
        _needState(jobId, State.Open);
        vm.warp(START + 5 minutes);
        _bid(jobId, ALICE, 80 * ONE);
        vm.warp(START + 10 minutes);
        _needState(jobId, State.Leased);
        vm.assertEq(market.jobOf(jobId).provider, ALICE);
        _refuseBid(jobId, BOB, 70 * ONE, _inState(jobId, State.Open, State.Leased));
    }

    function test_betteringOnesOwnBidKeepsTheLock() public {
        (bytes32 jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        _bid(jobId, ALICE, 90 * ONE);
        _bid(jobId, ALICE, 80 * ONE);
        vm.assertEq(vault.lockOf(jobId, ALICE, Role.Provider), 20 * ONE);
        vm.assertEq(vault.stakeOf(ALICE, Role.Provider).locked, 20 * ONE);
    }

    function test_bounds() public {
        (bytes32 jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        uint128 floor = market.jobOf(jobId).floor;
        _refuseBid(
            jobId,
            ALICE,
            floor - 1,
            abi.encodeWithSelector(IJobMarketErrors.PriceBelowFloor.selector, jobId, floor, floor - 1)
        );
        _refuseBid(
            jobId,
            ALICE,
            MAX_PRICE + 1,
            abi.encodeWithSelector(IJobMarketErrors.PriceAboveMaximum.selector, jobId, MAX_PRICE, MAX_PRICE + 1)
        );
        _bid(jobId, ALICE, floor);
    }

    function test_consumerCannotBid() public {
        (bytes32 jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        _refuseBid(
            jobId,
            CONSUMER,
            MAX_PRICE,
            abi.encodeWithSelector(IJobMarketErrors.ConsumerCannotBid.selector, jobId, CONSUMER)
        );
    }

    function test_needsFreeStake() public {
        (bytes32 jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        _refuseBid(
            jobId,
            ANYONE,
            MAX_PRICE,
            abi.encodeWithSelector(IStakeVaultErrors.FreeStakeTooLow.selector, ANYONE, Role.Provider, 20 * ONE, 0)
        );
        // A bid that cannot lock leaves the best bid as it was.
        vm.assertEq(market.jobOf(jobId).provider, address(0));
    }

    function test_unknownJob() public {
        _refuseBid("no such job", ALICE, MAX_PRICE, _inState("no such job", State.Open, State.Unknown));
    }

    function testFuzz_theLowestBidHoldsTheLease(uint128[8] memory prices) public {
        (bytes32 jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        uint128 floor = market.jobOf(jobId).floor;
        uint128 best = MAX_PRICE + 1;
        address holder;
        for (uint256 i = 0; i < prices.length; ++i) {
            uint128 price = uint128(_within(prices[i], floor, MAX_PRICE));
            address bidder = i % 2 == 0 ? ALICE : BOB;
            if (price >= best) vm.expectRevert();
            else (best, holder) = (price, bidder);
            _bid(jobId, bidder, price);
        }
        Job memory job = market.jobOf(jobId);
        vm.assertEq(job.provider, holder);
        vm.assertEq(job.price, best);
        // Exactly one lock stands for the job.
        vm.assertEq(
            uint256(vault.lockOf(jobId, ALICE, Role.Provider)) + vault.lockOf(jobId, BOB, Role.Provider), job.lock
        );
        _needSound();
    }

    function test_awardClosesEarly() public {
        (bytes32 jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        _bid(jobId, ALICE, 90 * ONE);
        vm.warp(START + 5);
        vm.prank(CONSUMER);
        market.award(jobId);
        _needState(jobId, State.Leased);
        vm.assertEq(market.jobOf(jobId).bidsCloseAt, START + 5);
    }

    function test_awardIsTheConsumersAndNeedsABid() public {
        (bytes32 jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.JobHasNoBid.selector, jobId));
        vm.prank(CONSUMER);
        market.award(jobId);
        _bid(jobId, ALICE, 90 * ONE);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.NotConsumer.selector, jobId, CONSUMER, ALICE));
        vm.prank(ALICE);
        market.award(jobId);
        vm.warp(START + 10 minutes);
        vm.expectRevert(_inState(jobId, State.Open, State.Leased));
        vm.prank(CONSUMER);
        market.award(jobId);
    }

    function test_cancelRefundsAtOnce() public {
        (bytes32 jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        vm.prank(CONSUMER);
        market.cancel(jobId);
        vm.assertEq(market.creditOf(CONSUMER), MAX_PRICE);
        _needSettled(jobId, State.Cancelled);
        vm.expectRevert(_inState(jobId, State.Open, State.Cancelled));
        vm.prank(CONSUMER);
        market.cancel(jobId);
    }

    function test_cancelIsTheConsumersBeforeTheFirstBid() public {
        (bytes32 jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.NotConsumer.selector, jobId, CONSUMER, BOB));
        vm.prank(BOB);
        market.cancel(jobId);
        _bid(jobId, ALICE, 90 * ONE);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.JobHasBid.selector, jobId, ALICE));
        vm.prank(CONSUMER);
        market.cancel(jobId);
    }
}
