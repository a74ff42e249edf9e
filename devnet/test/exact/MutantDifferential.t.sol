// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GameBase} from "../GameBase.sol";
import {Shipped} from "../Shipped.sol";
import {Judge} from "./Judge.sol";

/// Runs in which one thing is otherwise than the version and the job say (tests/exact/mutants.py): which submissions the game
/// takes from the market, and which proofs convict. Written and run by tests/devnet/test_mutants.py; skipped where nobody has
/// written them.
contract MutantsTest is GameBase, Judge {
    function test_submissionsAreTakenOrRefused() public {
        _judgeFolder("cache/differential/mutants/submissions/", address(game), address(market));
    }

    function test_proofsConvict() public {
        _judgeFolder("cache/differential/mutants/proofs/", address(Shipped.faultProofs()), address(this));
    }
}
