// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {AssetSale} from "../contracts/AssetSale.sol";
import {IAssetSaleErrors} from "../contracts/errors/IAssetSaleErrors.sol";
import {ICreditSource, Offer, SaleState} from "../contracts/interfaces/IAssetSale.sol";
import {MarketBase} from "./MarketBase.sol";
import {Shipped} from "./Shipped.sol";
import {ToyCollection} from "./ToyCollection.sol";
import {ToyUnits} from "./ToyUnits.sol";

/// @title A market whose asset is up for sale: OWNER sells, ALICE and BOB bid
abstract contract SaleBase is MarketBase {
    uint128 internal constant RESERVE = 50 * ONE;
    uint128 internal constant UNITS = 10;
    uint32 internal constant DURATION = 1 days;
    uint32 internal constant EXTENSION = 10 minutes;

    AssetSale internal sale;
    ToyCollection internal toy;
    ToyUnits internal units;

    function setUp() public virtual override {
        super.setUp();
        sale = Shipped.assetSale(token, _sources());
        toy = new ToyCollection();
        toy.mint(OWNER, 1);
        address[3] memory accounts = [CONSUMER, ALICE, BOB];
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(accounts[i]);
            token.approve(address(sale), type(uint256).max);
        }
        vm.prank(OWNER);
        toy.setApprovalForAll(address(sale), true);
        units = new ToyUnits();
        units.mint(OWNER, 7, 1_000);
        vm.prank(OWNER);
        units.setApprovalForAll(address(sale), true);
    }

    function _offer() internal view returns (Offer memory) {
        return Offer(address(registry), tokenId, 0, 0, RESERVE, 500, DURATION, EXTENSION);
    }

    function _toyOffer() internal view returns (Offer memory) {
        return Offer(address(toy), 1, 0, 0, RESERVE, 500, DURATION, EXTENSION);
    }

    /// @dev UNITS of the toy's id 7, in an English auction.
    function _unitsOffer() internal view returns (Offer memory) {
        return Offer(address(units), 7, UNITS, 0, RESERVE, 500, DURATION, EXTENSION);
    }

    /// @dev The same lot, for a price that falls from `start` to the reserve.
    function _falling(Offer memory offer, uint128 start) internal pure returns (Offer memory) {
        (offer.startPrice, offer.minStepBps, offer.extension) = (start, 0, 0);
        return offer;
    }

    function _sources() internal view returns (ICreditSource[] memory list) {
        list = new ICreditSource[](1);
        list[0] = ICreditSource(address(market));
    }

    function _buy(bytes32 saleId, address buyer, uint128 most) internal returns (uint128 price) {
        vm.prank(buyer);
        price = sale.buy(saleId, most, buyer);
    }

    /// @dev OWNER opens a sale of its asset, or of its toy token or units.
    function _open(Offer memory offer) internal returns (bytes32 saleId) {
        vm.startPrank(OWNER);
        if (offer.units == 0) IERC721(offer.collection).approve(address(sale), offer.tokenId);
        saleId = sale.open(offer, 1);
        vm.stopPrank();
    }

    function _bidOn(bytes32 saleId, address bidder, uint128 amount) internal {
        vm.prank(bidder);
        sale.bid(saleId, amount);
    }

    /// @dev A sale whose winner, ALICE, can take the token for 100.
    function _sold(Offer memory offer) internal returns (bytes32 saleId) {
        saleId = _open(offer);
        _bidOn(saleId, ALICE, 100 * ONE);
        vm.warp(START + DURATION);
    }

    function _needSale(bytes32 saleId, SaleState expected) internal view {
        vm.assertEq(uint256(sale.stateOf(saleId)), uint256(expected), "state");
        _needCovered();
    }

    function _needCovered() internal view {
        vm.assertEq(token.balanceOf(address(sale)), sale.totalEscrow() + sale.totalCredit(), "sale's balance");
    }

    function _inSaleState(bytes32 saleId, SaleState expected, SaleState actual) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IAssetSaleErrors.SaleInState.selector, saleId, expected, actual);
    }
}
