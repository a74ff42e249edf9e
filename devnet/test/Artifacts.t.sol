// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {Artifacts} from "./Artifacts.sol";
import {Base} from "./Base.sol";

/// What every other test relies on: an artifact is the code of the sources that lie beside it, linked, or there is no test.
contract ArtifactsTest is Base {
    function create(string calldata name, bytes calldata arguments) external returns (address) {
        return Artifacts.create(name, arguments);
    }

    function test_anArtifactOfOtherSourcesIsRefused() public {
        string memory name = "../test/fixtures/stale";
        string memory whatToDo = "sources have changed since it was built: run `make contracts`";
        vm.expectRevert(abi.encodeWithSelector(Artifacts.ArtifactIsStale.selector, name, whatToDo));
        this.create(name, "");
    }

    function test_aConstructorsRefusalIsPassedOn() public {
        address token = this.create("FaultProofs", "");
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "batch"));
        this.create("StakeVault", abi.encode(token, address(1), address(0), uint64(0)));
    }

    /// forge's own copy of the library, by whose name tests call it, is never made.
    function test_aLibraryStandsOnceAndKnowsItsAddress() public {
        address at = Artifacts.place("Settlement");
        vm.assertEq(Artifacts.place("Settlement"), at);
        string memory json = vm.readFile("artifacts/Settlement.json");
        vm.assertEq(at.code.length, vm.parseJsonUint(json, ".deployedSize"));
        vm.assertTrue(bytes20(_after(at.code, 1)) == bytes20(at));
    }

    function _after(bytes memory code, uint256 offset) private pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := mload(add(add(code, 0x20), offset))
        }
    }
}
