// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {FaultProofs} from "../../contracts/FaultProofs.sol";
import {CellFault, Committed, HeaderFault, PaddingFault} from "../../contracts/interfaces/IFaultProofs.sol";
import {Base} from "../Base.sol";
import {Shipped} from "../Shipped.sol";

/// The proofs of tests/vectors/exact_proofs.json, which tests/exact/test_proofs.py verifies too.
abstract contract ProofFixtures is Base {
    uint256 internal constant OPERATORS = 12;
    // In the file's order.
    uint256 internal constant CONV = 0;
    uint256 internal constant SOFTMAX = 10;

    FaultProofs internal proofs;
    string internal json;

    function setUp() public virtual {
        proofs = Shipped.faultProofs();
        json = vm.readFile("../tests/vectors/exact_proofs.json");
    }

    function _callAt(string memory key) internal view returns (bytes memory) {
        return vm.parseJsonBytes(json, key);
    }

    function _cellKey(uint256 operator, string memory part) internal pure returns (string memory) {
        return string.concat(".cells[", vm.toString(operator), "].", part);
    }

    function _cell(uint256 operator, string memory trace) internal view returns (Committed memory, CellFault memory) {
        return abi.decode(_arguments(_callAt(_cellKey(operator, trace))), (Committed, CellFault));
    }

    function _padding(string memory trace) internal view returns (Committed memory, PaddingFault memory) {
        return abi.decode(_arguments(_callAt(string.concat(".padding.", trace))), (Committed, PaddingFault));
    }

    function _header(string memory trace) internal view returns (Committed memory, HeaderFault memory) {
        return abi.decode(_arguments(_callAt(string.concat(".header.", trace))), (Committed, HeaderFault));
    }

    /// @dev A call without its selector.
    function _arguments(bytes memory encoded) private pure returns (bytes memory arguments) {
        arguments = new bytes(encoded.length - 4);
        assembly {
            mcopy(add(arguments, 0x20), add(encoded, 0x24), mload(arguments))
        }
    }
}
