// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ProofFixtures} from "./ProofFixtures.sol";

/// Honest traces, and proofs in which anything may be changed: none convicts.
contract FaultProofsFuzzTest is ProofFixtures {
    uint256 private constant TRIES = 10; // of a run, for each proof
    // Selector and commitments come from the contract that asks.
    uint256 private constant BOUND = 4 + 4 * 32;

    bytes[] private _honest;

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < OPERATORS; ++i) {
            _honest.push(_callAt(_cellKey(i, "honest")));
        }
        _honest.push(_callAt(".padding.honest"));
        _honest.push(_callAt(".header.honest"));
    }

    /// Bytes anywhere, and whole words: lengths and offsets too.
    function testFuzz_noProofConvictsAnHonestTrace(uint256 seed) public view {
        for (uint256 i = 0; i < _honest.length; ++i) {
            bytes memory call = _honest[i];
            for (uint256 j = 0; j < TRIES; ++j) {
                seed = uint256(keccak256(abi.encode(seed, i, j)));
                uint256 at = BOUND + seed % (call.length - BOUND);
                bytes1 before = call[at];
                if (seed >> 255 == 0) call[at] ^= bytes1(uint8(1 << ((seed >> 64) % 8)));
                else call[at] = bytes1(uint8(seed >> 72));
                // Every other change comes on top of those before.
                (bool ok,) = address(proofs).staticcall{gas: 20_000_000}(call);
                vm.assertFalse(ok, "an honest trace was convicted");
                if ((seed >> 128) % 2 == 0) call[at] = before;
            }
        }
    }
}
