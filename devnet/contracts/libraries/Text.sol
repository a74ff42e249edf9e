// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Which handles, names, versions and licences are well formed
/// @notice ASCII only, so that no two look alike. Each function takes the string's bytes and answers yes or no.
library Text {
    uint256 internal constant MAX_HANDLE = 39;
    uint256 internal constant MAX_NAME = 64;
    uint256 internal constant MAX_VERSION = 64;
    uint256 internal constant MAX_LICENCE = 128;

    /// @notice [a-z0-9-]{1,39}, no '-' at either end.
    function isHandle(bytes memory text) internal pure returns (bool) {
        uint256 length = text.length;
        if (length == 0 || length > MAX_HANDLE || text[0] == "-" || text[length - 1] == "-") return false;
        for (uint256 i = 0; i < length; ++i) {
            if (!_isLower(text[i]) && !_isDigit(text[i]) && text[i] != "-") return false;
        }
        return true;
    }

    /// @notice [a-z0-9._-]{1,64}; not "." or "..", which are folders elsewhere.
    function isName(bytes memory text) internal pure returns (bool) {
        uint256 length = text.length;
        if (length == 0 || length > MAX_NAME) return false;
        bool onlyDots = length <= 2;
        for (uint256 i = 0; i < length; ++i) {
            bytes1 c = text[i];
            if (!_isLower(c) && !_isDigit(c) && c != "." && c != "_" && c != "-") return false;
            if (c != ".") onlyDots = false;
        }
        return !onlyDots;
    }

    /// @notice An SPDX licence expression's characters: letters, digits and ". + - : ( )" and space; 1 to 128 of them.
    /// The grammar is checked off chain.
    function isLicence(bytes memory text) internal pure returns (bool) {
        if (text.length == 0 || text.length > MAX_LICENCE) return false;
        for (uint256 i = 0; i < text.length; ++i) {
            bytes1 c = text[i];
            bool sign = c == "." || c == "+" || c == "-" || c == ":" || c == "(" || c == ")" || c == " ";
            if (!_isLower(c) && !_isUpper(c) && !_isDigit(c) && !sign) return false;
        }
        return true;
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
                if (!_isLower(c) && !_isUpper(c) && c != "-") break;
                numeric = false;
            }
            if (at == start) return (false, at);
            if (preRelease && numeric && text[start] == "0" && at - start > 1) return (false, at);
            if (at == text.length || text[at] != ".") return (true, at);
            ++at;
        }
        return (false, at);
    }

    function _isLower(bytes1 c) private pure returns (bool) {
        return c >= "a" && c <= "z";
    }

    function _isUpper(bytes1 c) private pure returns (bool) {
        return c >= "A" && c <= "Z";
    }

    function _isDigit(bytes1 c) private pure returns (bool) {
        return c >= "0" && c <= "9";
    }
}
