// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Settlement} from "../contracts/libraries/Settlement.sol";
import {Artifacts} from "./Artifacts.sol";
import {Base} from "./Base.sol";

/// 100,000 lineages that tests/core/test_lineages.py pays too, drawn from their numbers as tests/vectors/make_lineages.py
/// says: the parts of each sum to its price, and are those of the definitions.
contract SettlementLineagesTest is Base {
    function setUp() public {
        Artifacts.place("Settlement");
    }

    error DigestDiffers(uint256 fromLineage, bytes32 expected, bytes32 actual);

    uint256 private constant CHUNK = 1_000;

    function test_partsSumToTheWholeInALotOfLineages() public {
        string memory json = vm.readFile("../tests/vectors/lineages.json");
        // forge gives a test 2^30 gas, which pays for less than half of them.
        vm.pauseGasMetering();
        uint256 count = 0;
        while (vm.keyExistsJson(json, string.concat(".digests[", vm.toString(count), "]"))) {
            bytes32 expected = bytes32(vm.parseJsonUint(json, string.concat(".digests[", vm.toString(count), "]")));
            // A call of its own, so that its memory is free again after it.
            bytes32 actual = this.digestFrom(count * CHUNK);
            if (actual != expected) revert DigestDiffers(count * CHUNK, expected, actual);
            ++count;
        }
        vm.assertEq(count * CHUNK, 100_000);
    }

    function digestFrom(uint256 begin) external pure returns (bytes32 chain) {
        for (uint256 number = begin; number < begin + CHUNK; ++number) {
            chain = keccak256(abi.encodePacked(chain, _paid(number)));
        }
    }

    /// @dev Treasury, stakers, what burns of the fee, owner and parents, provider.
    function _paid(uint256 number) private pure returns (uint256[] memory amounts) {
        uint256 first = uint256(keccak256(abi.encode(number)));
        uint256 feeBps = _draw(first, 0, 1_001);
        uint256 price;
        uint256[] memory shares;
        (price, amounts, shares) = _split(first, feeBps, _bps(first, uint256(keccak256(abi.encode(first)))));
        uint256 sum = 0;
        for (uint256 i = 0; i < shares.length; ++i) {
            amounts[3 + i] = shares[i];
        }
        for (uint256 i = 0; i < amounts.length; ++i) {
            sum += amounts[i];
        }
        if (sum != price) revert DigestDiffers(number, bytes32(price), bytes32(sum));
    }

    function _split(uint256 first, uint256 feeBps, uint16[] memory bps)
        private
        pure
        returns (uint256 price, uint256[] memory amounts, uint256[] memory shares)
    {
        uint256 usePrice = uint128(first) >> _draw(first, 5, 128);
        uint256 above = (uint256(keccak256(abi.encode(first))) >> 128) >> _draw(first, 6, 128);
        price = Settlement.floorPrice(feeBps, usePrice) + above;
        amounts = new uint256[](bps.length + 4);
        uint256 fee;
        (fee, shares, amounts[amounts.length - 1]) =
            Settlement.split(price, feeBps, usePrice, _draw(first, 1, 9_001), bps);
        uint256 treasuryBps = _draw(first, 2, 10_001);
        (amounts[0], amounts[1], amounts[2]) =
            Settlement.splitFee(fee, treasuryBps, _draw(first, 3, 10_001 - treasuryBps));
    }

    function _bps(uint256 first, uint256 second) private pure returns (uint16[] memory bps) {
        uint256 parents = _draw(first, 4, 16);
        uint256 most = 10_000 / (parents == 0 ? 1 : parents);
        bps = new uint16[](parents + 1);
        for (uint256 i = 0; i < parents; ++i) {
            bps[i + 1] = uint16(_draw(second, 15 - i, most + 1));
        }
    }

    /// @dev Of a word's sixteen parts the one at `at`, folded below a bound.
    function _draw(uint256 word, uint256 at, uint256 below) private pure returns (uint256) {
        return uint16(word >> (240 - 16 * at)) % below;
    }
}
