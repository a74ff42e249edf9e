// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IFaultProofErrors as Errors} from "../../contracts/errors/IFaultProofErrors.sol";
import {CellFault, Committed, HeaderFault, Opening, PaddingFault} from "../../contracts/interfaces/IFaultProofs.sol";
import {ProofFixtures} from "./ProofFixtures.sol";

/// What convicts, and the name of everything that does not.
contract FaultProofsTest is ProofFixtures {
    uint256 private constant OUTPUT = 16;

    function test_aFalseCellConvicts() public view {
        for (uint256 i = 0; i < OPERATORS; ++i) {
            (Committed memory committed, CellFault memory fault) = _cell(i, "lying");
            (int256 expected, int256 claimed) = proofs.checkCell(committed, fault);
            vm.assertEq(expected, vm.parseJsonInt(json, _cellKey(i, "expected")), "expected");
            vm.assertEq(claimed, vm.parseJsonInt(json, _cellKey(i, "claimed")), "claimed");
        }
    }

    function test_aTrueCellDoesNot() public {
        for (uint256 i = 0; i < OPERATORS; ++i) {
            (Committed memory committed, CellFault memory fault) = _cell(i, "honest");
            int256 value = vm.parseJsonInt(json, _cellKey(i, "expected"));
            vm.expectRevert(abi.encodeWithSelector(Errors.CellConsistent.selector, fault.node, fault.index, value));
            proofs.checkCell(committed, fault);
        }
    }

    /// The proof of a lying trace says nothing of an honest one.
    function test_aProofOfAnotherTraceIsRefused() public {
        for (uint256 i = 0; i < OPERATORS; ++i) {
            (Committed memory honest,) = _cell(i, "honest");
            (, CellFault memory fault) = _cell(i, "lying");
            vm.expectPartialRevert(Errors.RootMismatch.selector);
            proofs.checkCell(honest, fault);
        }
    }

    function test_aNodeBeyondTheGraph() public {
        (Committed memory committed, CellFault memory fault) = _cell(CONV, "lying");
        fault.node = committed.nodes;
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeOutOfRange.selector, fault.node, committed.nodes));
        proofs.checkCell(committed, fault);
        fault.node = type(uint256).max;
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeOutOfRange.selector, fault.node, committed.nodes));
        proofs.checkCell(committed, fault);
    }

    function test_anInputFollowsFromNothing() public {
        (Committed memory committed, CellFault memory fault) = _cell(CONV, "lying");
        fault.node = committed.inputs - 1;
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeIsInput.selector, fault.node, committed.inputs));
        proofs.checkCell(committed, fault);
    }

    /// Shape, attribute, operand: a word of the node that is not the graph's.
    function test_everyWordOfTheNodeIsBound() public {
        (Committed memory committed, CellFault memory fault) = _cell(CONV, "lying");
        for (uint256 i = 0; i < fault.descriptor.length; ++i) {
            fault.descriptor[i] ^= 1;
            vm.expectPartialRevert(Errors.DescriptorMismatch.selector);
            proofs.checkCell(committed, fault);
            fault.descriptor[i] ^= 1;
        }
        proofs.checkCell(committed, fault);
    }

    function test_aWordMoreOrLess() public {
        (Committed memory committed, CellFault memory fault) = _cell(CONV, "lying");
        uint256[] memory words = fault.descriptor;
        fault.descriptor = new uint256[](words.length + 1);
        for (uint256 i = 0; i < words.length; ++i) {
            fault.descriptor[i] = words[i];
        }
        vm.expectPartialRevert(Errors.DescriptorMismatch.selector);
        proofs.checkCell(committed, fault);
        fault.descriptor = new uint256[](0);
        vm.expectPartialRevert(Errors.DescriptorMismatch.selector);
        proofs.checkCell(committed, fault);
    }

    function test_thePathToTheGraphRoot() public {
        (Committed memory committed, CellFault memory fault) = _cell(CONV, "lying");
        bytes32[] memory path = fault.graphPath;
        fault.graphPath = new bytes32[](path.length + 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.PathLengthMismatch.selector, path.length, path.length + 1));
        proofs.checkCell(committed, fault);
        fault.graphPath = path;
        path[0] ^= bytes32(uint256(1));
        vm.expectPartialRevert(Errors.DescriptorMismatch.selector);
        proofs.checkCell(committed, fault);
    }

    function test_aCellBeyondTheOutput() public {
        (Committed memory committed, CellFault memory fault) = _cell(CONV, "lying");
        uint256 word = fault.descriptor[1];
        uint256 elements =
            (word >> 96 & 0xffffffff) * (word >> 64 & 0xffffffff) * (word >> 32 & 0xffffffff) * (word & 0xffffffff);
        fault.index = elements;
        vm.expectRevert(abi.encodeWithSelector(Errors.IndexOutOfRange.selector, elements, elements));
        proofs.checkCell(committed, fault);
        fault.index = type(uint256).max;
        vm.expectRevert(abi.encodeWithSelector(Errors.IndexOutOfRange.selector, fault.index, elements));
        proofs.checkCell(committed, fault);
    }

    function test_leavesInAnotherOrderOrTwice() public {
        (Committed memory committed, CellFault memory fault) = _cell(CONV, "lying");
        uint32[] memory leaves = fault.operands[0].leaves;
        vm.assertGe(leaves.length, 2);
        (leaves[0], leaves[1]) = (leaves[1], leaves[0]);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeavesNotAscending.selector, leaves[0], leaves[1]));
        proofs.checkCell(committed, fault);
        leaves[1] = leaves[0];
        vm.expectRevert(abi.encodeWithSelector(Errors.LeavesNotAscending.selector, leaves[0], leaves[0]));
        proofs.checkCell(committed, fault);
    }

    function test_aLeafUnderAnotherIndex() public {
        (Committed memory committed, CellFault memory fault) = _cell(CONV, "lying");
        uint32[] memory leaves = fault.operands[0].leaves;
        leaves[leaves.length - 1] = 1 << 20;
        vm.expectPartialRevert(Errors.LeafOutOfRange.selector);
        proofs.checkCell(committed, fault);
    }

    function test_aByteOfALeaf() public {
        (Committed memory committed, CellFault memory fault) = _cell(CONV, "lying");
        for (uint256 i = 0; i < fault.operands.length; ++i) {
            fault.operands[i].data[0] ^= 0x01;
            vm.expectPartialRevert(Errors.RootMismatch.selector);
            proofs.checkCell(committed, fault);
            fault.operands[i].data[0] ^= 0x01;
        }
        fault.output.data[0] ^= 0x01;
        vm.expectPartialRevert(Errors.RootMismatch.selector);
        proofs.checkCell(committed, fault);
    }

    function test_siblings() public {
        (Committed memory committed, CellFault memory fault) = _cell(CONV, "lying");
        bytes32[] memory siblings = fault.operands[0].siblings;
        fault.operands[0].siblings = new bytes32[](siblings.length + 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.SiblingLeftOver.selector, siblings.length, siblings.length + 1));
        proofs.checkCell(committed, fault);
        vm.assertGe(siblings.length, 1);
        fault.operands[0].siblings = new bytes32[](siblings.length - 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.SiblingMissing.selector, siblings.length - 1));
        proofs.checkCell(committed, fault);
    }

    function test_thePathsToTheTraceRoot() public {
        (Committed memory committed, CellFault memory fault) = _cell(CONV, "lying");
        fault.operands[0].path[0] ^= bytes32(uint256(1));
        vm.expectPartialRevert(Errors.RootMismatch.selector);
        proofs.checkCell(committed, fault);
        fault.operands[0].path = new bytes32[](0);
        vm.expectPartialRevert(Errors.PathLengthMismatch.selector);
        proofs.checkCell(committed, fault);
        // A parameter is bound by the node itself.
        (, fault) = _cell(CONV, "lying");
        fault.operands[1].path = new bytes32[](1);
        vm.expectRevert(abi.encodeWithSelector(Errors.PathLengthMismatch.selector, 0, 1));
        proofs.checkCell(committed, fault);
    }

    function test_operandsMoreOrLess() public {
        (Committed memory committed, CellFault memory fault) = _cell(CONV, "lying");
        fault.operands = new Opening[](3);
        vm.expectRevert(abi.encodeWithSelector(Errors.OperandCountMismatch.selector, 4, 3));
        proofs.checkCell(committed, fault);
    }

    function test_anOperandThatIsNotOpened() public {
        for (uint256 i = 0; i < OPERATORS; ++i) {
            (Committed memory committed, CellFault memory fault) = _cell(i, "lying");
            for (uint256 j = 0; j < fault.operands.length; ++j) {
                if (fault.operands[j].leaves.length == 0) continue;
                Opening memory opening = fault.operands[j];
                delete fault.operands[j];
                vm.expectPartialRevert(Errors.LeafMissing.selector);
                proofs.checkCell(committed, fault);
                fault.operands[j] = opening;
            }
        }
    }

    function test_anOutputThatIsNotOpened() public {
        (Committed memory committed, CellFault memory fault) = _cell(CONV, "lying");
        delete fault.output;
        vm.expectRevert(abi.encodeWithSelector(Errors.LeavesMissing.selector));
        proofs.checkCell(committed, fault);
        // Another tensor's leaves in its place.
        fault.output = fault.operands[0];
        vm.expectRevert();
        proofs.checkCell(committed, fault);
    }

    function test_aByteBehindTheElementsConvicts() public {
        (Committed memory committed, PaddingFault memory fault) = _padding("lying");
        proofs.checkPadding(committed, fault);
        --fault.at;
        vm.expectRevert(abi.encodeWithSelector(Errors.PaddingConsistent.selector, fault.node, fault.at));
        proofs.checkPadding(committed, fault);
        fault.at = 0;
        vm.expectPartialRevert(Errors.NotPadding.selector);
        proofs.checkPadding(committed, fault);
        fault.at = 1 << 40;
        vm.expectRevert(abi.encodeWithSelector(Errors.LeafMissing.selector, OUTPUT, 1 << 31));
        proofs.checkPadding(committed, fault);
    }

    function test_zerosBehindTheElementsDoNot() public {
        (Committed memory committed, PaddingFault memory fault) = _padding("honest");
        vm.expectRevert(abi.encodeWithSelector(Errors.PaddingConsistent.selector, fault.node, fault.at));
        proofs.checkPadding(committed, fault);
        fault.output.data[fault.at] = 0x01;
        vm.expectPartialRevert(Errors.RootMismatch.selector);
        proofs.checkPadding(committed, fault);
        fault.node = 0;
        vm.expectPartialRevert(Errors.NodeIsInput.selector);
        proofs.checkPadding(committed, fault);
    }

    function test_anotherTypeConvicts() public {
        (Committed memory committed, HeaderFault memory fault) = _header("lying");
        proofs.checkHeader(committed, fault);
        uint256 typeWord = fault.typeWord;
        fault.typeWord = fault.descriptor[1];
        vm.expectRevert(abi.encodeWithSelector(Errors.HeaderConsistent.selector, fault.node, fault.typeWord));
        proofs.checkHeader(committed, fault);
        fault.typeWord = typeWord + 1;
        vm.expectPartialRevert(Errors.RootMismatch.selector);
        proofs.checkHeader(committed, fault);
    }

    function test_theNodesTypeDoesNot() public {
        (Committed memory committed, HeaderFault memory fault) = _header("honest");
        vm.expectRevert(abi.encodeWithSelector(Errors.HeaderConsistent.selector, fault.node, fault.typeWord));
        proofs.checkHeader(committed, fault);
        fault.typeWord ^= 1;
        vm.expectPartialRevert(Errors.RootMismatch.selector);
        proofs.checkHeader(committed, fault);
        fault.node = 0;
        vm.expectPartialRevert(Errors.NodeIsInput.selector);
        proofs.checkHeader(committed, fault);
    }

    function test_aNodesType() public {
        (Committed memory committed, CellFault memory fault) = _cell(CONV, "honest");
        uint256 kind =
            proofs.checkDescriptor(committed.graphRoot, committed.nodes, fault.node, fault.descriptor, fault.graphPath);
        vm.assertEq(kind, fault.descriptor[1]);
        vm.expectPartialRevert(Errors.DescriptorMismatch.selector);
        proofs.checkDescriptor(committed.traceRoot, committed.nodes, fault.node, fault.descriptor, fault.graphPath);
    }
}
