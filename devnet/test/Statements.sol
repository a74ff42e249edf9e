// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Statement} from "../contracts/interfaces/IServingBonds.sol";
import {Vm} from "./Base.sol";

/// @title What a payee's server signs for an answer, by the definition of EIP-712 (docs/serving.md)
library Statements {
    Vm private constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

    function sign(Statement memory s, uint256 key, address channels) internal view returns (Statement memory) {
        (uint8 v, bytes32 r, bytes32 t) = vm.sign(key, digest(s, channels, block.chainid));
        s.signature = abi.encodePacked(r, t, v);
        return s;
    }

    function digest(Statement memory s, address channels, uint256 chainId) internal pure returns (bytes32) {
        bytes32 separator = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("mlm serving"),
                keccak256("1"),
                chainId,
                channels
            )
        );
        bytes32 profile = keccak256(abi.encode(keccak256("mlm/profile/exact/1"), s.exactInput, s.exactOutput));
        bytes32 body = keccak256(
            abi.encode(
                keccak256(
                    "ServedResult(bytes32 channelId,uint64 call,bytes32 request,bytes32 versionId,bytes32 inputCommitment,"
                    "bytes32 outputCommitment,bytes32 profile,uint64 servedAt)"
                ),
                s.channelId,
                s.call,
                s.request,
                s.versionId,
                s.inputCommitment,
                s.outputCommitment,
                profile,
                s.servedAt
            )
        );
        return keccak256(abi.encodePacked(hex"1901", separator, body));
    }

    /// @dev How the bonds name it.
    function idOf(Statement memory s, address bonds) internal view returns (bytes32) {
        return
            keccak256(
                abi.encode(keccak256("mlm/accusation/1"), block.chainid, bonds, s.channelId, s.call, s.exactOutput)
            );
    }
}
