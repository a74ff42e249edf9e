// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Whole SHA-256 trees: over a row of hashes, and over the bytes of a tensor (docs/fault-proofs.md, 2)
/// @notice The same trees as exact/Merkle.sol, which opens parts of them.
/// SAFETY, for the assembly here: it writes only into memory that was allocated; a call of the precompile fails only for want
/// of gas, where it must not be mistaken for a hash.
library HashRows {
    uint256 internal constant LEAF_BYTES = 256;

    /// @notice The root over hashes, which are its leaves as they are; padded with zero words. SAFETY: at least one.
    function rootOf(bytes32[] memory hashes) internal view returns (bytes32) {
        return _fold(hashes, 0);
    }

    /// @notice The root over bytes in leaves of 256; the last one, and the row of leaves, are padded with zeros.
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

    /// @dev Folds the row in its own memory. Where a level's number is odd, its last one is paired with the root of a tree of
    /// padding, as high as it is.
    // slither-disable-next-line assembly
    function _fold(bytes32[] memory row, bytes32 pad) private view returns (bytes32 root) {
        assembly ("memory-safe") {
            let first := add(row, 0x20)
            let count := mload(row)
            for {} gt(count, 1) {} {
                let pairs := shr(1, count)
                for { let i := 0 } lt(i, pairs) { i := add(i, 1) } {
                    // SAFETY: pair i is read before hash i is written, which lies no farther.
                    if iszero(staticcall(gas(), 2, add(first, shl(6, i)), 0x40, add(first, shl(5, i)), 0x20)) {
                        revert(0, 0)
                    }
                }
                if and(count, 1) {
                    mstore(0x00, mload(add(first, shl(6, pairs))))
                    mstore(0x20, pad)
                    if iszero(staticcall(gas(), 2, 0x00, 0x40, add(first, shl(5, pairs)), 0x20)) {
                        revert(0, 0)
                    }
                    pairs := add(pairs, 1)
                }
                mstore(0x00, pad)
                mstore(0x20, pad)
                if iszero(staticcall(gas(), 2, 0x00, 0x40, 0x00, 0x20)) { revert(0, 0) }
                pad := mload(0x00)
                count := pairs
            }
            root := mload(first)
        }
    }
}
