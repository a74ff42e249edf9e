// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Descriptor} from "./Descriptor.sol";
import {Tensors} from "./Tensors.sol";

/// The taps of a window along one axis that lie within the image: tap i at `origin + i · dilation`, for from <= i < to.
struct Span {
    int256 origin;
    uint256 dilation;
    uint256 from;
    uint256 to;
}

/// @title Where a window's taps lie; others are absent (`_window` of mlm/core/exact/cell.py)
/// @notice The absent taps are counted out, not walked past: a window costs what the image holds of it.
library Windows {
    using Descriptor for uint256[];
    using Tensors for uint256;

    // Attributes of a window, from its first: stride_h, stride_w, pad_top, pad_left, dilation_h, dilation_w.
    uint256 private constant PAD = 2;
    uint256 private constant DILATION = 4;

    /// @notice The taps of the window of output `at` along an axis.
    /// @param attribute The place of the window's first attribute among the operator's.
    /// @param direction 0 for the height, 1 for the width.
    /// @param taps How many the kernel has.
    function along(uint256[] calldata words, uint256 attribute, uint256 direction, uint256 taps, uint256 at)
        internal
        pure
        returns (Span memory span)
    {
        int256 size = int256(words.operand(0).axis(1 + direction));
        // Checked arithmetic: no attribute of a checked graph makes it overflow.
        span.dilation = words.number(attribute + DILATION + direction);
        span.origin = int256(at * words.number(attribute + direction)) - words.attribute(attribute + PAD + direction);
        if (span.origin < 0) span.from = _divideUp(uint256(-span.origin), span.dilation);
        if (span.origin < size) span.to = _divideUp(uint256(size - span.origin), span.dilation);
        if (span.to > taps) span.to = taps;
    }

    /// @notice Where a tap lies. SAFETY: from <= tap < to, so within the image.
    function place(Span memory span, uint256 tap) internal pure returns (uint256) {
        unchecked {
            return uint256(span.origin + int256(tap * span.dilation));
        }
    }

    function _divideUp(uint256 a, uint256 b) private pure returns (uint256) {
        return (a + b - 1) / b;
    }
}
