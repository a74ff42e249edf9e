// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AssetSale} from "../contracts/AssetSale.sol";
import {MarketToken} from "../contracts/MarketToken.sol";
import {Offer, Sale, SaleKind, SaleState} from "../contracts/interfaces/IAssetSale.sol";
import {Base} from "./Base.sol";
import {Lie, RoyaltyLie, ToyCollection} from "./ToyCollection.sol";
import {ToyUnits} from "./ToyUnits.sol";

/// @title Random play: four people sell each other tokens and units, in all kinds of sales, of collections that sometimes refuse transfers
contract SaleHandler is Base {
    AssetSale private immutable sale;
    MarketToken private immutable token;
    ToyCollection private immutable toy;
    ToyUnits private immutable units;

    address[4] public people = [address(0xF1), address(0xF2), address(0xF3), address(0xF4)];
    address public constant CREATOR = address(0xF5);

    bytes32[] public sales;
    uint256 public nextToken = 1;
    uint256 public donated;
    /// What each person owns by the rules: changed by a sale's outcome and nothing else.
    mapping(address account => int256) public gained;
    mapping(uint256 tokenId => address) public holder;
    /// Units of the id of that number; 0: it is a token.
    mapping(uint256 tokenId => uint128) public size;
    uint256[3] public sold; // by kind: a play that sells nothing shows nothing

    constructor(AssetSale sale_, MarketToken token_, ToyCollection toy_, ToyUnits units_) {
        (sale, token, toy, units) = (sale_, token_, toy_, units_);
        toy.setRoyalty(CREATOR, 700, RoyaltyLie.None);
        units.setRoyalty(CREATOR, 700);
    }

    function count() external view returns (uint256) {
        return sales.length;
    }

    // ---------------------------------------------------------------- moves

    /// @param draw Of the kind, of the standard, and of how far the price falls.
    function open(uint256 who, uint128 reserve, uint16 step, uint32 duration, uint32 extension, uint128 draw) external {
        if (toy.lie() != Lie.None) return;
        Offer memory offer;
        offer.tokenId = nextToken++;
        offer.reserve = uint128(_within(reserve, 1, 1e18));
        offer.duration = uint32(_within(duration, 60, 7_200));
        if (draw % 3 == 0) {
            offer.minStepBps = uint16(_within(step, 10, 5_000));
            offer.extension = uint32(_within(extension, 60, offer.duration));
        } else {
            offer.startPrice = offer.reserve + (draw % 3 == 1 ? 0 : (draw >> 8) % 1e18);
        }
        offer.units = (draw >> 4) % 2 == 0 ? 0 : 1 + (draw >> 5) % 1e6;
        _open(people[who % 4], offer);
    }

    function _open(address seller, Offer memory offer) private {
        offer.collection = offer.units == 0 ? address(toy) : address(units);
        size[offer.tokenId] = offer.units;
        if (offer.units == 0) toy.mint(seller, offer.tokenId);
        else units.mint(seller, offer.tokenId, offer.units);
        vm.startPrank(seller);
        toy.setApprovalForAll(address(sale), true);
        units.setApprovalForAll(address(sale), true);
        sales.push(sale.open(offer, offer.tokenId));
        vm.stopPrank();
        holder[offer.tokenId] = sale.escrowOf(sales[sales.length - 1]);
    }

    /// @dev Half of the buyers name somebody else.
    function buy(uint256 which, uint256 who, uint256 forWhom) external {
        if (sales.length == 0) return;
        bytes32 saleId = _recent(which);
        Sale memory found = sale.saleOf(saleId);
        address buyer = people[who % 4];
        address to = forWhom % 2 == 0 ? buyer : people[(forWhom >> 1) % 4];
        if (found.nextLeast > token.balanceOf(buyer)) return;
        bool can = sale.stateOf(saleId) == SaleState.Open && found.kind != SaleKind.English && buyer != found.seller
            && toy.lie() == Lie.None;
        if (!can) vm.expectRevert();
        vm.prank(buyer);
        sale.buy(saleId, found.nextLeast, to);
        if (!can) return;
        holder[found.tokenId] = to;
        _paid(found, buyer, found.nextLeast);
    }

    function bid(uint256 which, uint256 who, uint128 above) external {
        if (sales.length == 0) return;
        bytes32 saleId = _recent(which);
        Sale memory found = sale.saleOf(saleId);
        address bidder = people[who % 4];
        uint128 amount = found.nextLeast + above % 1e17;
        if (sale.stateOf(saleId) != SaleState.Open || bidder == found.seller) return;
        if (found.kind != SaleKind.English) return;
        if (amount > token.balanceOf(bidder)) return;
        vm.prank(bidder);
        sale.bid(saleId, amount);
    }

    function cancel(uint256 which) external {
        if (sales.length == 0) return;
        bytes32 saleId = _recent(which);
        Sale memory found = sale.saleOf(saleId);
        bool can = sale.stateOf(saleId) == SaleState.Open && found.bidder == address(0) && toy.lie() == Lie.None;
        if (!can) vm.expectRevert();
        vm.prank(found.seller);
        sale.cancel(saleId);
        if (can) holder[found.tokenId] = found.seller;
    }

    function settle(uint256 which) external {
        if (sales.length != 0) _settle(_recent(which));
    }

    function refund(uint256 which) external {
        if (sales.length == 0) return;
        bytes32 saleId = _recent(which);
        bool can = sale.stateOf(saleId) == SaleState.Lapsed && !sale.saleOf(saleId).refunded;
        if (!can) vm.expectRevert();
        sale.refund(saleId);
    }

    function withdraw(uint256 who) external {
        address account = people[who % 4];
        if (sale.creditOf(account) == 0) return;
        vm.prank(account);
        sale.withdraw();
    }

    function quarrel(bool refuses) external {
        toy.setLie(refuses ? Lie.Refuses : Lie.None);
        units.setLie(toy.lie());
    }

    function donate(uint256 amount) external {
        amount = _within(amount, 1, 1e18);
        token.transfer(address(sale), amount);
        donated += amount;
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + _within(time, 1, 3_000));
    }

    function waitLong(uint256 time) external {
        vm.warp(block.timestamp + _within(time, 1 days, 8 days));
    }

    // ---------------------------------------------------------------- the end

    /// @dev The collection lets go, everybody settles: nothing may stay behind.
    function finish() external {
        toy.setLie(Lie.None);
        units.setLie(Lie.None);
        vm.warp(block.timestamp + 1 days);
        for (uint256 i = 0; i < sales.length; ++i) {
            if (sale.saleOf(sales[i]).closedAt == 0) _settle(sales[i]);
        }
    }

    function _settle(bytes32 saleId) private {
        Sale memory found = sale.saleOf(saleId);
        SaleState state = sale.stateOf(saleId);
        bool sold_ = state == SaleState.Sold;
        address to = sold_ ? found.bidder : found.seller;
        bool ended = sold_ || state == SaleState.Unsold || state == SaleState.Lapsed;
        bool can = ended && toy.lie() == Lie.None;
        if (!can) vm.expectRevert();
        sale.settle(saleId, to);
        if (!can) return;
        holder[found.tokenId] = to;
        if (sold_) _paid(found, found.bidder, found.price);
    }

    function _paid(Sale memory found, address payer, uint128 amount) private {
        int256 price = int256(uint256(amount));
        int256 royalty = price * 700 / 10_000;
        gained[payer] -= price;
        gained[found.seller] += price - royalty;
        gained[CREATOR] += royalty;
        ++sold[uint256(found.kind)];
    }

    /// @dev One of the last six: older ones are over.
    function _recent(uint256 which) private view returns (bytes32) {
        uint256 length = sales.length;
        return sales[length - 1 - which % (length < 6 ? length : 6)];
    }
}
