// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Of DER (ITU-T X.690) what an ECDSA-P256 certificate is read by
/// @notice Whatever is not of the form is answered, never reverted.
library Der {
    uint8 internal constant INTEGER = 0x02;
    uint8 internal constant BIT_STRING = 0x03;
    uint8 internal constant SEQUENCE = 0x30;

    /// @notice The element that begins at `at`, has this tag and ends at `end` or before.
    /// @return ok Whether there is one, with a definite length in its shortest form, of two bytes at most.
    /// @return from Where its content begins.
    /// @return to Where it ends.
    function element(bytes memory der, uint256 at, uint256 end, uint8 tag)
        internal
        pure
        returns (bool ok, uint256 from, uint256 to)
    {
        if (at + 2 > end || end > der.length || uint8(der[at]) != tag) return (false, 0, 0);
        uint256 length = uint8(der[at + 1]);
        from = at + 2;
        if (length == 0x81) {
            if (from + 1 > end) return (false, 0, 0);
            length = uint8(der[from]);
            from += 1;
            if (length < 0x80) return (false, 0, 0);
        } else if (length == 0x82) {
            if (from + 2 > end) return (false, 0, 0);
            length = (uint256(uint8(der[from])) << 8) | uint8(der[from + 1]);
            from += 2;
            if (length < 0x100) return (false, 0, 0);
        } else if (length >= 0x80) {
            return (false, 0, 0);
        }
        to = from + length;
        ok = to <= end;
    }

    /// @notice A positive INTEGER of at most 256 bits, in its shortest form.
    /// @return ok Whether there is one.
    /// @return value The number.
    /// @return next Where it ends.
    function positive(bytes memory der, uint256 at, uint256 end)
        internal
        pure
        returns (bool ok, uint256 value, uint256 next)
    {
        uint256 from;
        (ok, from, next) = element(der, at, end, INTEGER);
        if (!ok) return (false, 0, 0);
        uint256 size = next - from;
        if (size == 0 || size > 33 || uint8(der[from]) >= 0x80) return (false, 0, 0);
        if (size > 1 && der[from] == 0 && uint8(der[from + 1]) < 0x80) return (false, 0, 0);
        if (size == 33 && der[from] != 0) return (false, 0, 0);
        for (uint256 i = from; i < next; ++i) {
            value = (value << 8) | uint8(der[i]);
        }
    }

    /// @notice The 32 bytes at `at`. SAFETY: callers have checked that they are there.
    // slither-disable-next-line assembly
    function word(bytes memory der, uint256 at) internal pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := mload(add(add(der, 0x20), at))
        }
    }
}
