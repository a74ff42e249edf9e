// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IFaultProofErrors as Errors} from "../../contracts/errors/IFaultProofErrors.sol";
import {Merkle} from "../../contracts/exact/Merkle.sol";
import {Tensors} from "../../contracts/exact/Tensors.sol";
import {Base} from "../Base.sol";

/// The functions of the library as calls, whose arguments lie in the calldata.
contract Trees {
    function rootOf(uint32[] calldata leaves, bytes calldata data, uint256 depth, bytes32[] calldata siblings)
        external
        view
        returns (bytes32)
    {
        return Merkle.rootOf(leaves, data, depth, siblings);
    }

    function climb(bytes32 hash, uint256 index, uint256 depth, bytes32[] calldata path)
        external
        view
        returns (bytes32)
    {
        return Merkle.climb(hash, index, depth, path);
    }
}

/// tests/core/test_merkle.py runs the same vectors.
contract MerkleTest is Base {
    uint256 private constant LEAF = 512;

    Trees private _trees;
    string private _json;

    function setUp() public {
        _trees = new Trees();
        _json = vm.readFile("../tests/vectors/merkle.json");
    }

    function test_multiproofs() public {
        vm.pauseGasMetering();
        uint256 proofs = 0;
        for (uint256 i = 0; vm.keyExistsJson(_json, _at(".trees", i)); ++i) {
            string memory tree = _at(".trees", i);
            bytes32 root = vm.parseJsonBytes32(_json, string.concat(tree, ".root"));
            for (uint256 j = 0; vm.keyExistsJson(_json, _at(string.concat(tree, ".proofs"), j)); ++j) {
                (uint32[] memory leaves, bytes memory data, uint256 depth, bytes32[] memory siblings) = _proof(i, j);
                vm.assertEq(_trees.rootOf(leaves, data, depth, siblings), root, tree);
                ++proofs;
            }
        }
        vm.assertGe(proofs, 40);
    }

    function test_paths() public view {
        uint256 count = 0;
        for (; vm.keyExistsJson(_json, _at(".paths", count)); ++count) {
            string memory at = _at(".paths", count);
            uint256 index = vm.parseJsonUint(_json, string.concat(at, ".index"));
            bytes32[] memory path = vm.parseJsonBytes32Array(_json, string.concat(at, ".path"));
            uint256 depth = Merkle.depthOf(vm.parseJsonUint(_json, string.concat(at, ".count")));
            bytes32 root = _trees.climb(sha256(abi.encodePacked(uint8(index))), index, depth, path);
            vm.assertEq(root, vm.parseJsonBytes32(_json, string.concat(at, ".root")), at);
        }
        vm.assertGe(count, 8);
    }

    function test_tensorRoots() public view {
        uint256 count = 0;
        for (; vm.keyExistsJson(_json, _at(".tensors", count)); ++count) {
            string memory at = _at(".tensors", count);
            uint256 typeWord = vm.parseJsonUint(_json, string.concat(at, ".type"));
            bytes32 tree = vm.parseJsonBytes32(_json, string.concat(at, ".tree"));
            vm.assertEq(Tensors.root(typeWord, tree), vm.parseJsonBytes32(_json, string.concat(at, ".root")), at);
            vm.assertEq(Tensors.depth(typeWord), vm.parseJsonUint(_json, string.concat(at, ".depth")), at);
        }
        vm.assertGe(count, 8);
    }

    function test_depths() public pure {
        vm.assertEq(Merkle.depthOf(2), 1);
        vm.assertEq(Merkle.depthOf(3), 1);
        for (uint256 depth = 0; depth < 40; ++depth) {
            vm.assertEq(Merkle.widthOf(depth), 4 ** depth);
            vm.assertEq(Merkle.depthOf(4 ** depth), depth);
            vm.assertEq(Merkle.depthOf(4 ** depth + 1), depth + 1);
        }
    }

    /// Whatever is wrong with a multiproof has a name.
    function test_multiproofsThatAreRefused() public {
        bytes32[] memory none = new bytes32[](0);
        uint32[] memory two = new uint32[](2);
        _refused(abi.encodeWithSelector(Errors.LeavesMissing.selector), new uint32[](0), "", 0, none);
        _refused(abi.encodeWithSelector(Errors.DataLengthMismatch.selector, 1024, 1023), two, new bytes(1023), 1, none);
        _refused(abi.encodeWithSelector(Errors.LeavesNotAscending.selector, 0, 0), two, new bytes(1024), 1, none);
        (two[0], two[1]) = (1, 0);
        _refused(abi.encodeWithSelector(Errors.LeavesNotAscending.selector, 1, 0), two, new bytes(1024), 1, none);
        (two[0], two[1]) = (0, 4);
        _refused(abi.encodeWithSelector(Errors.LeafOutOfRange.selector, 4, 4), two, new bytes(1024), 1, none);
        // Three beside each of the leaves, and two beside the nodes above them.
        _refused(abi.encodeWithSelector(Errors.SiblingMissing.selector, 7), two, new bytes(1024), 2, new bytes32[](7));
        _refused(
            abi.encodeWithSelector(Errors.SiblingLeftOver.selector, 8, 9), two, new bytes(1024), 2, new bytes32[](9)
        );
        _refused(abi.encodeWithSelector(Errors.SiblingMissing.selector, 0), two, new bytes(1024), 2, none);
        // A whole four needs none, and nothing may be left over.
        uint32[] memory four = new uint32[](4);
        (four[1], four[2], four[3]) = (1, 2, 3);
        _refused(
            abi.encodeWithSelector(Errors.SiblingLeftOver.selector, 0, 1), four, new bytes(2048), 1, new bytes32[](1)
        );
        // Four that follow one another, of two parents: two beside each two, and two above.
        (four[0], four[1], four[2], four[3]) = (2, 3, 4, 5);
        _refused(abi.encodeWithSelector(Errors.SiblingMissing.selector, 5), four, new bytes(2048), 2, new bytes32[](5));
        _refused(
            abi.encodeWithSelector(Errors.SiblingLeftOver.selector, 6, 7), four, new bytes(2048), 2, new bytes32[](7)
        );
    }

    /// An index is a whole word: bits above an uint32's make another index, in no tree.
    function test_dirtyIndicesAreRefused() public view {
        (uint32[] memory leaves, bytes memory data, uint256 depth, bytes32[] memory siblings) = _proof(9, 0);
        bytes memory encoded = abi.encodeCall(Trees.rootOf, (leaves, data, depth, siblings));
        // selector, four heads, the length, and the first index.
        assembly {
            let first := add(add(encoded, 0x20), add(4, mul(5, 0x20)))
            mstore(first, or(mload(first), shl(32, 1)))
        }
        (bool ok,) = address(_trees).staticcall(encoded);
        vm.assertFalse(ok, "an index with more than 32 bits");
    }

    function test_pathsThatAreRefused() public {
        for (uint256 length = 0; length < 10; ++length) {
            if (length == 6) continue;
            vm.expectRevert(abi.encodeWithSelector(Errors.PathLengthMismatch.selector, 6, length));
            _trees.climb(0, 0, 2, new bytes32[](length));
        }
        vm.expectRevert(abi.encodeWithSelector(Errors.LeafOutOfRange.selector, 16, 16));
        _trees.climb(0, 16, 2, new bytes32[](6));
        vm.expectRevert(abi.encodeWithSelector(Errors.LeafOutOfRange.selector, type(uint256).max, 16));
        _trees.climb(0, type(uint256).max, 2, new bytes32[](6));
    }

    /// No other leaf, index or sibling gives the root.
    function testFuzz_oneBitLess(uint256 seed) public view {
        (uint32[] memory leaves, bytes memory data, uint256 depth, bytes32[] memory siblings) =
            _proof(7 + seed % 4, seed % 3);
        bytes32 root = _trees.rootOf(leaves, data, depth, siblings);
        uint256 bit = (seed >> 8) % (8 * data.length);
        data[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        vm.assertTrue(_trees.rootOf(leaves, data, depth, siblings) != root, "another leaf");
        data[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        if (siblings.length == 0) return;
        siblings[(seed >> 64) % siblings.length] ^= bytes32(1 << ((seed >> 128) % 256));
        vm.assertTrue(_trees.rootOf(leaves, data, depth, siblings) != root, "another sibling");
    }

    function _refused(
        bytes memory reason,
        uint32[] memory leaves,
        bytes memory data,
        uint256 depth,
        bytes32[] memory siblings
    ) private {
        vm.expectRevert(reason);
        _trees.rootOf(leaves, data, depth, siblings);
    }

    function _proof(uint256 tree, uint256 proof)
        private
        view
        returns (uint32[] memory leaves, bytes memory data, uint256 depth, bytes32[] memory siblings)
    {
        string memory at = _at(".trees", tree);
        uint256 size = vm.parseJsonUint(_json, string.concat(at, ".size"));
        depth = vm.parseJsonUint(_json, string.concat(at, ".depth"));
        at = _at(string.concat(at, ".proofs"), proof);
        uint256[] memory indices = vm.parseJsonUintArray(_json, string.concat(at, ".leaves"));
        siblings = vm.parseJsonBytes32Array(_json, string.concat(at, ".siblings"));
        leaves = new uint32[](indices.length);
        data = new bytes(LEAF * indices.length);
        for (uint256 i = 0; i < indices.length; ++i) {
            leaves[i] = uint32(indices[i]);
            for (uint256 j = 0; j < LEAF && indices[i] * LEAF + j < size; ++j) {
                data[i * LEAF + j] = bytes1(uint8((7 * (indices[i] * LEAF + j) + size) % 251));
            }
        }
    }

    function _at(string memory list, uint256 index) private pure returns (string memory) {
        return string.concat(list, "[", vm.toString(index), "]");
    }
}
