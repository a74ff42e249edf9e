// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IJobMarketErrors} from "../../contracts/errors/IJobMarketErrors.sol";
import {Request, Terms} from "../../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Tier} from "../../contracts/interfaces/Types.sol";
import {AttackBase} from "./AttackBase.sol";

/// A consumer posts a dear and a cheap job in one transaction, has the dear one done, and wants the cheap one's price
/// counted. tests/adapters/test_two_orders.py does the same to the commands, on a devnet.
contract TwoOrdersTest is AttackBase {
    function setUp() public override {
        super.setUp();
        gang.push(CONSUMER);
        _begin();
    }

    function _asked(uint128 price) private view returns (Request memory request) {
        request = _request(AuctionKind.Fixed, Tier.Zk);
        request.maxPrice = price;
    }

    function test_twoOrdersInOneTransaction() public {
        (bytes32 jobId, Terms memory terms) = _postAs(CONSUMER, AuctionKind.Fixed, Tier.Zk, 90 * ONE);
        _bid(jobId, ALICE, 90 * ONE);
        _do(jobId, terms);
        Play memory honest = _ended();

        Request memory request = _asked(90 * ONE);
        (Terms memory dear,) = market.quote(request);
        (Terms memory cheap,) = market.quote(_asked(10 * ONE));
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(market.post, (request, 7));
        calls[1] = abi.encodeCall(market.post, (cheap.request, 7));
        vm.prank(CONSUMER);
        bytes[] memory answers = market.multicall(calls);
        _count(CONSUMER);
        bytes32 dearId = abi.decode(answers[0], (bytes32));
        bytes32 cheapId = abi.decode(answers[1], (bytes32));
        vm.assertTrue(dearId != cheapId);
        vm.assertEq(market.totalEscrow(), 100 * ONE);

        // Neither job can be taken, or settled, as the other.
        _bidRefused(dearId, 10 * ONE);
        _bid(dearId, ALICE, 90 * ONE);
        vm.prank(ALICE);
        market.accept(dearId);
        bytes32 known = keccak256(abi.encode(dear));
        bytes32 given = keccak256(abi.encode(cheap));
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.TermsMismatch.selector, dearId, known, given));
        vm.prank(ALICE);
        market.submit(dearId, cheap, "evidence", RESULT);
        vm.warp(block.timestamp + 1 hours);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.TermsMismatch.selector, dearId, known, given));
        vm.prank(CONSUMER);
        market.settle(dearId, cheap);
        vm.warp(block.timestamp - 1);
        _finish(dearId, dear);
        // 90 less the fee and the owner's tenth.
        vm.assertEq(market.creditOf(ALICE), 90 * ONE - 9 * ONE / 10 - 9 * ONE);
        market.settle(cheapId, cheap);
        _needNoGain("two orders in one transaction", honest, _ended());
    }

    /// The same order twice is one.
    function test_theSameOrderTwiceInOneTransaction() public {
        bytes[] memory calls = new bytes[](2);
        calls[0] = calls[1] = abi.encodeCall(market.post, (_asked(90 * ONE), 7));
        vm.prank(CONSUMER);
        vm.expectPartialRevert(IJobMarketErrors.JobAlreadyPosted.selector);
        market.multicall(calls);
    }

    function _bidRefused(bytes32 jobId, uint128 price) private {
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.PriceNotFixed.selector, jobId, 90 * ONE, price));
        _bid(jobId, ALICE, price);
    }

    function _finish(bytes32 jobId, Terms memory terms) private {
        vm.prank(ALICE);
        market.submit(jobId, terms, abi.encode(1, OUTPUT), RESULT);
    }
}
