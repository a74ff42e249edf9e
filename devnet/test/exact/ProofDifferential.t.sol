// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {FaultProofs} from "../../contracts/FaultProofs.sol";
import {Base} from "../Base.sol";
import {Shipped} from "../Shipped.sol";

/// Random fault proofs that Python has judged (tests/exact/proofs.py), and such about cells that numpy has computed
/// (tests/exact/cells.py), judged again: the same numbers, or the same refusal. Written and run by
/// tests/devnet/test_fault_proofs.py; skipped where nobody has written them.
contract ProofDifferentialTest is Base {
    string private constant FOLDER = "cache/differential/exact/";

    string private constant OTHER = "cache/differential/exact/FaultProofs.bin";

    error Differs(string file, uint256 number, bytes expected, bytes actual);

    string[12] private _operators =
        ["CONV", "MATMUL", "ADD", "MUL", "TABLE", "MAXPOOL", "VIEW", "CONCAT", "PAD", "GATHER", "SOFTMAX", "LAYERNORM"];
    FaultProofs private _proofs;

    function setUp() public {
        _proofs = Shipped.faultProofs();
    }

    function test_proofsAreJudgedAsPythonJudgesThem() public {
        // forge gives a test 2^30 gas, which pays for some thousand proofs.
        vm.pauseGasMetering();
        bool some = false;
        for (uint256 i = 0; i < _operators.length; ++i) {
            for (uint256 file = 0; vm.exists(_path(i, file)); ++file) {
                some = true;
                this.judgeFile(address(_proofs), _path(i, file));
            }
        }
        if (!some) vm.skip(true, "write the proofs first: .venv/bin/python -m tests.exact.proofs");
    }

    /// Code that rounds otherwise gives another number in the files of every operator that is there.
    function test_otherCodeIsTold() public {
        if (!vm.exists(OTHER)) vm.skip(true, "tests/devnet/test_fault_proofs.py compiles it");
        vm.pauseGasMetering();
        address other;
        bytes memory code = vm.readFileBinary(OTHER);
        assembly {
            other := create(0, add(code, 0x20), mload(code))
        }
        vm.assertTrue(other.code.length > 0, "created");
        for (uint256 i = 0; i < _operators.length; ++i) {
            bool told = !vm.exists(_path(i, 0));
            for (uint256 file = 0; !told && vm.exists(_path(i, file)); ++file) {
                try this.judgeFile(other, _path(i, file)) {}
                catch (bytes memory reason) {
                    told = bytes4(reason) == Differs.selector;
                }
            }
            vm.assertTrue(told, _operators[i]);
        }
    }

    function _path(uint256 operator, uint256 file) private view returns (string memory) {
        return string.concat(FOLDER, _operators[operator], "/", vm.toString(file), ".bin");
    }

    /// @dev A call of its own, so that its memory is free again after it. A case is (uint32 length of the call, uint32 length
    /// of the answer, whether it convicts, call, answer).
    function judgeFile(address proofs, string calldata path) external view {
        bytes memory file = vm.readFileBinary(path);
        uint256 number = 0;
        for (uint256 at = 0; at < file.length; ++number) {
            uint256 head = _wordAt(file, at);
            bytes memory call = _slice(file, at + 9, head >> 224);
            bytes memory expected = _slice(file, at + 9 + call.length, (head >> 192) & type(uint32).max);
            bool convicts = (head >> 184) & 0xff == 1;
            (bool ok, bytes memory actual) = proofs.staticcall(call);
            bool same = actual.length >= expected.length
                && keccak256(_slice(actual, 0, expected.length)) == keccak256(expected);
            if (ok != convicts || !same) revert Differs(path, number, expected, actual);
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
