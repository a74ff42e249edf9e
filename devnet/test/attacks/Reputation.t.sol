// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Clause, Requirements} from "../../contracts/interfaces/IProviders.sol";
import {Request, Terms} from "../../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Tier} from "../../contracts/interfaces/Types.sol";
import {IProvidersErrors} from "../../contracts/errors/IProvidersErrors.sol";
import {AttackBase} from "./AttackBase.sol";

/// Somebody is everybody: consumer, provider, the model's owner and its parent's, and all who hold stake. It is paid by
/// itself and gets the stakers' part of every fee; what goes to the treasury and what burns is lost.
contract ReputationAttackTest is AttackBase {
    address private constant VICTIM = address(0x71C7);

    function setUp() public override {
        super.setUp();
        gang = [CONSUMER, ALICE, BOB, OWNER, PARENT_OWNER];
        token.transfer(VICTIM, 100 * ONE);
        vm.prank(VICTIM);
        token.approve(address(market), type(uint256).max);
        _begin();
    }

    /// @dev A job of the attacker's own, and a week in which the stakers' part of its fee streams back.
    function _wash(uint128 price) private {
        (bytes32 jobId, Terms memory terms) = _postAs(CONSUMER, AuctionKind.Fixed, Tier.Zk, price);
        _bid(jobId, ALICE, price);
        _do(jobId, terms);
        vault.fund();
        vm.warp(block.timestamp + 8 days);
        vm.prank(ALICE);
        vault.claim();
        _count(ALICE);
        vm.prank(BOB);
        vault.claim();
        _count(BOB);
    }

    /// Points cost at least what they count, whoever holds the stake.
    function test_washJobsForReputation() public {
        Play memory honest = _played();
        _wash(1_000 * ONE);
        uint256 points = standings.pointsOf(ALICE);
        vm.assertEq(points, 3 * ONE);
        Play memory washed = _ended();
        vm.assertGe(uint256(honest.worth - washed.worth), points);
        _needLoss("wash job of 1,000 tokens for reputation (3 points), all stake its own", honest, washed);
    }

    /// In a tier that proves nothing a provider is paid for whatever it hands in, and its name is all that it has to lose. A
    /// consumer who asks for as many points as the job pays cannot be robbed by somebody who made the points for it.
    function test_reputationThenExit() public {
        Play memory honest = _played();
        bytes memory requirements = _pointsOf(10 * ONE);
        Request memory request = _request(AuctionKind.Fixed, Tier.None);
        (request.maxPrice, request.requirements) = (10 * ONE, keccak256(requirements));
        (Terms memory terms,) = market.quote(request);
        vm.prank(VICTIM);
        bytes32 jobId = market.post(request, 1);
        vm.expectRevert(
            abi.encodeWithSelector(IProvidersErrors.NotQualified.selector, ALICE, "reputation", 10 * ONE, 0)
        );
        vm.prank(ALICE);
        market.bid(jobId, 10 * ONE, requirements);
        // The points are made while the job waits; the week is not waited for.
        (bytes32 washed, Terms memory washing) = _postAs(CONSUMER, AuctionKind.Fixed, Tier.Zk, 3_334 * ONE);
        _bid(washed, ALICE, 3_334 * ONE);
        _do(washed, washing);
        vm.prank(ALICE);
        market.bid(jobId, 10 * ONE, requirements);
        _count(ALICE);
        _do(jobId, terms);
        vm.assertEq(token.balanceOf(VICTIM) + market.creditOf(VICTIM), 90 * ONE);
        vault.fund();
        vm.warp(block.timestamp + 8 days);
        vm.prank(ALICE);
        vault.claim();
        _count(ALICE);
        vm.prank(BOB);
        vault.claim();
        _count(BOB);
        _needLoss("10 points made, then exit with a job of 10 tokens whose tier proves nothing", honest, _ended());
    }

    /// Where results are proved there is nothing to run away with: the lease is lost, and the lock.
    function test_reputationThenExit_provedTier() public {
        Play memory honest = _played();
        _wash(1_000 * ONE);
        (bytes32 jobId, Terms memory terms) = _postAs(VICTIM, AuctionKind.Fixed, Tier.Zk, 100 * ONE);
        _bid(jobId, ALICE, 100 * ONE);
        _default(jobId, terms);
        vm.assertEq(token.balanceOf(VICTIM) + market.creditOf(VICTIM), 101 * ONE);
        _needLoss("3 points made, then exit from a job of 100 tokens that is proved", honest, _ended());
    }

    /// @dev Requirements that ask for points and nothing else.
    function _pointsOf(uint128 points) private returns (bytes memory data) {
        Requirements memory r;
        (r.clauses, r.reputation) = (new Clause[](0), points);
        data = abi.encode(r);
        listings.publishRequirements(data);
    }
}
