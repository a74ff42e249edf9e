// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title One certificate in PEM (RFC 7468, strict): lines of 64 characters, the last may be shorter, each ended by a line feed
/// @notice Whatever is not of the form is answered, never reverted.
library Pem {
    // 27 and 25 characters.
    bytes28 private constant BEGIN = "-----BEGIN CERTIFICATE-----\n";
    bytes26 private constant END = "-----END CERTIFICATE-----\n";
    uint256 private constant LINE = 64;

    // What characters 0 to 127 stand for; 0xff: nothing.
    bytes32 private constant VALUES_0 = 0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff;
    bytes32 private constant VALUES_1 = 0xffffffffffffffffffffff3effffff3f3435363738393a3b3c3dffffffffffff;
    bytes32 private constant VALUES_2 = 0xff000102030405060708090a0b0c0d0e0f10111213141516171819ffffffffff;
    bytes32 private constant VALUES_3 = 0xff1a1b1c1d1e1f202122232425262728292a2b2c2d2e2f30313233ffffffffff;

    /// @notice The certificate that begins at `at`.
    /// @return ok Whether it is of the form.
    /// @return der Its bytes.
    /// @return next The first position behind it.
    function decode(bytes calldata text, uint256 at) internal pure returns (bool ok, bytes memory der, uint256 next) {
        if (!_has(text, at, BEGIN, 28)) return (false, der, 0);
        uint256 from = at + 28;
        uint256 to = from;
        // Whole lines, then the last one.
        while (to + LINE < text.length && text[to + LINE] == "\n") to += LINE + 1;
        uint256 whole = (to - from) / (LINE + 1);
        uint256 rest = 0;
        while (rest < LINE && to + rest < text.length && text[to + rest] != "\n" && text[to + rest] != "-") ++rest;
        next = to + rest;
        if (rest != 0) {
            if (next >= text.length || text[next] != "\n") return (false, der, 0);
            ++next;
        }
        if (!_has(text, next, END, 26)) return (false, der, 0);
        next += 26;
        (ok, der) = _decodeLines(text[from:], whole, rest);
    }

    /// @dev `whole` lines of 64 characters, then `rest` more.
    // Four characters at a time, out of a table: a quote has 600 such groups.
    // slither-disable-next-line assembly
    function _decodeLines(bytes calldata text, uint256 whole, uint256 rest)
        private
        pure
        returns (bool ok, bytes memory der)
    {
        uint256 padding = 0;
        {
            if (whole + rest == 0 || rest % 4 != 0) return (false, der);
            uint256 last = rest == 0 ? whole * (LINE + 1) - 2 : whole * (LINE + 1) + rest - 1;
            if (text[last] == "=") padding = text[last - 1] == "=" ? 2 : 1;
        }
        uint256 size = whole * 48 + (rest * 3) / 4;
        der = new bytes(size);
        uint256 bad = 0;
        bytes memory table = abi.encodePacked(VALUES_0, VALUES_1, VALUES_2, VALUES_3);
        uint256 groups = size / 3;
        // The last group is decoded by itself where it is padded.
        if (padding != 0) --groups;
        assembly ("memory-safe") {
            let values := add(table, 0x20)
            let target := add(der, 0x20)
            let source := text.offset
            for { let i := 0 } lt(i, groups) { i := add(i, 1) } {
                let word := calldataload(source)
                // 16 groups to a line.
                source := add(source, add(4, eq(and(i, 15), 15)))
                let a := byte(0, word)
                let b := byte(1, word)
                let c := byte(2, word)
                let d := byte(3, word)
                // A character beyond ASCII is marked here, and read as another.
                bad := or(bad, and(or(or(a, b), or(c, d)), 0x80))
                a := byte(0, mload(add(values, and(a, 0x7f))))
                b := byte(0, mload(add(values, and(b, 0x7f))))
                c := byte(0, mload(add(values, and(c, 0x7f))))
                d := byte(0, mload(add(values, and(d, 0x7f))))
                bad := or(bad, or(or(a, b), or(c, d)))
                // Only the three bytes count; what lies behind them is written next, or is of the last group.
                let bits := or(or(shl(18, a), shl(12, b)), or(shl(6, c), d))
                mstore8(target, shr(16, bits))
                mstore8(add(target, 1), shr(8, bits))
                mstore8(add(target, 2), bits)
                target := add(target, 3)
            }
        }
        if (bad > 63) return (false, der);
        if (padding == 0) return (true, der);
        ok = _decodePadded(text, table, der, groups, padding);
    }

    /// @dev The last group, of 8 or 16 bits; the bits that fill it up are zeros.
    // slither-disable-next-line assembly
    function _decodePadded(bytes calldata text, bytes memory table, bytes memory der, uint256 groups, uint256 padding)
        private
        pure
        returns (bool)
    {
        uint256 at = groups * 4 + groups / 16;
        uint256 bits = 0;
        for (uint256 i = 0; i < 4 - padding; ++i) {
            uint8 character = uint8(text[at + i]);
            if (character > 127) return false;
            uint256 value = uint8(table[character]);
            if (value > 63) return false;
            bits = (bits << 6) | value;
        }
        bits <<= 6 * padding;
        if (bits & ((uint256(1) << (8 * padding)) - 1) != 0) return false;
        der[groups * 3] = bytes1(uint8(bits >> 16));
        if (padding == 1) der[groups * 3 + 1] = bytes1(uint8(bits >> 8));
        // It has as many bytes fewer as it is padded.
        assembly ("memory-safe") {
            mstore(der, sub(mload(der), padding))
        }
        return true;
    }

    function _has(bytes calldata text, uint256 at, bytes32 expected, uint256 size) private pure returns (bool) {
        return at + size <= text.length && bytes32(text[at:at + size]) == expected;
    }
}
