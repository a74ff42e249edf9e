// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title SHA-256 trees with all their hashes, as a provider keeps them; written out again, without the contracts' code
library Trees {
    /// @dev levels[0] are the leaves' hashes; whole, padding included.
    function overBytes(bytes memory data) internal view returns (bytes32[][] memory) {
        uint256 count = data.length == 0 ? 1 : (data.length + 255) / 256;
        bytes32[] memory row = new bytes32[](_power(count));
        for (uint256 i = 0; i < row.length; ++i) {
            bytes memory last = (i + 1) * 256 <= data.length ? data : leaf(data, i);
            row[i] = _hash(last, last.length == 256 ? 0 : i * 256, 256);
        }
        return _above(row);
    }

    function overHashes(bytes32[] memory hashes) internal view returns (bytes32[][] memory) {
        bytes32[] memory row = new bytes32[](_power(hashes.length));
        for (uint256 i = 0; i < hashes.length; ++i) {
            row[i] = hashes[i];
        }
        return _above(row);
    }

    function root(bytes32[][] memory levels) internal pure returns (bytes32) {
        return levels[levels.length - 1][0];
    }

    /// @dev The 256 bytes of a leaf, padded with zeros.
    function leaf(bytes memory data, uint256 index) internal pure returns (bytes memory found) {
        found = new bytes(256);
        uint256 from = index * 256;
        if (from >= data.length) return found;
        uint256 count = data.length - from < 256 ? data.length - from : 256;
        assembly ("memory-safe") {
            mcopy(add(found, 0x20), add(add(data, 0x20), from), count)
        }
    }

    /// @dev The hashes `down` levels below the hash at `position` of the level that has `below` levels under it.
    function under(bytes32[][] memory levels, uint256 below, uint256 position, uint256 down)
        internal
        pure
        returns (bytes32[] memory hashes)
    {
        hashes = new bytes32[](1 << down);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = levels[below - down][(position << down) + i];
        }
    }

    function path(bytes32[][] memory levels, uint256 index) internal pure returns (bytes32[] memory siblings) {
        siblings = new bytes32[](levels.length - 1);
        for (uint256 i = 0; i < siblings.length; ++i) {
            siblings[i] = levels[i][index ^ 1];
            index >>= 1;
        }
    }

    function _hash(bytes memory data, uint256 from, uint256 size) private view returns (bytes32 hash) {
        assembly ("memory-safe") {
            if iszero(staticcall(gas(), 2, add(add(data, 0x20), from), size, 0x00, 0x20)) { revert(0, 0) }
            hash := mload(0x00)
        }
    }

    function _pair(bytes32[] memory row, uint256 at) private view returns (bytes32 hash) {
        assembly ("memory-safe") {
            if iszero(staticcall(gas(), 2, add(add(row, 0x20), shl(6, at)), 0x40, 0x00, 0x20)) { revert(0, 0) }
            hash := mload(0x00)
        }
    }

    function _power(uint256 count) private pure returns (uint256 power) {
        power = 1;
        while (power < count) power *= 2;
    }

    function _above(bytes32[] memory row) private view returns (bytes32[][] memory levels) {
        uint256 depth = 0;
        while (1 << depth < row.length) ++depth;
        levels = new bytes32[][](depth + 1);
        levels[0] = row;
        for (uint256 i = 1; i <= depth; ++i) {
            levels[i] = new bytes32[](row.length >> i);
            for (uint256 j = 0; j < levels[i].length; ++j) {
                levels[i][j] = _pair(levels[i - 1], j);
            }
        }
    }
}
