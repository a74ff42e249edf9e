// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BPS, LOCK_TIMES, MAX_OWNER_BPS, MAX_PARENTS, MAX_PROTOCOL_FEE_BPS} from "../contracts/libraries/Limits.sol";
import {Settlement} from "../contracts/libraries/Settlement.sol";
import {Artifacts} from "./Artifacts.sol";
import {Base} from "./Base.sol";

contract SettlementTest is Base {
    function setUp() public {
        Artifacts.place("Settlement");
    }

    /// tests/core/test_settlement.py runs the same file.
    function test_vectors() public view {
        string memory json = vm.readFile("../tests/vectors/settlement.json");
        uint256 count = 0;
        while (vm.keyExistsJson(json, string.concat(".cases[", vm.toString(count), "]"))) {
            _checkCase(json, string.concat(".cases[", vm.toString(count), "]."));
            ++count;
        }
        vm.assertGe(count, 80);
    }

    function _checkCase(string memory json, string memory at) private pure {
        uint256 feeBps = vm.parseJsonUint(json, string.concat(at, "feeBps"));
        uint256 usePrice = vm.parseJsonUint(json, string.concat(at, "usePrice"));
        vm.assertEq(
            Settlement.floorPrice(feeBps, usePrice), vm.parseJsonUint(json, string.concat(at, "floor")), "floor"
        );
        (uint256 fee, uint256[] memory shares, uint256 provider) = Settlement.split(
            vm.parseJsonUint(json, string.concat(at, "price")),
            feeBps,
            usePrice,
            vm.parseJsonUint(json, string.concat(at, "ownerBps")),
            _narrow(vm.parseJsonUintArray(json, string.concat(at, "bps")))
        );
        vm.assertEq(fee, vm.parseJsonUint(json, string.concat(at, "fee")), "fee");
        vm.assertEq(provider, vm.parseJsonUint(json, string.concat(at, "provider")), "provider");
        _checkFee(json, at, fee);
        uint256[] memory expected = vm.parseJsonUintArray(json, string.concat(at, "shares"));
        vm.assertEq(keccak256(abi.encode(shares)), keccak256(abi.encode(expected)));
    }

    /// Of every optimistic lock at least the maximum price burns, whoever the challenger is.
    function test_locks() public view {
        string memory json = vm.readFile("../tests/vectors/settlement.json");
        uint256 count = 0;
        while (vm.keyExistsJson(json, string.concat(".locks[", vm.toString(count), "]"))) {
            string memory at = string.concat(".locks[", vm.toString(count), "].");
            uint256 price = vm.parseJsonUint(json, string.concat(at, "maxPrice"));
            uint256 lock = vm.parseJsonUint(json, string.concat(at, "optimisticLock"));
            vm.assertGe(lock, price * LOCK_TIMES);
            uint256 reward = Settlement.challengerPart(lock);
            vm.assertEq(reward, vm.parseJsonUint(json, string.concat(at, "challenger")), "challenger");
            vm.assertEq(lock - reward, vm.parseJsonUint(json, string.concat(at, "burned")), "burned");
            vm.assertGe(lock - reward, price);
            ++count;
        }
        vm.assertGe(count, 100);
    }

    function _checkFee(string memory json, string memory at, uint256 fee) private pure {
        (uint256 treasury, uint256 stakers, uint256 burned) = Settlement.splitFee(
            fee,
            vm.parseJsonUint(json, string.concat(at, "treasuryBps")),
            vm.parseJsonUint(json, string.concat(at, "stakersBps"))
        );
        vm.assertEq(treasury, vm.parseJsonUint(json, string.concat(at, "treasury")), "treasury");
        vm.assertEq(stakers, vm.parseJsonUint(json, string.concat(at, "stakers")), "stakers");
        vm.assertEq(burned, vm.parseJsonUint(json, string.concat(at, "burned")), "burned");
    }

    function testFuzz_sharesSumToTheFee(uint128 fee, uint256 treasuryBps, uint256 stakersBps) public pure {
        treasuryBps = _within(treasuryBps, 0, BPS);
        stakersBps = _within(stakersBps, 0, BPS - treasuryBps);
        (uint256 treasury, uint256 stakers, uint256 burned) = Settlement.splitFee(fee, treasuryBps, stakersBps);
        vm.assertEq(treasury + stakers + burned, fee);
        // Dust burns: nobody's share is rounded up.
        vm.assertLe(treasury * BPS, fee * treasuryBps);
        vm.assertLe(stakers * BPS, fee * stakersBps);
    }

    function testFuzz_partsSumToThePrice(
        uint256 feeBps,
        uint128 usePrice,
        uint256 ownerBps,
        uint256 parents,
        uint128 above
    ) public pure {
        feeBps = _within(feeBps, 0, MAX_PROTOCOL_FEE_BPS);
        ownerBps = _within(ownerBps, 0, MAX_OWNER_BPS);
        uint16[] memory bps = new uint16[](1 + _within(parents, 0, MAX_PARENTS));
        for (uint256 i = 1; i < bps.length; ++i) {
            bps[i] = uint16(uint256(keccak256(abi.encode(parents, i))) % (BPS / (bps.length - 1) + 1));
        }
        uint256 price = Settlement.floorPrice(feeBps, usePrice) + above;
        (uint256 fee, uint256[] memory shares, uint256 provider) =
            Settlement.split(price, feeBps, usePrice, ownerBps, bps);
        uint256 part = 0;
        for (uint256 i = 0; i < shares.length; ++i) {
            part += shares[i];
        }
        vm.assertEq(fee + part + provider, price);
        vm.assertGe(fee, 1);
        vm.assertGe(part, usePrice);
    }

    function testFuzz_floorIsTheLeastPayablePrice(uint256 feeBps, uint128 usePrice) public pure {
        feeBps = _within(feeBps, 0, MAX_PROTOCOL_FEE_BPS);
        uint256 least = Settlement.floorPrice(feeBps, usePrice);
        vm.assertLe(Settlement.feeUp(least, feeBps) + usePrice, least);
        vm.assertGe(Settlement.feeUp(least - 1, feeBps) + usePrice, least);
    }

    function _narrow(uint256[] memory wide) private pure returns (uint16[] memory narrow) {
        narrow = new uint16[](wide.length);
        for (uint256 i = 0; i < wide.length; ++i) {
            narrow[i] = uint16(wide[i]);
        }
    }
}
