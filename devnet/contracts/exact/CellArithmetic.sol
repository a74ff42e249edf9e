// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {At, Coordinates} from "./Coordinates.sol";
import {Descriptor} from "./Descriptor.sol";
import {Rounding} from "./Rounding.sol";
import {Slab, Slabs} from "./Slabs.sol";

/// @title One cell of a sum, of a product, or of a function by its table (mlm/core/exact/cell.py)
/// @notice Checked arithmetic: factors of a checked graph are below 2^16, so nothing overflows.
library CellArithmetic {
    using Coordinates for At;
    using Descriptor for uint256[];
    using Slabs for Slab;

    /// @notice Operands a, b; axes of size 1 are repeated. Attributes: factor_a, factor_b, shift, low, high.
    function add(uint256[] calldata words, uint256 index, Slab[] memory slabs) internal pure returns (int256) {
        (int256 a, int256 b) = _pair(words, index, slabs);
        return requantised(words, words.attribute(0) * a + words.attribute(1) * b, 2);
    }

    /// @notice Operands a, b; axes of size 1 are repeated. Attributes: factor, shift, low, high.
    function mul(uint256[] calldata words, uint256 index, Slab[] memory slabs) internal pure returns (int256) {
        (int256 a, int256 b) = _pair(words, index, slabs);
        return requantised(words, words.attribute(0) * a * b, 1);
    }

    /// @notice Operands x, table [1, 1, 1, 256]: table[x + 128].
    function table(uint256 index, Slab[] memory slabs) internal pure returns (int256) {
        // SAFETY: an int8 and 128 lie between 0 and 255.
        return slabs[1].at(uint256(slabs[0].at(index) + 128));
    }

    /// @notice By the attributes shift, low and high, which stand at `first` and after it.
    function requantised(uint256[] calldata words, int256 value, uint256 first) internal pure returns (int256) {
        return Rounding.requantise(value, words.number(first), words.attribute(first + 1), words.attribute(first + 2));
    }

    function _pair(uint256[] calldata words, uint256 index, Slab[] memory slabs)
        private
        pure
        returns (int256 a, int256 b)
    {
        At memory at = Coordinates.from(index, words.output());
        a = slabs[0].at(at.broadcast(words.operand(0)));
        b = slabs[1].at(at.broadcast(words.operand(1)));
    }
}
