// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAssetSaleErrors as Errors} from "../contracts/errors/IAssetSaleErrors.sol";
import {IAssetSale, Offer, Sale, SaleKind, SaleReason, SaleState} from "../contracts/interfaces/IAssetSale.sol";
import {SaleBase} from "./SaleBase.sol";
import {Lie, RoyaltyLie} from "./ToyCollection.sol";

/// Dutch and fixed sales: one price at a time, and whoever pays it first has the lot in that transaction.
contract FallingSaleTest is SaleBase {
    uint128 private constant START_PRICE = 170 * ONE;

    function _dutch() private returns (bytes32) {
        return _open(_falling(_offer(), START_PRICE));
    }

    function test_thePriceFallsWithTheSeconds() public {
        bytes32 saleId = _dutch();
        vm.assertEq(uint256(sale.saleOf(saleId).kind), uint256(SaleKind.Dutch));
        vm.assertEq(sale.saleOf(saleId).nextLeast, START_PRICE);
        vm.warp(START + DURATION / 4);
        vm.assertEq(sale.saleOf(saleId).nextLeast, 140 * ONE);
        vm.warp(START + DURATION - 1);
        uint128 last = sale.saleOf(saleId).nextLeast;
        vm.assertEq(last, RESERVE + (120 * ONE + DURATION - 1) / DURATION);
        vm.warp(START + DURATION);
        _needSale(saleId, SaleState.Unsold);
        vm.expectRevert(_inSaleState(saleId, SaleState.Open, SaleState.Unsold));
        _buy(saleId, ALICE, START_PRICE);
    }

    function test_aPurchaseIsPaidAndDeliveredAtOnce() public {
        bytes32 saleId = _dutch();
        vm.warp(START + DURATION / 2);
        uint256 before = token.balanceOf(ALICE);
        vm.expectEmit(address(sale));
        emit IAssetSale.SaleBidPlaced(saleId, ALICE, 110 * ONE, uint48(START + DURATION / 2));
        vm.expectEmit(address(sale));
        emit IAssetSale.SaleCredited(saleId, OWNER, SaleReason.Royalty, 5.5 ether);
        vm.expectEmit(address(sale));
        emit IAssetSale.SaleCredited(saleId, OWNER, SaleReason.Proceeds, 104.5 ether);
        vm.expectEmit(address(sale));
        emit IAssetSale.SaleClosed(saleId, ALICE, SaleState.Delivered, 110 * ONE);
        vm.assertEq(_buy(saleId, ALICE, START_PRICE), 110 * ONE);
        vm.assertEq(token.balanceOf(ALICE), before - 110 * ONE);
        vm.assertEq(registry.ownerOf(tokenId), ALICE);
        vm.assertEq(sale.totalEscrow(), 0);
        _needSale(saleId, SaleState.Delivered);
        Sale memory found = sale.saleOf(saleId);
        vm.assertEq(found.bidder, ALICE);
        vm.assertEq(found.price, 110 * ONE);
        vm.assertEq(found.endsAt, found.closedAt);
        // Bought once.
        vm.expectRevert(_inSaleState(saleId, SaleState.Open, SaleState.Delivered));
        _buy(saleId, BOB, START_PRICE);
        vm.expectRevert(abi.encodeWithSelector(Errors.SaleNotClosable.selector, saleId, SaleState.Delivered));
        sale.settle(saleId, ALICE);
        vm.expectRevert(abi.encodeWithSelector(Errors.NothingKept.selector, saleId));
        vm.prank(ALICE);
        sale.take(saleId, ALICE);
    }

    function test_aBuyerPaysNoMoreThanItSaid() public {
        bytes32 saleId = _dutch();
        vm.expectRevert(abi.encodeWithSelector(Errors.PriceAboveLimit.selector, saleId, START_PRICE - 1, START_PRICE));
        _buy(saleId, ALICE, START_PRICE - 1);
        vm.warp(START + 1);
        _buy(saleId, ALICE, START_PRICE - 1);
    }

    function test_inTheSecondOfItsOpening() public {
        bytes32 saleId = _dutch();
        vm.assertEq(_buy(saleId, ALICE, START_PRICE), START_PRICE);
        _needSale(saleId, SaleState.Delivered);
        vm.assertEq(sale.saleOf(saleId).endsAt, START);
    }

    function test_fixedIsADutchThatDoesNotFall() public {
        bytes32 saleId = _open(_falling(_offer(), RESERVE));
        vm.assertEq(uint256(sale.saleOf(saleId).kind), uint256(SaleKind.Fixed));
        vm.warp(START + DURATION - 1);
        vm.assertEq(_buy(saleId, ALICE, RESERVE), RESERVE);
        _needSale(saleId, SaleState.Delivered);
    }

    function test_aBuyerNamesTheRecipient() public {
        bytes32 saleId = _dutch();
        address[4] memory places = [address(0), address(sale), sale.escrowOf(saleId), sale.keepOf(saleId)];
        for (uint256 i = 0; i < places.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Errors.RecipientInvalid.selector, saleId, places[i]));
            vm.prank(ALICE);
            sale.buy(saleId, START_PRICE, places[i]);
        }
        vm.prank(ALICE);
        sale.buy(saleId, START_PRICE, BOB);
        vm.assertEq(registry.ownerOf(tokenId), BOB);
    }

    function test_eachKindTakesItsOwnMoves() public {
        bytes32 saleId = _dutch();
        vm.expectRevert(abi.encodeWithSelector(Errors.SaleKindUnsuited.selector, saleId, SaleKind.Dutch));
        _bidOn(saleId, ALICE, START_PRICE);
        vm.expectRevert(abi.encodeWithSelector(Errors.SellerCannotBid.selector, saleId, OWNER));
        _buy(saleId, OWNER, START_PRICE);
        bytes32 english = _open(_toyOffer());
        vm.expectRevert(abi.encodeWithSelector(Errors.SaleKindUnsuited.selector, english, SaleKind.English));
        _buy(english, ALICE, START_PRICE);
    }

    function test_offersHaveBounds() public {
        Offer memory offer = _falling(_toyOffer(), RESERVE - 1);
        _needRefused("startPrice", RESERVE - 1, RESERVE, type(uint128).max, offer);
        offer = _falling(_toyOffer(), RESERVE);
        offer.minStepBps = 10;
        _needRefused("minStepBps", 10, 0, 0, offer);
        offer = _falling(_toyOffer(), RESERVE);
        offer.extension = 60;
        _needRefused("extension", 60, 0, 0, offer);
        offer = _falling(_toyOffer(), RESERVE);
        offer.reserve = 0;
        _needRefused("reserve", 0, 1, type(uint128).max, offer);
    }

    function _needRefused(string memory name, uint256 actual, uint256 least, uint256 most, Offer memory offer) private {
        vm.expectRevert(abi.encodeWithSelector(Errors.OfferOutOfBounds.selector, name, actual, least, most));
        vm.prank(OWNER);
        sale.open(offer, 1);
    }

    function test_theSellerCancelsUntilItIsBought() public {
        bytes32 saleId = _dutch();
        vm.prank(OWNER);
        sale.cancel(saleId);
        vm.assertEq(registry.ownerOf(tokenId), OWNER);
        vm.expectRevert(_inSaleState(saleId, SaleState.Open, SaleState.Cancelled));
        _buy(saleId, ALICE, START_PRICE);
    }

    function test_unboughtGoesBack() public {
        bytes32 saleId = _dutch();
        vm.warp(START + DURATION);
        vm.expectRevert(_inSaleState(saleId, SaleState.Lapsed, SaleState.Unsold));
        sale.refund(saleId);
        vm.prank(ANYONE);
        sale.settle(saleId, OWNER);
        vm.assertEq(registry.ownerOf(tokenId), OWNER);
        _needSale(saleId, SaleState.Returned);
    }

    /// A lot that does not come is not paid for.
    function test_aPurchaseIsWholeOrNothing() public {
        bytes32 saleId = _open(_falling(_toyOffer(), RESERVE));
        Lie[3] memory lies = [Lie.StaysPut, Lie.GoesElsewhere, Lie.Refuses];
        uint256 before = token.balanceOf(ALICE);
        for (uint256 i = 0; i < 3; ++i) {
            toy.setLie(lies[i]);
            vm.expectRevert();
            _buy(saleId, ALICE, RESERVE);
            _needSale(saleId, SaleState.Open);
        }
        vm.assertEq(token.balanceOf(ALICE), before);
        vm.assertEq(sale.totalCredit(), 0);
        toy.setLie(Lie.None);
        _buy(saleId, ALICE, RESERVE);
        vm.assertEq(toy.ownerOf(1), ALICE);
    }

    /// Nobody who holds too little gas skips the royalty of a purchase.
    function testFuzz_theRoyaltyCannotBeStarved(uint256 gas) public {
        bytes32 saleId = _open(_falling(_toyOffer(), 100 * ONE));
        toy.setRoyalty(ANYONE, 500, RoyaltyLie.None);
        vm.prank(ALICE);
        (bool done,) =
            address(sale).call{gas: _within(gas, 25_000, 500_000)}(abi.encodeCall(sale.buy, (saleId, 100 * ONE, ALICE)));
        vm.assertEq(sale.creditOf(ANYONE), done ? 5 ether : 0);
        _needSale(saleId, done ? SaleState.Delivered : SaleState.Open);
    }

    function testFuzz_partsSumToThePrice(uint128 start, uint128 reserve, uint32 time, uint16 bps) public {
        Offer memory offer = _toyOffer();
        offer.reserve = uint128(_within(reserve, 1, 9_000 * ONE));
        offer = _falling(offer, uint128(_within(start, offer.reserve, 9_000 * ONE)));
        toy.setRoyalty(ANYONE, bps, RoyaltyLie.None);
        bytes32 saleId = _open(offer);
        vm.warp(START + _within(time, 0, DURATION - 1));
        uint128 price = sale.saleOf(saleId).nextLeast;
        vm.assertTrue(offer.reserve <= price && price <= offer.startPrice);
        vm.assertEq(_buy(saleId, ALICE, price), price);
        vm.assertEq(sale.creditOf(ANYONE) + sale.creditOf(OWNER), price);
        vm.assertLe(sale.creditOf(ANYONE), price / 10);
        _needSale(saleId, SaleState.Delivered);
    }
}
