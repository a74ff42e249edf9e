// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Attestations} from "./base/Attestations.sol";
import {Complaints} from "./base/Complaints.sol";
import {Payments} from "./base/Payments.sol";
import {Reports} from "./base/Reports.sol";
import {IAttesterSet} from "./interfaces/IAttesterSet.sol";
import {IJobMarket, Job} from "./interfaces/IJobMarket.sol";
import {Attestation, IQuoteProofs} from "./interfaces/IQuoteProofs.sol";
import {Falsehood, ITeeVerifier, SessionKey, TeeResult} from "./interfaces/ITeeVerifier.sol";
import {Claim, IVerifier} from "./interfaces/IVerifier.sol";
import {State, Tier, Verdict} from "./interfaces/Types.sol";
import {SCHEME_KECCAK} from "./libraries/Limits.sol";
import {MAX_MEASUREMENTS, MAX_QUOTE_BYTES, MAX_SESSION} from "./libraries/TeeLimits.sol";
import {TeePolicy} from "./libraries/TeePolicy.sol";

/// What the tier is deployed with; immutable. Amounts in token base units, times in seconds.
struct TeeParams {
    uint128 deposit; // of a complaint
    uint32 answerWindow; // to a complaint, and then to disprove what was shown
    uint128 bond; // of a report of a false chain
}

/// @title The tee tier: m of n attesters sign what they found of a quote, and lose their stake for what its bytes disprove
/// @notice See ITeeVerifier and docs/tee.md. Immutable, without an owner. Outputs and quote are handed over off chain; a consumer who
/// did not receive them complains, and the provider shows both here.
/// INVARIANT: token.balanceOf(this) >= totalCredit + deposit * (complaints whose deposit was not paid); equal unless somebody
/// donates.
/// INVARIANT: a job is rejected by a falsehood that was proven before its `judgedUntil`, and by its complaint's clock; what is Rejected
/// stands, with its challenger, and so does what is Pending when the verification window has ended.
/// TRUST: the vendor, and one honest of every m attesters for what no byte of a quote shows: status, revocation, times. The
/// governance names the attesters.
/// ASSUMPTION: market, attesters and proofs are the deployment's own.
contract TeeVerifier is Complaints, Reports {
    bytes32 private constant KEY_DOMAIN = keccak256("mlm/tee-key/1");
    bytes32 private constant RESULT_DOMAIN = keccak256("mlm/tee/1");
    bytes32 private constant SESSION_DOMAIN = keccak256("mlm/tee-session/1");
    bytes32 private constant ROOT_DOMAIN = keccak256("mlm/tensors-root/1");

    mapping(bytes32 jobId => bytes32 attestationDigest) private _attestations;
    mapping(bytes32 attestationDigest => uint48 expiresAt) private _sessions;
    /// Of a complaint that was answered: until when what was shown can be disproved, whatever the verification window.
    mapping(bytes32 jobId => uint48) private _doubtUntil;

    /// @param market_ May have no code yet: market and verifier name each other; and so may attesters_.
    constructor(
        IERC20 token_,
        IJobMarket market_,
        IAttesterSet attesters_,
        IQuoteProofs proofs_,
        TeeParams memory params_
    )
        Payments(token_)
        Complaints(market_, params_.deposit, params_.answerWindow)
        Attestations(attesters_)
        Reports(proofs_, params_.bond)
    {
        _present("attesters", address(attesters_));
    }

    // ---------------------------------------------------------------- the market

    /// @inheritdoc IVerifier
    function checkPolicy(bytes32 policy) external view {
        if (!TeePolicy.isUsable(policy, simulatedAllowed())) revert PolicyUnusable(policy);
        if (!attesters.isReady()) revert AttestersMissing(attesters.threshold(), attesters.activeCount());
    }

    /// @inheritdoc IVerifier
    /// @dev evidence = abi.encode(TeeResult).
    function check(Claim calldata claim, bytes calldata evidence)
        external
        returns (Verdict verdict, bytes32 outputCommitment)
    {
        if (msg.sender != address(market)) revert NotMarket(address(market), msg.sender);
        bytes32 jobId = claim.jobId;
        if (claim.tier != Tier.Tee) revert TierMismatch(jobId, Tier.Tee, claim.tier);
        if (claim.scheme != SCHEME_KECCAK) revert SchemeMismatch(jobId, SCHEME_KECCAK, claim.scheme);
        // (1) One encoding only.
        TeeResult memory result = abi.decode(evidence, (TeeResult));
        if (keccak256(abi.encode(result)) != keccak256(evidence)) revert EvidenceNotCanonical(jobId);
        Attestation memory attestation = result.attestation;

        // (2) The model and the measurements are the version's own, and the attested one is among them.
        _needKey(claim, result);

        // (3) What the consumer accepts.
        TeePolicy.needAccepted(claim.policy, attestation, simulatedAllowed());

        // (4) The enclave computed these outputs, of this model and input, for this job and provider.
        outputCommitment = _outputCommitment(result.root);
        bytes32 providerKey = keccak256(abi.encode(claim.provider, result.x, result.y));
        bytes32 reportData = keccak256(
            abi.encode(
                RESULT_DOMAIN,
                block.chainid,
                address(market),
                jobId,
                result.modelDigest,
                claim.inputCommitment,
                outputCommitment,
                providerKey
            )
        );

        // (5) It says so in a quote that m attesters saw, or by a key that is named in one.
        bytes32 digest = _digest(attestation);
        if (_falsehood(digest).provenAt != 0) revert AttestationFalse(digest);
        if (attestation.jobId == 0) {
            _needSession(digest, result, providerKey, reportData);
        } else {
            if (attestation.jobId != jobId) revert AttestationOfAnother(jobId, attestation.jobId);
            if (attestation.reportData != reportData) {
                revert ReportDataMismatch(reportData, attestation.reportData);
            }
            _needSigned(digest, result.signatures);
        }

        _attestations[jobId] = digest;
        emit ResultAttested(jobId, claim.versionId, claim.provider, digest, attestation, result.signatures);
        return (Verdict.Pending, outputCommitment);
    }

    /// @inheritdoc IVerifier
    /// @dev Accepted is never said: silence accepts when the window ends. After an answer the job stays in dispute while what was
    /// shown can be disproved.
    function verdictOf(bytes32 jobId) external view returns (Verdict) {
        if (_isDisproved(jobId)) return Verdict.Rejected;
        Verdict complaint = _complaintVerdict(jobId);
        if (complaint != Verdict.Accepted) return complaint;
        return block.timestamp < _doubtUntil[jobId] ? Verdict.Disputed : Verdict.Pending;
    }

    /// @inheritdoc IVerifier
    function challengerOf(bytes32 jobId) external view returns (address) {
        return _isDisproved(jobId) ? _falsehood(_attestations[jobId]).reporter : address(0);
    }

    // ---------------------------------------------------------------- providers

    /// @inheritdoc ITeeVerifier
    function registerKey(SessionKey calldata key, Attestation calldata attestation, bytes[] calldata signatures)
        external
        returns (bytes32 digest)
    {
        if (!proofs.isKey(key.x, key.y)) revert SessionKeyMalformed(key.x, key.y);
        if (key.expiresAt <= block.timestamp || key.expiresAt > block.timestamp + MAX_SESSION) {
            revert SessionOutOfBounds(key.expiresAt, block.timestamp + 1, block.timestamp + MAX_SESSION);
        }
        if (attestation.jobId != 0) revert AttestationOfAnother(0, attestation.jobId);
        bytes32 reportData =
            _sessionData(key.modelDigest, key.expiresAt, keccak256(abi.encode(key.provider, key.x, key.y)));
        if (attestation.reportData != reportData) revert ReportDataMismatch(reportData, attestation.reportData);
        TeePolicy.needPossible(attestation, simulatedAllowed());
        digest = _digest(attestation);
        if (_falsehood(digest).provenAt != 0) revert AttestationFalse(digest);
        if (_sessions[digest] != 0) revert SessionKeyAlreadyRegistered(digest);
        _needSigned(digest, signatures);
        _sessions[digest] = key.expiresAt;
        emit SessionKeyRegistered(digest, key.provider, key, attestation, signatures);
    }

    /// @inheritdoc ITeeVerifier
    function answer(
        bytes32 jobId,
        bytes32 salt,
        bytes calldata outputs,
        Attestation calldata attestation,
        bytes calldata quote
    ) external {
        if (outputs.length > MAX_OUTPUT_BYTES) {
            revert OutputsTooLarge(jobId, outputs.length, MAX_OUTPUT_BYTES);
        }
        if (quote.length > MAX_QUOTE_BYTES) revert QuoteTooLarge(jobId, quote.length, MAX_QUOTE_BYTES);
        Job memory job = _answer(jobId, keccak256(abi.encode(ROOT_DOMAIN, salt, keccak256(outputs))));
        bytes32 digest = _digest(attestation);
        if (digest != _attestations[jobId]) revert AttestationOfAnother(_attestations[jobId], digest);
        bytes32 quoteDigest = sha256(quote);
        if (quoteDigest != attestation.quoteDigest) {
            revert QuoteDigestMismatch(jobId, attestation.quoteDigest, quoteDigest);
        }
        _doubtUntil[jobId] = uint48(block.timestamp + answerWindow);
        emit AttestedShown(jobId, job.versionId, msg.sender, salt, outputs, quote);
    }

    // ---------------------------------------------------------------- views

    /// @inheritdoc ITeeVerifier
    function attestationOf(bytes32 jobId) external view returns (bytes32) {
        return _attestations[jobId];
    }

    /// @inheritdoc ITeeVerifier
    function sessionOf(bytes32 digest) external view returns (uint48 expiresAt) {
        return _sessions[digest];
    }

    /// @inheritdoc ITeeVerifier
    /// @dev The verification window; with a complaint that waits, its clock; with one that was answered, the doubt's, if that is later.
    /// SAFETY: an answer only moves it on, and it moves only while nothing was proven before it.
    function judgedUntil(bytes32 jobId) public view returns (uint256) {
        if (_attestations[jobId] == 0) return 0;
        Job memory job = market.jobOf(jobId);
        uint256 windowEnd = uint256(job.submittedAt) + job.verificationWindow;
        uint256 answerBy = _answerBy(jobId);
        if (answerBy == 0) return windowEnd;
        uint256 doubtUntil = _doubtUntil[jobId];
        if (doubtUntil == 0) return answerBy;
        return doubtUntil > windowEnd ? doubtUntil : windowEnd;
    }

    /// @inheritdoc ITeeVerifier
    function simulatedAllowed() public view returns (bool) {
        // No point has an x of 0 with it.
        // slither-disable-next-line unused-return
        (uint256 x,) = proofs.rootKey(true);
        return x != 0;
    }

    // ---------------------------------------------------------------- parts

    function _needKey(Claim calldata claim, TeeResult memory result) private pure {
        bytes32[] memory measurements = result.measurements;
        uint256 count = measurements.length;
        if (count == 0 || count > MAX_MEASUREMENTS) {
            revert MeasurementCountOutOfBounds(count, 1, MAX_MEASUREMENTS);
        }
        bool found = false;
        for (uint256 i = 0; i < count; ++i) {
            if (i != 0 && measurements[i] <= measurements[i - 1]) revert MeasurementsUnsorted(i);
            if (measurements[i] == result.attestation.measurement) found = true;
        }
        bytes32 key = keccak256(abi.encode(KEY_DOMAIN, result.modelDigest, keccak256(abi.encode(measurements))));
        if (key != claim.key) revert KeyMismatch(claim.jobId, claim.key, key);
        if (!found) revert MeasurementMissing(result.attestation.measurement);
    }

    /// @dev The registration was of this provider, model and key; the key signed the job's report data.
    function _needSession(bytes32 digest, TeeResult memory result, bytes32 providerKey, bytes32 reportData)
        private
        view
    {
        uint48 expiresAt = _sessions[digest];
        if (expiresAt == 0) revert SessionKeyMissing(digest);
        if (block.timestamp >= expiresAt) revert SessionKeyExpired(expiresAt);
        bytes32 registered = _sessionData(result.modelDigest, expiresAt, providerKey);
        if (registered != result.attestation.reportData) {
            revert ReportDataMismatch(registered, result.attestation.reportData);
        }
        bytes[] memory signatures = result.signatures;
        if (signatures.length != 1) revert SignatureCountOutOfBounds(signatures.length, 1, 1);
        bytes memory signature = signatures[0];
        if (signature.length != 64) revert SessionSignatureFalse(reportData);
        (bytes32 r, bytes32 s) = abi.decode(signature, (bytes32, bytes32));
        // SAFETY: an s of the upper half is refused.
        if (!proofs.isSigned(reportData, r, s, result.x, result.y)) {
            revert SessionSignatureFalse(reportData);
        }
    }

    function _sessionData(bytes32 modelDigest, uint48 expiresAt, bytes32 providerKey) private view returns (bytes32) {
        return
            keccak256(abi.encode(SESSION_DOMAIN, block.chainid, address(market), modelDigest, expiresAt, providerKey));
    }

    /// @dev What the job's result rests on was disproved while the job could be judged.
    function _isDisproved(bytes32 jobId) private view returns (bool) {
        Falsehood storage falsehood = _falsehood(_attestations[jobId]);
        uint48 provenAt = falsehood.provenAt;
        return provenAt != 0 && provenAt < judgedUntil(jobId);
    }

    /// @dev A job that was handed in here, whose window runs, once.
    function _complainable(bytes32 jobId) internal view override returns (Job memory job) {
        State state = market.stateOf(jobId);
        if (state != State.Submitted) revert JobInState(jobId, State.Submitted, state);
        job = market.jobOf(jobId);
        if (job.verifier != address(this)) revert VerifierMismatch(jobId, address(this), job.verifier);
        uint48 answerBy = _answerBy(jobId);
        if (answerBy != 0) revert ComplaintAlreadyFiled(jobId, answerBy);
    }

    /// @dev A disproof ends a complaint that waits: there is nothing left to show.
    function _complaintVerdict(bytes32 jobId) internal view override returns (Verdict verdict) {
        verdict = super._complaintVerdict(jobId);
        if (verdict == Verdict.Disputed && _isDisproved(jobId)) return Verdict.Rejected;
    }
}
