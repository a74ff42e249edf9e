// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Where reading stands, and whether something was read that is of no form.
struct Cursor {
    uint256 at;
    bool bad;
}

/// @title CBOR (RFC 8949), read from the front, as far as attestation documents need it
/// @notice Not read are tags, and strings in pieces. Whatever is not of the form makes the cursor bad, and never reverts; a bad cursor
/// stays bad, and reads nothing more.
library Cbor {
    uint8 internal constant UNSIGNED = 0;
    uint8 internal constant BYTES = 2;
    uint8 internal constant TEXT = 3;
    uint8 internal constant LIST = 4;
    uint8 internal constant MAP = 5;
    uint8 internal constant SIMPLE = 7;
    uint256 internal constant NULL = 22; // of SIMPLE
    uint256 internal constant ENDLESS = type(uint256).max; // a container that a break ends

    /// @notice The next item's kind, and its number, size or count.
    function head(bytes calldata data, Cursor memory cursor) internal pure returns (uint8 major, uint256 value) {
        if (cursor.bad || cursor.at >= data.length) return (_spoil(cursor), 0);
        uint8 first = uint8(data[cursor.at++]);
        uint256 info = first & 31;
        major = first >> 5;
        if (info < 24) return (major, info);
        if (info == 31) return (major, ENDLESS);
        uint256 size = info > 27 ? ENDLESS : 1 << (info - 24);
        if (size > data.length - cursor.at) return (_spoil(cursor), 0);
        for (uint256 i = 0; i < size; ++i) {
            value = (value << 8) | uint8(data[cursor.at++]);
        }
    }

    /// @notice The next item, which is a string of this kind.
    function string_(bytes calldata data, Cursor memory cursor, uint8 kind) internal pure returns (bytes calldata) {
        (uint8 major, uint256 size) = head(data, cursor);
        if (major != kind || size > data.length - cursor.at) _spoil(cursor);
        if (cursor.bad) return data[:0];
        uint256 from = cursor.at;
        cursor.at = from + size;
        return data[from:from + size];
    }

    /// @notice Whether a container has another item, where `left` of them are to come, or ENDLESS.
    function more(bytes calldata data, Cursor memory cursor, uint256 left) internal pure returns (bool) {
        if (cursor.bad || left != ENDLESS) return !cursor.bad && left != 0;
        if (cursor.at >= data.length) _spoil(cursor);
        else if (data[cursor.at] != 0xff) return true;
        else ++cursor.at;
        return false;
    }

    /// @notice One fewer to come.
    function less(uint256 left) internal pure returns (uint256) {
        return left == ENDLESS ? left : left - 1;
    }

    /// @notice Passes over the next item, which has at most `depth` containers one within the other.
    function skip(bytes calldata data, Cursor memory cursor, uint256 depth) internal pure {
        (uint8 major, uint256 value) = head(data, cursor);
        if (cursor.bad) return;
        if (major == BYTES || major == TEXT) {
            if (value > data.length - cursor.at) _spoil(cursor);
            else cursor.at += value;
        } else if (major == LIST || major == MAP) {
            if (depth == 0) _spoil(cursor);
            for (; more(data, cursor, value); value = less(value)) {
                skip(data, cursor, depth - 1);
                if (major == MAP) skip(data, cursor, depth - 1);
            }
        } else if (major == 6 || value == ENDLESS) {
            _spoil(cursor); // a tag, or a break that ends nothing
        }
    }

    /// @dev No kind of item.
    function _spoil(Cursor memory cursor) private pure returns (uint8) {
        cursor.bad = true;
        return type(uint8).max;
    }
}
