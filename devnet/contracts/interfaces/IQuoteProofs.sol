// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// What attesters sign of a quote (EIP-712, domain {name "mlm TeeVerifier", version "1", chainId, verifyingContract the
/// TeeVerifier}). What the quote's bytes alone decide are its facts: measurement, kind, report data and `simulated`.
struct Attestation {
    bytes32 jobId; // 0: of a session key's registration
    bytes32 reportData; // the first 32 of the quote's 64 bytes; the others are zeros
    bytes32 quoteDigest; // sha256 of the quote's bytes
    bytes32 measurement; // keccak256(abi.encode(keccak256("mlm/measurement/1"), uint8 kind, bytes registers))
    uint8 kind; // 1 sgx, 2 tdx, 3 snp, 4 nitro
    uint8 status; // what the vendor said of the platform at `checkedAt`: an index into STATUSES of mlm/core/attestation.py
    bool simulated; // its chain leads to the simulated vendor's root, not to the vendor's
    uint64 checkedAt; // seconds since the epoch
}

/// What is false about an attestation, by its quote's bytes. From Form to ReportData `contradictionOf` tells, from Form on and then
/// from ReportSignature on `brokenLinkOf`. Numbers are stable: what came later stands last.
enum QuoteFault {
    None,
    Form, // no quote of the one form that is read here
    Kind, // of another kind
    Debug, // a debugger can open it, or others than the code that was measured have asked or may have it
    Measurement,
    ReportData,
    ReportSignature, // the report is not signed by the attestation key
    KeyBinding, // the quoting enclave's report does not name the attestation key
    QuotingSignature, // the quoting enclave's report is not signed by the platform's key
    PlatformCertificate, // the platform's certificate is not signed by the platform authority's key
    AuthorityCertificate, // the platform authority's certificate is not signed by the root key
    QuotingEnclave // the quoting enclave is not the vendor's of the kind, or a debugger can open it
}

/// @title What the bytes of evidence say, and whether the signatures in an SGX or TDX quote are true
/// @notice Stateless. Read are quotes of Intel's versions 3, 4 and 5 with an ECDSA-P256 attestation key and a chain of certificates in
/// PEM, at most MAX_QUOTE_BYTES: the leaf, then the platform authority; what follows them is not read. Reports of SEV-SNP, versions 2 to
/// 5, and documents of Nitro Enclaves of at most MAX_QUOTE_BYTES are read for what they say alone.
/// INVARIANT: both views depend on nothing but their arguments and the immutable root keys and quoting enclaves: what they answer once,
/// they answer for ever. An attester that asks both before it signs, and signs only where both answer None, is never slashed for a quote.
/// NOT COVERED: revocation, TCB information (the status, also of the quoting enclave's version), names, validity times and uses of
/// certificates: of these an attester's word stands. Nor the signatures of SNP and Nitro: P-384, see docs/tee.md.
interface IQuoteProofs {
    /// @notice What an attestation says otherwise than its quote's bytes. Reverts unless they are the bytes of its digest, and for
    /// a kind that there is not.
    function contradictionOf(Attestation calldata attestation, bytes calldata quote) external view returns (QuoteFault);

    /// @notice Which link is broken in the quote's chain of signatures, from the report, over the quoting enclave, to the root key of
    /// the vendor that `simulated` names. Reverts as `contradictionOf` does, and for SNP and Nitro.
    function brokenLinkOf(Attestation calldata attestation, bytes calldata quote) external view returns (QuoteFault);

    /// @notice Whether a signature of P-256 is true, with s in the lower half of the order: that of a session key.
    function isSigned(bytes32 digest, bytes32 r, bytes32 s, uint256 x, uint256 y) external view returns (bool);

    /// @notice Whether it is a point of P-256.
    function isKey(uint256 x, uint256 y) external pure returns (bool);

    /// @notice The root's public key, of the vendor or of the simulated one; zeros where there is no simulated one.
    function rootKey(bool simulated) external view returns (uint256 x, uint256 y);

    /// @notice The quoting enclave for a kind, of the vendor or of the simulated one. Reverts for a kind that is not read here.
    function quotingEnclave(uint8 kind, bool simulated) external view returns (bytes32 mrSigner, uint16 isvProdId);
}
