// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Merkle} from "./Merkle.sol";

/// @title Types of tensors and the roots that bind them: mlm/core/exact/tensor.py
/// @notice A type word is dtype << 128 | d0 << 96 | d1 << 64 | d2 << 32 | d3.
library Tensors {
    bytes32 private constant DOMAIN = keccak256("mlm/exact-tensor/1");
    uint256 private constant AXIS_BITS = 32;

    /// @notice The size of an axis, 0 to 3.
    function axis(uint256 typeWord, uint256 which) internal pure returns (uint256) {
        // SAFETY: which <= 3 wherever this is called.
        unchecked {
            return (typeWord >> (AXIS_BITS * (3 - which))) & type(uint32).max;
        }
    }

    /// @notice How many elements the four axes make.
    function elements(uint256 typeWord) internal pure returns (uint256) {
        // SAFETY: a product of four numbers below 2^32.
        unchecked {
            return axis(typeWord, 0) * axis(typeWord, 1) * axis(typeWord, 2) * axis(typeWord, 3);
        }
    }

    /// @notice Bytes of an element: 1 of an int8, 4 of an int32.
    function itemBytes(uint256 typeWord) internal pure returns (uint256) {
        return typeWord >> 128 == 1 ? 1 : 4;
    }

    /// @notice Bytes of the elements, without the padding.
    function size(uint256 typeWord) internal pure returns (uint256) {
        // SAFETY: below 2^130.
        unchecked {
            return elements(typeWord) * itemBytes(typeWord);
        }
    }

    /// @notice Levels of the tree above its leaves.
    function depth(uint256 typeWord) internal pure returns (uint256) {
        // SAFETY: below 2^131.
        unchecked {
            return Merkle.depthOf((size(typeWord) + Merkle.LEAF_BYTES - 1) / Merkle.LEAF_BYTES);
        }
    }

    /// @notice The root that binds a tree to a type.
    function root(uint256 typeWord, bytes32 treeRoot) internal pure returns (bytes32) {
        return sha256(abi.encode(DOMAIN, typeWord, treeRoot));
    }
}
