// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {After, Case, End, Move, Posted, Replay} from "./Replay.sol";

/// tests/auctions/test_vectors.py runs the same file.
contract AuctionVectorsTest is Replay {
    function test_vectors() public {
        string memory json = vm.readFile("../tests/vectors/auctions.json");
        uint256[] memory stakes = vm.parseJsonUintArray(json, ".stakes");
        for (uint256 i = 0; i < stakes.length; ++i) {
            _deposit(i + 1, stakes[i]);
        }
        uint256 count = 0;
        string memory at = ".cases[0]";
        while (vm.keyExistsJson(json, at)) {
            Case memory c = _caseAt(json, at);
            uint256 snapshot = vm.snapshotState();
            number = count;
            _replay(c);
            vm.assertTrue(vm.revertToState(snapshot));
            at = string.concat(".cases[", vm.toString(++count), "]");
        }
        vm.assertGe(count, 60);
    }

    function test_commitments() public view {
        string memory json = vm.readFile("../tests/vectors/auctions.json");
        for (uint256 i = 0; i < 7; ++i) {
            uint256[] memory row = vm.parseJsonUintArray(json, string.concat(".commitments[", vm.toString(i), "]"));
            bytes memory opened = abi.encode(keccak256("mlm/bid/1"), row[0], row[1], row[2], row[3], row[4], row[5]);
            vm.assertEq(keccak256(opened), bytes32(row[6]));
        }
    }

    function _caseAt(string memory json, string memory at) private view returns (Case memory c) {
        c.posted = abi.decode(_words(json, string.concat(at, ".market")), (Posted));
        c.afterMoves = abi.decode(_words(json, string.concat(at, ".after")), (After));
        c.end = abi.decode(_words(json, string.concat(at, ".end")), (End));
        for (uint256 i = 0; i < c.moves.length; ++i) {
            string memory row = string.concat(at, ".moves[", vm.toString(i), "]");
            if (!vm.keyExistsJson(json, row)) break;
            c.moves[i] = abi.decode(_words(json, row), (Move));
        }
    }

    /// @dev The numbers of an array as abi.encode has them without its head.
    function _words(string memory json, string memory key) private pure returns (bytes memory) {
        return abi.encodePacked(vm.parseJsonUintArray(json, key));
    }
}
