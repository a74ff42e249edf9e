// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Sums over rows of int8 that lie in the calldata, a word of 32 at a time
/// @notice Exact for rows of any length that a block's gas pays for.
library Rows {
    // The lowest byte of each 32 bits, and 128 in each 32 bits.
    // slither-disable-next-line too-many-digits
    uint256 private constant LOW = 0x000000ff000000ff000000ff000000ff000000ff000000ff000000ff000000ff;
    // slither-disable-next-line too-many-digits
    uint256 private constant BIAS = 0x0000008000000080000000800000008000000080000000800000008000000080;
    uint256 private constant SIGNS = 0x8080808080808080808080808080808080808080808080808080808080808080;
    // Every other 64 bits, and every other 32.
    // slither-disable-next-line too-many-digits
    uint256 private constant ODD_64 = 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
    // slither-disable-next-line too-many-digits
    uint256 private constant ODD_32 = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
    // Every other byte, and a one in each 16 bits.
    uint256 private constant ODD_8 = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
    uint256 private constant ONES_16 = 0x0001000100010001000100010001000100010001000100010001000100010001;

    /// @notice The sum of a[i] · b[i]. `a` and `b` are places in the calldata.
    /// A word is taken as four polynomials of X = 2^32 with eight coefficients, each a number plus 128 minus 128, those of
    /// b in reverse order: the coefficient of X^7 in the product is the sum of eight products.
    /// SAFETY: of the sum of four products modulo 2^256, every coefficient lies within ±32 · 2^14 = ±2^19, so those of X^0 to
    /// X^6 make less than 2^220 in all: with 2^223 added, a shift by 224 leaves the coefficient of X^7.
    // slither-disable-next-line assembly
    function dot(uint256 a, uint256 b, uint256 length) internal pure returns (int256 total) {
        assembly ("memory-safe") {
            let end := add(a, length)
            for {} lt(a, end) {
                a := add(a, 0x20)
                b := add(b, 0x20)
            } {
                let x := calldataload(a)
                let y := calldataload(b)
                // Beyond the row lies whatever comes next: 0 times anything is 0.
                let rest := sub(end, a)
                if lt(rest, 0x20) { x := and(x, not(shr(shl(3, rest), not(0)))) }
                x := xor(x, SIGNS)
                y := xor(y, SIGNS)
                // Eight groups of 32 bits in reverse order.
                y := or(shl(128, y), shr(128, y))
                y := or(shl(64, and(y, ODD_64)), and(shr(64, y), ODD_64))
                y := or(shl(32, and(y, ODD_32)), and(shr(32, y), ODD_32))
                let products := mul(sub(and(x, LOW), BIAS), sub(and(y, LOW), BIAS))
                products := add(products, mul(sub(and(shr(8, x), LOW), BIAS), sub(and(shr(8, y), LOW), BIAS)))
                products := add(products, mul(sub(and(shr(16, x), LOW), BIAS), sub(and(shr(16, y), LOW), BIAS)))
                products := add(products, mul(sub(and(shr(24, x), LOW), BIAS), sub(and(shr(24, y), LOW), BIAS)))
                total := add(total, sar(224, add(products, shl(223, 1))))
            }
        }
    }

    /// @notice The sum of a[i].
    /// SAFETY: sixteen sums of two bytes are at most 16 · 510 < 2^16 in all.
    // slither-disable-next-line assembly
    function sum(uint256 a, uint256 length) internal pure returns (int256 total) {
        assembly ("memory-safe") {
            let end := add(a, length)
            for {} lt(a, end) { a := add(a, 0x20) } {
                let x := calldataload(a)
                let rest := sub(end, a)
                if lt(rest, 0x20) { x := and(x, not(shr(shl(3, rest), not(0)))) }
                x := xor(x, SIGNS)
                total := add(total, shr(240, mul(add(and(x, ODD_8), and(shr(8, x), ODD_8)), ONES_16)))
            }
            // Each of the bytes, those beyond the row too, was a number plus 128.
            total := sub(total, shl(12, shr(5, add(length, 31))))
        }
    }

    /// @notice The number at `a`.
    // slither-disable-next-line assembly
    function at(uint256 a) internal pure returns (int256 value) {
        assembly ("memory-safe") {
            value := signextend(0, byte(0, calldataload(a)))
        }
    }

    /// @notice The largest of a row, which is not empty.
    // slither-disable-next-line assembly
    function largest(uint256 a, uint256 length) internal pure returns (int256 most) {
        most = at(a);
        assembly ("memory-safe") {
            let end := add(a, length)
            for {} lt(a, end) { a := add(a, 1) } {
                let value := signextend(0, byte(0, calldataload(a)))
                if sgt(value, most) { most := value }
            }
        }
    }
}
