// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Offer, Sale, SaleState} from "../contracts/interfaces/IAssetSale.sol";
import {EnglishRules} from "../contracts/libraries/EnglishRules.sol";
import {FallingPrice} from "../contracts/libraries/FallingPrice.sol";
import {SaleBase} from "./SaleBase.sol";
import {RoyaltyLie} from "./ToyCollection.sol";

/// The falling price by itself, on the file that tests/core/test_falling.py runs too: edges, 10,000 random sales.
contract FallingTest is SaleBase {
    /// As tests/vectors/make_falling.py draws it; buyers are 1 to 3.
    struct Play {
        uint128 start;
        uint128 reserve;
        uint32 duration;
        uint256 now_;
        uint256 buyer;
        uint128 price;
        uint256 refused;
        bytes32 saleId; // of the real contract's, 0 where only the rules are played
    }

    uint256 private constant SALES = 10_000;
    uint256 private constant BLOCK = 100;
    uint256 private constant OUTCOME = 192; // bytes

    function test_vectors() public view {
        string memory json = vm.readFile("../tests/vectors/falling.json");
        uint256 i = 0;
        for (; vm.keyExistsJson(json, _row(".priceAt", i)); ++i) {
            uint256[] memory row = vm.parseJsonUintArray(json, _row(".priceAt", i));
            vm.assertEq(FallingPrice.at(uint128(row[0]), uint128(row[1]), row[2], row[3], row[4]), row[5], "priceAt");
        }
        vm.assertGe(i, 20);
    }

    function testFuzz_neverRises(uint128 start, uint128 reserve, uint32 duration, uint32 time) public pure {
        if (start < reserve) (start, reserve) = (reserve, start);
        uint256 ends = START + duration + 1;
        uint256 at = START + _within(time, 0, duration);
        uint128 now_ = FallingPrice.at(start, reserve, START, ends, at);
        uint128 then = FallingPrice.at(start, reserve, START, ends, at + 1);
        vm.assertTrue(start >= now_ && now_ >= then && then >= reserve);
        vm.assertEq(FallingPrice.at(start, reserve, START, ends, START), start);
    }

    function _row(string memory name, uint256 i) private pure returns (string memory) {
        return string.concat(name, "[", vm.toString(i), "]");
    }

    /// Python has drawn and hashed the same 10,000 sales.
    function test_tenThousandSales() public {
        _needDigests(SALES / BLOCK, false);
    }

    /// The first 200 of them on the contract itself, with their money: the odd ones sell units.
    function test_twoHundredSalesOnTheContract() public {
        for (uint256 i = 1; i < 4; ++i) {
            token.transfer(_buyer(i), 1e26);
            vm.prank(_buyer(i));
            token.approve(address(sale), type(uint256).max);
        }
        _needDigests(2, true);
    }

    function _needDigests(uint256 blocks, bool real) private {
        string memory json = vm.readFile("../tests/vectors/falling.json");
        for (uint256 i = 0; i < blocks; ++i) {
            uint256 expected = vm.parseJsonUint(json, _row(".digests", i));
            vm.assertEq(uint256(this.digest(i, real)), expected, string.concat("block ", vm.toString(i)));
        }
    }

    /// @dev A call of its own for each block: its memory is free again after it.
    function digest(uint256 number, bool real) external returns (bytes32) {
        bytes memory outcomes = new bytes(BLOCK * OUTCOME);
        for (uint256 i = 0; i < BLOCK; ++i) {
            bytes memory outcome = _outcome(number * BLOCK + i, real);
            vm.assertEq(outcome.length, OUTCOME);
            assembly ("memory-safe") {
                mcopy(add(add(outcomes, 0x20), mul(i, OUTCOME)), add(outcome, 0x20), OUTCOME)
            }
        }
        return sha256(outcomes);
    }

    function _drawn(uint256 number, uint256 position) private pure returns (uint256) {
        return uint256(sha256(abi.encodePacked("mlm/falling", uint32(number), uint32(position))));
    }

    function _outcome(uint256 number, bool real) private returns (bytes memory) {
        Play memory p;
        p.reserve = uint128(1 + _drawn(number, 0) % 10 ** (_drawn(number, 1) % 20));
        p.start = p.reserve;
        if (_drawn(number, 4) % 4 != 0) p.start += uint128(_drawn(number, 2) % 10 ** (_drawn(number, 3) % 20));
        p.duration = uint32(60 + _drawn(number, 5) % 3_541);
        p.now_ = START;
        uint256 snapshot = real ? _begin(p, number % 2 == 1) : 0;
        uint256 visits = _drawn(number, 6) % 6;
        for (uint256 i = 0; i < visits && p.buyer == 0; ++i) {
            _visit(p, _drawn(number, 7 + i));
        }
        uint256 asked = p.buyer == 0 ? 0 : _drawn(number, 100) % (p.price / 5 + 1);
        uint256 fee = EnglishRules.royalty(p.price, asked);
        if (real) _end(p, snapshot);
        return abi.encode(p.buyer, p.price, p.now_ - START, p.refused, fee, p.price - fee);
    }

    function _visit(Play memory p, uint256 draw) private {
        p.now_ += (draw & 0xFFFF) % (p.duration / 3 + 1);
        uint256 buyer = (draw >> 16) % 4;
        uint128 price = FallingPrice.at(p.start, p.reserve, START, START + p.duration, p.now_);
        uint256 above = price + (draw >> 32) % 64;
        uint128 limit = uint128(above > 16 ? above - 16 : 0);
        bool stands = p.now_ < START + p.duration && buyer != 0 && limit >= price;
        if (p.saleId != 0) {
            vm.warp(p.now_);
            address account = buyer == 0 ? OWNER : _buyer(buyer);
            if (!stands) vm.expectRevert();
            vm.prank(account);
            uint128 paid = sale.buy(p.saleId, limit, account);
            if (stands) vm.assertEq(paid, price, "paid");
        }
        if (stands) (p.buyer, p.price) = (buyer, price);
        else ++p.refused;
    }

    function _buyer(uint256 number) private pure returns (address) {
        return address(uint160(0xB1DD0 + number));
    }

    /// @dev Opens the same sale on the contract.
    function _begin(Play memory p, bool ofUnits) private returns (uint256 snapshot) {
        snapshot = vm.snapshotState();
        vm.warp(START);
        toy.setRoyalty(ANYONE, 300, RoyaltyLie.None);
        units.setRoyalty(ANYONE, 300);
        Offer memory offer = _falling(ofUnits ? _unitsOffer() : _toyOffer(), p.start);
        (offer.reserve, offer.duration) = (p.reserve, p.duration);
        p.saleId = _open(offer);
    }

    /// @dev The contract has come to the same end, and has paid it.
    function _end(Play memory p, uint256 snapshot) private {
        Sale memory found = sale.saleOf(p.saleId);
        vm.assertEq(found.price, p.price, "price");
        address owner = p.buyer == 0 ? OWNER : _buyer(p.buyer);
        if (p.buyer == 0) {
            vm.warp(START + p.duration);
            sale.settle(p.saleId, OWNER);
        }
        if (found.units == 0) vm.assertEq(toy.ownerOf(1), owner);
        else vm.assertEq(units.balanceOf(owner, 7), p.buyer == 0 ? 1_000 : UNITS, "units");
        vm.assertEq(sale.creditOf(OWNER) + sale.creditOf(ANYONE), p.price, "parts");
        _needSale(p.saleId, p.buyer == 0 ? SaleState.Returned : SaleState.Delivered);
        vm.revertToState(snapshot);
    }
}
