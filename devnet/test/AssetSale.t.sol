// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SaleEscrow} from "../contracts/SaleEscrow.sol";
import {IAssetSaleErrors as Errors} from "../contracts/errors/IAssetSaleErrors.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {
    IAssetSale,
    ICreditSource,
    Offer,
    Sale,
    SaleKind,
    SaleReason,
    SaleState
} from "../contracts/interfaces/IAssetSale.sol";
import {Lot} from "../contracts/libraries/Lots.sol";
import {MAX_SALE_OVERTIME, SALE_CLAIM_WINDOW} from "../contracts/libraries/SaleLimits.sol";
import {SaleBase} from "./SaleBase.sol";
import {Shipped} from "./Shipped.sol";
import {TaxedToken} from "./TaxedToken.sol";
import {RoyaltyLie} from "./ToyCollection.sol";

/// One sale at a time, between people and collections that keep to the rules.
contract AssetSaleTest is SaleBase {
    // ---------------------------------------------------------------- opening

    function test_openEscrowsTheToken() public {
        Offer memory offer = _offer();
        bytes32 expected =
            keccak256(abi.encode(keccak256("mlm/sale/2"), block.chainid, address(sale), OWNER, uint256(1), offer));
        vm.prank(OWNER);
        registry.approve(address(sale), tokenId);
        vm.expectEmit(address(sale));
        emit IAssetSale.SaleOpened(
            expected, address(registry), OWNER, 1, offer, type(uint40).max, sale.escrowOf(expected)
        );
        vm.prank(OWNER);
        vm.assertEq(sale.open(offer, 1), expected);
        _needSale(expected, SaleState.Open);
        vm.assertEq(registry.ownerOf(tokenId), sale.escrowOf(expected));
        Sale memory found = sale.saleOf(expected);
        vm.assertEq(found.seller, OWNER);
        vm.assertEq(found.openedAt, START);
        vm.assertEq(found.endsAt, START + DURATION);
        vm.assertEq(found.latestEnd, START + DURATION + MAX_SALE_OVERTIME);
        vm.assertEq(found.expiresAt, type(uint40).max);
        vm.assertEq(uint256(found.kind), uint256(SaleKind.English));
        vm.assertEq(found.nextLeast, RESERVE);
        vm.assertEq(found.escrow, registry.ownerOf(tokenId));
    }

    function test_offersHaveBounds() public {
        _needRefused("reserve", 0, 1, type(uint128).max, Offer(address(toy), 1, 0, 0, 0, 500, DURATION, EXTENSION));
        _needRefused("minStepBps", 9, 10, 5_000, Offer(address(toy), 1, 0, 0, 1, 9, DURATION, EXTENSION));
        _needRefused("minStepBps", 5_001, 10, 5_000, Offer(address(toy), 1, 0, 0, 1, 5_001, DURATION, EXTENSION));
        _needRefused("duration", 59, 60, 30 days, Offer(address(toy), 1, 0, 0, 1, 500, 59, EXTENSION));
        _needRefused("duration", 30 days + 1, 60, 30 days, Offer(address(toy), 1, 0, 0, 1, 500, 30 days + 1, 60));
        _needRefused("extension", 59, 60, 1 days, Offer(address(toy), 1, 0, 0, 1, 500, DURATION, 59));
        _needRefused("extension", 61, 60, 60, Offer(address(toy), 1, 0, 0, 1, 500, 60, 61));
        _needRefused("extension", 1 days + 1, 60, 1 days, Offer(address(toy), 1, 0, 0, 1, 500, 30 days, 1 days + 1));
    }

    function _needRefused(string memory name, uint256 actual, uint256 least, uint256 most, Offer memory offer) private {
        vm.expectRevert(abi.encodeWithSelector(Errors.OfferOutOfBounds.selector, name, actual, least, most));
        vm.prank(OWNER);
        sale.open(offer, 1);
    }

    function test_onlyTheOwnerSells() public {
        vm.expectRevert(abi.encodeWithSelector(Errors.LotNotHeld.selector, address(registry), tokenId, ALICE, 1, 0));
        vm.prank(ALICE);
        sale.open(_offer(), 1);
        vm.expectRevert(); // the collection's own error: no approval
        vm.prank(OWNER);
        sale.open(_offer(), 1);
    }

    function test_theSameOfferOnce() public {
        bytes32 saleId = _open(_offer());
        vm.startPrank(OWNER);
        sale.cancel(saleId);
        registry.approve(address(sale), tokenId);
        vm.expectRevert(abi.encodeWithSelector(Errors.SaleAlreadyOpened.selector, saleId));
        sale.open(_offer(), 1);
        vm.assertTrue(sale.open(_offer(), 2) != saleId);
        vm.stopPrank();
    }

    /// The payment token is no collection, nor is an account without code.
    function test_whatIsNoCollection() public {
        address[3] memory collections = [address(token), address(market), address(0xDEAD)];
        for (uint256 i = 0; i < 3; ++i) {
            Offer memory offer = _offer();
            offer.collection = collections[i];
            vm.expectRevert();
            vm.prank(ALICE);
            sale.open(offer, 1);
        }
    }

    function test_theConstructorWantsSources() public {
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "source"));
        Shipped.assetSale(token, new ICreditSource[](1));
        vm.assertEq(address(sale.sources()[0]), address(market));
        vm.assertEq(sale.sources().length, 1);
    }

    // ---------------------------------------------------------------- bids

    function test_bidsRiseByTheStep() public {
        bytes32 saleId = _open(_offer());
        _needTooLow(saleId, ALICE, RESERVE, RESERVE - 1);
        _bidOn(saleId, ALICE, RESERVE);
        uint128 least = RESERVE + RESERVE / 20;
        vm.assertEq(sale.saleOf(saleId).nextLeast, least);
        _needTooLow(saleId, BOB, least, least - 1);
        vm.expectEmit(address(sale));
        emit IAssetSale.SaleBidPlaced(saleId, BOB, least, uint48(START + DURATION));
        _bidOn(saleId, BOB, least);
        // The outbid has its money in the same transaction.
        vm.assertEq(sale.creditOf(ALICE), RESERVE);
        vm.assertEq(sale.totalEscrow(), least);
        _needSale(saleId, SaleState.Open);
        uint256 before = token.balanceOf(ALICE);
        vm.prank(ALICE);
        vm.assertEq(sale.withdraw(), RESERVE);
        vm.assertEq(token.balanceOf(ALICE), before + RESERVE);
        vm.expectRevert(abi.encodeWithSelector(Errors.NoCredit.selector, ALICE));
        vm.prank(ALICE);
        sale.withdraw();
    }

    function _needTooLow(bytes32 saleId, address bidder, uint256 least, uint128 actual) private {
        vm.expectRevert(abi.encodeWithSelector(Errors.BidTooLow.selector, saleId, least, actual));
        _bidOn(saleId, bidder, actual);
    }

    function test_whoBettersItsOwnBidPaysTheDifference() public {
        bytes32 saleId = _open(_offer());
        _bidOn(saleId, ALICE, RESERVE);
        uint256 before = token.balanceOf(ALICE);
        _bidOn(saleId, ALICE, 2 * RESERVE);
        vm.assertEq(token.balanceOf(ALICE), before - RESERVE);
        vm.assertEq(sale.creditOf(ALICE), 0);
        vm.assertEq(sale.totalEscrow(), 2 * RESERVE);
        _needSale(saleId, SaleState.Open);
    }

    function test_theSellerCannotBid() public {
        bytes32 saleId = _open(_offer());
        vm.expectRevert(abi.encodeWithSelector(Errors.SellerCannotBid.selector, saleId, OWNER));
        _bidOn(saleId, OWNER, RESERVE);
    }

    function test_noBidsBeforeOrAfter() public {
        vm.expectRevert(_inSaleState(bytes32("none"), SaleState.Open, SaleState.Unknown));
        _bidOn("none", ALICE, RESERVE);
        bytes32 saleId = _open(_offer());
        vm.warp(START + DURATION);
        vm.expectRevert(_inSaleState(saleId, SaleState.Open, SaleState.Unsold));
        _bidOn(saleId, ALICE, RESERVE);
    }

    function test_aLateBidLeavesTheOthersTime() public {
        bytes32 saleId = _open(_offer());
        vm.warp(START + DURATION - EXTENSION);
        _bidOn(saleId, ALICE, RESERVE);
        vm.assertEq(sale.saleOf(saleId).endsAt, START + DURATION); // exactly as much is left
        vm.warp(START + DURATION - 1);
        _bidOn(saleId, BOB, 2 * RESERVE);
        vm.assertEq(sale.saleOf(saleId).endsAt, START + DURATION - 1 + EXTENSION);
        _needSale(saleId, SaleState.Open);
    }

    /// Two people who never stop are stopped by the latest end.
    function test_extensionsEnd() public {
        Offer memory offer = _offer();
        (offer.extension, offer.minStepBps) = (1 days, 10);
        bytes32 saleId = _open(offer);
        uint128 amount = RESERVE;
        for (uint256 i = 0; i < 9; ++i) {
            _bidOn(saleId, i % 2 == 0 ? ALICE : BOB, amount);
            vm.warp(sale.saleOf(saleId).endsAt - 1);
            amount += amount / 500;
        }
        vm.assertEq(sale.saleOf(saleId).endsAt, START + DURATION + MAX_SALE_OVERTIME);
        vm.warp(START + DURATION + MAX_SALE_OVERTIME);
        _needSale(saleId, SaleState.Sold);
    }

    function testFuzz_aBidStandsOrIsRefusedWhole(uint128 first, uint128 second, uint32 time) public {
        bytes32 saleId = _open(_offer());
        first = uint128(_within(first, RESERVE, 1_000 * ONE));
        second = uint128(_within(second, 0, 2_000 * ONE));
        _bidOn(saleId, ALICE, first);
        vm.warp(START + _within(time, 0, 2 * DURATION));
        uint256 before = token.balanceOf(BOB);
        bool stands = second >= sale.saleOf(saleId).nextLeast && block.timestamp < START + DURATION;
        if (!stands) vm.expectRevert();
        _bidOn(saleId, BOB, second);
        vm.assertEq(token.balanceOf(BOB), stands ? before - second : before);
        vm.assertEq(sale.creditOf(ALICE), stands ? first : 0);
        _needCovered();
    }

    /// A wallet that holds nothing but credit bids in one transaction.
    function test_creditIsBidAgain() public {
        bytes32 saleId = _open(_offer());
        _bidOn(saleId, ALICE, RESERVE);
        _bidOn(saleId, BOB, 2 * RESERVE);
        vm.startPrank(ALICE);
        token.transfer(ANYONE, token.balanceOf(ALICE) - 2 * RESERVE);
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(sale.withdraw, ());
        calls[1] = abi.encodeCall(sale.bid, (saleId, 3 * RESERVE));
        sale.multicall(calls);
        vm.stopPrank();
        vm.assertEq(sale.saleOf(saleId).bidder, ALICE);
        vm.assertEq(token.balanceOf(ALICE), 0);
        _needCovered();
    }

    function test_aTaxedTokenIsRefused() public {
        TaxedToken taxed = new TaxedToken();
        taxed.mint(ALICE, RESERVE);
        sale = Shipped.assetSale(taxed, _sources());
        bytes32 saleId = _open(_offer());
        vm.startPrank(ALICE);
        taxed.approve(address(sale), RESERVE);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentErrors.InexactTransfer.selector, address(taxed), RESERVE, RESERVE - RESERVE / 100
            )
        );
        sale.bid(saleId, RESERVE);
        vm.stopPrank();
    }

    // ---------------------------------------------------------------- the end

    function test_cancelBeforeTheFirstBid() public {
        bytes32 saleId = _open(_offer());
        vm.expectRevert(abi.encodeWithSelector(Errors.NotSeller.selector, saleId, OWNER, ALICE));
        vm.prank(ALICE);
        sale.cancel(saleId);
        vm.expectEmit(address(sale));
        emit IAssetSale.SaleClosed(saleId, OWNER, SaleState.Cancelled, 0);
        vm.prank(OWNER);
        sale.cancel(saleId);
        vm.assertEq(registry.ownerOf(tokenId), OWNER);
        _needSale(saleId, SaleState.Cancelled);
        vm.expectRevert(_inSaleState(saleId, SaleState.Open, SaleState.Cancelled));
        _bidOn(saleId, ALICE, RESERVE);
    }

    function test_noCancelAfterABid() public {
        bytes32 saleId = _open(_offer());
        _bidOn(saleId, ALICE, RESERVE);
        vm.expectRevert(abi.encodeWithSelector(Errors.SaleHasBid.selector, saleId, ALICE));
        vm.prank(OWNER);
        sale.cancel(saleId);
    }

    function test_anybodySettlesASoldSale() public {
        bytes32 saleId = _open(_offer());
        _bidOn(saleId, ALICE, 100 * ONE);
        vm.expectRevert(abi.encodeWithSelector(Errors.SaleNotClosable.selector, saleId, SaleState.Open));
        sale.settle(saleId, ALICE);
        vm.warp(START + DURATION);
        _needSale(saleId, SaleState.Sold);
        vm.expectEmit(address(sale));
        emit IAssetSale.SaleCredited(saleId, OWNER, SaleReason.Royalty, 5 * ONE); // the registry's 5 %, to the creator
        vm.expectEmit(address(sale));
        emit IAssetSale.SaleCredited(saleId, OWNER, SaleReason.Proceeds, 95 * ONE);
        vm.expectEmit(address(sale));
        emit IAssetSale.SaleClosed(saleId, ALICE, SaleState.Delivered, 100 * ONE);
        vm.prank(ANYONE);
        sale.settle(saleId, ALICE);
        vm.assertEq(registry.ownerOf(tokenId), ALICE);
        vm.assertEq(sale.totalEscrow(), 0);
        vm.assertEq(sale.saleOf(saleId).closedAt, START + DURATION);
        _needSale(saleId, SaleState.Delivered);
        vm.expectRevert(abi.encodeWithSelector(Errors.SaleNotClosable.selector, saleId, SaleState.Delivered));
        sale.settle(saleId, ALICE);
        // The new owner's are the price and the next jobs' royalties.
        vm.prank(ALICE);
        registry.setPrice(versionId, 3 * ONE, 1_000);
    }

    function test_onlyTheEntitledPointElsewhere() public {
        bytes32 saleId = _sold(_offer());
        address[3] memory others = [OWNER, BOB, ANYONE];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Errors.NotEntitled.selector, saleId, ALICE, others[i]));
            vm.prank(others[i]);
            sale.settle(saleId, others[i]);
        }
        vm.prank(ALICE);
        sale.settle(saleId, ANYONE);
        vm.assertEq(registry.ownerOf(tokenId), ANYONE);
    }

    function test_theTokenIsNotSentWhereItWouldBeLost() public {
        bytes32 saleId = _sold(_offer());
        address[3] memory places = [address(0), address(sale), sale.escrowOf(saleId)];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Errors.RecipientInvalid.selector, saleId, places[i]));
            vm.prank(ALICE);
            sale.settle(saleId, places[i]);
        }
    }

    function test_unsoldGoesBack() public {
        bytes32 saleId = _open(_offer());
        vm.warp(START + DURATION + 365 days);
        _needSale(saleId, SaleState.Unsold);
        vm.prank(ANYONE);
        sale.settle(saleId, OWNER);
        vm.assertEq(registry.ownerOf(tokenId), OWNER);
        _needSale(saleId, SaleState.Returned);
    }

    function test_lapsedGoesBackBothWays() public {
        bytes32 saleId = _sold(_offer());
        vm.warp(START + DURATION + SALE_CLAIM_WINDOW - 1);
        _needSale(saleId, SaleState.Sold);
        vm.expectRevert(_inSaleState(saleId, SaleState.Lapsed, SaleState.Sold));
        sale.refund(saleId);
        vm.warp(START + DURATION + SALE_CLAIM_WINDOW);
        _needSale(saleId, SaleState.Lapsed);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotEntitled.selector, saleId, OWNER, ALICE));
        vm.prank(ALICE);
        sale.settle(saleId, ALICE);
        vm.prank(ANYONE);
        sale.settle(saleId, OWNER);
        vm.assertEq(registry.ownerOf(tokenId), OWNER);
        vm.assertEq(sale.creditOf(ALICE), 100 * ONE);
        vm.assertEq(sale.creditOf(OWNER), 0);
        _needSale(saleId, SaleState.Returned);
    }

    function test_aRefundIsGivenOnce() public {
        bytes32 saleId = _sold(_offer());
        vm.warp(START + DURATION + SALE_CLAIM_WINDOW);
        sale.refund(saleId);
        vm.assertEq(sale.creditOf(ALICE), 100 * ONE);
        vm.expectRevert(abi.encodeWithSelector(Errors.SaleAlreadyRefunded.selector, saleId));
        sale.refund(saleId);
        sale.settle(saleId, OWNER);
        vm.assertEq(sale.creditOf(ALICE), 100 * ONE);
        vm.assertEq(sale.totalEscrow(), 0);
        _needSale(saleId, SaleState.Returned);
        vm.expectRevert(_inSaleState(saleId, SaleState.Lapsed, SaleState.Returned));
        sale.refund(saleId);
    }

    function testFuzz_partsSumToThePrice(uint128 price, uint16 bps) public {
        price = uint128(_within(price, 1, 9_000 * ONE));
        toy.setRoyalty(ANYONE, bps, RoyaltyLie.None);
        Offer memory offer = _toyOffer();
        offer.reserve = price;
        bytes32 saleId = _open(offer);
        _bidOn(saleId, ALICE, price);
        vm.warp(START + DURATION);
        sale.settle(saleId, ALICE);
        vm.assertEq(sale.creditOf(ANYONE) + sale.creditOf(OWNER), price);
        vm.assertLe(sale.creditOf(ANYONE), price / 10);
        if (bps <= 1_000) vm.assertEq(sale.creditOf(ANYONE), uint256(price) * bps / 10_000);
        _needSale(saleId, SaleState.Delivered);
    }

    function test_nobodyElseCommandsAnEscrow() public {
        bytes32 saleId = _open(_offer());
        SaleEscrow escrow = SaleEscrow(sale.escrowOf(saleId));
        vm.expectRevert(abi.encodeWithSelector(SaleEscrow.NotSale.selector, address(sale), OWNER));
        vm.prank(OWNER);
        escrow.move(Lot(address(registry), tokenId, 0), OWNER);
        vm.expectRevert(abi.encodeWithSelector(SaleEscrow.NotSale.selector, address(sale), OWNER));
        vm.prank(OWNER);
        escrow.draw(_sources(), token);
    }
}
