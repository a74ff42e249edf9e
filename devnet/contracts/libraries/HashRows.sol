// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Whole SHA-256 trees: over a row of hashes, and over the bytes of a tensor (docs/fault-proofs.md, 2)
/// @notice The same trees as exact/Merkle.sol, which opens parts of them.
/// SAFETY, for the assembly here: it writes only into the row, below 0x20 and beyond the free memory pointer; a call of the
/// precompile fails only for want of gas, where it must not be mistaken for a hash.
library HashRows {
    uint256 internal constant LEAF_BYTES = 512;

    /// @notice The root over hashes, which are its leaves as they are; padded with zero words. SAFETY: at least one.
    function rootOf(bytes32[] memory hashes) internal view returns (bytes32) {
        return _fold(hashes, 0);
    }

    /// @notice The root over bytes in leaves of 512; the last one, and the row of leaves, are padded with zeros.
    function rootOfBytes(bytes calldata data) internal view returns (bytes32) {
        uint256 count = data.length == 0 ? 1 : (data.length + LEAF_BYTES - 1) / LEAF_BYTES;
        bytes32[] memory hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 from = i * LEAF_BYTES;
            uint256 to = from + LEAF_BYTES;
            hashes[i] = to <= data.length
                ? sha256(data[from:to])
                : sha256(abi.encodePacked(data[from:], new bytes(to - data.length)));
        }
        return _fold(hashes, sha256(new bytes(LEAF_BYTES)));
    }

    /// @dev Folds the row in its own memory. What a level lacks to fill its last four are roots of trees of padding, as high
    /// as it is.
    // slither-disable-next-line assembly
    function _fold(bytes32[] memory row, bytes32 pad) private view returns (bytes32 root) {
        assembly ("memory-safe") {
            let first := add(row, 0x20)
            let count := mload(row)
            let node := mload(0x40)
            for {} gt(count, 1) {} {
                let parents := shr(2, count)
                for { let i := 0 } lt(i, parents) { i := add(i, 1) } {
                    // SAFETY: children of i are read before hash i is written, which lies no farther.
                    if iszero(staticcall(gas(), 2, add(first, shl(7, i)), 0x80, add(first, shl(5, i)), 0x20)) {
                        revert(0, 0)
                    }
                }
                for { let i := 0 } lt(i, 0x80) { i := add(i, 0x20) } { mstore(add(node, i), pad) }
                if iszero(staticcall(gas(), 2, node, 0x80, 0x00, 0x20)) { revert(0, 0) }
                pad := mload(0x00)
                let left := and(count, 3)
                if left {
                    mcopy(node, add(first, shl(7, parents)), shl(5, left))
                    if iszero(staticcall(gas(), 2, node, 0x80, add(first, shl(5, parents)), 0x20)) {
                        revert(0, 0)
                    }
                    parents := add(parents, 1)
                }
                count := parents
            }
            root := mload(first)
        }
    }
}
