// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Offer, Sale, SaleState} from "../contracts/interfaces/IAssetSale.sol";
import {EnglishRules} from "../contracts/libraries/EnglishRules.sol";
import {MAX_SALE_OVERTIME} from "../contracts/libraries/SaleLimits.sol";
import {SaleRecord, SaleStates} from "../contracts/libraries/SaleStates.sol";
import {SaleBase} from "./SaleBase.sol";
import {RoyaltyLie} from "./ToyCollection.sol";

/// The rules by themselves, on the file that tests/core/test_english.py runs too: edges, states, 10,000 random auctions.
contract EnglishTest is SaleBase {
    /// As tests/vectors/make_english.py draws it; bidders are 1 to 3.
    struct Play {
        uint128 reserve;
        uint16 stepBps;
        uint32 duration;
        uint32 extension;
        uint256 now_;
        uint40 endsAt;
        uint40 latestEnd;
        uint256 winner;
        uint128 price;
        uint256 accepted;
        uint256[4] credits;
        bytes32 saleId; // of the real contract's, 0 where only the rules are played
    }

    uint256 private constant AUCTIONS = 10_000;
    uint256 private constant BLOCK = 100;
    uint256 private constant OUTCOME = 288; // bytes

    SaleRecord private _sale;

    function test_vectors() public view {
        string memory json = vm.readFile("../tests/vectors/english.json");
        uint256[][] memory rows = _rows(json, ".nextLeast");
        for (uint256 i = 0; i < rows.length; ++i) {
            uint256[] memory row = rows[i];
            vm.assertEq(EnglishRules.nextLeast(uint128(row[0]), uint16(row[1]), uint128(row[2])), row[3], "nextLeast");
        }
        rows = _rows(json, ".endAfter");
        for (uint256 i = 0; i < rows.length; ++i) {
            uint256[] memory row = rows[i];
            uint256 end = EnglishRules.endAfter(row[0], uint40(row[1]), uint32(row[2]), uint40(row[3]));
            vm.assertEq(end, row[4], "endAfter");
        }
        rows = _rows(json, ".royalty");
        for (uint256 i = 0; i < rows.length; ++i) {
            vm.assertEq(EnglishRules.royalty(uint128(rows[i][0]), rows[i][1]), rows[i][2], "royalty");
        }
    }

    function test_states() public {
        uint256[][] memory rows = _rows(vm.readFile("../tests/vectors/english.json"), ".states");
        for (uint256 i = 0; i < rows.length; ++i) {
            uint256[] memory row = rows[i];
            _sale.openedAt = uint40(START);
            _sale.endsAt = uint40(row[1]);
            _sale.bidder = address(uint160(row[2]));
            _sale.ending = SaleState(row[3]);
            _sale.expiresAt = uint40(row[4]);
            vm.assertEq(uint256(SaleStates.at(_sale, row[0])), row[5], "state");
        }
    }

    /// @dev All rows of one list; at least five.
    function _rows(string memory json, string memory name) private view returns (uint256[][] memory rows) {
        uint256 count = 0;
        while (vm.keyExistsJson(json, _row(name, count))) ++count;
        vm.assertGe(count, 5);
        rows = new uint256[][](count);
        for (uint256 i = 0; i < count; ++i) {
            rows[i] = vm.parseJsonUintArray(json, _row(name, i));
        }
    }

    function _row(string memory name, uint256 i) private pure returns (string memory) {
        return string.concat(name, "[", vm.toString(i), "]");
    }

    /// Python has drawn and hashed the same 10,000 auctions.
    function test_tenThousandAuctions() public {
        _needDigests(AUCTIONS / BLOCK, false);
    }

    /// The first 200 of them on the contract itself, with their money.
    function test_twoHundredAuctionsOnTheContract() public {
        for (uint256 i = 1; i < 4; ++i) {
            token.transfer(_bidder(i), 1e26);
            vm.prank(_bidder(i));
            token.approve(address(sale), type(uint256).max);
        }
        _needDigests(2, true);
    }

    function _needDigests(uint256 blocks, bool real) private {
        string memory json = vm.readFile("../tests/vectors/english.json");
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

    function _drawn(uint256 auction, uint256 position) private pure returns (uint256) {
        return uint256(sha256(abi.encodePacked("mlm/english", uint32(auction), uint32(position))));
    }

    function _outcome(uint256 auction, bool real) private returns (bytes memory) {
        Play memory p;
        p.reserve = uint128(1 + _drawn(auction, 0) % 10 ** (_drawn(auction, 1) % 20));
        p.stepBps = uint16(10 + _drawn(auction, 2) % 4_991);
        p.duration = uint32(60 + _drawn(auction, 3) % 3_541);
        p.extension = uint32(60 + _drawn(auction, 4) % (p.duration - 59));
        p.now_ = START;
        p.endsAt = uint40(START + p.duration);
        p.latestEnd = uint40(p.endsAt + MAX_SALE_OVERTIME);
        uint256 snapshot = real ? _begin(p) : 0;
        uint256 bids = _drawn(auction, 5) % 12;
        for (uint256 i = 0; i < bids; ++i) {
            _playBid(p, _drawn(auction, 6 + i));
        }
        uint256 asked = p.winner == 0 ? 0 : _drawn(auction, 100) % (p.price / 5 + 1);
        uint256 fee = p.winner == 0 ? 0 : EnglishRules.royalty(p.price, asked);
        if (real) _end(p, snapshot);
        return abi.encode(
            p.winner,
            p.price,
            p.endsAt,
            p.accepted,
            p.credits[1],
            p.credits[2],
            p.credits[3],
            fee,
            p.winner == 0 ? 0 : p.price - fee
        );
    }

    function _playBid(Play memory p, uint256 draw) private {
        p.now_ += (draw & 0xFFFF) % (p.duration / 4 + 1);
        uint256 bidder = (draw >> 16) % 4;
        uint256 least = EnglishRules.nextLeast(p.reserve, p.stepBps, p.price);
        uint256 above = least + (draw >> 32) % 64;
        uint128 amount = uint128((draw >> 48) % 4 == 0 ? 2 * least : above > 16 ? above - 16 : 0);
        bool stands = p.now_ < p.endsAt && bidder != 0 && amount >= least;
        if (p.saleId != 0) {
            vm.warp(p.now_);
            if (!stands) vm.expectRevert();
            vm.prank(bidder == 0 ? OWNER : _bidder(bidder));
            sale.bid(p.saleId, amount);
        }
        if (!stands) return;
        p.endsAt = EnglishRules.endAfter(p.now_, p.endsAt, p.extension, p.latestEnd);
        if (p.winner != bidder) p.credits[p.winner] += p.price;
        (p.winner, p.price) = (bidder, amount);
        ++p.accepted;
    }

    function _bidder(uint256 number) private pure returns (address) {
        return address(uint160(0xB1DD0 + number));
    }

    /// @dev Opens the same sale on the contract.
    function _begin(Play memory p) private returns (uint256 snapshot) {
        snapshot = vm.snapshotState();
        vm.warp(START);
        toy.setRoyalty(ANYONE, 300, RoyaltyLie.None);
        p.saleId = _open(Offer(address(toy), 1, 0, 0, p.reserve, p.stepBps, p.duration, p.extension));
    }

    /// @dev The contract has come to the same end, and pays it.
    function _end(Play memory p, uint256 snapshot) private {
        Sale memory found = sale.saleOf(p.saleId);
        vm.assertEq(found.price, p.price, "price");
        vm.assertEq(found.endsAt, p.endsAt, "end");
        vm.assertEq(found.bidder, p.winner == 0 ? address(0) : _bidder(p.winner));
        for (uint256 i = 1; i < 4; ++i) {
            vm.assertEq(sale.creditOf(_bidder(i)), p.credits[i], "credit");
        }
        vm.warp(p.endsAt);
        sale.settle(p.saleId, p.winner == 0 ? OWNER : _bidder(p.winner));
        vm.assertEq(sale.creditOf(OWNER) + sale.creditOf(ANYONE), p.price, "parts");
        _needCovered();
        vm.revertToState(snapshot);
    }
}
