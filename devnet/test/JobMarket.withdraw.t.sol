// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IJobMarketErrors} from "../contracts/errors/IJobMarketErrors.sol";
import {IJobMarket, Job, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Reason, Role, State, Tier} from "../contracts/interfaces/Types.sol";
import {Params} from "../contracts/base/MarketTerms.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {SealedBase} from "./SealedBase.sol";

/// withdrawBid: out of a reverse auction for the undelivered fee, out of a sealed one for nothing.
contract JobMarketWithdrawTest is SealedBase {
    uint128 private constant FEE = ONE / 2;

    function _withdraw(bytes32 jobId, address bidder) private {
        vm.prank(bidder);
        market.withdrawBid(jobId);
    }

    function _notBest(bytes32 jobId, address best, address bidder) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IJobMarketErrors.NotBestBidder.selector, jobId, best, bidder);
    }

    function test_theBestBidderBurnsTheUndeliveredFee() public {
        (bytes32 jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        _bid(jobId, ALICE, 90 * ONE);
        _bid(jobId, BOB, 80 * ONE);
        vm.expectEmit(address(market));
        emit IJobMarket.BidWithdrawn(jobId, versionId, BOB);
        vm.expectEmit(address(market));
        emit IJobMarket.Credited(jobId, BURN_ADDRESS, Reason.Burn, FEE);
        _withdraw(jobId, BOB);
        vm.assertEq(_stakeOf(BOB), 1_000 * ONE - FEE);
        vm.assertEq(vault.freeOf(BOB, Role.Provider), 1_000 * ONE - FEE);
        vm.assertEq(market.creditOf(BURN_ADDRESS), FEE);
        Job memory job = market.jobOf(jobId);
        vm.assertEq(job.provider, address(0));
        vm.assertEq(job.price, 0);
        _needState(jobId, State.Open);
        _needSound();
        // The bids are open again, up to the maximum, to everybody.
        _bid(jobId, ALICE, MAX_PRICE);
        _bid(jobId, BOB, 70 * ONE);
        vm.assertEq(vault.lockOf(jobId, BOB, Role.Provider), 20 * ONE);
    }

    /// Half of the bids' time is left to those whom the bid kept away; after that it stands.
    function test_onlyInTheFirstHalf() public {
        (bytes32 jobId, Terms memory terms) = _post(AuctionKind.Reverse, Tier.Zk);
        _bid(jobId, ALICE, 90 * ONE);
        _bid(jobId, BOB, 10 * ONE);
        uint256[2] memory late = [START + 5 minutes, START + 10 minutes - 1];
        for (uint256 i = 0; i < 2; ++i) {
            vm.warp(late[i]);
            vm.expectRevert(
                abi.encodeWithSelector(IJobMarketErrors.WithdrawalTooLate.selector, jobId, START + 5 minutes)
            );
            _withdraw(jobId, BOB);
        }
        vm.warp(START + 5 minutes - 1);
        _withdraw(jobId, BOB);
        vm.warp(START + 10 minutes);
        _needState(jobId, State.Expired);
        market.settle(jobId, terms);
        vm.assertEq(market.creditOf(CONSUMER), MAX_PRICE);
        vm.assertEq(_stakeOf(BOB), 1_000 * ONE - FEE);
        _needSettled(jobId, State.Expired);
    }

    function test_notAfterTheClose() public {
        (bytes32 jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        _bid(jobId, ALICE, 90 * ONE);
        vm.warp(START + 10 minutes);
        vm.expectRevert(_inState(jobId, State.Open, State.Leased));
        _withdraw(jobId, ALICE);
        (jobId,) = _leased(Tier.Zk);
        vm.expectRevert(_inState(jobId, State.Open, State.Leased));
        _withdraw(jobId, ALICE);
    }

    function test_onlyTheBestBidderHasSomethingToWithdraw() public {
        (bytes32 jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        vm.expectRevert(_notBest(jobId, address(0), ALICE));
        _withdraw(jobId, ALICE);
        _bid(jobId, ALICE, 90 * ONE);
        _bid(jobId, BOB, 80 * ONE);
        vm.expectRevert(_notBest(jobId, BOB, ALICE));
        _withdraw(jobId, ALICE);
        _withdraw(jobId, BOB);
        vm.expectRevert(_notBest(jobId, address(0), BOB));
        _withdraw(jobId, BOB);
        // Nor is there anything in a job that waits for a clock, a price or a round.
        AuctionKind[3] memory kinds = [AuctionKind.Fixed, AuctionKind.Dutch, AuctionKind.Batch];
        for (uint256 i = 0; i < 3; ++i) {
            (jobId,) = _post(kinds[i], Tier.Zk);
            vm.expectRevert(_notBest(jobId, address(0), ALICE));
            _withdraw(jobId, ALICE);
        }
    }

    function test_afterAWithdrawalTheConsumerCanCancel() public {
        (bytes32 jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        _bid(jobId, ALICE, 90 * ONE);
        _withdraw(jobId, ALICE);
        vm.prank(CONSUMER);
        market.cancel(jobId);
        vm.assertEq(market.creditOf(CONSUMER), MAX_PRICE);
        _needSettled(jobId, State.Cancelled);
    }

    /// Where not accepting costs nothing, neither does withdrawing; where it costs the whole lock, nothing is left of it.
    function test_theFeeFromNothingToTheWholeLock() public {
        Params memory params = _params();
        params.undeliveredFeeCap = 0;
        _again(params);
        (bytes32 jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        _bid(jobId, ALICE, 90 * ONE);
        _withdraw(jobId, ALICE);
        vm.assertEq(vault.freeOf(ALICE, Role.Provider), 1_000 * ONE);
        vm.assertEq(market.totalCredit(), 0);
        params.undeliveredFeeBps = 1_000;
        params.undeliveredFeeCap = params.minLock = 10 * ONE;
        params.lockBps = 0;
        _again(params);
        (jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        _bid(jobId, ALICE, 90 * ONE);
        _withdraw(jobId, ALICE);
        vm.assertEq(vault.freeOf(ALICE, Role.Provider), 990 * ONE);
        vm.assertEq(_stakeOf(ALICE), 990 * ONE);
        vm.assertEq(market.creditOf(BURN_ADDRESS), 10 * ONE);
    }

    function _again(Params memory params) private {
        _deployMarket(address(verifier), params);
        token.transfer(ALICE, 1_000 * ONE);
        _stake(ALICE, 1_000 * ONE);
        vm.prank(CONSUMER);
        token.approve(address(market), type(uint256).max);
    }

    // ---------------------------------------------------------------- sealed

    function test_aSealedBidIsWithdrawnFreeOfCharge() public {
        (bytes32 jobId,) = _post(AuctionKind.Sealed, Tier.Zk);
        _commit(jobId, ALICE, 60 * ONE);
        _commit(jobId, BOB, 70 * ONE);
        vm.expectEmit(address(market));
        emit IJobMarket.BidWithdrawn(jobId, versionId, ALICE);
        _withdraw(jobId, ALICE);
        vm.assertEq(vault.freeOf(ALICE, Role.Provider), 1_000 * ONE);
        vm.assertEq(market.commitmentOf(jobId, ALICE), 0);
        vm.assertEq(market.jobOf(jobId).commitments, 1);
        vm.assertEq(market.totalCredit(), 0);
        vm.expectRevert(_missing(jobId, ALICE));
        _withdraw(jobId, ALICE);
        _needSound();
    }

    /// Withdrawn and made anew: the later commitment counts, and only it can be opened.
    function test_withdrawnAndCommittedAnew() public {
        (bytes32 jobId,) = _post(AuctionKind.Sealed, Tier.Zk);
        _commit(jobId, ALICE, 60 * ONE);
        _withdraw(jobId, ALICE);
        _commit(jobId, ALICE, 50 * ONE);
        vm.assertEq(vault.lockOf(jobId, ALICE, Role.Provider), MAX_PRICE);
        vm.assertEq(market.jobOf(jobId).commitments, 1);
        vm.warp(CLOSE);
        bytes32 stands = _sealed(jobId, ALICE, 50 * ONE);
        vm.expectRevert(
            abi.encodeWithSelector(
                IJobMarketErrors.BidCommitmentMismatch.selector, jobId, stands, _sealed(jobId, ALICE, 60 * ONE)
            )
        );
        _reveal(jobId, ALICE, 60 * ONE);
        _reveal(jobId, ALICE, 50 * ONE);
        _needState(jobId, State.Leased);
    }

    /// Once prices are being shown nobody takes his own back, the leader least of all.
    function test_notWhileBidsAreRevealed() public {
        (bytes32 jobId,) = _post(AuctionKind.Sealed, Tier.Zk);
        _commit(jobId, ALICE, 60 * ONE);
        _commit(jobId, BOB, 70 * ONE);
        vm.warp(CLOSE);
        vm.expectRevert(_inState(jobId, State.Open, State.Revealing));
        _withdraw(jobId, BOB);
        _reveal(jobId, ALICE, 60 * ONE);
        vm.expectRevert(_inState(jobId, State.Open, State.Revealing));
        _withdraw(jobId, ALICE);
        vm.warp(CLOSE + REVEAL);
        vm.expectRevert(_inState(jobId, State.Open, State.Leased));
        _withdraw(jobId, BOB);
    }

    function test_allWithdrawnItExpiresAtTheClose() public {
        (bytes32 jobId, Terms memory terms) = _post(AuctionKind.Sealed, Tier.Zk);
        _commit(jobId, ALICE, 60 * ONE);
        vm.warp(CLOSE - 1);
        _withdraw(jobId, ALICE);
        vm.warp(CLOSE);
        _needState(jobId, State.Expired);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Expired);
    }
}
