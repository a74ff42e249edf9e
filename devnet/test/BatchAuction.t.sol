// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBatchAuctionErrors} from "../contracts/errors/IBatchAuctionErrors.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {IStakeVaultErrors} from "../contracts/errors/IStakeVaultErrors.sol";
import {Batch, Entry, IBatches, ILeases, JobClass, Offer} from "../contracts/interfaces/IBatches.sol";
import {IProviders} from "../contracts/interfaces/IProviders.sol";
import {IStakeVault} from "../contracts/interfaces/IStakeVault.sol";
import {Role, Tier} from "../contracts/interfaces/Types.sol";
import {MAX_WINDOW, MIN_WINDOW} from "../contracts/libraries/Limits.sol";
import {MAX_UNITS} from "../contracts/libraries/Ticks.sol";
import {BatchBase} from "./BatchBase.sol";
import {Shipped} from "./Shipped.sol";
import {ToyProviders} from "./ToyModules.sol";

/// While a round runs: what enters, what is refused, what is reserved.
contract BatchAuctionTest is BatchBase {
    function test_aJobEntersTheRoundThatRuns() public {
        vm.warp(START + 1);
        vm.expectEmit(address(auction));
        emit IBatches.BatchOpened(_batchId(), auction.classIdOf(_class()), CLOSE, _class());
        vm.expectEmit(address(auction));
        emit IBatches.JobEntered(_batchId(), "a", 3, 0);
        vm.assertEq(market.post("a", _request(_class(), 130)), CLOSE);
        _enter("b", 3);
        Entry memory entry = auction.entryOf("b");
        vm.assertEq(entry.batchId, _batchId());
        vm.assertEq(entry.tick, 3);
        vm.assertEq(entry.position, 1);
        Batch memory batch = auction.batchOf(_batchId());
        vm.assertEq(batch.closesAt, CLOSE);
        vm.assertEq(batch.endsAt, END);
        vm.assertEq(batch.lock, UNIT_LOCK);
        vm.assertFalse(batch.cleared, "cleared");
        (uint32[256] memory demand, uint32[256] memory supply) = auction.ticksOf(_batchId());
        vm.assertEq(demand[3], 2);
        vm.assertEq(supply[3], 0);
    }

    function test_aRoundEndsBeforeItsLastSecond() public {
        vm.warp(CLOSE - 1);
        vm.assertEq(market.post("a", _request(_class(), 100)), CLOSE);
        vm.warp(CLOSE);
        vm.assertEq(market.post("b", _request(_class(), 100)), CLOSE + 10 minutes);
        vm.assertTrue(auction.entryOf("a").batchId != auction.entryOf("b").batchId);
    }

    function test_onlyTheMarketEnters() public {
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.NotMarket.selector, address(market), address(this)));
        auction.enter("a", _request(_class(), 100), 2, 1_000);
        _enter("a", 0);
        vm.expectRevert(
            abi.encodeWithSelector(IBatchAuctionErrors.JobAlreadyEntered.selector, bytes32("a"), _batchId())
        );
        _enter("a", 1);
    }

    function test_aPriceOffTheGridIsRefused() public {
        uint128[4] memory prices = [uint128(99), 101, 100 + 10 * 256, type(uint128).max];
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IBatchAuctionErrors.PriceOffGrid.selector, bytes32("a"), 100, 10, prices[i])
            );
            market.post("a", _request(_class(), prices[i]));
        }
        market.post("a", _request(_class(), 100 + 10 * 255));
        vm.assertEq(auction.entryOf("a").tick, 255);
    }

    function test_aClassThatCanHaveNoRoundIsRefused() public {
        JobClass memory c = _class();
        c.priceStep = 0;
        _needRefused(c, abi.encodeWithSelector(IBatchAuctionErrors.GridInvalid.selector, 100, 0));
        c.priceStep = type(uint128).max / 255;
        _needRefused(c, abi.encodeWithSelector(IBatchAuctionErrors.GridInvalid.selector, 100, c.priceStep));
        c = _class();
        c.biddingWindow = 0;
        _needRefused(c, _window("biddingWindow", 0));
        c.biddingWindow = uint32(MAX_WINDOW + 1);
        _needRefused(c, _window("biddingWindow", c.biddingWindow));
        c = _class();
        c.revealWindow = uint32(MIN_WINDOW - 1);
        _needRefused(c, _window("revealWindow", c.revealWindow));
    }

    function _needRefused(JobClass memory c, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(ALICE);
        auction.offer(c, CLOSE, 0, 1, "");
        vm.expectRevert(reason);
        market.post("a", _request(c, 100));
    }

    function _window(string memory name, uint256 actual) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(IBatchAuctionErrors.WindowOutOfBounds.selector, name, actual, MIN_WINDOW, MAX_WINDOW);
    }

    function test_anOfferReservesStakeUntilTheDrawsEnd() public {
        bytes32 expected = keccak256(abi.encode(keccak256("mlm/offer/1"), _batchId(), uint8(7), uint32(0)));
        vm.expectEmit(address(auction));
        emit IBatches.OfferPlaced(_batchId(), expected, ALICE, 7, 0, 3);
        vm.expectEmit(address(vault));
        emit IStakeVault.StakeReserved(expected, ALICE, Role.Provider, 3 * UNIT_LOCK, END);
        vm.assertEq(_offer(ALICE, 7, 3), expected);
        Offer memory second = auction.offerOf(_offer(BOB, 7, 2));
        vm.assertEq(second.position, 3);
        vm.assertEq(second.quantity, 2);
        vm.assertEq(second.provider, BOB);
        vm.assertEq(_free(ALICE), 97 * UNIT_LOCK);
        vm.warp(END - 1);
        vm.assertEq(_free(ALICE), 97 * UNIT_LOCK);
        vm.warp(END);
        vm.assertEq(_free(ALICE), 100 * UNIT_LOCK);
    }

    function test_anOfferNeedsFreeStakeForEveryUnit() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IStakeVaultErrors.FreeStakeTooLow.selector, ALICE, Role.Provider, 101 * UNIT_LOCK, 100 * UNIT_LOCK
            )
        );
        _offer(ALICE, 7, 101);
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.QuantityZero.selector, _batchId(), ALICE));
        _offer(ALICE, 7, 0);
        _offer(ALICE, 7, 100);
    }

    function test_anOfferIsForTheRoundThatRuns() public {
        bytes32 classId = auction.classIdOf(_class());
        uint48[3] memory wrong = [CLOSE - 10 minutes, CLOSE + 10 minutes, CLOSE + 1];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IBatchAuctionErrors.RoundMismatch.selector, classId, CLOSE, wrong[i])
            );
            auction.offer(_class(), wrong[i], 0, 1, "");
        }
        vm.warp(CLOSE);
        vm.expectRevert(
            abi.encodeWithSelector(IBatchAuctionErrors.RoundMismatch.selector, classId, CLOSE + 10 minutes, CLOSE)
        );
        _offer(ALICE, 0, 1);
    }

    function test_requirementsAreCheckedWhereTheClassNamesSome() public {
        JobClass memory c = _class();
        c.requirements = keccak256("needs");
        bytes32 batchId = auction.batchIdOf(auction.classIdOf(c), CLOSE);
        vm.expectRevert(
            abi.encodeWithSelector(
                IBatchAuctionErrors.RequirementsMismatch.selector, batchId, c.requirements, keccak256("other")
            )
        );
        vm.prank(ALICE);
        auction.offer(c, CLOSE, 0, 1, "other");
        providers.refuse(BOB);
        vm.expectRevert(abi.encodeWithSelector(ToyProviders.NotQualified.selector, BOB, "toy", 1, 0));
        vm.prank(BOB);
        auction.offer(c, CLOSE, 0, 1, "needs");
        vm.prank(ALICE);
        auction.offer(c, CLOSE, 0, 1, "needs");
        _offer(BOB, 0, 1); // the class without requirements
    }

    /// A tick that overflowed would spill into the next one, or forget a million units.
    function test_aTickOverflowsNowhere() public {
        JobClass memory c = _class();
        (c.startPrice, c.priceStep) = (1, 1);
        _stake(ALICE, uint128(52 * MAX_UNITS * 2));
        vm.startPrank(ALICE);
        auction.offer(c, CLOSE, 7, uint32(MAX_UNITS), "");
        bytes32 batchId = auction.batchIdOf(auction.classIdOf(c), CLOSE);
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.TickFull.selector, batchId, 7, 0, 1));
        auction.offer(c, CLOSE, 7, 1, "");
        auction.offer(c, CLOSE, 6, 1, "");
        auction.offer(c, CLOSE, 8, 2, "");
        vm.stopPrank();
        (, uint32[256] memory supply) = auction.ticksOf(batchId);
        vm.assertEq(supply[6], 1);
        vm.assertEq(supply[7], MAX_UNITS);
        vm.assertEq(supply[8], 2);
        c.priceStep = type(uint128).max / 256;
        batchId = auction.batchIdOf(auction.classIdOf(c), CLOSE);
        uint128 lock = market.lockFor(c.tier, 1 + 255 * c.priceStep);
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.OfferTooLarge.selector, batchId, lock, MAX_UNITS));
        auction.offer(c, CLOSE, 0, uint32(MAX_UNITS), "");
    }

    /// Everything that two jobs of a class share is in its id.
    function test_everyFieldMakesAnotherClass() public view {
        bytes32[] memory ids = new bytes32[](12);
        for (uint256 i = 0; i < 12; ++i) {
            JobClass memory c = _class();
            if (i == 1) c.versionId = "other";
            if (i == 2) c.tier = Tier.Tee;
            if (i == 3) ++c.scheme;
            if (i == 4) ++c.startPrice;
            if (i == 5) ++c.priceStep;
            if (i == 6) ++c.biddingWindow;
            if (i == 7) ++c.revealWindow;
            if (i == 8) ++c.deliveryWindow;
            if (i == 9) ++c.executionWindow;
            if (i == 10) ++c.verificationWindow;
            if (i == 11) c.requirements = "some";
            ids[i] = auction.classIdOf(c);
            for (uint256 j = 0; j < i; ++j) {
                vm.assertTrue(ids[j] != ids[i]);
            }
        }
    }

    function test_constructor() public {
        (ILeases m, IStakeVault v, IProviders p) =
            (ILeases(address(1)), IStakeVault(address(2)), IProviders(address(3)));
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "market"));
        Shipped.batchAuction(ILeases(address(0)), v, p);
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "vault"));
        Shipped.batchAuction(m, IStakeVault(address(0)), p);
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "providers"));
        Shipped.batchAuction(m, v, IProviders(address(0)));
    }
}
