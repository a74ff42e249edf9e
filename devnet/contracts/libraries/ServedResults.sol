// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IServingBondsErrors} from "../errors/IServingBondsErrors.sol";
import {Tensors} from "../exact/Tensors.sol";
import {Statement} from "../interfaces/IServingBonds.sol";
import {Tier} from "../interfaces/Types.sol";
import {MAX_INPUT_BYTES} from "./BondLimits.sol";
import {HashRows} from "./HashRows.sol";
import {SCHEME_EXACT} from "./Limits.sol";

/// @title Who signed a served result, and which input it is about: mlm/core/served.py, docs/serving.md
library ServedResults {
    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant RESULT_TYPE = keccak256(
        "ServedResult(bytes32 channelId,uint64 call,bytes32 request,bytes32 versionId,bytes32 inputCommitment,bytes32 outputCommitment,bytes32 profile,uint64 servedAt)"
    );
    bytes32 private constant NAME = keccak256("mlm serving");
    bytes32 private constant VERSION = keccak256("1");
    bytes32 private constant PROFILE_DOMAIN = keccak256("mlm/profile/exact/1");
    bytes32 private constant INPUT_DOMAIN = keccak256("mlm/in/1");
    bytes32 private constant ACCUSATION_DOMAIN = keccak256("mlm/accusation/1");

    /// @notice How a statement is named here: by call and output, whenever it was signed.
    function idOf(Statement calldata statement) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                ACCUSATION_DOMAIN,
                block.chainid,
                address(this),
                statement.channelId,
                statement.call,
                statement.exactOutput
            )
        );
    }

    /// @notice Whose key signed it, in the domain of the channels' contract. Reverts for a signature in another form than 65 bytes r‖s‖v
    /// with s in the lower half (ECDSA.sol). SAFETY: the profile is made here, so that what was signed is about these two commitments.
    function signerOf(Statement calldata statement, address channels) internal view returns (address) {
        bytes32 profile = keccak256(abi.encode(PROFILE_DOMAIN, statement.exactInput, statement.exactOutput));
        bytes32 body = keccak256(
            abi.encode(
                RESULT_TYPE,
                statement.channelId,
                statement.call,
                statement.request,
                statement.versionId,
                statement.inputCommitment,
                statement.outputCommitment,
                profile,
                statement.servedAt
            )
        );
        bytes32 separator = keccak256(abi.encode(DOMAIN_TYPE, NAME, VERSION, block.chainid, channels));
        return ECDSA.recoverCalldata(MessageHashUtils.toTypedDataHash(separator, body), statement.signature);
    }

    /// @notice Reverts unless these tensors are the input of a job of the tier optimistic with this commitment.
    function checkInput(bytes32 expected, bytes32 versionId, uint256[] calldata typeWords, bytes[] calldata inputs)
        internal
        view
    {
        uint256 count = inputs.length;
        if (typeWords.length != count) revert IServingBondsErrors.InputCountMismatch(typeWords.length, count);
        uint256 size = 0;
        bytes32[] memory roots = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            bytes calldata input = inputs[i];
            size += input.length;
            if (size > MAX_INPUT_BYTES) revert IServingBondsErrors.InputsTooLarge(size, MAX_INPUT_BYTES);
            uint256 wanted = Tensors.size(typeWords[i]);
            if (input.length != wanted) revert IServingBondsErrors.InputLengthMismatch(i, wanted, input.length);
            roots[i] = Tensors.root(typeWords[i], HashRows.rootOfBytes(input));
        }
        bytes32 root = sha256(abi.encodePacked(roots));
        bytes32 actual = keccak256(abi.encode(INPUT_DOMAIN, uint8(Tier.Optimistic), SCHEME_EXACT, versionId, root));
        if (actual != expected) revert IServingBondsErrors.InputMismatch(expected, actual);
    }
}
