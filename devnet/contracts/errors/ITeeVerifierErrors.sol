// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {QuoteFault} from "../interfaces/IQuoteProofs.sol";
import {Tier} from "../interfaces/Types.sol";
import {ICommitmentErrors} from "./ICommitmentErrors.sol";
import {IComplaintErrors} from "./IComplaintErrors.sol";

/// Errors of TeeVerifier; those of a quote's bytes are QuoteProofs' (IQuoteProofsErrors).
interface ITeeVerifierErrors is ICommitmentErrors, IComplaintErrors {
    error NotMarket(address expected, address actual);
    error TierMismatch(bytes32 jobId, Tier expected, Tier actual);
    error SchemeMismatch(bytes32 jobId, uint8 expected, uint8 actual);
    /// The evidence is not abi.encode of a TeeResult.
    error EvidenceNotCanonical(bytes32 jobId);
    error KeyMismatch(bytes32 jobId, bytes32 expected, bytes32 actual);
    error AttestersMissing(uint256 expected, uint256 actual);

    error AttestationOfAnother(bytes32 expected, bytes32 actual);
    error MeasurementCountOutOfBounds(uint256 actual, uint256 least, uint256 most);
    error MeasurementsUnsorted(uint256 index);
    /// The measurement is none that the version allows.
    error MeasurementMissing(bytes32 measurement);
    error ReportDataMismatch(bytes32 expected, bytes32 actual);
    error StatusNotAccepted(uint8 status, bytes32 policy);
    error KindNotAccepted(uint8 kind, bytes32 policy);
    error SimulatedNotAccepted(bytes32 policy);
    error CheckedInFuture(uint64 checkedAt, uint256 now_);
    error AttestationTooOld(uint64 checkedAt, uint256 oldest);
    /// The quote or a signature has shown that the attestation is false.
    error AttestationFalse(bytes32 attestationDigest);

    error SignatureCountOutOfBounds(uint256 actual, uint256 least, uint256 most);
    /// Not 65 bytes, of the upper half, or of nobody.
    error SignatureMalformed(uint256 index);
    /// Signatures stand by ascending address, each signer once.
    error SignersUnsorted(uint256 index, address previous, address signer);
    error SignerNotActive(address signer);

    error SessionKeyMalformed(uint256 x, uint256 y);
    error SessionKeyAlreadyRegistered(bytes32 attestationDigest);
    error SessionKeyMissing(bytes32 attestationDigest);
    error SessionKeyExpired(uint48 expiresAt);
    error SessionOutOfBounds(uint48 expiresAt, uint256 least, uint256 most);
    /// Not 64 bytes, of the upper half, or not by this key over this report data.
    error SessionSignatureFalse(bytes32 reportData);

    error ComplaintAlreadyFiled(bytes32 jobId, uint48 answerBy);
    error QuoteTooLarge(bytes32 jobId, uint256 actual, uint256 most);
    error QuoteDigestMismatch(bytes32 jobId, bytes32 expected, bytes32 actual);

    /// The two attestations can both be true.
    error NoEquivocation();
    error SignersDiffer(address first, address second);
    /// The attester has no stake left.
    error NothingToSlash(address attester);
    /// The attestation says what the quote's bytes say.
    error NoContradiction(bytes32 attestationDigest);
}
