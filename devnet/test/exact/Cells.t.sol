// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IFaultProofErrors as Errors} from "../../contracts/errors/IFaultProofErrors.sol";
import {Cells} from "../../contracts/exact/Cells.sol";
import {Descriptor} from "../../contracts/exact/Descriptor.sol";
import {Rounding} from "../../contracts/exact/Rounding.sol";
import {Rows} from "../../contracts/exact/Rows.sol";
import {Slab, Slabs} from "../../contracts/exact/Slabs.sol";
import {Opening} from "../../contracts/interfaces/IFaultProofs.sol";
import {Base} from "../Base.sol";

/// Cells of tensors that are opened whole, without the trees.
contract Opened {
    using Descriptor for uint256[];

    function row(Opening calldata opening, uint256 index, uint256 length) external pure returns (uint256) {
        return Slabs.row(Slabs.opened(opening, 3, 1 << 128), index, length);
    }

    function cell(uint256[] calldata words, uint256 index, Opening[] calldata operands) external pure returns (int256) {
        Slab[] memory slabs = new Slab[](operands.length);
        for (uint256 i = 0; i < slabs.length; ++i) {
            slabs[i] = Slabs.opened(operands[i], i, words.operand(i));
        }
        return Cells.cell(words, index, slabs);
    }

    /// @dev The sum of products, that of the first row, and its largest, from a byte on.
    function sums(bytes calldata a, bytes calldata b, uint256 skip) external pure returns (int256, int256, int256) {
        uint256 atA;
        uint256 atB;
        assembly {
            atA := add(a.offset, skip)
            atB := b.offset
        }
        uint256 length = b.length;
        return (Rows.dot(atA, atB, length), Rows.sum(atA, length), length == 0 ? int256(0) : Rows.largest(atA, length));
    }
}

/// tests/exact/test_cells.py runs the same vectors, whose numbers come from definitions.
contract CellsTest is Base {
    uint256 private constant LEAF = 512;

    Opened private _opened;

    function setUp() public {
        _opened = new Opened();
    }

    function test_vectors() public {
        vm.pauseGasMetering();
        string memory json = vm.readFile("../tests/vectors/exact_cells.json");
        uint256 count = 0;
        for (; vm.keyExistsJson(json, _at(count)); ++count) {
            string memory at = _at(count);
            bytes[] memory operands = vm.parseJsonBytesArray(json, string.concat(at, ".operands"));
            Opening[] memory openings = new Opening[](operands.length);
            for (uint256 i = 0; i < operands.length; ++i) {
                openings[i] = _whole(operands[i]);
            }
            int256 actual = _opened.cell(
                _words(vm.parseJsonBytes(json, string.concat(at, ".words"))),
                vm.parseJsonUint(json, string.concat(at, ".index")),
                openings
            );
            int256 expected = vm.parseJsonInt(json, string.concat(at, ".expected"));
            vm.assertEq(actual, expected, vm.parseJsonString(json, string.concat(at, ".name")));
        }
        vm.assertGe(count, 100);
    }

    /// A row that is read as one lies in leaves that follow one another.
    function test_aRowWithALeafMissing() public {
        Opening memory opening;
        opening.leaves = new uint32[](3);
        opening.data = new bytes(3 * LEAF);
        (opening.leaves[0], opening.leaves[1], opening.leaves[2]) = (4, 5, 7);
        _opened.row(opening, 4 * LEAF + 1, 2 * LEAF - 1);
        _opened.row(opening, 8 * LEAF - 1, 1);
        uint256[3][5] memory cases = [ // index, length, the leaf that is missing
            [4 * LEAF + 1, 2 * LEAF, 6],
            [4 * LEAF, 4 * LEAF, 6],
            [6 * LEAF - 1, 2, 6],
            [7 * LEAF, LEAF + 1, 8],
            [4 * LEAF - 1, 2, 3]
        ];
        for (uint256 i = 0; i < cases.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Errors.LeafMissing.selector, 3, cases[i][2]));
            _opened.row(opening, cases[i][0], cases[i][1]);
        }
    }

    /// Rows of any length and alignment, whatever lies behind them.
    function testFuzz_rows(bytes calldata a, bytes calldata b, uint256 skip) public view {
        skip = _within(skip, 0, a.length);
        uint256 length = a.length - skip < b.length ? a.length - skip : b.length;
        int256 products = 0;
        int256 sum = 0;
        int256 most = length == 0 ? int256(0) : type(int8).min;
        for (uint256 i = 0; i < length; ++i) {
            int256 x = int8(uint8(a[skip + i]));
            products += x * int8(uint8(b[i]));
            sum += x;
            if (x > most) most = x;
        }
        (int256 dot_, int256 sum_, int256 most_) = _opened.sums(a, b[:length], skip);
        vm.assertEq(dot_, products, "dot");
        vm.assertEq(sum_, sum, "sum");
        vm.assertEq(most_, most, "largest");
    }

    /// The extremes of every sum in a word.
    function test_rowsOfExtremes() public view {
        bytes1[3] memory values = [bytes1(0x80), bytes1(0x7f), bytes1(0xff)];
        int256[3] memory numbers = [int256(-128), int256(127), int256(-1)];
        for (uint256 i = 0; i < 9; ++i) {
            for (uint256 length = 1; length < 100; length += 7) {
                bytes memory a = new bytes(length);
                bytes memory b = new bytes(length);
                for (uint256 j = 0; j < length; ++j) {
                    (a[j], b[j]) = (values[i / 3], values[i % 3]);
                }
                (int256 products, int256 sum, int256 most) = _opened.sums(a, b, 0);
                vm.assertEq(products, int256(length) * numbers[i / 3] * numbers[i % 3], "dot");
                vm.assertEq(sum, int256(length) * numbers[i / 3], "sum");
                vm.assertEq(most, numbers[i / 3], "largest");
            }
        }
    }

    /// The nearest whole number; of two, the even one.
    function testFuzz_requantise(int64 value, uint256 shift) public pure {
        shift = _within(shift, 0, 31);
        int256 whole = Rounding.requantise(value, shift, type(int256).min, type(int256).max);
        int256 off = int256(value) - whole * int256(1 << shift);
        int256 twice = 2 * (off < 0 ? -off : off);
        vm.assertTrue(twice <= int256(1 << shift), "not the nearest");
        vm.assertTrue(twice != int256(1 << shift) || whole % 2 == 0, "a half that is not rounded to the even");
    }

    function test_requantiseClips() public pure {
        vm.assertEq(Rounding.requantise(-129, 0, -128, 127), -128, "low");
        vm.assertEq(Rounding.requantise(128, 0, -128, 127), 127, "high");
        vm.assertEq(Rounding.requantise(13, 1, 0, 6), 6, "a half, rounded, then clipped");
    }

    function _whole(bytes memory data) private pure returns (Opening memory opening) {
        uint256 count = (data.length + LEAF - 1) / LEAF;
        opening.leaves = new uint32[](count);
        opening.data = abi.encodePacked(data, new bytes(count * LEAF - data.length));
        for (uint256 i = 0; i < count; ++i) {
            opening.leaves[i] = uint32(i);
        }
    }

    function _words(bytes memory packed) private pure returns (uint256[] memory words) {
        words = new uint256[](packed.length / 32);
        for (uint256 i = 0; i < words.length; ++i) {
            uint256 word;
            assembly {
                word := mload(add(packed, mul(0x20, add(i, 1))))
            }
            words[i] = word;
        }
    }

    function _at(uint256 index) private pure returns (string memory) {
        return string.concat(".cases[", vm.toString(index), "]");
    }
}
