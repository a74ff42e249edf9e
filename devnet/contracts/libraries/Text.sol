// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Which handles, names, versions and licences are well formed
/// @notice ASCII only, so that no two look alike. Each function takes the string's bytes and answers yes or no.
library Text {
    // Sets of characters: bit c stands for character c. None beyond ASCII is in any.
    uint256 private constant DIGIT = 0x3ff << 48; // 0-9
    uint256 private constant LOWER = 0x3ffffff << 97; // a-z
    uint256 private constant LETTER = LOWER | (0x3ffffff << 65); // A-Z
    uint256 private constant HYPHEN = 1 << 45;
    uint256 private constant DOT = 1 << 46;
    uint256 private constant HANDLE = LOWER | DIGIT | HYPHEN;
    uint256 private constant NAME = HANDLE | DOT | (1 << 95); // _
    uint256 private constant IDENTIFIER = LETTER | DIGIT | HYPHEN;
    // space ( ) + :
    uint256 private constant LICENCE = IDENTIFIER | DOT | (1 << 32) | (1 << 40) | (1 << 41) | (1 << 43) | (1 << 58);

    uint256 internal constant MAX_HANDLE = 39;
    uint256 internal constant MAX_NAME = 64;
    uint256 internal constant MAX_VERSION = 64;
    uint256 internal constant MAX_LICENCE = 128;

    /// @notice [a-z0-9-]{1,39}, no '-' at either end.
    function isHandle(bytes memory text) internal pure returns (bool) {
        uint256 length = text.length;
        if (length == 0 || length > MAX_HANDLE || text[0] == "-" || text[length - 1] == "-") return false;
        return _all(text, HANDLE);
    }

    /// @notice [a-z0-9._-]{1,64}; not "." or "..", which are folders elsewhere.
    function isName(bytes memory text) internal pure returns (bool) {
        uint256 length = text.length;
        if (length == 0 || length > MAX_NAME) return false;
        return _all(text, NAME) && !(length <= 2 && _all(text, DOT));
    }

    /// @notice An SPDX licence expression's characters: letters, digits and ". + - : ( )" and space; 1 to 128 of them.
    /// The grammar is checked off chain.
    function isLicence(bytes memory text) internal pure returns (bool) {
        return text.length != 0 && text.length <= MAX_LICENCE && _all(text, LICENCE);
    }

    /// @notice Semantic Versioning 2.0.0: MAJOR.MINOR.PATCH[-pre.release][+build], at most 64 characters.
    function isVersion(bytes memory text) internal pure returns (bool) {
        if (text.length > MAX_VERSION) return false;
        uint256 at = 0;
        for (uint256 part = 0; part < 3; ++part) {
            if (part != 0) {
                if (at == text.length || text[at] != ".") return false;
                ++at;
            }
            uint256 start = at;
            while (at < text.length && _isDigit(text[at])) ++at;
            if (at == start || (text[start] == "0" && at - start > 1)) return false;
        }
        if (at < text.length && text[at] == "-") {
            bool ok;
            (ok, at) = _identifiers(text, at + 1, true);
            if (!ok) return false;
        }
        if (at < text.length && text[at] == "+") {
            bool ok;
            (ok, at) = _identifiers(text, at + 1, false);
            if (!ok) return false;
        }
        return at == text.length;
    }

    /// @dev Dot-separated, non-empty [0-9A-Za-z-] identifiers from `at`; in a pre-release, numbers have no leading zero.
    function _identifiers(bytes memory text, uint256 at, bool preRelease) private pure returns (bool, uint256) {
        while (true) {
            uint256 start = at;
            bool numeric = true;
            for (; at < text.length; ++at) {
                bytes1 c = text[at];
                if (_isDigit(c)) continue;
                if (!_isIn(c, IDENTIFIER)) break;
                numeric = false;
            }
            if (at == start) return (false, at);
            if (preRelease && numeric && text[start] == "0" && at - start > 1) return (false, at);
            if (at == text.length || text[at] != ".") return (true, at);
            ++at;
        }
        return (false, at);
    }

    /// @dev Whether every character is in the set.
    function _all(bytes memory text, uint256 set) private pure returns (bool) {
        for (uint256 i = 0; i < text.length; ++i) {
            if (!_isIn(text[i], set)) return false;
        }
        return true;
    }

    function _isIn(bytes1 c, uint256 set) private pure returns (bool) {
        return (set >> uint8(c)) & 1 == 1;
    }

    function _isDigit(bytes1 c) private pure returns (bool) {
        return _isIn(c, DIGIT);
    }
}
