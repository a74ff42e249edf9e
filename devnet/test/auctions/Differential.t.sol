// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Case, Replay} from "./Replay.sol";

/// Random markets that Python has drawn and played (tests/auctions/random_cases.py), played again on the real market.
/// Written and run by tests/devnet/test_forge.py; skipped where nobody has written them.
contract AuctionDifferentialTest is Replay {
    string private constant FOLDER = "cache/differential/";

    function setUp() public override {
        super.setUp();
        _deposit(1, 1 << 120);
        _deposit(2, 1 << 120);
    }

    function test_fixed() public {
        _replayAll("fixed");
    }

    function test_reverse() public {
        _replayAll("reverse");
    }

    function test_sealed() public {
        _replayAll("sealed");
    }

    function test_dutch() public {
        _replayAll("dutch");
    }

    function _replayAll(string memory kind) private {
        string memory folder = string.concat(FOLDER, kind, "/");
        if (!vm.exists(string.concat(folder, "0.bin"))) {
            vm.skip(true, "write the markets first: .venv/bin/python -m tests.auctions.random_cases");
        }
        // forge gives a test 2^30 gas, which pays for some thousand markets.
        vm.pauseGasMetering();
        uint256 index = 0;
        string memory path = string.concat(folder, "0.bin");
        while (vm.exists(path)) {
            this.replayFile(path);
            path = string.concat(folder, vm.toString(++index), ".bin");
        }
    }

    /// @dev A call of its own, so that its memory is free again after it.
    function replayFile(string calldata path) external {
        Case[] memory cases = abi.decode(vm.readFileBinary(path), (Case[]));
        for (uint256 i = 0; i < cases.length; ++i) {
            _replay(cases[i]);
            ++number;
        }
    }
}
