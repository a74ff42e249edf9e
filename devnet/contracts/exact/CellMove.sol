// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {At, Coordinates} from "./Coordinates.sol";
import {Descriptor} from "./Descriptor.sol";
import {Slab, Slabs} from "./Slabs.sol";
import {Tensors} from "./Tensors.sol";

/// @title One cell of the operators that only move numbers (mlm/core/exact/cell.py)
library CellMove {
    using Descriptor for uint256[];
    using Slabs for Slab;
    using Tensors for uint256;

    // Attributes of a view: offset, steps, everies; of a padding: befores, value.
    uint256 private constant STEPS = 1;
    uint256 private constant EVERIES = 5;
    uint256 private constant VALUE = 4;

    /// @notice x[offset + sum over the axes of (i_a / every_a) · step_a].
    function view_(uint256[] calldata words, uint256 index, Slab[] memory slabs) internal pure returns (int256) {
        At memory at = Coordinates.from(index, words.output());
        int256 place = words.attribute(0) + _step(words, 0, at.a) + _step(words, 1, at.b) + _step(words, 2, at.c)
            + _step(words, 3, at.d);
        // SAFETY: no place of a checked graph is negative.
        return slabs[0].at(uint256(place));
    }

    function _step(uint256[] calldata words, uint256 axis, uint256 i) private pure returns (int256) {
        return int256(i / words.number(EVERIES + axis)) * words.attribute(STEPS + axis);
    }

    /// @notice The operands one after the other along an axis.
    // Indices are whole.
    // slither-disable-next-line divide-before-multiply
    function concat(uint256[] calldata words, uint256 index, Slab[] memory slabs) internal pure returns (int256) {
        uint256 axis = words.number(0);
        // Elements from one index of the axis to the next: the axes after it are all tensors' own.
        uint256 inner = 1;
        for (uint256 after_ = axis + 1; after_ < 4; ++after_) {
            inner *= words.output().axis(after_);
        }
        uint256 size = words.output().axis(axis);
        uint256 outer = index / inner / size;
        uint256 i = index / inner % size;
        uint256 operand = 0;
        for (; i >= (size = words.operand(operand).axis(axis)); ++operand) {
            i -= size;
        }
        return slabs[operand].at((outer * size + i) * inner + index % inner);
    }

    /// @notice x at i_a - before_a, or `value` beyond it.
    function pad(uint256[] calldata words, uint256 index, Slab[] memory slabs) internal pure returns (int256) {
        At memory at = Coordinates.from(index, words.output());
        uint256 x = words.operand(0);
        // SAFETY: below 0 it wraps, to a number greater than any axis.
        unchecked {
            at.a -= words.number(0);
            at.b -= words.number(1);
            at.c -= words.number(2);
            at.d -= words.number(3);
        }
        if (at.a >= x.axis(0) || at.b >= x.axis(1) || at.c >= x.axis(2) || at.d >= x.axis(3)) {
            return words.attribute(VALUE);
        }
        return slabs[0].at(Coordinates.flat(at.a, at.b, at.c, at.d, x));
    }

    /// @notice Operands: table [1, 1, V, D], numbers [1, A, B, C] of an output [A, B, C, D]. A number beyond the table counts
    /// as the nearest row of it.
    function gather(uint256[] calldata words, uint256 index, Slab[] memory slabs) internal pure returns (int256) {
        uint256 width = words.output().axis(3);
        int256 last = int256(words.operand(0).axis(2)) - 1;
        int256 number = slabs[1].at(index / width);
        if (number < 0) number = 0;
        if (number > last) number = last;
        return slabs[0].at(uint256(number) * width + index % width);
    }
}
