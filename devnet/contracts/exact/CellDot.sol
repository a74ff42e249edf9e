// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {At, Coordinates} from "./Coordinates.sol";
import {Descriptor} from "./Descriptor.sol";
import {Rounding} from "./Rounding.sol";
import {Rows} from "./Rows.sol";
import {Slab, Slabs} from "./Slabs.sol";
import {Tensors} from "./Tensors.sol";
import {Span, Windows} from "./Windows.sol";

/// Rows of numbers, each multiplied with its row of weights.
struct Taps {
    uint256 here; // flat index of the first in the image
    uint256 there; // and in the weights
    uint256 length; // of each; the weights' follow one another
    uint256 step; // from one to the next in the image
    uint256 count;
}

/// @title One cell of a convolution or of a product of matrices (mlm/core/exact/cell.py)
/// SAFETY, where arithmetic is unchecked: flat indices are below 2^128 (Coordinates), and no sum of products of two int8 leaves
/// int256 before a block's gas is spent.
library CellDot {
    using Descriptor for uint256[];
    using Slabs for Slab;
    using Tensors for uint256;
    using Windows for Span;

    // Operands of both.
    uint256 private constant BIAS = 2;
    uint256 private constant SHIFTS = 3;

    // Attributes; a convolution's begin with its window's.
    uint256 private constant GROUPS = 6;
    uint256 private constant CONV_LOW = 7;
    uint256 private constant MATMUL_LOW = 0;

    /// @notice Operands: image [N, H, W, C], weights [O, KH, KW, C/groups], bias and shifts [1, 1, 1, O].
    function conv(uint256[] calldata words, uint256 index, Slab[] memory slabs) internal pure returns (int256) {
        At memory at = Coordinates.from(index, words.output());
        (Span memory rows, Span memory columns) = _window(words, at);
        int256 total = slabs[BIAS].at(at.d);
        unchecked {
            for (uint256 row = rows.from; row < rows.to && columns.from < columns.to; ++row) {
                total += _sum(slabs, _taps(words, at, row, rows.place(row), columns));
            }
        }
        return _requantised(words, total, slabs[SHIFTS].at(at.d), CONV_LOW);
    }

    function _window(uint256[] calldata words, At memory at)
        private
        pure
        returns (Span memory rows, Span memory columns)
    {
        uint256 weights = words.operand(1);
        rows = Windows.along(words, 0, 0, weights.axis(1), at.b);
        columns = Windows.along(words, 0, 1, weights.axis(2), at.c);
    }

    /// @dev The taps of one row of the kernel, whose columns are not empty.
    /// @param y The image's row.
    // The number of a group is whole.
    // slither-disable-next-line divide-before-multiply
    function _taps(uint256[] calldata words, At memory at, uint256 row, uint256 y, Span memory columns)
        private
        pure
        returns (Taps memory taps)
    {
        uint256 weights = words.operand(1);
        uint256 image = words.operand(0);
        unchecked {
            taps.length = weights.axis(3);
            // The output channel's group begins at this channel of the image.
            uint256 first = at.d / (weights.axis(0) / words.number(GROUPS)) * taps.length;
            taps.here = Coordinates.flat(at.a, y, columns.place(columns.from), first, image);
            taps.there = Coordinates.flat(at.d, row, columns.from, 0, weights);
            taps.count = columns.to - columns.from;
            taps.step = columns.dilation * image.axis(3);
            // Side by side, and with all channels: one row, in the image as in the weights.
            if (taps.step == taps.length) (taps.count, taps.length) = (1, taps.count * taps.length);
        }
    }

    function _sum(Slab[] memory slabs, Taps memory taps) private pure returns (int256 total) {
        uint256 length = taps.length;
        unchecked {
            for (uint256 i = 0; i < taps.count; ++i) {
                uint256 here = slabs[0].row(taps.here + i * taps.step, length);
                total += Rows.dot(here, slabs[1].row(taps.there + i * length, length), length);
            }
        }
    }

    /// @notice Operands: a [N, H, M, K], b [N or 1, H or 1, P, K], bias and shifts [1, 1, 1, P].
    function matmul(uint256[] calldata words, uint256 index, Slab[] memory slabs) internal pure returns (int256) {
        At memory at = Coordinates.from(index, words.output());
        uint256 length = words.operand(0).axis(3);
        uint256 b = words.operand(1);
        uint256 here = Coordinates.flat(at.a, at.b, at.c, 0, words.operand(0));
        uint256 there = Coordinates.flat(b.axis(0) > 1 ? at.a : 0, b.axis(1) > 1 ? at.b : 0, at.d, 0, b);
        int256 total = slabs[BIAS].at(at.d);
        total += Rows.dot(slabs[0].row(here, length), slabs[1].row(there, length), length);
        return _requantised(words, total, slabs[SHIFTS].at(at.d), MATMUL_LOW);
    }

    function _requantised(uint256[] calldata words, int256 total, int256 shift, uint256 low)
        private
        pure
        returns (int256)
    {
        // SAFETY: shifts of a checked graph are not negative.
        return Rounding.requantise(total, uint256(shift), words.attribute(low), words.attribute(low + 1));
    }
}
