// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Attestation, Attribute} from "../contracts/interfaces/IProviders.sol";
import {ProvidersBase} from "./ProvidersBase.sol";

interface VmBinary {
    function readFileBinary(string calldata path) external view returns (bytes memory);
}

/// @title Every provider against every requirement of a random file
/// @notice tests/vectors/make_requirements.py wrote it with its own reading of the rule; tests/core/test_requirements.py runs
/// mlm/core/requirements.py on the same pairs.
contract ProvidersPairsTest is ProvidersBase {
    struct Event {
        uint8 kind; // 0 attest, 1 revoke
        uint8 auditor; // its key less 1
        uint64 at;
        uint64 expiresAt;
        Attribute[] attributes;
    }

    struct Person {
        address account;
        uint128 points;
        Attribute[] declared;
        bytes[] history; // of Event
    }

    struct Pairs {
        uint64 time;
        bytes[] people; // of Person
        bytes[] asked;
        bytes expected; // 4 bytes of each pair
    }

    function test_tenThousandPairs() public {
        _deploy();
        Pairs memory p = abi.decode(VmBinary(address(vm)).readFileBinary("../tests/vectors/requirements.bin"), (Pairs));
        address[] memory accounts = new address[](p.people.length);
        for (uint256 i = 0; i < p.people.length; ++i) {
            accounts[i] = _play(abi.decode(p.people[i], (Person)));
        }
        vm.warp(p.time);
        for (uint256 i = 0; i < p.asked.length; ++i) {
            providers.publishRequirements(p.asked[i]);
        }
        vm.assertGe(p.people.length * p.asked.length, 10_000);
        uint256 qualified = 0;
        for (uint256 i = 0; i < p.people.length; ++i) {
            for (uint256 j = 0; j < p.asked.length; ++j) {
                bytes4 found = _refusal(accounts[i], p.asked[j]);
                uint256 pair = i * p.asked.length + j;
                if (found != _at(p.expected, 4 * pair)) vm.assertEq(pair, type(uint256).max, "the pair that differs");
                if (found == 0) ++qualified;
            }
        }
        // The file is worth something: neither answer is rare.
        vm.assertGe(qualified, 1_000);
        vm.assertLe(qualified, 9_000);
    }

    function _play(Person memory person) private returns (address) {
        reputation.set(person.account, person.points);
        vm.prank(person.account);
        providers.declare(person.declared, _none());
        for (uint256 i = 0; i < person.history.length; ++i) {
            Event memory e = abi.decode(person.history[i], (Event));
            uint256 key = uint256(e.auditor) + 1;
            vm.warp(e.at);
            if (e.kind == 1) {
                vm.prank(vm.addr(key));
                providers.revoke(person.account, e.attributes);
            } else {
                _attest(key, person.account, e.attributes, e.expiresAt - e.at);
            }
        }
        return person.account;
    }

    /// @dev The first bytes of the hash of what requireQualified reverts with, or 0; `qualifies` must say the same.
    function _refusal(address provider, bytes memory requirements) private view returns (bytes4) {
        bool qualifies = providers.qualifies(provider, requirements);
        try providers.requireQualified(provider, requirements) {
            vm.assertTrue(qualifies);
            return 0;
        } catch (bytes memory reason) {
            vm.assertFalse(qualifies, "qualifies although requireQualified refuses");
            return bytes4(keccak256(reason));
        }
    }

    function _at(bytes memory data, uint256 offset) private pure returns (bytes4 found) {
        assembly ("memory-safe") {
            found := mload(add(add(data, 32), offset))
        }
        return bytes4(found);
    }
}
