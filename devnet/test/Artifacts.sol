// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Vm} from "./Base.sol";

/// @title Creates contracts from artifacts/, the checked-in bytes that are deployed, after a look at their sources
/// @notice Tests are compiled without the optimizer, in a fifth of the time; what they test is the code that is shipped.
library Artifacts {
    Vm private constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

    error ArtifactIsStale(string name, string whatToDo);

    /// @dev `arguments` are the constructor's, encoded. Reverts with what the constructor reverted with. Nothing that was
    /// read is looked at again: the memory is free afterwards for the next one, as tests create contracts by hundreds.
    function create(string memory name, bytes memory arguments) internal returns (address created) {
        uint256 memoryEnd;
        assembly ("memory-safe") {
            memoryEnd := mload(0x40)
        }
        (bytes memory code,) = _linked(name);
        code = bytes.concat(code, arguments);
        assembly ("memory-safe") {
            created := create(0, add(code, 0x20), mload(code))
            mstore(0x40, memoryEnd)
            if iszero(created) {
                let free := mload(0x40)
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
        }
    }

    /// @dev Where foundry.toml has the tests look for a library, and where `create` links to it. It is put there without a
    /// transaction, which would move the nonces from which tests foretell addresses.
    function place(string memory name) internal returns (address at) {
        at = address(uint160(uint256(keccak256(bytes(string.concat("mlm library ", name))))));
        if (at.code.length > 0) return at;
        (bytes memory code, uint256 size) = _linked(name);
        // Creation code ends with the code itself; that begins with PUSH20, ADDRESS, EQ, and its own address belongs between.
        bytes memory own = new bytes(size);
        for (uint256 i = 0; i < size; ++i) {
            own[i] = code[code.length - size + i];
        }
        vm.assertTrue(bytes23(own) == hex"7300000000000000000000000000000000000000003014", name);
        _write(own, 1, at);
        vm.etch(at, own);
    }

    /// @dev With the size of the code that it creates.
    function _linked(string memory name) private returns (bytes memory code, uint256 size) {
        string memory json = vm.readFile(string.concat("artifacts/", name, ".json"));
        _needFresh(name, json);
        code = vm.parseJsonBytes(json, ".bytecode");
        size = vm.parseJsonUint(json, ".deployedSize");
        if (!vm.keyExistsJson(json, ".links")) return (code, size);
        string[] memory libraries = vm.parseJsonKeys(json, ".links");
        for (uint256 i = 0; i < libraries.length; ++i) {
            uint256[] memory offsets = vm.parseJsonUintArray(json, string.concat(".links.", libraries[i]));
            for (uint256 k = 0; k < offsets.length; ++k) {
                _write(code, offsets[k], place(libraries[i]));
            }
        }
    }

    function _write(bytes memory code, uint256 offset, address at) private pure {
        for (uint256 i = 0; i < 20; ++i) {
            code[offset + i] = bytes20(at)[i];
        }
    }

    /// @dev Once for the sources of an artifact in each state of the chain: a mark stands where they have been compared.
    function _needFresh(string memory name, string memory json) private {
        string memory expected = vm.parseJsonString(json, ".sourceDigest");
        address mark = address(uint160(uint256(keccak256(bytes(expected)))));
        if (mark.code.length > 0) return;
        string[] memory sources = vm.parseJsonStringArray(json, ".sources");
        bytes memory parts = new bytes(0);
        for (uint256 i = 0; i < sources.length; ++i) {
            parts = abi.encodePacked(parts, sources[i], bytes1(0), _fileDigest(sources[i]));
        }
        string memory actual = vm.replace(vm.toString(sha256(parts)), "0x", "sha256:");
        if (keccak256(bytes(actual)) != keccak256(bytes(expected))) {
            revert ArtifactIsStale(name, "sources have changed since it was built: run `make contracts`");
        }
        vm.etch(mark, hex"00");
    }

    /// @dev As build.mjs finds it; one that is gone has no digest.
    function _fileDigest(string memory source) private view returns (bytes32) {
        string memory path = source;
        if (bytes(source)[0] == "@") path = string.concat("node_modules/", source);
        else if (_begins(source, "circuits/")) path = string.concat("../", source);
        if (!vm.exists(path)) return 0;
        return sha256(vm.readFileBinary(path));
    }

    function _begins(string memory text, string memory start) private pure returns (bool) {
        uint256 length = bytes(start).length;
        for (uint256 i = 0; i < length; ++i) {
            if (bytes(text)[i] != bytes(start)[i]) return false;
        }
        return true;
    }
}
