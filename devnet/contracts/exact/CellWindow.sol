// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {At, Coordinates} from "./Coordinates.sol";
import {Descriptor} from "./Descriptor.sol";
import {Slab, Slabs} from "./Slabs.sol";
import {Span, Windows} from "./Windows.sol";

/// @title One cell of a pooling (mlm/core/exact/cell.py)
library CellWindow {
    using Descriptor for uint256[];
    using Slabs for Slab;
    using Windows for Span;

    // Attributes: kernel_h, kernel_w, then the window's.
    uint256 private constant WINDOW = 2;

    /// @notice The largest of the window's taps within the image; -128 if there is none.
    function maxpool(uint256[] calldata words, uint256 index, Slab[] memory slabs) internal pure returns (int256 most) {
        At memory at = Coordinates.from(index, words.output());
        Span memory rows = Windows.along(words, WINDOW, 0, words.number(0), at.b);
        Span memory columns = Windows.along(words, WINDOW, 1, words.number(1), at.c);
        uint256 image = words.operand(0);
        most = type(int8).min;
        for (uint256 row = rows.from; row < rows.to; ++row) {
            for (uint256 column = columns.from; column < columns.to; ++column) {
                int256 value = slabs[0].at(Coordinates.flat(at.a, rows.place(row), columns.place(column), at.d, image));
                if (value > most) most = value;
            }
        }
    }
}
