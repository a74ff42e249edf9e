// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MAX_UNITS, TICKS, Ticks} from "../contracts/libraries/Ticks.sol";
import {Base} from "./Base.sol";

/// The packed sums against plain loops over one number for each tick.
contract TicksTest is Base {
    using Ticks for uint256[32];

    uint256[32] private _demand;
    uint256[32] private _supply;

    /// @dev Few ticks of small quantities, or all of any, full ones among them.
    function _draw(uint256 seed, bool dense) private pure returns (uint256[] memory units) {
        units = new uint256[](TICKS);
        uint256 orders = dense ? TICKS : seed % 9;
        for (uint256 i = 0; i < orders; ++i) {
            uint256 hash = uint256(keccak256(abi.encode(seed, i)));
            uint256 tick = dense ? i : (seed >> 8) % 250 + hash % 6;
            uint256 shape = (hash >> 8) % 8;
            units[tick] = dense && shape == 0 ? MAX_UNITS : dense && shape < 5 ? (hash >> 16) % 2 ** 32 : shape;
        }
    }

    function _store(uint256[32] storage side, uint256[] memory units) private {
        for (uint256 i = 0; i < 32; ++i) {
            side[i] = 0;
        }
        for (uint256 t = 0; t < TICKS; ++t) {
            side.add(t, units[t] / 2);
            side.add(t, units[t] - units[t] / 2);
        }
    }

    function _between(uint256[] memory units, uint256 from, uint256 to) private pure returns (uint256 sum) {
        for (uint256 t = from; t < to; ++t) {
            sum += units[t];
        }
    }

    function testFuzz_sumsAreThoseOfTheTicks(uint256 seed, bool dense, uint8 tick) public {
        uint256[] memory units = _draw(seed, dense);
        _store(_demand, units);
        vm.assertEq(_demand.at(tick), units[tick], "at");
        vm.assertEq(_demand.above(tick), _between(units, uint256(tick) + 1, TICKS), "above");
        vm.assertEq(_demand.below(tick), _between(units, 0, tick), "below");
        uint32[256] memory unpacked = Ticks.unpack(_demand);
        for (uint256 t = 0; t < TICKS; ++t) {
            vm.assertEq(unpacked[t], units[t], "unpacked");
        }
    }

    function test_everySumOfFullTicks() public {
        uint256[] memory units = new uint256[](TICKS);
        for (uint256 t = 0; t < TICKS; ++t) {
            units[t] = MAX_UNITS;
        }
        _store(_demand, units);
        for (uint256 t = 0; t < TICKS; ++t) {
            vm.assertEq(_demand.above(t), (255 - t) * MAX_UNITS);
            vm.assertEq(_demand.below(t), t * MAX_UNITS);
        }
        (uint256 tick, uint256 volume) = Ticks.clearing(_demand, _demand);
        vm.assertEq(tick, 127);
        vm.assertEq(volume, 128 * MAX_UNITS);
    }

    function testFuzz_findIsTheInverseOfBelow(uint256 seed, bool dense, uint256 rank) public {
        uint256[] memory units = _draw(seed, dense);
        uint256 total = _between(units, 0, TICKS);
        if (total == 0) return;
        rank = _within(rank, 0, total - 1);
        _store(_supply, units);
        (uint256 tick, uint256 position) = _supply.find(rank);
        vm.assertEq(_supply.below(tick) + position, rank);
        vm.assertGe(units[tick], position + 1);
    }

    /// By the definition: every tick is tried, with both its sums from the start.
    function testFuzz_clearing(uint256 seed, bool dense, bool denseSupply) public {
        uint256[] memory demand = _draw(seed, dense);
        uint256[] memory supply = _draw(seed / 3 + 1, denseSupply);
        (uint256 expectedTick, uint256 expected) = (0, 0);
        for (uint256 t = 0; t < TICKS; ++t) {
            uint256 wanted = _between(demand, t, TICKS);
            uint256 offered = _between(supply, 0, t + 1);
            uint256 least = wanted < offered ? wanted : offered;
            if (least > expected) (expectedTick, expected) = (t, least);
        }
        _store(_demand, demand);
        _store(_supply, supply);
        (uint256 tick, uint256 volume) = Ticks.clearing(_demand, _supply);
        vm.assertEq(volume, expected, "volume");
        vm.assertEq(tick, expectedTick, "tick");
    }
}
