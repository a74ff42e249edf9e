// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Job, Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {MarketBase} from "./MarketBase.sol";

/// What is stored in fewer bits than the interface has comes back whole.
contract JobRecordTest is MarketBase {
    /// Through a whole life, `jobOf` says what was posted and when each thing happened.
    /// forge-config: default.fuzz.runs = 64
    /// forge-config: fuzz.fuzz.runs = 5000
    function testFuzz_everyFactComesBack(
        uint8 tier,
        bool reverse,
        uint32[4] memory windows,
        uint128 maxPrice,
        uint128 price,
        uint256 nonce,
        uint256 start
    ) public {
        Request memory request = _request(
            reverse ? AuctionKind.Reverse : AuctionKind.Fixed,
            Tier(_within(tier, uint8(Tier.Zk), uint8(Tier.Redundant)))
        );
        request.maxPrice = uint128(_within(maxPrice, 3 * ONE, 1_000 * ONE));
        request.biddingWindow = uint32(_within(windows[0], 1 minutes, 7 days));
        request.deliveryWindow = uint32(_within(windows[1], 1 minutes, 7 days));
        request.executionWindow = uint32(_within(windows[2], 1 minutes, 7 days));
        request.verificationWindow = uint32(_within(windows[3], 1 minutes, 7 days));
        start = _within(start, START, 1 << 39);
        // Of the tiers whose results can be disputed, a value at risk; of the others that have one, a policy.
        if (request.scheme == 3) request.valueAtRisk = uint96(_within(nonce, 0, 1_000 * ONE));
        if (request.tier == Tier.Tee || request.tier == Tier.Redundant) request.policy = bytes32(nonce);
        vm.warp(start);
        (Terms memory terms, uint128 floor) = market.quote(request);
        vm.prank(CONSUMER);
        bytes32 jobId = market.post(request, nonce);

        Job memory expected;
        expected.termsHash = keccak256(abi.encode(terms));
        expected.versionId = versionId;
        expected.consumer = CONSUMER;
        expected.postedAt = uint48(start);
        expected.bidsCloseAt = uint48(start + request.biddingWindow);
        expected.maxPrice = request.maxPrice;
        expected.floor = floor;
        expected.lock = terms.snapshot.lock;
        expected.verifier = terms.snapshot.verifier;
        expected.deliveryWindow = request.deliveryWindow;
        expected.executionWindow = request.executionWindow;
        expected.verificationWindow = request.verificationWindow;
        expected.auction = request.auction;
        _same(jobId, expected);

        token.transfer(ALICE, terms.snapshot.lock);
        _stake(ALICE, terms.snapshot.lock);
        expected.provider = ALICE;
        expected.price = reverse ? uint128(_within(price, floor, request.maxPrice)) : request.maxPrice;
        uint48 time = expected.bidsCloseAt - 1;
        vm.warp(time);
        _bid(jobId, ALICE, expected.price);
        if (reverse) {
            uint32 answer = request.biddingWindow / 4;
            time += answer < 10 minutes ? answer : 10 minutes;
        }
        expected.bidsCloseAt = time;
        _same(jobId, expected);

        time += request.deliveryWindow - 1;
        vm.warp(time);
        vm.prank(ALICE);
        market.accept(jobId);
        expected.acceptedAt = time;
        _same(jobId, expected);

        time += request.executionWindow - 1;
        vm.warp(time);
        _submit(jobId, terms, Verdict.Pending);
        expected.submittedAt = time;
        expected.outputCommitment = OUTPUT;
        _same(jobId, expected);
        _needState(jobId, State.Submitted);

        time += request.verificationWindow;
        vm.warp(time);
        market.settle(jobId, terms);
        expected.settledAt = time;
        _same(jobId, expected);
        _needSettled(jobId, State.Accepted);
    }

    function test_howAJobEndedComesBack() public {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        Job memory expected = market.jobOf(jobId);
        _submit(jobId, terms, Verdict.Accepted);
        expected.submittedAt = expected.settledAt = uint48(START);
        expected.outputCommitment = OUTPUT;
        expected.verified = true;
        _same(jobId, expected);

        vm.startPrank(CONSUMER);
        jobId = market.post(_request(AuctionKind.Reverse, Tier.Zk), 2);
        expected = market.jobOf(jobId);
        market.cancel(jobId);
        vm.stopPrank();
        expected.settledAt = uint48(START);
        expected.cancelled = true;
        _same(jobId, expected);
    }

    function test_anUnknownJobIsNothing() public view {
        Job memory nothing;
        vm.assertEq(keccak256(abi.encode(market.jobOf("unknown"))), keccak256(abi.encode(nothing)));
    }

    /// The pause shares a word with the escrow: neither touches the other.
    function test_aPauseLeavesTheEscrow() public {
        _post(AuctionKind.Reverse, Tier.Zk);
        vm.prank(GUARDIAN);
        market.pause();
        vm.assertEq(market.totalEscrow(), MAX_PRICE);
        vm.assertEq(market.pausedUntil(), START + 3 days);
        vm.warp(START + 3 days);
        Request memory request = _request(AuctionKind.Reverse, Tier.Zk);
        vm.prank(CONSUMER);
        market.post(request, 2);
        vm.assertEq(market.totalEscrow(), 2 * MAX_PRICE);
        vm.assertEq(market.pausedUntil(), START + 3 days);
    }

    function _same(bytes32 jobId, Job memory expected) private view {
        vm.assertEq(keccak256(abi.encode(market.jobOf(jobId))), keccak256(abi.encode(expected)));
    }
}
