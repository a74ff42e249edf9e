// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Base} from "../Base.sol";

/// Calls that Python has judged, judged again by a shipped contract: the same answer, or the same refusal. A file is a row of
/// cases: uint32 length of the call, uint32 length of the answer, whether it succeeds, call, answer. Of a refusal the answer
/// may be the selector alone.
abstract contract Judge is Base {
    string[12] private _operators =
        ["CONV", "MATMUL", "ADD", "MUL", "TABLE", "MAXPOOL", "VIEW", "CONCAT", "PAD", "GATHER", "SOFTMAX", "LAYERNORM"];

    error Differs(string file, uint256 number, bytes expected, bytes actual);

    /// @dev All of a folder that Python has written, with the target called by `caller`; skips where there is none.
    function _judgeFolder(string memory folder, address target, address caller) internal {
        // forge gives a test 2^30 gas, which pays for some thousand proofs.
        vm.pauseGasMetering();
        bool some = false;
        for (uint256 i = 0; i < _operators.length; ++i) {
            for (uint256 index = 0; vm.exists(_path(folder, i, index)); ++index) {
                some = true;
                this.judgeFile(_path(folder, i, index), target, caller);
            }
        }
        if (!some) vm.skip(true, "Python writes the calls first: tests/exact");
    }

    /// @dev Of every operator that is there, some file has a case that the target answers otherwise.
    function _judgeDiffers(string memory folder, address target, address caller) internal {
        vm.pauseGasMetering();
        for (uint256 i = 0; i < _operators.length; ++i) {
            bool told = !vm.exists(_path(folder, i, 0));
            for (uint256 index = 0; !told && vm.exists(_path(folder, i, index)); ++index) {
                try this.judgeFile(_path(folder, i, index), target, caller) {}
                catch (bytes memory reason) {
                    told = bytes4(reason) == Differs.selector;
                }
            }
            vm.assertTrue(told, _operators[i]);
        }
    }

    function _path(string memory folder, uint256 operator, uint256 index) private view returns (string memory) {
        return string.concat(folder, _operators[operator], "/", vm.toString(index), ".bin");
    }

    /// @dev A call of its own, so that its memory is free again after it.
    function judgeFile(string calldata path, address target, address caller) external {
        bytes memory file = vm.readFileBinary(path);
        uint256 number = 0;
        for (uint256 at = 0; at < file.length; ++number) {
            uint256 head = _wordAt(file, at);
            bytes memory call = _slice(file, at + 9, head >> 224);
            bytes memory expected = _slice(file, at + 9 + call.length, (head >> 192) & type(uint32).max);
            bool succeeds = (head >> 184) & 0xff == 1;
            vm.prank(caller);
            (bool ok, bytes memory actual) = target.call(call);
            bool same = actual.length >= expected.length
                && keccak256(_slice(actual, 0, expected.length)) == keccak256(expected);
            if (ok != succeeds || !same) revert Differs(path, number, expected, actual);
            at += 9 + call.length + expected.length;
        }
    }

    function _wordAt(bytes memory data, uint256 at) private pure returns (uint256 word) {
        assembly {
            word := mload(add(add(data, 0x20), at))
        }
    }

    function _slice(bytes memory data, uint256 at, uint256 length) private pure returns (bytes memory part) {
        part = new bytes(length);
        assembly {
            mcopy(add(part, 0x20), add(add(data, 0x20), at), length)
        }
    }
}
