// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Errors of Providers.
interface IProvidersErrors {
    error ReputationMissing();
    error NameMalformed(bytes32 name);
    error ValueMalformed(bytes32 name, bytes32 value);

    /// Times in seconds.
    error AttestationInFuture(address auditor, uint64 issuedAt, uint256 current);
    error AttestationExpired(address auditor, uint64 expiresAt, uint256 current);
    /// The auditor has said something newer of this attribute, or revoked it since.
    error AttestationNotNewer(address auditor, address provider, bytes32 name, uint64 last, uint64 actual);
    error AttestationNotSigned(address auditor, bytes32 digest);

    /// `what` is the list that is too long, or the bytes.
    error RequirementsTooLarge(string what, uint256 most, uint256 actual);
    /// `what` is the list that does not ascend, or the field that does not go with the others.
    error RequirementsMalformed(string what);
    error RequirementsNotCanonical(bytes32 expected, bytes32 actual);
    error RequirementsUnpublished(bytes32 hash);

    /// `what` is `deny`, `allow`, `reputation` or the clause's attribute. Expected and actual are points, numbers, or where
    /// the requirements name auditors how many of them must vouch and do; of a list of symbols its first, and 0; of
    /// `allow` and `deny` 0, and the provider.
    error NotQualified(address provider, string what, bytes32 expected, bytes32 actual);
}
