// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title SHA-256 trees with all their hashes, as a provider keeps them; written out again, without the contracts' code
library Trees {
    uint256 internal constant LEAF = 512;

    /// @dev levels[0] are the leaves' hashes; whole, padding included.
    function overBytes(bytes memory data) internal view returns (bytes32[][] memory) {
        uint256 count = data.length == 0 ? 1 : (data.length + LEAF - 1) / LEAF;
        bytes32[] memory row = new bytes32[](_power(count));
        for (uint256 i = 0; i < row.length; ++i) {
            bytes memory last = (i + 1) * LEAF <= data.length ? data : leaf(data, i);
            row[i] = _hash(last, last.length == LEAF ? 0 : i * LEAF, LEAF);
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

    /// @dev The bytes of a leaf, padded with zeros.
    function leaf(bytes memory data, uint256 index) internal pure returns (bytes memory found) {
        found = new bytes(LEAF);
        uint256 from = index * LEAF;
        if (from >= data.length) return found;
        uint256 count = data.length - from < LEAF ? data.length - from : LEAF;
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
        hashes = new bytes32[](4 ** down);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = levels[below - down][position * hashes.length + i];
        }
    }

    function path(bytes32[][] memory levels, uint256 index) internal pure returns (bytes32[] memory siblings) {
        siblings = new bytes32[](3 * (levels.length - 1));
        uint256 count = 0;
        for (uint256 i = 0; i < levels.length - 1; ++i) {
            for (uint256 j = 4 * (index / 4); j < 4 * (index / 4 + 1); ++j) {
                if (j != index) siblings[count++] = levels[i][j];
            }
            index /= 4;
        }
    }

    function _hash(bytes memory data, uint256 from, uint256 size) private view returns (bytes32 hash) {
        assembly ("memory-safe") {
            if iszero(staticcall(gas(), 2, add(add(data, 0x20), from), size, 0x00, 0x20)) { revert(0, 0) }
            hash := mload(0x00)
        }
    }

    function _node(bytes32[] memory row, uint256 at) private view returns (bytes32 hash) {
        assembly ("memory-safe") {
            if iszero(staticcall(gas(), 2, add(add(row, 0x20), shl(7, at)), 0x80, 0x00, 0x20)) { revert(0, 0) }
            hash := mload(0x00)
        }
    }

    function _power(uint256 count) private pure returns (uint256 power) {
        power = 1;
        while (power < count) power *= 4;
    }

    function _above(bytes32[] memory row) private view returns (bytes32[][] memory levels) {
        uint256 depth = 0;
        while (4 ** depth < row.length) ++depth;
        levels = new bytes32[][](depth + 1);
        levels[0] = row;
        for (uint256 i = 1; i <= depth; ++i) {
            levels[i] = new bytes32[](row.length / 4 ** i);
            for (uint256 j = 0; j < levels[i].length; ++j) {
                levels[i][j] = _node(levels[i - 1], j);
            }
        }
    }
}
