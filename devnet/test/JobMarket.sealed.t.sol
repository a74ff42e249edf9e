// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IJobMarketErrors} from "../contracts/errors/IJobMarketErrors.sol";
import {IStakeVaultErrors} from "../contracts/errors/IStakeVaultErrors.sol";
import {IJobMarket, Job, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Reason, Role, State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {SealedBase} from "./SealedBase.sol";

/// commitBid, revealBid, burnUnrevealed and what a sealed auction does to award, cancel and settlement.
contract JobMarketSealedTest is SealedBase {
    function test_theLowestWinsAndIsPaidTheSecondLowest() public {
        (bytes32 jobId, Terms memory terms) = _post(AuctionKind.Sealed, Tier.Zk);
        _commit(jobId, ALICE, 60 * ONE);
        _commit(jobId, BOB, 80 * ONE);
        _needState(jobId, State.Open);
        vm.assertEq(market.jobOf(jobId).commitments, 2);
        vm.warp(CLOSE);
        _needState(jobId, State.Revealing);
        _reveal(jobId, BOB, 80 * ONE);
        _needBest(jobId, BOB, MAX_PRICE);
        vm.assertEq(vault.lockOf(jobId, BOB, Role.Provider), MAX_PRICE);
        vm.warp(CLOSE + 7);
        vm.expectEmit(address(market));
        emit IJobMarket.BidRevealed(jobId, versionId, ALICE, 60 * ONE);
        vm.expectEmit(address(market));
        emit IJobMarket.BidsClosed(jobId, versionId, ALICE, 80 * ONE);
        _reveal(jobId, ALICE, 60 * ONE);
        _needBest(jobId, ALICE, 80 * ONE);
        // The loser's bond came back in that transaction, the winner's stands.
        vm.assertEq(vault.freeOf(BOB, Role.Provider), 1_000 * ONE);
        vm.assertEq(vault.lockOf(jobId, ALICE, Role.Provider), MAX_PRICE);
        // The last commitment's reveal began the lease.
        _needState(jobId, State.Leased);
        vm.assertEq(market.jobOf(jobId).bidsCloseAt, CLOSE);
        vm.assertEq(market.jobOf(jobId).revealWindow, 7);
        vm.warp(CLOSE + 7 + 5 minutes - 1);
        vm.prank(ALICE);
        market.accept(jobId);
        _submit(jobId, terms, Verdict.Accepted);
        vm.assertEq(market.creditOf(CONSUMER), 20 * ONE);
        // 80 = fee 0.8 + owner's part 8 + provider 71.2
        vm.assertEq(market.creditOf(ALICE), (712 * ONE) / 10);
        vm.assertEq(vault.freeOf(ALICE, Role.Provider), 1_000 * ONE);
        _needSettled(jobId, State.Accepted);
    }

    function test_aloneItIsPaidTheReserve() public {
        (bytes32 jobId, Terms memory terms) = _post(AuctionKind.Sealed, Tier.Zk);
        _commit(jobId, ALICE, 60 * ONE);
        vm.warp(CLOSE);
        _reveal(jobId, ALICE, 60 * ONE);
        // In the first second of the reveals, and nobody else to wait for.
        _needState(jobId, State.Leased);
        vm.prank(ALICE);
        market.accept(jobId);
        _submit(jobId, terms, Verdict.Accepted);
        vm.assertEq(market.creditOf(CONSUMER), 0);
        vm.assertEq(market.creditOf(ALICE), 89 * ONE);
    }

    function test_theEarlierRevealWinsATie() public {
        (bytes32 jobId,) = _post(AuctionKind.Sealed, Tier.Zk);
        _commit(jobId, ALICE, 60 * ONE);
        _commit(jobId, BOB, 60 * ONE);
        vm.warp(CLOSE);
        _reveal(jobId, BOB, 60 * ONE);
        _reveal(jobId, ALICE, 60 * ONE);
        _needBest(jobId, BOB, 60 * ONE);
    }

    /// Any order of reveals, any number of them held back: one winner, one price, one bond, as sorting says.
    function testFuzz_secondPriceWhateverTheOrder(uint128[6] memory prices, uint8 shown, uint256 order) public {
        (bytes32 jobId,) = _post(AuctionKind.Sealed, Tier.Zk);
        uint128 floor = market.jobOf(jobId).floor;
        for (uint256 i = 0; i < 6; ++i) {
            prices[i] = uint128(_within(prices[i], floor, MAX_PRICE));
            _fund(_person(i), MAX_PRICE);
            _commit(jobId, _person(i), prices[i]);
        }
        vm.warp(CLOSE);
        uint128 lowest = type(uint128).max;
        uint128 second = MAX_PRICE;
        address winner;
        uint256 revealed = 0;
        for (uint256 i = 0; i < 6; ++i) {
            // A permutation: multiplication by a unit of 7.
            uint256 who = ((i + 1) * (1 + order % 6)) % 7 - 1;
            if ((shown >> who) & 1 == 0) continue;
            ++revealed;
            _reveal(jobId, _person(who), prices[who]);
            if (prices[who] < lowest) {
                if (winner != address(0)) second = lowest;
                (lowest, winner) = (prices[who], _person(who));
            } else if (prices[who] < second) {
                second = prices[who];
            }
            _needBest(jobId, winner, second);
        }
        vm.warp(CLOSE + REVEAL);
        // With all six shown the lease began at once, and its delivery window ends where the reveals would have.
        State expected = revealed == 0 ? State.Expired : revealed == 6 ? State.Undelivered : State.Leased;
        _needState(jobId, expected);
        for (uint256 i = 0; i < 6; ++i) {
            bool burns = (shown >> i) & 1 == 0;
            if (burns) market.burnUnrevealed(jobId, _person(i));
            vm.assertEq(_stakeOf(_person(i)), burns ? 0 : MAX_PRICE, "stake");
            uint256 locked = vault.lockOf(jobId, _person(i), Role.Provider);
            vm.assertEq(locked, _person(i) == winner ? MAX_PRICE : 0, "lock");
        }
        vm.assertEq(market.creditOf(BURN_ADDRESS), (6 - revealed) * MAX_PRICE);
        vm.assertEq(market.jobOf(jobId).commitments, 0);
        vm.assertEq(token.balanceOf(address(market)), market.totalEscrow() + market.totalCredit());
    }

    // ---------------------------------------------------------------- commitments

    function test_aCommitmentLocksTheBond() public {
        (bytes32 jobId,) = _post(AuctionKind.Sealed, Tier.Zk);
        bytes32 commitment = _sealed(jobId, ALICE, 60 * ONE);
        vm.expectEmit(address(market));
        emit IJobMarket.BidCommitted(jobId, versionId, ALICE, commitment);
        _commit(jobId, ALICE, 60 * ONE);
        vm.assertEq(market.commitmentOf(jobId, ALICE), commitment);
        vm.assertEq(vault.lockOf(jobId, ALICE, Role.Provider), MAX_PRICE);
        vm.assertEq(market.jobOf(jobId).provider, address(0));
    }

    /// Where the least lock is more than the escrow, the bond is the lock.
    function test_theBondIsNeverLessThanTheLock() public {
        (bytes32 jobId, Terms memory terms) = _postSealed(3 * ONE);
        _commit(jobId, ALICE, 3 * ONE);
        vm.assertEq(vault.lockOf(jobId, ALICE, Role.Provider), 10 * ONE);
        vm.warp(CLOSE);
        _reveal(jobId, ALICE, 3 * ONE);
        vm.prank(ALICE);
        market.accept(jobId);
        vm.warp(CLOSE + 1 hours);
        market.settle(jobId, terms);
        vm.assertEq(_stakeOf(ALICE), 990 * ONE);
        _needSettled(jobId, State.Defaulted);
    }

    function test_needsFreeStakeForTheWholeBond() public {
        (bytes32 jobId,) = _post(AuctionKind.Sealed, Tier.Zk);
        _fund(ANYONE, MAX_PRICE - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IStakeVaultErrors.FreeStakeTooLow.selector, ANYONE, Role.Provider, MAX_PRICE, MAX_PRICE - 1
            )
        );
        _commit(jobId, ANYONE, 60 * ONE);
        vm.assertEq(market.commitmentOf(jobId, ANYONE), 0);
        vm.assertEq(market.jobOf(jobId).commitments, 0);
    }

    function test_whatMayNotBeCommitted() public {
        (bytes32 jobId,) = _post(AuctionKind.Sealed, Tier.Zk);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.ConsumerCannotBid.selector, jobId, CONSUMER));
        _commit(jobId, CONSUMER, 60 * ONE);
        vm.expectRevert(_missing(jobId, ALICE));
        vm.prank(ALICE);
        market.commitBid(jobId, 0, "");
        _commit(jobId, ALICE, 60 * ONE);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.BidAlreadyCommitted.selector, jobId, ALICE));
        _commit(jobId, ALICE, 50 * ONE);
        vm.warp(CLOSE);
        vm.expectRevert(_inState(jobId, State.Open, State.Revealing));
        _commit(jobId, BOB, 50 * ONE);
    }

    function test_onlySealedAuctionsKnowCommitmentsAndOnlyOpenOnesBids() public {
        (bytes32 open,) = _post(AuctionKind.Reverse, Tier.Zk);
        vm.expectRevert(_unsuited(open, AuctionKind.Reverse));
        _commit(open, ALICE, 60 * ONE);
        (bytes32 jobId,) = _post(AuctionKind.Sealed, Tier.Zk);
        vm.expectRevert(_unsuited(jobId, AuctionKind.Sealed));
        _bid(jobId, ALICE, 60 * ONE);
        (bytes32 batched,) = _post(AuctionKind.Batch, Tier.Zk);
        vm.expectRevert(_unsuited(batched, AuctionKind.Batch));
        _bid(batched, ALICE, 60 * ONE);
        vm.warp(market.jobOf(batched).bidsCloseAt);
        vm.expectRevert(_unsuited(batched, AuctionKind.Batch));
        _reveal(batched, ALICE, 60 * ONE);
    }

    /// A commitment made for another job, market, chain, bidder, price or salt opens nothing.
    function test_aCommitmentBindsAllItNames() public {
        (bytes32 jobId,) = _post(AuctionKind.Sealed, Tier.Zk);
        bytes32 domain = keccak256("mlm/bid/1");
        uint128 price = 60 * ONE;
        bytes32[7] memory wrong = [
            keccak256(abi.encode(keccak256("mlm/bid/2"), block.chainid, market, jobId, ALICE, price, SALT)),
            keccak256(abi.encode(domain, block.chainid + 1, market, jobId, ALICE, price, SALT)),
            keccak256(abi.encode(domain, block.chainid, vault, jobId, ALICE, price, SALT)),
            keccak256(abi.encode(domain, block.chainid, market, versionId, ALICE, price, SALT)),
            keccak256(abi.encode(domain, block.chainid, market, jobId, BOB, price, SALT)),
            keccak256(abi.encode(domain, block.chainid, market, jobId, ALICE, price + 1, SALT)),
            keccak256(abi.encode(domain, block.chainid, market, jobId, ALICE, price, versionId))
        ];
        for (uint256 i = 0; i < wrong.length; ++i) {
            _fund(_person(i), MAX_PRICE);
        }
        uint256 before = vm.snapshotState();
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.prank(ALICE);
            market.commitBid(jobId, wrong[i], "");
            vm.warp(CLOSE);
            bytes32 actual = _sealed(jobId, ALICE, price);
            vm.expectRevert(
                abi.encodeWithSelector(IJobMarketErrors.BidCommitmentMismatch.selector, jobId, wrong[i], actual)
            );
            _reveal(jobId, ALICE, price);
            vm.revertToState(before);
        }
    }

    /// Whoever copies a commitment cannot open it: it names its bidder.
    function test_aCopiedCommitmentBurnsItsCopier() public {
        (bytes32 jobId,) = _post(AuctionKind.Sealed, Tier.Zk);
        _commit(jobId, ALICE, 60 * ONE);
        bytes32 copied = market.commitmentOf(jobId, ALICE);
        vm.prank(BOB);
        market.commitBid(jobId, copied, "");
        vm.warp(CLOSE);
        _reveal(jobId, ALICE, 60 * ONE);
        vm.expectRevert(
            abi.encodeWithSelector(
                IJobMarketErrors.BidCommitmentMismatch.selector, jobId, copied, _sealed(jobId, BOB, 60 * ONE)
            )
        );
        _reveal(jobId, BOB, 60 * ONE);
        vm.warp(CLOSE + REVEAL);
        market.burnUnrevealed(jobId, BOB);
        vm.assertEq(_stakeOf(BOB), 900 * ONE);
    }

    // ---------------------------------------------------------------- reveals

    function test_aRevealHasItsTime() public {
        (bytes32 jobId,) = _post(AuctionKind.Sealed, Tier.Zk);
        _commit(jobId, ALICE, 60 * ONE);
        _commit(jobId, BOB, 60 * ONE);
        vm.warp(CLOSE - 1);
        vm.expectRevert(_inState(jobId, State.Revealing, State.Open));
        _reveal(jobId, ALICE, 60 * ONE);
        vm.warp(CLOSE + REVEAL - 1);
        _reveal(jobId, ALICE, 60 * ONE);
        vm.warp(CLOSE + REVEAL);
        vm.expectRevert(_inState(jobId, State.Revealing, State.Leased));
        _reveal(jobId, BOB, 50 * ONE);
    }

    function test_aBidIsRevealedOnce() public {
        (bytes32 jobId,) = _post(AuctionKind.Sealed, Tier.Zk);
        _commit(jobId, ALICE, 60 * ONE);
        _commit(jobId, BOB, 70 * ONE);
        vm.warp(CLOSE);
        _reveal(jobId, ALICE, 60 * ONE);
        vm.expectRevert(_missing(jobId, ALICE));
        _reveal(jobId, ALICE, 60 * ONE);
        vm.expectRevert(_missing(jobId, ANYONE));
        _reveal(jobId, ANYONE, 60 * ONE);
    }

    /// A price that could not be paid cannot be shown either; the contract of bidding is in bounds, or burns.
    function test_aPriceOutsideTheBoundsCannotBeRevealed() public {
        (bytes32 jobId,) = _post(AuctionKind.Sealed, Tier.Zk);
        uint128 floor = market.jobOf(jobId).floor;
        _commit(jobId, ALICE, floor - 1);
        _commit(jobId, BOB, MAX_PRICE + 1);
        vm.warp(CLOSE);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.PriceBelowFloor.selector, jobId, floor, floor - 1));
        _reveal(jobId, ALICE, floor - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IJobMarketErrors.PriceAboveMaximum.selector, jobId, MAX_PRICE, MAX_PRICE + 1)
        );
        _reveal(jobId, BOB, MAX_PRICE + 1);
    }

    // ---------------------------------------------------------------- what is not revealed

    function test_anUnrevealedBondBurnsWhole() public {
        (bytes32 jobId, Terms memory terms) = _post(AuctionKind.Sealed, Tier.Zk);
        _commit(jobId, ALICE, 60 * ONE);
        vm.warp(CLOSE + REVEAL - 1);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.RevealsStillOpen.selector, jobId, CLOSE + REVEAL));
        market.burnUnrevealed(jobId, ALICE);
        vm.warp(CLOSE + REVEAL);
        _needState(jobId, State.Expired);
        vm.expectEmit(address(market));
        emit IJobMarket.BidForfeited(jobId, versionId, ALICE, MAX_PRICE);
        vm.expectEmit(address(market));
        emit IJobMarket.Credited(jobId, BURN_ADDRESS, Reason.Burn, MAX_PRICE);
        vm.prank(ANYONE);
        market.burnUnrevealed(jobId, ALICE);
        vm.assertEq(_stakeOf(ALICE), 900 * ONE);
        vm.assertEq(vault.freeOf(ALICE, Role.Provider), 900 * ONE);
        vm.expectRevert(_missing(jobId, ALICE));
        market.burnUnrevealed(jobId, ALICE);
        market.settle(jobId, terms);
        vm.assertEq(market.creditOf(CONSUMER), MAX_PRICE);
        _needSettled(jobId, State.Expired);
    }

    /// The bond burns as well when the job was settled before.
    function test_aBondBurnsAfterTheSettlementToo() public {
        (bytes32 jobId, Terms memory terms) = _post(AuctionKind.Sealed, Tier.Zk);
        _commit(jobId, ALICE, 60 * ONE);
        _commit(jobId, BOB, 70 * ONE);
        vm.warp(CLOSE);
        _reveal(jobId, ALICE, 60 * ONE);
        vm.warp(CLOSE + REVEAL);
        vm.prank(ALICE);
        market.accept(jobId);
        _submit(jobId, terms, Verdict.Accepted);
        market.burnUnrevealed(jobId, BOB);
        vm.assertEq(_stakeOf(BOB), 900 * ONE);
        vm.assertEq(_stakeOf(ALICE), 1_000 * ONE);
        _needSound();
    }

    function test_aRevealedBondCannotBeBurned() public {
        (bytes32 jobId,) = _post(AuctionKind.Sealed, Tier.Zk);
        _commit(jobId, ALICE, 60 * ONE);
        _commit(jobId, BOB, 70 * ONE);
        vm.warp(CLOSE);
        _reveal(jobId, ALICE, 60 * ONE);
        _reveal(jobId, BOB, 70 * ONE);
        vm.warp(CLOSE + REVEAL);
        vm.expectRevert(_missing(jobId, ALICE));
        market.burnUnrevealed(jobId, ALICE);
        vm.expectRevert(_missing(jobId, BOB));
        market.burnUnrevealed(jobId, BOB);
        vm.expectRevert(_missing("no such job", BOB));
        market.burnUnrevealed("no such job", BOB);
    }

    // ---------------------------------------------------------------- the rest of its life

    /// The winner's bond stands until the settlement: a default takes the lock of it, the rest is free.
    function test_aDefaultBurnsTheLockNotTheBond() public {
        (bytes32 jobId, Terms memory terms) = _won();
        vm.prank(ALICE);
        market.accept(jobId);
        vm.warp(CLOSE + REVEAL + 1 hours);
        market.settle(jobId, terms);
        vm.assertEq(_stakeOf(ALICE), 980 * ONE);
        vm.assertEq(vault.freeOf(ALICE, Role.Provider), 980 * ONE);
        _needSettled(jobId, State.Defaulted);
    }

    function test_anUndeliveredLeaseCostsTheFee() public {
        (bytes32 jobId, Terms memory terms) = _won();
        vm.warp(CLOSE + REVEAL + 5 minutes - 1);
        _needState(jobId, State.Leased);
        vm.warp(CLOSE + REVEAL + 5 minutes);
        market.settle(jobId, terms);
        vm.assertEq(vault.freeOf(ALICE, Role.Provider), 1_000 * ONE - ONE / 2);
        _needSettled(jobId, State.Undelivered);
    }

    function test_withoutACommitmentItExpiresAtTheClose() public {
        (bytes32 jobId, Terms memory terms) = _post(AuctionKind.Sealed, Tier.Zk);
        vm.warp(CLOSE);
        _needState(jobId, State.Expired);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Expired);
    }

    function test_noCancelAndNoAwardWhileACommitmentStands() public {
        (bytes32 jobId,) = _post(AuctionKind.Sealed, Tier.Zk);
        _commit(jobId, ALICE, 60 * ONE);
        vm.startPrank(CONSUMER);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.JobHasCommitments.selector, jobId, 1));
        market.cancel(jobId);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.JobHasNoBid.selector, jobId));
        market.award(jobId);
        vm.stopPrank();
        vm.prank(ALICE);
        market.withdrawBid(jobId);
        vm.prank(CONSUMER);
        market.cancel(jobId);
        _needSettled(jobId, State.Cancelled);
        vm.expectRevert(_inState(jobId, State.Open, State.Cancelled));
        _commit(jobId, ALICE, 60 * ONE);
    }

    /// ALICE leads at 60 and BOB did not reveal; the reveals have closed.
    function _won() private returns (bytes32 jobId, Terms memory terms) {
        (jobId, terms) = _post(AuctionKind.Sealed, Tier.Zk);
        _commit(jobId, ALICE, 60 * ONE);
        _commit(jobId, BOB, 70 * ONE);
        vm.warp(CLOSE);
        _reveal(jobId, ALICE, 60 * ONE);
        vm.warp(CLOSE + REVEAL);
        _needBest(jobId, ALICE, MAX_PRICE);
        market.burnUnrevealed(jobId, BOB);
    }

    function _needBest(bytes32 jobId, address provider, uint128 price) private view {
        Job memory job = market.jobOf(jobId);
        vm.assertEq(job.provider, provider);
        vm.assertEq(job.price, provider == address(0) ? 0 : price, "price");
    }
}
