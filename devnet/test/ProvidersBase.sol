// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IReputation} from "../contracts/interfaces/IReputation.sol";
import {Attestation, Attribute, Clause, Requirements} from "../contracts/interfaces/IProviders.sol";
import {Providers} from "../contracts/Providers.sol";
import {Base} from "./Base.sol";
import {Shipped} from "./Shipped.sol";
import {ToyReputation} from "./ToyReputation.sol";

/// @title A contract of providers, and signatures by auditors whose keys are small numbers
abstract contract ProvidersBase is Base {
    bytes32 internal constant MEMORY = "gpu.memory";
    bytes32 internal constant MODEL = "gpu.model";

    ToyReputation internal reputation;
    Providers internal providers;

    function _deploy() internal {
        reputation = new ToyReputation();
        providers = Shipped.providers(IReputation(address(reputation)));
    }

    function _number(bytes32 name, uint256 value) internal pure returns (Attribute memory) {
        return Attribute(name, bytes32(value));
    }

    function _one(Attribute memory a) internal pure returns (Attribute[] memory list) {
        list = new Attribute[](1);
        list[0] = a;
    }

    function _two(Attribute memory a, Attribute memory b) internal pure returns (Attribute[] memory list) {
        list = new Attribute[](2);
        (list[0], list[1]) = (a, b);
    }

    function _none() internal pure returns (Attribute[] memory) {
        return new Attribute[](0);
    }

    /// @dev EIP-712, written down once more: types spelt out, nothing shared with the contract.
    function _digestFor(address contract_, uint256 chainId, Attestation memory a) internal pure returns (bytes32) {
        bytes memory hashes;
        for (uint256 i = 0; i < a.attributes.length; ++i) {
            hashes = bytes.concat(
                hashes,
                keccak256(
                    abi.encode(
                        keccak256("Attribute(bytes32 name,bytes32 value)"), a.attributes[i].name, a.attributes[i].value
                    )
                )
            );
        }
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("mlm providers"),
                keccak256("1"),
                chainId,
                contract_
            )
        );
        bytes32 message = keccak256(
            abi.encode(
                keccak256(
                    "Attestation(address auditor,address provider,Attribute[] attributes,uint64 issuedAt,uint64 expiresAt)Attribute(bytes32 name,bytes32 value)"
                ),
                a.auditor,
                a.provider,
                keccak256(hashes),
                a.issuedAt,
                a.expiresAt
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, message));
    }

    function _signed(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _signature(uint256 key, Attestation memory a) internal view returns (bytes memory) {
        return _signed(key, _digestFor(address(providers), block.chainid, a));
    }

    /// @dev Signed by `key` now, for `lifetime` seconds, and submitted.
    function _attest(uint256 key, address provider, Attribute[] memory attributes, uint64 lifetime) internal {
        uint64 issuedAt = uint64(block.timestamp);
        Attestation memory a = Attestation(vm.addr(key), provider, attributes, issuedAt, issuedAt + lifetime);
        providers.attest(a, _signature(key, a));
    }

    function _clause(bytes32 attribute, uint128 least) internal pure returns (Clause[] memory clauses) {
        clauses = new Clause[](1);
        clauses[0].attribute = attribute;
        clauses[0].least = least;
    }

    function _clause(bytes32 attribute, bytes32 symbol) internal pure returns (Clause[] memory clauses) {
        clauses = new Clause[](1);
        clauses[0].attribute = attribute;
        clauses[0].oneOf = new bytes32[](1);
        clauses[0].oneOf[0] = symbol;
    }

    /// @dev Encoded and published.
    function _published(Requirements memory r) internal returns (bytes memory data) {
        data = abi.encode(r);
        providers.publishRequirements(data);
    }
}
