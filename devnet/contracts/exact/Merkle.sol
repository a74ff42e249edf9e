// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IFaultProofErrors as Errors} from "../errors/IFaultProofErrors.sol";

/// @title SHA-256 Merkle trees: mlm/core/merkle.py, whose vectors (tests/vectors/merkle.json) hold both
/// @notice Leaves of 256 bytes, or hashes as they are; a node is sha256(left, right).
/// SAFETY, for every block of assembly here: it writes only below 0x40 and beyond the free memory pointer, which it leaves
/// where it is; and a call of the precompile fails only for want of gas, where it must not be mistaken for a hash.
library Merkle {
    uint256 internal constant LEAF_BYTES = 256;

    /// @notice The smallest depth of a tree that holds so many leaves; 0 for none.
    function depthOf(uint256 leaves) internal pure returns (uint256) {
        return Math.log2(leaves, Math.Rounding.Ceil);
    }

    /// @notice The hash of a node.
    // slither-disable-next-line assembly
    function pair(bytes32 left, bytes32 right) internal view returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            if iszero(staticcall(gas(), 2, 0x00, 0x40, 0x00, 0x20)) { revert(0, 0) }
            hash := mload(0x00)
        }
    }

    /// @notice The root above one hash: its index, and its siblings from the leaf up. Reverts unless there are `depth` of
    /// them and the index is one of a tree of that depth.
    // slither-disable-next-line assembly
    function climb(bytes32 hash, uint256 index, uint256 depth, bytes32[] calldata path)
        internal
        view
        returns (bytes32 root)
    {
        if (path.length != depth) revert Errors.PathLengthMismatch(depth, path.length);
        if (index >> depth != 0) revert Errors.LeafOutOfRange(index, 1 << depth);
        root = hash;
        assembly ("memory-safe") {
            let end := add(path.offset, shl(5, depth))
            for { let at := path.offset } lt(at, end) { at := add(at, 0x20) } {
                // The hash goes to the right, at 0x20, where the index is odd; its sibling to the other side.
                let side := shl(5, and(index, 1))
                mstore(side, root)
                mstore(xor(side, 0x20), calldataload(at))
                if iszero(staticcall(gas(), 2, 0x00, 0x40, 0x00, 0x20)) { revert(0, 0) }
                root := mload(0x00)
                index := shr(1, index)
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
        if (previous >> depth != 0) revert Errors.LeafOutOfRange(previous, 1 << depth);
        assembly ("memory-safe") {
            let buffer := add(hashes, shl(5, count))
            let from := data.offset
            for { let to := hashes } lt(to, buffer) { to := add(to, 0x20) } {
                calldatacopy(buffer, from, 0x100)
                if iszero(staticcall(gas(), 2, buffer, 0x100, to, 0x20)) { revert(0, 0) }
                from := add(from, 0x100)
            }
        }
    }

    /// @dev Replaces a row of indices, at the free memory pointer, and of hashes by the one above it.
    /// @param count How many there are, before and after.
    /// @param sibling Where the next sibling lies in the calldata, before and after.
    /// SAFETY: each step reads at `at` or later and writes at `to` <= `at`: nothing is overwritten that is still read.
    // slither-disable-next-line assembly
    function _above(uint256 hashes, uint256 count, uint256 sibling) private view returns (uint256, uint256) {
        assembly ("memory-safe") {
            let row := mload(0x40)
            let end := shl(5, count)
            let to := 0
            for { let at := 0 } lt(at, end) {} {
                let index := mload(add(row, at))
                let next := add(at, 0x20)
                // An even index pairs with the one after it; an odd one is compared with itself, which ascends: with none.
                switch and(lt(next, end), eq(mload(add(row, next)), add(index, iszero(and(index, 1)))))
                case 1 {
                    if iszero(staticcall(gas(), 2, add(hashes, at), 0x40, add(hashes, to), 0x20)) { revert(0, 0) }
                    next := add(next, 0x20)
                }
                default {
                    let side := shl(5, and(index, 1))
                    mstore(side, mload(add(hashes, at)))
                    mstore(xor(side, 0x20), calldataload(sibling))
                    sibling := add(sibling, 0x20)
                    if iszero(staticcall(gas(), 2, 0x00, 0x40, add(hashes, to), 0x20)) { revert(0, 0) }
                }
                mstore(add(row, to), shr(1, index))
                to := add(to, 0x20)
                at := next
            }
            count := shr(5, to)
        }
        return (count, sibling);
    }
}
