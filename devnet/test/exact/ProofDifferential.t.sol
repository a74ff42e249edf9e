// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Shipped} from "../Shipped.sol";
import {Judge} from "./Judge.sol";

/// Random fault proofs that Python has judged (tests/exact/proofs.py), judged again: the same numbers, or the same refusal.
/// Written and run by tests/devnet/test_fault_proofs.py; skipped where nobody has written them.
contract ProofDifferentialTest is Judge {
    function test_proofsAreJudgedAsPythonJudgesThem() public {
        _judgeFolder("cache/differential/exact/", address(Shipped.faultProofs()), address(this));
    }
}
