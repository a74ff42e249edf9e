// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IComplaints} from "./IComplaints.sol";
import {IPullCredits} from "./IPullCredits.sol";
import {Attestation, QuoteFault} from "./IQuoteProofs.sol";
import {IVerifier} from "./IVerifier.sol";

/// The evidence is abi.encode of it, in its one encoding.
struct TeeResult {
    // Of this job; or, with jobId 0, that of the registration of the session key that signed the result.
    Attestation attestation;
    bytes32 modelDigest; // sha256 of the ONNX file's bytes
    bytes32[] measurements; // the version's, ascending, 1 to MAX_MEASUREMENTS: the attestation's is one of them
    uint256 x; // of the P-256 key that the enclave made, or 0
    uint256 y;
    bytes32 root; // of the outputs
    // By the attesters, 65 bytes each (r, s, v), by ascending address, m to MAX_ATTESTERS of them; or the session key's one over
    // the job's report data, 64 bytes (r, s). s in the lower half of the order in both.
    bytes[] signatures;
}

/// A P-256 key that an attested enclave made, and that signs results from its registration until it expires.
struct SessionKey {
    address provider;
    bytes32 modelDigest;
    uint256 x;
    uint256 y;
    uint48 expiresAt; // the first second that is too late; the enclave chose it, at most MAX_SESSION after the registration
}

/// What was shown of an attestation.
struct Falsehood {
    address reporter;
    uint48 provenAt; // 0: nothing was
    QuoteFault fault;
}

/// @title The tee tier: m of n attesters sign what they found of a quote, and lose their stake for what its bytes disprove
/// @notice A result's report data is
/// H(enc(H("mlm/tee/1"), chainId, market, jobId, modelDigest, inputCommitment, outputCommitment, H(enc(provider, x, y)))), a session
/// key's registration's H(enc(H("mlm/tee-session/1"), chainId, market, modelDigest, expiresAt, H(enc(provider, x, y)))); H is
/// keccak256, enc abi.encode. A version's key is H(enc(H("mlm/tee-key/1"), modelDigest, H(enc(bytes32[] measurements)))).
///
/// The policy word of a job: bits 0-6 the accepted statuses, bit i for STATUSES[i] (6, Revoked, never), bits 8-11 the accepted kinds
/// (sgx, tdx, snp, nitro), at least one of both; bit 15: simulated evidence is accepted; bits 16-47: how many seconds old
/// (`checkedAt`) an attestation is at submission at most, 0: any; all others 0.
interface ITeeVerifier is IVerifier, IComplaints, IPullCredits {
    /// A result was handed in, and passed. With jobId 0 in the attestation a session key signed it.
    event ResultAttested(
        bytes32 indexed jobId,
        bytes32 indexed versionId,
        address indexed provider,
        bytes32 attestationDigest,
        Attestation attestation,
        bytes[] signatures
    );
    /// A session key can sign results from now on.
    event SessionKeyRegistered(
        bytes32 indexed attestationDigest,
        address indexed provider,
        SessionKey key,
        Attestation attestation,
        bytes[] signatures
    );
    /// `outputs` are the very bytes that the output commitment binds, with `salt`; `quote` those of the attestation's digest.
    event AttestedShown(
        bytes32 indexed jobId,
        bytes32 indexed versionId,
        address indexed provider,
        bytes32 salt,
        bytes outputs,
        bytes quote
    );
    /// Its quote disproves an attestation: jobs that rest on it and can still be judged are rejected, and keys end.
    event AttestationDisproved(bytes32 indexed attestationDigest, address indexed reporter, QuoteFault fault);
    /// An attester signed two attestations of which one is false.
    event EquivocationShown(address indexed attester, address indexed reporter, bytes32 first, bytes32 second);
    /// A link of the chain is broken: the reporter's bond is credited back.
    event BondReturned(bytes32 indexed attestationDigest, address indexed reporter, uint256 bond);
    /// Every link of the chain is true: the reporter's bond burns.
    event ChainUpheld(bytes32 indexed attestationDigest, address indexed reporter, uint256 bond);

    /// @notice Lets a key that an enclave made sign this provider's results. Anybody may, once for an attestation, with m signatures.
    /// The measurement is the attestation's; which versions allow it, each submission shows.
    /// @return attestationDigest The key's name: see `attestationDigest`.
    function registerKey(SessionKey calldata key, Attestation calldata attestation, bytes[] calldata signatures)
        external
        returns (bytes32);

    /// @notice Shows the outputs and the quote to a consumer who complained: both were to be handed over. Lease holder only,
    /// before the complaint's clock ends. Moves no tokens. Whoever wants to disprove the quote then has `answerWindow` for it.
    /// @param attestation The one that the result rests on, whose digest is stored.
    function answer(
        bytes32 jobId,
        bytes32 salt,
        bytes calldata outputs,
        Attestation calldata attestation,
        bytes calldata quote
    ) external;

    /// @notice Records a commitment to a later report, so that a copier in the mempool gains nothing. commitment =
    /// keccak256(abi.encode(keccak256("mlm/tee-report/1"), chainid, this, sender, subject, salt)); the subject is the
    /// attestation's digest, of an equivocation keccak256(abi.encode(digest of a, digest of b)).
    function commit(bytes32 commitment) external;

    /// @notice Shows that an attester signed two attestations of one quote that differ in a fact of its bytes (report data, measurement,
    /// kind, simulated), or in status at one `checkedAt`: it loses its stake. A later `checkedAt`, with another status or not, is no
    /// fault. Needs a commitment, one block old at least; so do the two below.
    function equivocation(
        Attestation calldata a,
        bytes calldata signatureA,
        Attestation calldata b,
        bytes calldata signatureB,
        bytes32 salt
    ) external;

    /// @notice Shows that an attestation says otherwise than its quote's bytes: whoever signed it loses its stake.
    /// @param signatures Of attesters, by ascending address; may be none, where only the verdict matters, and come later.
    function contradiction(
        Attestation calldata attestation,
        bytes[] calldata signatures,
        bytes calldata quote,
        bytes32 salt
    ) external;

    /// @notice Checks the quote's own chain of signatures on chain: where a link is broken, as `contradiction`; where every one is
    /// true the caller's bond burns. Takes the bond, and credits it back in the first case.
    /// @dev Nobody has the lost bond: attesters and provider need do nothing against a false report, and would otherwise bait
    /// reporters with quotes that look false.
    function falseChain(
        Attestation calldata attestation,
        bytes[] calldata signatures,
        bytes calldata quote,
        bytes32 salt
    ) external;

    /// @notice Sends what was burned to the burn address. Anyone may call.
    function burn() external returns (uint256 amount);

    /// @notice What attesters sign: the EIP-712 digest.
    function attestationDigest(Attestation calldata attestation) external view returns (bytes32);

    /// @notice The digest of the attestation that a job's result rests on, or 0.
    function attestationOf(bytes32 jobId) external view returns (bytes32);

    /// @notice Until when the session key of this registration signs, or 0; it may have ended before, with its attestation.
    function sessionOf(bytes32 digest) external view returns (uint48 expiresAt);

    /// @notice What was shown of an attestation.
    function falsehoodOf(bytes32 digest) external view returns (Falsehood memory);

    /// @notice Until when what is shown of its attestation rejects a job; 0 where none was handed in.
    function judgedUntil(bytes32 jobId) external view returns (uint256);

    /// @notice Whether simulated evidence can be asked for: on a devnet.
    function simulatedAllowed() external view returns (bool);

    /// @notice Token base units that a report of a false chain risks.
    function bond() external view returns (uint128);
}
