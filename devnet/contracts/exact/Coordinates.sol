// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Tensors} from "./Tensors.sol";

/// An index of each of the four axes.
struct At {
    uint256 a;
    uint256 b;
    uint256 c;
    uint256 d;
}

/// @title Flat indices and those of the axes, row-major (mlm/core/exact/cell.py)
/// SAFETY: axes are below 2^32 and indices below their axes, so every product and sum here is below 2^128; that no axis is 0
/// follows from there being an index.
library Coordinates {
    /// @notice A flat index as one for each axis.
    function from(uint256 index, uint256 typeWord) internal pure returns (At memory at) {
        unchecked {
            uint256 size = Tensors.axis(typeWord, 3);
            at.d = index % size;
            index /= size;
            size = Tensors.axis(typeWord, 2);
            at.c = index % size;
            index /= size;
            size = Tensors.axis(typeWord, 1);
            at.b = index % size;
            at.a = index / size;
        }
    }

    /// @notice The inverse of `from`.
    function flat(uint256 a, uint256 b, uint256 c, uint256 d, uint256 typeWord) internal pure returns (uint256) {
        unchecked {
            return ((a * Tensors.axis(typeWord, 1) + b) * Tensors.axis(typeWord, 2) + c) * Tensors.axis(typeWord, 3) + d;
        }
    }

    /// @notice The flat index in a tensor whose axes of size 1 are repeated.
    function broadcast(At memory at, uint256 typeWord) internal pure returns (uint256) {
        return flat(
            Tensors.axis(typeWord, 0) == 1 ? 0 : at.a,
            Tensors.axis(typeWord, 1) == 1 ? 0 : at.b,
            Tensors.axis(typeWord, 2) == 1 ? 0 : at.c,
            Tensors.axis(typeWord, 3) == 1 ? 0 : at.d,
            typeWord
        );
    }
}
