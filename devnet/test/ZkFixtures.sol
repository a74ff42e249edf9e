// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IHalo2Verifier, ZkVerifier} from "../contracts/ZkVerifier.sol";
import {Artifacts} from "./Artifacts.sol";
import {Base} from "./Base.sol";
import {Shipped} from "./Shipped.sol";

interface IVkaRegistry {
    function registerVka(bytes32[] calldata vka) external returns (bytes32);
}

/// @title The real proofs of test/fixtures/zk.json and the deployment's own verifier
abstract contract ZkFixtures is Base {
    struct Proof {
        uint256[] vka;
        uint256 inputs;
        bytes proof;
        uint256[] instances;
    }

    uint256 internal constant FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

    IHalo2Verifier internal halo2;

    /// @dev ZkVerifier over the checked-in fixed verifier, with the fixtures' reference string.
    function _deployZk() internal returns (ZkVerifier) {
        halo2 = IHalo2Verifier(Artifacts.create("Halo2Verifier", ""));
        uint256[] memory points = vm.parseJsonUintArray(vm.readFile("test/fixtures/zk.json"), ".srsPoints");
        uint256[8] memory srsPoints;
        for (uint256 i = 0; i < 8; ++i) {
            srsPoints[i] = points[i];
        }
        return Shipped.zkVerifier(address(halo2), srsPoints);
    }

    function _load(string memory name) internal view returns (Proof memory) {
        string memory json = vm.readFile("test/fixtures/zk.json");
        string memory at = string.concat(".cases.", name);
        return Proof({
            vka: vm.parseJsonUintArray(json, string.concat(at, ".vka")),
            inputs: vm.parseJsonUint(json, string.concat(at, ".inputs")),
            proof: vm.parseJsonBytes(json, string.concat(at, ".proof")),
            instances: vm.parseJsonUintArray(json, string.concat(at, ".instances"))
        });
    }

    function _register(uint256[] memory vka) internal {
        IVkaRegistry(address(halo2)).registerVka(_words(vka));
    }

    function _words(uint256[] memory values) internal pure returns (bytes32[] memory words) {
        words = new bytes32[](values.length);
        for (uint256 i = 0; i < values.length; ++i) {
            words[i] = bytes32(values[i]);
        }
    }

    function _evidence(Proof memory p) internal pure returns (bytes memory) {
        return abi.encode(p.vka, p.inputs, p.proof, p.instances);
    }

    function _vkaDigestOf(Proof memory p) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(p.vka));
    }

    function _keyOf(Proof memory p) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("mlm/zk-key/1"), _vkaDigestOf(p), p.inputs));
    }

    function _inputCommitmentOf(Proof memory p, bytes32 versionId) internal pure returns (bytes32) {
        bytes32 root = keccak256(abi.encodePacked(_part(p.instances, 0, p.inputs)));
        return keccak256(abi.encode(keccak256("mlm/in/1"), uint8(1), uint8(1), versionId, root));
    }

    function _outputCommitmentOf(Proof memory p) internal pure returns (bytes32) {
        bytes32 root = keccak256(abi.encodePacked(_part(p.instances, p.inputs, p.instances.length)));
        return keccak256(abi.encode(keccak256("mlm/out/1"), root));
    }

    function _part(uint256[] memory values, uint256 from, uint256 to) private pure returns (uint256[] memory part) {
        part = new uint256[](to > from && to <= values.length ? to - from : 0);
        for (uint256 i = 0; i < part.length; ++i) {
            part[i] = values[from + i];
        }
    }
}
