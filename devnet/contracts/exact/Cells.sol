// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IFaultProofErrors as Errors} from "../errors/IFaultProofErrors.sol";
import {CellArithmetic} from "./CellArithmetic.sol";
import {CellDot} from "./CellDot.sol";
import {CellMove} from "./CellMove.sol";
import {CellRow} from "./CellRow.sol";
import {CellWindow} from "./CellWindow.sol";
import {Descriptor, Op} from "./Descriptor.sol";
import {Slab} from "./Slabs.sol";

/// @title What a node's output holds at a flat index, recomputed from its operands (mlm/core/exact/cell.py)
library Cells {
    using Descriptor for uint256[];

    /// @notice The number at an index, which is below the output's elements. Reverts for a leaf that is needed and missing,
    /// and for an input, which follows from nothing.
    function cell(uint256[] calldata words, uint256 index, Slab[] memory slabs) internal pure returns (int256) {
        Op op = words.op();
        if (op == Op.Conv) return CellDot.conv(words, index, slabs);
        if (op == Op.MatMul) return CellDot.matmul(words, index, slabs);
        if (op == Op.Add) return CellArithmetic.add(words, index, slabs);
        if (op == Op.Mul) return CellArithmetic.mul(words, index, slabs);
        if (op == Op.Table) return CellArithmetic.table(index, slabs);
        if (op == Op.MaxPool) return CellWindow.maxpool(words, index, slabs);
        if (op == Op.View) return CellMove.view_(words, index, slabs);
        if (op == Op.Concat) return CellMove.concat(words, index, slabs);
        if (op == Op.Pad) return CellMove.pad(words, index, slabs);
        if (op == Op.Gather) return CellMove.gather(words, index, slabs);
        if (op == Op.Softmax) return CellRow.softmax(words, index, slabs);
        if (op == Op.LayerNorm) return CellRow.layernorm(words, index, slabs);
        revert Errors.OperatorUnknown(uint256(op));
    }
}
