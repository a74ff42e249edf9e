// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IFaultProofErrors as Errors} from "../errors/IFaultProofErrors.sol";
import {Opening} from "../interfaces/IFaultProofs.sol";
import {Merkle} from "./Merkle.sol";
import {Rows} from "./Rows.sol";
import {Tensors} from "./Tensors.sol";

/// The opened leaves of one tensor, where they lie in the calldata. Made by `Slabs.opened` only.
struct Slab {
    uint256 operand; // its number, for errors
    uint256 itemBytes; // 1 or 4
    uint256 count; // how many leaves are opened
    uint256 leaves; // where their indices lie, a word each, strictly ascending
    uint256 data; // where their bytes lie, in that order: leaves with successive indices are contiguous
}

/// @title Reads elements of tensors of which some leaves are opened
/// @notice The contract says which element; a leaf that is needed and not opened reverts.
library Slabs {
    uint256 private constant LEAF_BITS = 9;

    /// @notice An opening of a tensor of this type. SAFETY: what it reads is bound to a root by `Merkle.rootOf`, which also
    /// holds that leaves ascend and that there are 512 bytes of data for each; read nothing before.
    // slither-disable-next-line assembly
    function opened(Opening calldata opening, uint256 operand, uint256 typeWord)
        internal
        pure
        returns (Slab memory slab)
    {
        uint32[] calldata leaves = opening.leaves;
        bytes calldata data = opening.data;
        slab.operand = operand;
        slab.itemBytes = Tensors.itemBytes(typeWord);
        slab.count = leaves.length;
        uint256 leavesAt;
        uint256 dataAt;
        assembly ("memory-safe") {
            leavesAt := leaves.offset
            dataAt := data.offset
        }
        slab.leaves = leavesAt;
        slab.data = dataAt;
    }

    /// @notice The element at a flat index.
    function at(Slab memory slab, uint256 index) internal pure returns (int256) {
        uint256 width = slab.itemBytes;
        // SAFETY: an index is below 2^128 (four axes). Attributes of an unchecked graph could give any other: it wraps to a
        // leaf that is opened, or to none. An element never straddles two leaves, since its size divides theirs.
        unchecked {
            uint256 pointer = _pointer(slab, index * width);
            return width == 1 ? Rows.at(pointer) : int32At(pointer);
        }
    }

    /// @notice The int32 that lies at a place in the calldata, little-endian.
    // slither-disable-next-line assembly
    function int32At(uint256 pointer) internal pure returns (int256 value) {
        assembly ("memory-safe") {
            value := calldataload(pointer)
            value := signextend(
                3,
                or(or(byte(0, value), shl(8, byte(1, value))), or(shl(16, byte(2, value)), shl(24, byte(3, value))))
            )
        }
    }

    /// @notice Where a leaf lies in the calldata.
    function leaf(Slab memory slab, uint256 index) internal pure returns (uint256) {
        return _pointer(slab, index << LEAF_BITS);
    }

    /// @notice The byte at a place among those of the tree.
    // slither-disable-next-line assembly
    function byteAt(Slab memory slab, uint256 place) internal pure returns (uint256 value) {
        uint256 pointer = _pointer(slab, place);
        assembly ("memory-safe") {
            value := byte(0, calldataload(pointer))
        }
    }

    /// @notice Where `length` successive int8 elements lie in the calldata, all of whose leaves are opened.
    function row(Slab memory slab, uint256 index, uint256 length) internal pure returns (uint256 pointer) {
        // SAFETY: as in `at`; length >= 1, since no axis of a checked graph is 0.
        unchecked {
            uint256 first = index >> LEAF_BITS;
            uint256 span = ((index + length - 1) >> LEAF_BITS) - first;
            uint256 position = _find(slab, first);
            pointer = slab.data + (position << LEAF_BITS) + (index & (Merkle.LEAF_BYTES - 1));
            // Indices ascend: if the last is as many places further as it is greater, all between are there.
            if (span != 0 && (position + span >= slab.count || _leaf(slab, position + span) != first + span)) {
                for (uint256 i = 1; i <= span; ++i) {
                    if (position + i >= slab.count || _leaf(slab, position + i) != first + i) {
                        revert Errors.LeafMissing(slab.operand, first + i);
                    }
                }
            }
        }
    }

    /// @dev Where a byte lies in the calldata.
    function _pointer(Slab memory slab, uint256 place) private pure returns (uint256) {
        // SAFETY: a position is below the number of leaves in the calldata.
        unchecked {
            return slab.data + (_find(slab, place >> LEAF_BITS) << LEAF_BITS) + (place & (Merkle.LEAF_BYTES - 1));
        }
    }

    /// @dev The position of a leaf among the opened ones.
    function _find(Slab memory slab, uint256 wanted) private pure returns (uint256 low) {
        // SAFETY: low <= middle < high <= count.
        unchecked {
            uint256 high = slab.count;
            while (low < high) {
                uint256 middle = (low + high) >> 1;
                uint256 found = _leaf(slab, middle);
                if (found == wanted) return middle;
                if (found < wanted) low = middle + 1;
                else high = middle;
            }
            revert Errors.LeafMissing(slab.operand, wanted);
        }
    }

    // slither-disable-next-line assembly
    function _leaf(Slab memory slab, uint256 position) private pure returns (uint256 index) {
        uint256 leaves = slab.leaves;
        assembly ("memory-safe") {
            index := calldataload(add(leaves, shl(5, position)))
        }
    }
}
