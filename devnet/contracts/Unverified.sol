// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Complaints} from "./base/Complaints.sol";
import {Payments} from "./base/Payments.sol";
import {IUnverifiedErrors} from "./errors/IUnverifiedErrors.sol";
import {IJobMarket, Job} from "./interfaces/IJobMarket.sol";
import {IUnverified} from "./interfaces/IUnverified.sol";
import {Claim, IVerifier} from "./interfaces/IVerifier.sol";
import {State, Tier, Verdict} from "./interfaces/Types.sol";
import {SCHEME_KECCAK} from "./libraries/Limits.sol";

/// @title The tier none: nobody checks a result; that it is delivered can be enforced
/// @notice A provider commits to the outputs and hands them over off chain. A consumer who did not receive them complains
/// within the verification window, and the provider shows them here, or the job is rejected: docs/tiers.md.
/// INVARIANT: token.balanceOf(this) >= deposit * (complaints whose deposit was not paid); equal unless somebody donates.
/// INVARIANT: a job's verdict leaves Pending only within its verification window, and a dispute ends by its own clock.
/// ASSUMPTION: the market is the deployment's own.
contract Unverified is IUnverified, IUnverifiedErrors, Complaints {
    bytes32 private constant ROOT_DOMAIN = keccak256("mlm/tensors-root/1");
    uint256 private constant INFINITY = 0xff << 23; // of float32: finite positive numbers lie below

    /// @param market_ May have no code yet: market and verifier name each other.
    constructor(IERC20 token_, IJobMarket market_, uint128 deposit_, uint32 answerWindow_)
        Payments(token_)
        Complaints(market_, deposit_, answerWindow_)
    {}

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
        return (Verdict.Pending, _outputCommitment(bytes32(evidence)));
    }

    /// @inheritdoc IVerifier
    /// @dev A tolerance that the consumer states, as the bits of a finite positive float32 (IEEE 754). Nothing here acts on it: what is
    /// within it and what is not are accepted alike.
    function checkPolicy(bytes32 policy) external pure {
        if (uint256(policy) >= INFINITY) revert PolicyUnusable(policy);
    }

    /// @inheritdoc IVerifier
    /// @dev An answer accepts the job: nothing else can be said against it here.
    function verdictOf(bytes32 jobId) external view returns (Verdict) {
        return _complaintVerdict(jobId);
    }

    /// @inheritdoc IVerifier
    function challengerOf(bytes32) external pure returns (address) {
        return address(0);
    }

    /// @inheritdoc IUnverified
    function answer(bytes32 jobId, bytes32 salt, bytes calldata outputs) external {
        if (outputs.length > MAX_OUTPUT_BYTES) revert OutputsTooLarge(jobId, outputs.length, MAX_OUTPUT_BYTES);
        Job memory job = _answer(jobId, keccak256(abi.encode(ROOT_DOMAIN, salt, keccak256(outputs))));
        emit ComplaintAnswered(jobId, job.versionId, msg.sender, salt, outputs);
    }

    /// @dev SAFETY: `Submitted` holds until the verification window ends and no complaint was made: one, and in time.
    function _complainable(bytes32 jobId) internal view override returns (Job memory job) {
        State state = market.stateOf(jobId);
        if (state != State.Submitted) revert JobInState(jobId, State.Submitted, state);
        job = market.jobOf(jobId);
        if (job.verifier != address(this)) revert VerifierMismatch(jobId, address(this), job.verifier);
    }
}
