// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IFaultProofErrors as Errors} from "../errors/IFaultProofErrors.sol";

/// @title SHA-256 Merkle trees: mlm/core/merkle.py, whose vectors (tests/vectors/merkle.json) hold both
/// @notice Leaves of 512 bytes, or hashes as they are; a node is sha256 of its four children.
/// SAFETY, for every block of assembly here: it writes only below 0x40 and beyond the free memory pointer, which it leaves
/// where it is; and a call of the precompile fails only for want of gas, where it must not be mistaken for a hash.
library Merkle {
    uint256 internal constant LEAF_BYTES = 512;
    /// @notice Bits of an index that say which child of its parent it is: four children.
    uint256 internal constant CHILD_BITS = 2;

    /// @notice The smallest depth of a tree that holds so many leaves; 0 for none.
    function depthOf(uint256 leaves) internal pure returns (uint256) {
        return (Math.log2(leaves, Math.Rounding.Ceil) + CHILD_BITS - 1) / CHILD_BITS;
    }

    /// @notice The leaves of a tree of this depth, padding included. SAFETY: no depth is above 64: types have less than 2^131 bytes.
    function widthOf(uint256 depth) internal pure returns (uint256) {
        return 1 << (CHILD_BITS * depth);
    }

    /// @notice The root above one hash: its index, and its siblings from the leaf up, three a level from left to right.
    /// Reverts unless there are as many and the index is one of a tree of that depth.
    // slither-disable-next-line assembly
    function climb(bytes32 hash, uint256 index, uint256 depth, bytes32[] calldata path)
        internal
        view
        returns (bytes32 root)
    {
        uint256 length = 3 * depth;
        if (path.length != length) revert Errors.PathLengthMismatch(length, path.length);
        if (index >= widthOf(depth)) revert Errors.LeafOutOfRange(index, widthOf(depth));
        root = hash;
        assembly ("memory-safe") {
            let node := mload(0x40)
            let end := add(path.offset, shl(5, length))
            for { let at := path.offset } lt(at, end) { at := add(at, 0x60) } {
                // The siblings on its left, the hash, the siblings on its right.
                let left := shl(5, and(index, 3))
                calldatacopy(node, at, left)
                mstore(add(node, left), root)
                calldatacopy(add(add(node, left), 0x20), add(at, left), sub(0x60, left))
                if iszero(staticcall(gas(), 2, node, 0x80, 0x00, 0x20)) { revert(0, 0) }
                root := mload(0x00)
                index := shr(2, index)
            }
        }
    }

    /// @notice The root of a tree of which some leaves are shown. Reverts unless they are in order, in the tree, and all
    /// siblings are needed: `siblings` are consumed level by level from the leaves up, from left to right.
    /// @param leaves Their indices.
    /// @param data Their bytes, one after the other.
    // slither-disable-next-line assembly
    function rootOf(uint32[] calldata leaves, bytes calldata data, uint256 depth, bytes32[] calldata siblings)
        internal
        view
        returns (bytes32 root)
    {
        uint256 count = leaves.length;
        if (count == 0) revert Errors.LeavesMissing();
        if (data.length != count * LEAF_BYTES) revert Errors.DataLengthMismatch(count * LEAF_BYTES, data.length);
        uint256 hashes = _hashLeaves(leaves, data, depth);
        uint256 first;
        assembly ("memory-safe") {
            first := siblings.offset
        }
        uint256 next = first;
        for (; depth != 0; --depth) {
            (count, next) = _above(hashes, count, next);
        }
        // SAFETY: a sibling that is missing was read from whatever follows in the calldata, and is found out here.
        uint256 used = (next - first) / 32;
        if (used > siblings.length) revert Errors.SiblingMissing(siblings.length);
        if (used < siblings.length) revert Errors.SiblingLeftOver(used, siblings.length);
        assembly ("memory-safe") {
            root := mload(hashes)
        }
    }

    /// @dev Writes the indices of the leaves as words at the free memory pointer, and behind them, at `hashes`, their hashes.
    // slither-disable-next-line assembly
    function _hashLeaves(uint32[] calldata leaves, bytes calldata data, uint256 depth)
        private
        view
        returns (uint256 hashes)
    {
        uint256 count = leaves.length;
        assembly ("memory-safe") {
            let row := mload(0x40)
            hashes := add(row, shl(5, count))
            calldatacopy(row, leaves.offset, shl(5, count))
        }
        // An index is its whole word, here and for whoever reads it again (Slabs): with more bits it lies in no tree.
        uint256 previous = 0;
        for (uint256 i = 0; i < count; ++i) {
            uint256 leaf;
            assembly ("memory-safe") {
                leaf := mload(add(mload(0x40), shl(5, i)))
            }
            if (i != 0 && leaf <= previous) revert Errors.LeavesNotAscending(previous, leaf);
            previous = leaf;
        }
        if (previous >= widthOf(depth)) revert Errors.LeafOutOfRange(previous, widthOf(depth));
        assembly ("memory-safe") {
            let buffer := add(hashes, shl(5, count))
            let from := data.offset
            for { let to := hashes } lt(to, buffer) { to := add(to, 0x20) } {
                calldatacopy(buffer, from, LEAF_BYTES)
                if iszero(staticcall(gas(), 2, buffer, LEAF_BYTES, to, 0x20)) { revert(0, 0) }
                from := add(from, LEAF_BYTES)
            }
        }
    }

    /// @dev Replaces a row of indices, at the free memory pointer, and of hashes by the one above it.
    /// @param count How many there are, before and after.
    /// @param sibling Where the next sibling lies in the calldata, before and after.
    /// SAFETY: each step reads at `at` or later and writes at `to` <= `at`: nothing is overwritten that is still read. What
    /// is put together of known and shown children lies behind both rows.
    // slither-disable-next-line assembly
    function _above(uint256 hashes, uint256 count, uint256 sibling) private view returns (uint256, uint256) {
        assembly ("memory-safe") {
            let row := mload(0x40)
            let end := shl(5, count)
            let to := 0
            for { let at := 0 } lt(at, end) {} {
                let child := shl(2, shr(2, mload(add(row, at))))
                // Indices ascend: if the fourth from here is the parent's last child, all four are here.
                switch and(lt(add(at, 0x60), end), eq(mload(add(row, add(at, 0x60))), or(child, 3)))
                case 1 {
                    if iszero(staticcall(gas(), 2, add(hashes, at), 0x80, add(hashes, to), 0x20)) { revert(0, 0) }
                    at := add(at, 0x80)
                }
                default {
                    let node := add(hashes, end)
                    for { let slot := node } lt(slot, add(node, 0x80)) { slot := add(slot, 0x20) } {
                        switch and(lt(at, end), eq(mload(add(row, at)), child))
                        case 1 {
                            mstore(slot, mload(add(hashes, at)))
                            at := add(at, 0x20)
                        }
                        default {
                            mstore(slot, calldataload(sibling))
                            sibling := add(sibling, 0x20)
                        }
                        child := add(child, 1)
                    }
                    if iszero(staticcall(gas(), 2, node, 0x80, add(hashes, to), 0x20)) { revert(0, 0) }
                    child := sub(child, 4)
                }
                mstore(add(row, to), shr(2, child))
                to := add(to, 0x20)
            }
            count := shr(5, to)
        }
        return (count, sibling);
    }
}
