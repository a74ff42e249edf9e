// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Payments} from "./base/Payments.sol";
import {IUnverifiedErrors} from "./errors/IUnverifiedErrors.sol";
import {IJobMarket, Job} from "./interfaces/IJobMarket.sol";
import {Complaint, IUnverified} from "./interfaces/IUnverified.sol";
import {Claim, IVerifier} from "./interfaces/IVerifier.sol";
import {State, Tier, Verdict} from "./interfaces/Types.sol";
import {MAX_ANSWER_WINDOW, MIN_ANSWER_WINDOW, SCHEME_KECCAK} from "./libraries/Limits.sol";

/// @title The tier none: nobody checks a result; that it is delivered can be enforced
/// @notice A provider commits to the outputs and hands them over off chain. A consumer who did not receive them complains
/// within the verification window, and the provider shows them here, or the job is rejected: docs/tiers.md.
/// INVARIANT: token.balanceOf(this) >= deposit * (complaints whose deposit was not paid); equal unless somebody donates.
/// INVARIANT: a job's verdict leaves Pending only within its verification window, and a dispute ends by its own clock.
/// ASSUMPTION: the market is the deployment's own.
contract Unverified is IUnverified, IUnverifiedErrors, Payments, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    bytes32 private constant OUTPUT_DOMAIN = keccak256("mlm/out/1");
    bytes32 private constant ROOT_DOMAIN = keccak256("mlm/tensors-root/1");

    /// @notice Bytes of outputs at most: what an answer can show at a cost that a deposit covers.
    uint256 public constant MAX_OUTPUT_BYTES = 8_192;

    IJobMarket public immutable market;
    /// @notice Token base units that a complaint deposits; pays the provider's gas when it answers.
    uint128 public immutable deposit;
    /// @notice Seconds from a complaint within which the provider answers.
    uint32 public immutable answerWindow;

    mapping(bytes32 jobId => Complaint) private _complaints;

    /// @param market_ May have no code yet: market and verifier name each other.
    constructor(IERC20 token_, IJobMarket market_, uint128 deposit_, uint32 answerWindow_) Payments(token_) {
        _present("market", address(market_));
        _bounded("deposit", deposit_, 1, type(uint128).max);
        _bounded("answerWindow", answerWindow_, MIN_ANSWER_WINDOW, MAX_ANSWER_WINDOW);
        (market, deposit, answerWindow) = (market_, deposit_, answerWindow_);
    }

    /// @inheritdoc IVerifier
    /// @dev evidence = abi.encode(bytes32 root of the outputs). Stateless: anybody may call, and only the market's call counts.
    function check(Claim calldata claim, bytes calldata evidence)
        external
        pure
        returns (Verdict verdict, bytes32 outputCommitment)
    {
        if (claim.tier != Tier.None) revert TierMismatch(claim.jobId, Tier.None, claim.tier);
        if (claim.scheme != SCHEME_KECCAK) revert SchemeMismatch(claim.jobId, SCHEME_KECCAK, claim.scheme);
        if (evidence.length != 32) revert EvidenceNotCanonical(claim.jobId);
        return (Verdict.Pending, _commitment(bytes32(evidence)));
    }

    /// @inheritdoc IVerifier
    function verdictOf(bytes32 jobId) external view returns (Verdict) {
        return _verdict(_complaints[jobId]);
    }

    /// @inheritdoc IUnverified
    function complain(bytes32 jobId) external nonReentrant {
        // SAFETY: `Submitted` holds until the verification window ends and no complaint was made: one, and in time.
        State state = market.stateOf(jobId);
        if (state != State.Submitted) revert JobInState(jobId, State.Submitted, state);
        Job memory job = market.jobOf(jobId);
        if (job.verifier != address(this)) revert VerifierMismatch(jobId, address(this), job.verifier);
        if (msg.sender != job.consumer) revert NotConsumer(jobId, job.consumer, msg.sender);
        uint48 answerBy = uint48(block.timestamp + answerWindow);
        _complaints[jobId].answerBy = answerBy;
        emit ComplaintFiled(jobId, job.versionId, msg.sender, answerBy);
        _pull(deposit);
    }

    /// @inheritdoc IUnverified
    function answer(bytes32 jobId, bytes32 salt, bytes calldata outputs) external {
        Complaint storage complaint = _complaints[jobId];
        Verdict verdict = _verdict(complaint);
        if (verdict != Verdict.Disputed) revert ComplaintNotOpen(jobId, verdict);
        Job memory job = market.jobOf(jobId);
        if (msg.sender != job.provider) revert NotLeaseHolder(jobId, job.provider, msg.sender);
        if (outputs.length > MAX_OUTPUT_BYTES) revert OutputsTooLarge(jobId, outputs.length, MAX_OUTPUT_BYTES);
        bytes32 commitment = _commitment(keccak256(abi.encode(ROOT_DOMAIN, salt, keccak256(outputs))));
        if (commitment != job.outputCommitment) revert OutputMismatch(jobId, job.outputCommitment, commitment);
        complaint.answered = true;
        emit ComplaintAnswered(jobId, job.versionId, msg.sender, salt, outputs);
    }

    /// @inheritdoc IUnverified
    function collect(bytes32 jobId) external nonReentrant {
        Complaint storage complaint = _complaints[jobId];
        Verdict verdict = _verdict(complaint);
        Job memory job = market.jobOf(jobId);
        if (verdict == Verdict.Accepted) {
            if (msg.sender != job.provider) revert NotLeaseHolder(jobId, job.provider, msg.sender);
        } else if (verdict == Verdict.Rejected) {
            if (msg.sender != job.consumer) revert NotConsumer(jobId, job.consumer, msg.sender);
        } else {
            revert DepositNotDue(jobId, verdict);
        }
        if (complaint.paid) revert DepositAlreadyPaid(jobId);
        complaint.paid = true;
        emit DepositPaid(jobId, job.versionId, msg.sender);
        token.safeTransfer(msg.sender, deposit);
    }

    /// @inheritdoc IUnverified
    function complaintOf(bytes32 jobId) external view returns (Complaint memory) {
        return _complaints[jobId];
    }

    function _verdict(Complaint storage complaint) private view returns (Verdict) {
        if (complaint.answerBy == 0) return Verdict.Pending;
        if (complaint.answered) return Verdict.Accepted;
        return block.timestamp < complaint.answerBy ? Verdict.Disputed : Verdict.Rejected;
    }

    function _commitment(bytes32 root) private pure returns (bytes32) {
        return keccak256(abi.encode(OUTPUT_DOMAIN, root));
    }
}
