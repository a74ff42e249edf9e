// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title What names and values of attributes are
/// @notice A word is 1 to 31 characters of [a-z0-9._-], the first a letter, left-aligned, the rest zeros. Names and symbols
/// are words; a number lies below 2^128. The first byte of a word is a letter, that of a number 0: nothing is both.
library Attributes {
    // Sets of characters: bit c stands for character c.
    uint256 private constant LOWER = 0x3ffffff << 97; // a-z
    uint256 private constant WORD = LOWER | (0x3ff << 48) | (1 << 45) | (1 << 46) | (1 << 95); // and 0-9 - . _

    /// @notice A word that the text of requirements does not use otherwise.
    function isName(bytes32 name) internal pure returns (bool) {
        if (name == "reputation" || name == "auditor" || name == "auditors" || name == "allow" || name == "deny") {
            return false;
        }
        return isSymbol(name);
    }

    function isNumber(bytes32 value) internal pure returns (bool) {
        return uint256(value) <= type(uint128).max;
    }

    function isSymbol(bytes32 value) internal pure returns (bool) {
        uint256 rest = uint256(value);
        if ((LOWER >> (rest >> 248)) & 1 == 0) return false;
        rest <<= 8;
        // Ends at the latest behind 31 characters: then `rest` is 0 only if the last byte was.
        for (uint256 i = 1; i < 31 && rest != 0; ++i) {
            if ((WORD >> (rest >> 248)) & 1 == 0) return false;
            rest <<= 8;
        }
        return rest == 0;
    }

    /// @notice Where a value is kept under its name: all numbers in one place, each symbol in its own.
    function slotOf(bytes32 value) internal pure returns (bytes32) {
        return isNumber(value) ? bytes32(0) : value;
    }

    /// @notice A word's characters.
    function textOf(bytes32 word) internal pure returns (string memory) {
        uint256 length = 0;
        while (length < 32 && word[length] != 0) ++length;
        bytes memory text = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            text[i] = word[i];
        }
        return string(text);
    }
}
