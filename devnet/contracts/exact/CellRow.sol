// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {CellArithmetic} from "./CellArithmetic.sol";
import {Descriptor} from "./Descriptor.sol";
import {Rows} from "./Rows.sol";
import {Slab, Slabs} from "./Slabs.sol";
import {Tensors} from "./Tensors.sol";

/// @title One cell of the operators that take their whole row, along the last axis (mlm/core/exact/cell.py)
/// @notice Checked arithmetic: widths are below 2^32, elements int8, weights int32, so nothing overflows.
library CellRow {
    using Descriptor for uint256[];
    using Slabs for Slab;
    using Tensors for uint256;

    // Attributes of a layer normalisation: epsilon, bits, shift, low, high.
    uint256 private constant SHIFT = 2;

    /// @notice Operands x, weights [1, 1, 1, 256] for how far below its row's largest a number lies; attribute scale.
    /// min(127, (2 · scale · w + s) / (2 · s)), w the cell's weight, s the sum of the row's.
    function softmax(uint256[] calldata words, uint256 index, Slab[] memory slabs) internal pure returns (int256) {
        uint256 width = words.output().axis(3);
        uint256 own = index % width;
        uint256 row = slabs[0].row(index - own, width);
        (int256 weight, int256 sum) = _weights(slabs[1], row, width, own);
        // Weights of a checked graph are not negative, and that of the largest is positive: `/` is the floor.
        int256 value = (2 * words.attribute(0) * weight + sum) / (2 * sum);
        return value < type(int8).max ? value : int256(type(int8).max);
    }

    /// @dev The weight of one number of a row, and the sum of all.
    function _weights(Slab memory weights, uint256 row, uint256 width, uint256 own)
        private
        pure
        returns (int256 weight, int256 sum)
    {
        int256 most = Rows.largest(row, width);
        uint256[2] memory leaves = _leaves(weights, row, width, most);
        weight = _sum(leaves, row + own, 1, most);
        sum = _sum(leaves, row, width, most);
    }

    /// @dev Where those of the two leaves of the weights lie that a row needs.
    // What is shifted is a one, and not the count.
    // slither-disable-next-line assembly,incorrect-shift
    function _leaves(Slab memory weights, uint256 row, uint256 width, int256 most)
        private
        pure
        returns (uint256[2] memory leaves)
    {
        uint256 needed = 0;
        // SAFETY: how far below the largest of its row an int8 lies, is between 0 and 255.
        assembly ("memory-safe") {
            for { let end := add(row, width) } lt(row, end) { row := add(row, 1) } {
                let below := sub(most, signextend(0, byte(0, calldataload(row))))
                needed := or(needed, shl(shr(7, below), 1))
            }
        }
        for (uint256 i = 0; i < 2; ++i) {
            if ((needed >> i) & 1 != 0) leaves[i] = weights.leaf(i);
        }
    }

    /// @dev The sum of the weights of a row's numbers.
    /// SAFETY: as above, so `leaves` holds where each of them lies. They are int32: no sum overflows.
    // slither-disable-next-line assembly
    function _sum(uint256[2] memory leaves, uint256 row, uint256 width, int256 most) private pure returns (int256 sum) {
        assembly ("memory-safe") {
            for { let end := add(row, width) } lt(row, end) { row := add(row, 1) } {
                let below := sub(most, signextend(0, byte(0, calldataload(row))))
                let word := calldataload(add(mload(add(leaves, shl(5, shr(7, below)))), shl(2, and(below, 127))))
                // Little-endian.
                word := or(or(byte(0, word), shl(8, byte(1, word))), or(shl(16, byte(2, word)), shl(24, byte(3, word))))
                sum := add(sum, signextend(3, word))
            }
        }
    }

    /// @notice Operands x, gamma and beta [1, 1, 1, C]. With S the row's sum and Q that of its squares:
    /// requantise(gamma · ((C · x - S) · 2^bits / isqrt(C · Q - S² + epsilon)) + beta, shift, low, high).
    function layernorm(uint256[] calldata words, uint256 index, Slab[] memory slabs) internal pure returns (int256) {
        uint256 width = words.output().axis(3);
        uint256 own = index % width;
        uint256 row = slabs[0].row(index - own, width);
        int256 scaled = _scaled(words, row, width, own);
        return CellArithmetic.requantised(words, slabs[1].at(own) * scaled + slabs[2].at(own), SHIFT);
    }

    /// @dev A number's distance from its row's mean, by its deviation.
    function _scaled(uint256[] calldata words, uint256 row, uint256 width, uint256 own) private pure returns (int256) {
        int256 sum = Rows.sum(row, width);
        int256 variance = int256(width) * Rows.dot(row, row, width) - sum * sum;
        // SAFETY: C · Q >= S² (Cauchy-Schwarz), and epsilon is positive.
        uint256 root = Math.sqrt(uint256(variance + words.attribute(0)));
        int256 above = int256(width) * Rows.at(row + own) - sum;
        // `/` rounds towards zero, as specified.
        return above * int256(1 << words.number(1)) / int256(root);
    }
}
