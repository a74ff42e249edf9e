// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Tier, Verdict} from "./Types.sol";

/// What a verifier is asked to check; every field comes from the job's frozen terms, none from the provider.
struct Claim {
    bytes32 jobId;
    bytes32 versionId;
    bytes32 key; // the version's key for this tier, as of the job's creation
    bytes32 inputCommitment;
    address provider;
    Tier tier;
    uint8 scheme; // how the input root was made: 1 = Poseidon, 2 = keccak256, 3 = exact tensors
    bytes32 policy; // the tier's own terms, as the consumer posted them
}

/// One interface for every tier.
interface IVerifier {
    /// A tier's own terms are not in its form: 0 where it has none.
    error PolicyUnusable(bytes32 policy);

    /// @notice Checks the provider's evidence. Called by the market, once for each job.
    /// @param claim What must be shown.
    /// @param evidence Tier-specific bytes from the provider: hostile.
    /// @return verdict `Accepted` when the evidence decides at once, `Pending` when a window follows.
    /// @return outputCommitment Derived from the evidence by the verifier, never taken from the provider's word.
    /// Reverts when the evidence is false: a failed proof is never stored.
    function check(Claim calldata claim, bytes calldata evidence)
        external
        returns (Verdict verdict, bytes32 outputCommitment);

    /// @notice Refuses what cannot be a tier's own terms. Called by the market when a job is posted.
    /// Reverts with PolicyUnusable.
    function checkPolicy(bytes32 policy) external view;

    /// @notice The verdict now, for a job whose first verdict was `Pending`.
    function verdictOf(bytes32 jobId) external view returns (Verdict);

    /// @notice Who has shown that a job's result is false, and has a share of what its provider loses; address(0) where nobody
    /// has, and in tiers without challengers.
    function challengerOf(bytes32 jobId) external view returns (address);
}
