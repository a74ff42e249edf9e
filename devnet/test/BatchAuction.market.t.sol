// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BatchAuction} from "../contracts/BatchAuction.sol";
import {Modules} from "../contracts/base/MarketTerms.sol";
import {IBatchAuctionErrors} from "../contracts/errors/IBatchAuctionErrors.sol";
import {IJobMarketErrors} from "../contracts/errors/IJobMarketErrors.sol";
import {ILeases, JobClass} from "../contracts/interfaces/IBatches.sol";
import {Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {IProviders} from "../contracts/interfaces/IProviders.sol";
import {AuctionKind, Role, State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {MIN_UNBONDING} from "../contracts/libraries/Limits.sol";
import {MarketBase} from "./MarketBase.sol";
import {Shipped} from "./Shipped.sol";

/// The batch auction with the market itself: from the posting to the last credit.
contract BatchAuctionMarketTest is MarketBase {
    uint48 private constant CLOSE = uint48((START / 10 minutes + 1) * 10 minutes);

    BatchAuction private auction;

    function setUp() public override {
        super.setUp();
        uint256 nonce = vm.getNonce(address(this));
        address marketAt = vm.computeCreateAddress(address(this), nonce + 1);
        address auctionAt = vm.computeCreateAddress(address(this), nonce + 2);
        vault = Shipped.stakeVault(token, marketAt, auctionAt, uint64(MIN_UNBONDING));
        address[6] memory verifiers;
        verifiers[1] = verifiers[2] = address(verifier);
        Modules memory modules = _modules();
        modules.batch = BatchAuction(auctionAt);
        market = Shipped.jobMarket(token, registry, vault, modules, verifiers, _params());
        auction = Shipped.batchAuction(ILeases(address(market)), vault, IProviders(address(providers)));
        vm.assertEq(address(auction), auctionAt);
        vm.prank(CONSUMER);
        token.approve(address(market), type(uint256).max);
        vm.prank(ALICE);
        token.approve(address(market), type(uint256).max);
        _stake(ALICE, 1_000 * ONE);
        _stake(BOB, 1_000 * ONE);
    }

    /// @dev Prices from 10 to 265 tokens, one a tick.
    function _order(uint256 tick) private view returns (Request memory request) {
        request = _request(AuctionKind.Batch, Tier.Zk);
        (request.startPrice, request.priceStep, request.revealWindow) = (10 * ONE, ONE, 20 minutes);
        request.maxPrice = uint128((10 + tick) * ONE);
    }

    function _enter(address consumer, uint256 tick, uint256 nonce) private returns (bytes32 jobId, Terms memory terms) {
        (terms,) = market.quote(_order(tick));
        vm.prank(consumer);
        jobId = market.post(terms.request, nonce);
    }

    function _class() private view returns (JobClass memory) {
        Request memory r = _order(0);
        return JobClass({
            versionId: r.versionId,
            tier: r.tier,
            scheme: r.scheme,
            startPrice: r.startPrice,
            priceStep: r.priceStep,
            biddingWindow: r.biddingWindow,
            revealWindow: r.revealWindow,
            deliveryWindow: r.deliveryWindow,
            executionWindow: r.executionWindow,
            verificationWindow: r.verificationWindow,
            requirements: r.requirements,
            usePrice: 2 * ONE,
            ownerBps: 1_000
        });
    }

    function _offer(address provider, uint256 tick, uint32 quantity) private returns (bytes32) {
        JobClass memory jobClass = _class();
        vm.prank(provider);
        return auction.offer(jobClass, CLOSE, uint8(tick), quantity, "");
    }

    function test_fromThePostingToTheLastCredit() public {
        (bytes32 jobId, Terms memory terms) = _enter(CONSUMER, 90, 1);
        (bytes32 other, Terms memory losing) = _enter(CONSUMER, 20, 2);
        vm.assertEq(market.jobOf(jobId).bidsCloseAt, CLOSE);
        bytes32 offerId = _offer(ALICE, 40, 2);
        vm.warp(CLOSE + 1);
        auction.draw(jobId, offerId);
        _needState(jobId, State.Leased);
        vm.prank(ALICE);
        market.accept(jobId);
        _submit(jobId, terms, Verdict.Accepted);
        // 100 tokens at most, 50 the price of tick 40.
        vm.assertEq(market.creditOf(CONSUMER), 50 * ONE);
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.JobNotAwarded.selector, other, 1, 1));
        auction.draw(other, offerId);
        vm.warp(CLOSE + 20 minutes);
        _needState(other, State.Expired);
        market.settle(other, losing);
        vm.assertEq(market.creditOf(CONSUMER), 80 * ONE);
        vm.assertEq(vault.freeOf(ALICE, Role.Provider), 1_000 * ONE);
        vm.assertEq(market.totalEscrow(), 0);
        _needSound();
    }

    /// A winner that does not accept loses the undelivered fee; the consumer as much, and the rest comes back.
    function test_neverAcceptingCostsTheUndeliveredFee() public {
        (bytes32 jobId, Terms memory terms) = _enter(CONSUMER, 90, 1);
        bytes32 offerId = _offer(ALICE, 40, 1);
        vm.warp(CLOSE);
        auction.draw(jobId, offerId);
        vm.warp(CLOSE + 5 minutes);
        market.settle(jobId, terms);
        vm.assertEq(_stakeOf(ALICE), 1_000 * ONE - terms.snapshot.undeliveredFee);
        vm.assertEq(market.creditOf(CONSUMER), 100 * ONE - terms.snapshot.undeliveredFee);
        vm.assertTrue(terms.snapshot.undeliveredFee > 0);
        _needSound();
    }

    /// Demand that could leave would move the price for nothing.
    function test_aJobInABatchIsNotCancelled() public {
        (bytes32 jobId,) = _enter(CONSUMER, 90, 1);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.AuctionKindUnsuited.selector, jobId, AuctionKind.Batch));
        vm.prank(CONSUMER);
        market.cancel(jobId);
    }

    /// A consumer that is paired with itself pays the fee like everybody, and anybody can make it.
    function test_aConsumerPairedWithItselfPaysTheFee() public {
        (bytes32 jobId, Terms memory terms) = _enter(ALICE, 200, 1);
        bytes32 offerId = _offer(ALICE, 0, 1);
        vm.warp(CLOSE);
        vm.prank(ANYONE);
        auction.draw(jobId, offerId);
        vm.warp(CLOSE + 5 minutes);
        market.settle(jobId, terms);
        vm.assertEq(market.creditOf(ALICE), terms.request.maxPrice - terms.snapshot.undeliveredFee);
        vm.assertEq(_stakeOf(ALICE), 1_000 * ONE - terms.snapshot.undeliveredFee);
    }

    /// An offer was made for jobs that leave nine tenths to the provider; the owner then asks for nine tenths of its own. Who
    /// posts under the new price opens another round: offers cannot be withdrawn, so they must not be bound to it.
    function test_aRoyaltyRaisedAfterTheOfferMakesAnotherRound() public {
        (bytes32 before,) = _enter(CONSUMER, 90, 1);
        bytes32 offerId = _offer(ALICE, 40, 2);
        bytes32 batchId = auction.entryOf(before).batchId;
        uint128[2] memory usePrices = [2 * ONE, 9 * ONE];
        uint16[2] memory ownerBps = [uint16(9_000), 1_000];
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(OWNER);
            registry.setPrice(versionId, usePrices[i], ownerBps[i]);
            uint256 offered = vm.snapshotState();
            (bytes32 jobId, Terms memory terms) = _enter(CONSUMER, 90, 2);
            vm.assertEq(terms.snapshot.ownerBps, ownerBps[i]);
            bytes32 another = auction.entryOf(jobId).batchId;
            vm.assertTrue(another != batchId);
            vm.warp(CLOSE);
            vm.expectRevert(
                abi.encodeWithSelector(IBatchAuctionErrors.OfferOfAnotherBatch.selector, offerId, another, batchId)
            );
            auction.draw(jobId, offerId);
            auction.draw(before, offerId);
            vm.revertToState(offered);
        }
    }

    /// What docs/auctions.md says of it: units of somebody who never accepts take others' jobs out of the round, and so the
    /// price falls for the attacker's own. Only the undelivered fee answers for them.
    function test_unitsOfSomebodyWhoNeverAcceptsLowerThePrice() public {
        uint256 start = vm.snapshotState();
        for (uint256 play = 0; play < 2; ++play) {
            vm.revertToState(start);
            (bytes32 own,) = _enter(CONSUMER, 90, 1);
            (bytes32 others, Terms memory terms) = _enter(ALICE, 80, 1);
            bytes32 cheap = _offer(ALICE, 10, 1);
            bytes32 dear = _offer(ALICE, 60, 1);
            bytes32 fake = play == 1 ? _offer(BOB, 10, 1) : dear;
            vm.warp(CLOSE);
            auction.draw(own, cheap);
            auction.draw(others, fake);
            // 70 tokens are the price of tick 60, 20 that of tick 10.
            vm.assertEq(market.jobOf(own).price, play == 0 ? 70 * ONE : 20 * ONE);
            if (play == 0) continue;
            vm.warp(CLOSE + 5 minutes);
            market.settle(others, terms);
            vm.assertEq(_stakeOf(BOB), 1_000 * ONE - terms.snapshot.undeliveredFee);
        }
    }

    /// The same from the other side: a job whose input never comes takes the cheap unit, and the honest job pays for the dear one.
    function test_aJobWhoseInputNeverComesRaisesThePrice() public {
        (bytes32 honest,) = _enter(CONSUMER, 90, 1);
        bytes32 cheap = _offer(ALICE, 10, 1);
        bytes32 dear = _offer(BOB, 60, 1);
        (bytes32 fake, Terms memory terms) = _enter(ALICE, 255, 1);
        vm.warp(CLOSE);
        auction.draw(fake, cheap);
        auction.draw(honest, dear);
        vm.assertEq(market.jobOf(honest).price, 70 * ONE);
        vm.warp(CLOSE + 5 minutes);
        market.settle(fake, terms);
        vm.assertEq(market.creditOf(ALICE), terms.request.maxPrice - terms.snapshot.undeliveredFee);
        vm.assertEq(terms.snapshot.undeliveredFee, ONE / 2);
    }

    function test_everythingIsFreeWhereNobodyDraws() public {
        (bytes32 jobId, Terms memory terms) = _enter(CONSUMER, 90, 1);
        _offer(ALICE, 40, 3);
        vm.warp(CLOSE + 20 minutes);
        market.settle(jobId, terms);
        vm.assertEq(market.creditOf(CONSUMER), 100 * ONE);
        vm.assertEq(vault.freeOf(ALICE, Role.Provider), 1_000 * ONE);
    }

    function test_aGridBelowTheFloorIsTheMarketsToRefuse() public {
        Request memory request = _order(90);
        (, uint128 floor) = market.quote(request);
        request.startPrice = floor - 1;
        vm.expectRevert(
            abi.encodeWithSelector(IJobMarketErrors.StartPriceOutOfBounds.selector, floor - 1, floor, request.maxPrice)
        );
        vm.prank(CONSUMER);
        market.post(request, 1);
    }
}
