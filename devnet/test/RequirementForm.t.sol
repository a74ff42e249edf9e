// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IProvidersErrors} from "../contracts/errors/IProvidersErrors.sol";
import {Attribute, Clause, Requirements} from "../contracts/interfaces/IProviders.sol";
import {Attributes} from "../contracts/libraries/Attributes.sol";
import {ProvidersBase} from "./ProvidersBase.sol";

contract RequirementFormTest is ProvidersBase {
    string private _json;

    function setUp() public {
        _deploy();
        _json = vm.readFile("../tests/vectors/requirements.json");
    }

    /// tests/core/test_requirements.py runs the same file.
    function test_forms() public {
        uint256 count = 0;
        while (vm.keyExistsJson(_json, string.concat(".forms[", vm.toString(count), "]"))) {
            string memory at = string.concat(".forms[", vm.toString(count), "].");
            string memory name = vm.parseJsonString(_json, string.concat(at, "name"));
            bytes memory data = vm.parseJsonBytes(_json, string.concat(at, "data"));
            bool valid = vm.parseJsonBool(_json, string.concat(at, "valid"));
            bytes32 hash = bytes32(vm.parseJsonBytes(_json, string.concat(at, "hash")));
            try providers.publishRequirements(data) returns (bytes32 published) {
                vm.assertTrue(valid, name);
                vm.assertEq(published, hash);
                vm.assertTrue(providers.publishedAt(hash) != 0, name);
            } catch {
                vm.assertFalse(valid, name);
            }
            ++count;
        }
        vm.assertGe(count, 50);
    }

    function test_words() public view {
        uint256 count = 0;
        while (vm.keyExistsJson(_json, string.concat(".words[", vm.toString(count), "]"))) {
            string memory at = string.concat(".words[", vm.toString(count), "].");
            string memory text = vm.parseJsonString(_json, string.concat(at, "word"));
            bytes32 word = bytes32(vm.parseJsonBytes(_json, string.concat(at, "word")));
            vm.assertTrue(Attributes.isName(word) == vm.parseJsonBool(_json, string.concat(at, "name")), text);
            bool value = Attributes.isNumber(word) || Attributes.isSymbol(word);
            vm.assertTrue(value == vm.parseJsonBool(_json, string.concat(at, "value")), text);
            ++count;
        }
        vm.assertGe(count, 30);
    }

    function testFuzz_nothingIsANumberAndASymbol(bytes32 value) public pure {
        vm.assertFalse(Attributes.isNumber(value) && Attributes.isSymbol(value), "both");
        if (Attributes.isSymbol(value)) vm.assertEq(bytes32(bytes(Attributes.textOf(value))), value);
    }

    /// One word of an accepted encoding changed, whichever: it is refused, or it is other requirements in canonical form.
    function testFuzz_anyOtherWordIsAnotherEncoding(uint256 at, bytes32 word) public {
        bytes memory data = abi.encode(_largest());
        at = 32 * _within(at, 0, data.length / 32 - 1);
        assembly ("memory-safe") {
            mstore(add(add(data, 32), at), word)
        }
        try providers.publishRequirements(data) {
            vm.assertEq(keccak256(abi.encode(abi.decode(data, (Requirements)))), keccak256(data));
        } catch {}
    }

    function testFuzz_noBytesAreTakenForRequirements(bytes memory data) public {
        vm.expectRevert();
        providers.publishRequirements(data);
    }

    function test_whatIsTooLargeNamesItsBound() public {
        Requirements memory r;
        r.clauses = new Clause[](17);
        bytes memory data = abi.encode(r);
        vm.expectRevert(abi.encodeWithSelector(IProvidersErrors.RequirementsTooLarge.selector, "clauses", 16, 17));
        providers.publishRequirements(data);
        data = new bytes(12_320);
        vm.expectRevert(abi.encodeWithSelector(IProvidersErrors.RequirementsTooLarge.selector, "bytes", 12_288, 12_320));
        providers.publishRequirements(data);
    }

    /// The bounds are worth something: the largest requirements cost a bidder less than a million gas to be checked.
    function test_theCostOfTheLargestIsBounded() public {
        bytes memory data = _published(_largest());
        address provider = address(0xbeef);
        reputation.set(provider, type(uint128).max);
        uint256 before = gasleft();
        bool qualified = providers.qualifies(provider, data);
        uint256 used = before - gasleft();
        vm.assertFalse(qualified, "declares nothing");
        vm.assertLe(used, 1_000_000);
        // All that the rule may look up: every clause is met by the last symbol that the last auditor vouches for.
        for (uint256 i = 0; i < 16; ++i) {
            bytes32 name = _largest().clauses[i].attribute;
            _attest(1, provider, _one(_symbol(name, 7)), 1 days);
        }
        before = gasleft();
        qualified = providers.qualifies(provider, data);
        used = before - gasleft();
        vm.assertTrue(qualified, "declares everything");
        vm.assertLe(used, 1_000_000);
    }

    function _symbol(bytes32 name, uint256 number) private pure returns (Attribute memory) {
        return Attribute(name, bytes32(abi.encodePacked("s", bytes1(uint8(0x30 + number)))));
    }

    function _largest() private pure returns (Requirements memory r) {
        r.clauses = new Clause[](16);
        for (uint256 i = 0; i < 16; ++i) {
            r.clauses[i].attribute = bytes32(abi.encodePacked("a", bytes1(uint8(0x61 + i))));
            r.clauses[i].oneOf = new bytes32[](8);
            for (uint256 j = 0; j < 8; ++j) {
                r.clauses[i].oneOf[j] = _symbol("", j).value;
            }
        }
        r.auditors = new address[](1);
        r.auditors[0] = vm.addr(1);
        r.threshold = 1;
        r.reputation = 1;
        r.allow = new address[](64);
        r.deny = new address[](64);
        for (uint160 i = 0; i < 64; ++i) {
            r.allow[i] = address(0xbeef - 63 + i);
            r.deny[i] = address(i + 1);
        }
    }
}
