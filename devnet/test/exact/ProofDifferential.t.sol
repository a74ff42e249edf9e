// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Shipped} from "../Shipped.sol";
import {Judge} from "./Judge.sol";

/// Random fault proofs that Python has judged (tests/exact/proofs.py), and such about cells that numpy has computed
/// (tests/exact/cells.py), judged again: the same numbers, or the same refusal. Written and run by
/// tests/devnet/test_fault_proofs.py; skipped where nobody has written them.
contract ProofDifferentialTest is Judge {
    string private constant FOLDER = "cache/differential/exact/";
    string private constant OTHER = "cache/differential/exact/FaultProofs.bin";

    function test_proofsAreJudgedAsPythonJudgesThem() public {
        _judgeFolder(FOLDER, address(Shipped.faultProofs()), address(this));
    }

    /// Code that rounds otherwise gives another number in the files of every operator that is there.
    function test_otherCodeIsTold() public {
        if (!vm.exists(OTHER)) vm.skip(true, "tests/devnet/test_fault_proofs.py compiles it");
        address other;
        bytes memory code = vm.readFileBinary(OTHER);
        assembly {
            other := create(0, add(code, 0x20), mload(code))
        }
        vm.assertTrue(other.code.length > 0, "created");
        _judgeDiffers(FOLDER, other, address(this));
    }
}
