// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IJobMarketErrors} from "../contracts/errors/IJobMarketErrors.sol";
import {IJobMarket, Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Outcome, Reason, Role, State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {MarketBase} from "./MarketBase.sol";

/// settle, withdraw and burn: where the money goes in each final state.
contract JobMarketSettleTest is MarketBase {
    function _settle(bytes32 jobId, Terms memory terms) private {
        vm.prank(ANYONE);
        market.settle(jobId, terms);
    }

    function _refuse(bytes32 jobId, Terms memory terms, bytes memory reason) private {
        vm.expectRevert(reason);
        _settle(jobId, terms);
    }

    function _notFinal(bytes32 jobId, State state) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IJobMarketErrors.JobNotFinal.selector, jobId, state);
    }

    function test_acceptedSplitsThePrice() public {
        (bytes32 jobId, Terms memory terms) = _post(AuctionKind.Reverse, Tier.Zk);
        _bid(jobId, ALICE, 90 * ONE);
        vm.prank(CONSUMER);
        market.award(jobId);
        vm.prank(ALICE);
        market.accept(jobId);
        _submit(jobId, terms, Verdict.Accepted);
        // 90 = fee 0.9 (half the treasury's, 3/10 the stakers', the rest burns) + owner's part 9 (a quarter of it the
        // parent's) + provider 80.1
        vm.assertEq(market.creditOf(TREASURY), (45 * ONE) / 100);
        vm.assertEq(market.creditOf(address(vault)), (27 * ONE) / 100);
        vm.assertEq(market.creditOf(BURN_ADDRESS), (18 * ONE) / 100);
        vm.assertEq(market.creditOf(OWNER), (675 * ONE) / 100);
        vm.assertEq(market.creditOf(PARENT_OWNER), (225 * ONE) / 100);
        vm.assertEq(market.creditOf(ALICE), (801 * ONE) / 10);
        vm.assertEq(market.creditOf(CONSUMER), 10 * ONE);
        vm.assertEq(market.totalCredit(), MAX_PRICE);
        vm.assertEq(_stakeOf(ALICE), 1_000 * ONE);
        _needSaid(Outcome.Accepted, 90 * ONE, (18 * ONE) / 100);
        _needSettled(jobId, State.Accepted);
    }

    function test_sharesAreThoseOfThePosting() public {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        feeShares.set(0, 0);
        _submit(jobId, terms, Verdict.Accepted);
        vm.assertEq(market.creditOf(TREASURY), ONE / 2);
    }

    /// Whole shares leave nothing to burn, and no point; none leave all of it.
    function test_sharesOfTheFee() public {
        feeShares.set(4_000, 6_000);
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        _submit(jobId, terms, Verdict.Accepted);
        vm.assertEq(market.creditOf(TREASURY), (4 * ONE) / 10);
        vm.assertEq(market.creditOf(address(vault)), (6 * ONE) / 10);
        vm.assertEq(market.creditOf(BURN_ADDRESS), 0);
        _needSaid(Outcome.Accepted, MAX_PRICE, 0);
        feeShares.set(0, 0);
        Request memory request = _request(AuctionKind.Fixed, Tier.Zk);
        (terms,) = market.quote(request);
        vm.prank(CONSUMER);
        jobId = market.post(request, 2);
        _bid(jobId, ALICE, MAX_PRICE);
        vm.prank(ALICE);
        market.accept(jobId);
        _submit(jobId, terms, Verdict.Accepted);
        vm.assertEq(market.creditOf(BURN_ADDRESS), ONE);
        _needSaid(Outcome.Accepted, MAX_PRICE, ONE);
    }

    function _needSaid(Outcome outcome, uint128 price, uint128 points) private view {
        (Outcome said, uint128 paid, uint128 burned,) = reputation.said(ALICE);
        vm.assertEq(uint256(said), uint256(outcome), "outcome");
        vm.assertEq(paid, price, "price");
        vm.assertEq(burned, points, "points");
    }

    function test_payeesAreThoseOfThePosting() public {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        vm.startPrank(OWNER);
        registry.transferFrom(OWNER, BOB, tokenId);
        vm.stopPrank();
        vm.prank(BOB);
        registry.setPrice(versionId, MAX_PRICE, 9_000);
        _submit(jobId, terms, Verdict.Accepted);
        vm.assertEq(market.creditOf(BOB), 0);
        vm.assertEq(market.creditOf(OWNER), (75 * ONE) / 10);
    }

    function test_silenceAccepts() public {
        (bytes32 jobId, Terms memory terms) = _submitted();
        vm.warp(START + 1 days - 1);
        _refuse(jobId, terms, _notFinal(jobId, State.Submitted));
        vm.warp(START + 1 days);
        _settle(jobId, terms);
        vm.assertEq(market.creditOf(ALICE), 89 * ONE);
        _needSettled(jobId, State.Accepted);
    }

    function test_disputedWaits() public {
        (bytes32 jobId, Terms memory terms) = _submitted();
        verifier.decide(jobId, Verdict.Disputed);
        vm.warp(START + 100 days);
        _needState(jobId, State.Disputed);
        _refuse(jobId, terms, _notFinal(jobId, State.Disputed));
        verifier.decide(jobId, Verdict.Accepted);
        _settle(jobId, terms);
        _needSettled(jobId, State.Accepted);
    }

    function test_rejectedRefundsAndBurnsTheLock() public {
        (bytes32 jobId, Terms memory terms) = _submitted();
        verifier.decide(jobId, Verdict.Rejected);
        _settle(jobId, terms);
        vm.assertEq(market.creditOf(CONSUMER), MAX_PRICE);
        vm.assertEq(market.creditOf(BURN_ADDRESS), 200 * ONE);
        vm.assertEq(_stakeOf(ALICE), 800 * ONE);
        _needSaid(Outcome.Rejected, MAX_PRICE, 0);
        _needSettled(jobId, State.Rejected);
    }

    /// Half of a lock of twice the maximum price burns: as much as the result would have brought.
    function test_rejectedRewardsTheChallenger() public {
        (bytes32 jobId, Terms memory terms) = _submitted();
        verifier.decide(jobId, Verdict.Rejected);
        verifier.reward(jobId, BOB);
        vm.expectEmit(address(market));
        emit IJobMarket.Credited(jobId, BOB, Reason.ChallengerReward, 100 * ONE);
        _settle(jobId, terms);
        vm.assertEq(market.creditOf(CONSUMER), MAX_PRICE);
        vm.assertEq(market.creditOf(BOB), 100 * ONE);
        vm.assertEq(market.creditOf(BURN_ADDRESS), 100 * ONE);
        vm.assertEq(_stakeOf(ALICE), 800 * ONE);
        _needSettled(jobId, State.Rejected);
    }

    /// Whoever is named where nothing was rejected has nothing.
    function test_anAcceptedResultRewardsNobody() public {
        (bytes32 jobId, Terms memory terms) = _submitted();
        verifier.reward(jobId, BOB);
        vm.warp(block.timestamp + 1 days);
        _settle(jobId, terms);
        vm.assertEq(market.creditOf(BOB), 0);
        _needSettled(jobId, State.Accepted);
    }

    function test_expiredRefunds() public {
        (bytes32 jobId, Terms memory terms) = _post(AuctionKind.Reverse, Tier.Zk);
        _refuse(jobId, terms, _notFinal(jobId, State.Open));
        vm.warp(START + 10 minutes);
        _settle(jobId, terms);
        vm.assertEq(market.creditOf(CONSUMER), MAX_PRICE);
        (,,, uint256 count) = reputation.said(ALICE);
        vm.assertEq(count, 0, "nobody to speak of");
        _needSettled(jobId, State.Expired);
    }

    function test_undeliveredCostsBothTheSame() public {
        (bytes32 jobId, Terms memory terms) = _leased(Tier.Zk);
        vm.warp(START + 5 minutes);
        _settle(jobId, terms);
        uint256 fee = ONE / 2;
        vm.assertEq(market.creditOf(TREASURY), fee);
        vm.assertEq(market.creditOf(CONSUMER), MAX_PRICE - fee);
        vm.assertEq(market.creditOf(BURN_ADDRESS), fee);
        vm.assertEq(_stakeOf(ALICE), 1_000 * ONE - fee);
        vm.assertEq(vault.freeOf(ALICE, Role.Provider), 1_000 * ONE - fee);
        _needSaid(Outcome.Undelivered, MAX_PRICE, 0);
        _needSettled(jobId, State.Undelivered);
    }

    function test_defaultedRefundsCompensatesAndBurns() public {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        _refuse(jobId, terms, _notFinal(jobId, State.Ready));
        vm.warp(START + 1 hours);
        _settle(jobId, terms);
        vm.assertEq(market.creditOf(CONSUMER), MAX_PRICE + ONE);
        vm.assertEq(market.creditOf(BURN_ADDRESS), 19 * ONE);
        vm.assertEq(_stakeOf(ALICE), 980 * ONE);
        _needSaid(Outcome.Defaulted, MAX_PRICE, 0);
        _needSettled(jobId, State.Defaulted);
    }

    /// An input that never came, or came wrong, is never accepted: without `accept` no stake beyond the small fee is at risk,
    /// however long the job lies there.
    function testFuzz_nobodyIsSlashedForAnInputHeDidNotAccept(uint32 later) public {
        (bytes32 jobId, Terms memory terms) = _leased(Tier.Zk);
        vm.warp(START + 5 minutes + later);
        _settle(jobId, terms);
        vm.assertGe(_stakeOf(ALICE), 1_000 * ONE - ONE / 2);
        _needSettled(jobId, State.Undelivered);
    }

    function test_settlesOnce() public {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        _submit(jobId, terms, Verdict.Accepted);
        _refuse(jobId, terms, abi.encodeWithSelector(IJobMarketErrors.JobAlreadySettled.selector, jobId, START));
    }

    function test_settlesUnderItsOwnTerms() public {
        (bytes32 jobId, Terms memory terms) = _leased(Tier.Zk);
        bytes32 expected = keccak256(abi.encode(terms));
        vm.warp(START + 5 minutes);
        terms.snapshot.treasury = ANYONE;
        _refuse(
            jobId,
            terms,
            abi.encodeWithSelector(
                IJobMarketErrors.TermsMismatch.selector, jobId, expected, keccak256(abi.encode(terms))
            )
        );
    }

    function test_unknownJob() public {
        (, Terms memory terms) = _leased(Tier.Zk);
        _refuse("no such job", terms, _notFinal("no such job", State.Unknown));
    }

    function test_eventsExplainEveryCredit() public {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        vm.expectEmit(address(market));
        emit IJobMarket.JobSettled(jobId, versionId, CONSUMER, ALICE, State.Accepted, MAX_PRICE);
        vm.expectEmit(address(market));
        emit IJobMarket.Credited(jobId, TREASURY, Reason.ProtocolFee, ONE / 2);
        vm.expectEmit(address(market));
        emit IJobMarket.Credited(jobId, address(vault), Reason.StakerReward, (3 * ONE) / 10);
        vm.expectEmit(address(market));
        emit IJobMarket.Credited(jobId, BURN_ADDRESS, Reason.Burn, ONE / 5);
        vm.expectEmit(address(market));
        emit IJobMarket.Credited(jobId, OWNER, Reason.Royalty, (75 * ONE) / 10);
        vm.expectEmit(address(market));
        emit IJobMarket.Credited(jobId, PARENT_OWNER, Reason.Royalty, (25 * ONE) / 10);
        vm.expectEmit(address(market));
        emit IJobMarket.Credited(jobId, ALICE, Reason.Payment, 89 * ONE);
        _submit(jobId, terms, Verdict.Accepted);
    }

    function test_withdrawPaysOnce() public {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        _submit(jobId, terms, Verdict.Accepted);
        uint256 before = token.balanceOf(ALICE);
        vm.prank(ALICE);
        vm.assertEq(market.withdraw(), 89 * ONE);
        vm.assertEq(token.balanceOf(ALICE), before + 89 * ONE);
        _needSound();
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.NoCredit.selector, ALICE));
        vm.prank(ALICE);
        market.withdraw();
    }

    function test_burnSendsWhatWasBurned() public {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        vm.warp(START + 1 hours);
        _settle(jobId, terms);
        vm.prank(ANYONE);
        vm.assertEq(market.burn(), 19 * ONE);
        vm.assertEq(token.balanceOf(BURN_ADDRESS), 19 * ONE);
        vm.assertEq(market.creditOf(BURN_ADDRESS), 0);
        _needSound();
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.NoCredit.selector, BURN_ADDRESS));
        market.burn();
    }

    function test_aDonationChangesNothing() public {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        token.transfer(address(market), 5);
        token.transfer(address(vault), 5);
        _submit(jobId, terms, Verdict.Accepted);
        vm.assertEq(token.balanceOf(address(market)), market.totalCredit() + 5);
    }
}
