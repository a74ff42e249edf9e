// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IComplaintErrors} from "../errors/IComplaintErrors.sol";
import {Complaint, IComplaints} from "../interfaces/IComplaints.sol";
import {IJobMarket, Job} from "../interfaces/IJobMarket.sol";
import {Verdict} from "../interfaces/Types.sol";
import {MAX_ANSWER_WINDOW, MIN_ANSWER_WINDOW} from "../libraries/Limits.sol";
import {Payments} from "./Payments.sol";

/// @title That a result is delivered can be enforced: a consumer complains, and the provider shows the outputs on chain
/// @notice INVARIANT: this holds one deposit for each complaint of which it was not paid.
/// INVARIANT: a complaint is made once, within the verification window, and ends by its own clock.
abstract contract Complaints is IComplaints, IComplaintErrors, Payments, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @notice Bytes of outputs at most: what an answer can show at a cost that a deposit covers.
    uint256 public constant MAX_OUTPUT_BYTES = 8_192;

    bytes32 private constant OUTPUT_DOMAIN = keccak256("mlm/out/1");

    IJobMarket public immutable market;
    /// @notice Token base units that a complaint deposits; pays the provider's gas when it answers.
    uint128 public immutable deposit;
    /// @notice Seconds from a complaint within which the provider answers.
    uint32 public immutable answerWindow;

    mapping(bytes32 jobId => Complaint) private _complaints;

    /// @param market_ May have no code yet: market and verifier name each other.
    constructor(IJobMarket market_, uint128 deposit_, uint32 answerWindow_) {
        _present("market", address(market_));
        _bounded("deposit", deposit_, 1, type(uint128).max);
        _bounded("answerWindow", answerWindow_, MIN_ANSWER_WINDOW, MAX_ANSWER_WINDOW);
        (market, deposit, answerWindow) = (market_, deposit_, answerWindow_);
    }

    /// @inheritdoc IComplaints
    function complain(bytes32 jobId) external nonReentrant {
        Job memory job = _complainable(jobId);
        if (msg.sender != job.consumer) revert NotConsumer(jobId, job.consumer, msg.sender);
        uint48 answerBy = uint48(block.timestamp + answerWindow);
        _complaints[jobId].answerBy = answerBy;
        emit ComplaintFiled(jobId, job.versionId, msg.sender, answerBy);
        _pull(deposit);
    }

    /// @inheritdoc IComplaints
    function collect(bytes32 jobId) external nonReentrant {
        Verdict verdict = _complaintVerdict(jobId);
        Job memory job = market.jobOf(jobId);
        if (verdict == Verdict.Accepted) {
            if (msg.sender != job.provider) revert NotLeaseHolder(jobId, job.provider, msg.sender);
        } else if (verdict == Verdict.Rejected) {
            if (msg.sender != job.consumer) revert NotConsumer(jobId, job.consumer, msg.sender);
        } else {
            revert DepositNotDue(jobId, verdict);
        }
        Complaint storage complaint = _complaints[jobId];
        if (complaint.paid) revert DepositAlreadyPaid(jobId);
        complaint.paid = true;
        emit DepositPaid(jobId, job.versionId, msg.sender);
        token.safeTransfer(msg.sender, deposit);
    }

    /// @inheritdoc IComplaints
    function complaintOf(bytes32 jobId) external view returns (Complaint memory) {
        return _complaints[jobId];
    }

    /// @dev The job, where somebody may complain of it now: it was handed in here, its verification window runs, and nobody
    /// complained.
    function _complainable(bytes32 jobId) internal view virtual returns (Job memory);

    /// @dev Marks the complaint as answered with outputs of this root; reverts unless the lease holder may answer it now and
    /// they are the job's. Callers log what was shown.
    function _answer(bytes32 jobId, bytes32 root) internal returns (Job memory job) {
        Verdict verdict = _complaintVerdict(jobId);
        if (verdict != Verdict.Disputed) revert ComplaintNotOpen(jobId, verdict);
        job = market.jobOf(jobId);
        if (msg.sender != job.provider) revert NotLeaseHolder(jobId, job.provider, msg.sender);
        bytes32 commitment = _outputCommitment(root);
        if (commitment != job.outputCommitment) revert OutputMismatch(jobId, job.outputCommitment, commitment);
        _complaints[jobId].answered = true;
    }

    /// @dev Pending: nobody complained. Disputed: it waits for an answer. Accepted: it was answered. Rejected: it was not.
    function _complaintVerdict(bytes32 jobId) internal view virtual returns (Verdict) {
        Complaint storage complaint = _complaints[jobId];
        if (complaint.answerBy == 0) return Verdict.Pending;
        if (complaint.answered) return Verdict.Accepted;
        return block.timestamp < complaint.answerBy ? Verdict.Disputed : Verdict.Rejected;
    }

    function _answerBy(bytes32 jobId) internal view returns (uint48) {
        return _complaints[jobId].answerBy;
    }

    function _outputCommitment(bytes32 root) internal pure returns (bytes32) {
        return keccak256(abi.encode(OUTPUT_DOMAIN, root));
    }
}
