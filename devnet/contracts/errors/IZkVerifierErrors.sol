// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Tier} from "../interfaces/Types.sol";

/// Errors of ZkVerifier, in the order of its checks.
interface IZkVerifierErrors {
    error TierMismatch(bytes32 jobId, Tier expected, Tier actual);
    error SchemeMismatch(bytes32 jobId, uint8 expected, uint8 actual);
    /// The evidence is not abi.encode of its parts. Where one reaches beyond the calldata, the revert has no data.
    error EvidenceNotCanonical(bytes32 jobId);
    error VerifyingKeyMalformed(bytes32 jobId, uint256 words);
    error KeyMismatch(bytes32 jobId, bytes32 expected, bytes32 actual);
    /// The verifying artefact was made with another reference string: its maker could forge. `word` is its position.
    error SrsMismatch(bytes32 jobId, uint256 word, uint256 expected, uint256 actual);
    error InstanceCountMismatch(bytes32 jobId, uint256 expected, uint256 actual);
    error InputCountOutOfBounds(bytes32 jobId, uint256 inputs, uint256 instances);
    error InputMismatch(bytes32 jobId, bytes32 expected, bytes32 actual);
    error ProofLengthMismatch(bytes32 jobId, uint256 expected, uint256 actual);
    error InstanceOutOfField(bytes32 jobId, uint256 index, uint256 value);
    error VerifyingKeyUnregistered(bytes32 jobId, bytes32 vkaDigest);
    /// The verifier ran out of gas: nothing is known of the proof. `gas` is what was left for it.
    error ProofOutOfGas(bytes32 jobId, uint256 gas);
    error ProofRejected(bytes32 jobId);
    error AddressMissing(string name);
}
