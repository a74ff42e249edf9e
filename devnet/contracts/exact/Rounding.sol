// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Requantisation (mlm/core/exact/cell.py)
library Rounding {
    /// @notice value / 2^shift, rounded to the nearest, halves to the even, and clipped. For shift < 255.
    function requantise(int256 value, uint256 shift, int256 low, int256 high) internal pure returns (int256 whole) {
        // SAFETY: shifts do not overflow; the rest lies in [0, 2^shift), and `whole` is nearer to 0 than `value`, or `value`.
        unchecked {
            whole = value >> shift;
            uint256 twice = 2 * uint256(value - (whole << shift));
            uint256 one = 1 << shift;
            if (twice > one || (twice == one && whole & 1 != 0)) ++whole;
            if (whole < low) return low;
            if (whole > high) return high;
        }
    }
}
