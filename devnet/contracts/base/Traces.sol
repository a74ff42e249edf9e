// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IDisputeGameErrors} from "../errors/IDisputeGameErrors.sol";
import {Tensors} from "../exact/Tensors.sol";
import {Fault, IDisputeGame, Trace} from "../interfaces/IDisputeGame.sol";
import {Job} from "../interfaces/IJobMarket.sol";
import {IReplication} from "../interfaces/IReplication.sol";
import {Claim, IVerifier} from "../interfaces/IVerifier.sol";
import {Tier, Verdict} from "../interfaces/Types.sol";
import {HashRows} from "../libraries/HashRows.sol";
import {MAX_NODES, MIN_NODES, SCHEME_EXACT} from "../libraries/Limits.sol";
import {ReplicationPolicy} from "../libraries/ReplicationPolicy.sol";
import {Complaints} from "./Complaints.sol";

/// @title What was handed in, what a verdict is made of, and how outputs that did not arrive are shown
/// @notice INVARIANT: a trace is stored once, from evidence whose key, input and output are those of the job.
/// INVARIANT: a conviction is written once, while the job is Submitted or Disputed, and stands.
abstract contract Traces is IDisputeGame, IDisputeGameErrors, Complaints {
    bytes32 private constant KEY_DOMAIN = keccak256("mlm/exact-key/1");
    bytes32 private constant INPUT_DOMAIN = keccak256("mlm/in/1");

    // Of the evidence, in words: graph root, inputs, outputs, where the roots begin, how many they are, the roots.
    uint256 private constant HEAD_WORDS = 5;

    /// @notice What says when a result of the tier redundant may be handed in.
    IReplication public immutable replication;

    mapping(bytes32 jobId => Trace) private _traces;

    /// @param replication_ May have no code yet: it and the game name each other.
    constructor(IReplication replication_) {
        _present("replication", address(replication_));
        replication = replication_;
    }

    // ---------------------------------------------------------------- the market

    /// @inheritdoc IVerifier
    /// @dev evidence = abi.encode(bytes32 graphRoot, uint256 inputs, uint256 outputs, bytes32[] tensorRoots).
    function check(Claim calldata claim, bytes calldata evidence)
        external
        returns (Verdict verdict, bytes32 outputCommitment)
    {
        if (msg.sender != address(market)) revert NotMarket(address(market), msg.sender);
        bytes32 jobId = claim.jobId;
        // Who runs a job of the tier redundant again has committed to what it found, before this shows anything.
        if (claim.tier == Tier.Redundant) replication.checkSubmission(jobId);
        else if (claim.tier != Tier.Optimistic) revert TierMismatch(jobId, Tier.Optimistic, claim.tier);
        if (claim.scheme != SCHEME_EXACT) revert SchemeMismatch(jobId, SCHEME_EXACT, claim.scheme);
        Trace storage trace = _traces[jobId];
        if (trace.traceRoot != 0) revert TraceAlreadyCommitted(jobId);
        (bytes32 graphRoot, uint256 inputs, uint256 outputs, bytes32[] memory roots) = _decoded(jobId, evidence);
        uint256 nodes = roots.length;

        // (1) The graph, its size and its interface are the version's own.
        bytes32 key = keccak256(abi.encode(KEY_DOMAIN, graphRoot, nodes, inputs, outputs));
        if (key != claim.key) revert KeyMismatch(jobId, claim.key, key);

        // (2) The trace begins with the input the consumer committed to.
        _checkInput(claim, evidence, inputs);

        // (3) What is stored is all that a challenge needs; the roots stand in the log.
        emit TraceCommitted(jobId, claim.versionId, claim.provider, graphRoot, inputs, outputs, roots);
        outputCommitment = _outputCommitment(sha256(_rootsOf(evidence, nodes - outputs, nodes)));
        trace.graphRoot = graphRoot;
        // SAFETY: at most MAX_NODES.
        // forge-lint: disable-next-line(unsafe-typecast)
        (trace.nodes, trace.inputs) = (uint16(nodes), uint16(inputs));
        trace.traceRoot = HashRows.rootOf(roots);
        return (Verdict.Pending, outputCommitment);
    }

    /// @inheritdoc IVerifier
    /// @dev The tier redundant's; the optimistic one has none, and reads none.
    function checkPolicy(bytes32 policy) external pure {
        // Only whether it has the form.
        // slither-disable-next-line unused-return
        ReplicationPolicy.decode(policy);
    }

    /// @inheritdoc IVerifier
    /// @dev INVARIANT: Rejected stands. A conviction does; and where a complaint's clock ran out with no game open, none opens
    /// any more and nothing convicts (`_challengeable`). A game that is open has its course even then: a consumer in
    /// league with the provider cannot end it. Accepted is never said: silence accepts when the window ends, from when on
    /// nothing but a game or a complaint that is open already can follow.
    function verdictOf(bytes32 jobId) public view returns (Verdict) {
        Trace storage trace = _traces[jobId];
        if (trace.convictedAt != 0) return Verdict.Rejected;
        if (trace.openGames != 0) return Verdict.Disputed;
        Verdict complaint = _complaintVerdict(jobId);
        return complaint == Verdict.Accepted ? Verdict.Pending : complaint;
    }

    /// @inheritdoc IVerifier
    function challengerOf(bytes32 jobId) external view returns (address) {
        return _traces[jobId].challenger;
    }

    /// @inheritdoc IDisputeGame
    function traceOf(bytes32 jobId) external view returns (Trace memory) {
        return _traces[jobId];
    }

    // ---------------------------------------------------------------- delivery

    /// @inheritdoc IDisputeGame
    /// @dev Closes the complaint and accepts nothing: what was shown can still be false.
    function answer(bytes32 jobId, uint256[] calldata typeWords, bytes[] calldata outputs) external {
        uint256 count = outputs.length;
        if (typeWords.length != count) revert OutputCountMismatch(jobId, typeWords.length, count);
        uint256 size = 0;
        bytes32[] memory roots = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            bytes calldata output = outputs[i];
            size += output.length;
            if (size > MAX_OUTPUT_BYTES) revert OutputsTooLarge(jobId, size, MAX_OUTPUT_BYTES);
            uint256 expected = Tensors.size(typeWords[i]);
            if (output.length != expected) revert OutputLengthMismatch(jobId, i, expected, output.length);
            roots[i] = Tensors.root(typeWords[i], HashRows.rootOfBytes(output));
        }
        Job memory job = _answer(jobId, sha256(abi.encodePacked(roots)));
        emit OutputsShown(jobId, job.versionId, msg.sender, typeWords, outputs);
    }

    /// @dev Games keep nobody from complaining: one that its opener lets run out would last as long as the window.
    function _complainable(bytes32 jobId) internal view override returns (Job memory job) {
        job = _challengeable(jobId);
        _needWindow(jobId, job);
        uint48 answerBy = _answerBy(jobId);
        if (answerBy != 0) revert ComplaintAlreadyFiled(jobId, answerBy);
    }

    /// @dev A conviction ends a complaint that waits: there is nothing left to show.
    function _complaintVerdict(bytes32 jobId) internal view override returns (Verdict verdict) {
        verdict = super._complaintVerdict(jobId);
        if (verdict == Verdict.Disputed && _traces[jobId].convictedAt != 0) return Verdict.Rejected;
    }

    // ---------------------------------------------------------------- what may still be said

    /// @dev The job, where it is Submitted or Disputed. SAFETY: the same answer as the market's `stateOf`, which asks for this
    /// verdict and compares the same window (libraries/JobStates.sol); a trace stands for a job that was handed in here.
    function _challengeable(bytes32 jobId) internal view returns (Job memory job) {
        job = market.jobOf(jobId);
        if (job.verifier != address(this)) revert VerifierMismatch(jobId, address(this), job.verifier);
        Verdict verdict = verdictOf(jobId);
        uint256 closesAt = _closesAt(job);
        bool silent = verdict == Verdict.Pending && block.timestamp >= closesAt;
        if (_traces[jobId].traceRoot == 0 || verdict == Verdict.Rejected || silent) {
            revert JobNotChallengeable(jobId, verdict, closesAt);
        }
    }

    /// @dev Only what begins within the verification window can hold a job up.
    function _needWindow(bytes32 jobId, Job memory job) internal view {
        uint256 closesAt = _closesAt(job);
        if (block.timestamp >= closesAt) revert WindowClosed(jobId, closesAt);
    }

    function _needUnconvicted(bytes32 jobId) internal view {
        uint40 convictedAt = _traces[jobId].convictedAt;
        if (convictedAt != 0) revert JobConvicted(jobId, convictedAt);
    }

    function _trace(bytes32 jobId) internal view returns (Trace storage) {
        return _traces[jobId];
    }

    function _closesAt(Job memory job) private pure returns (uint256) {
        return uint256(job.submittedAt) + job.verificationWindow;
    }

    // ---------------------------------------------------------------- evidence

    /// @dev One encoding only: the roots fill the evidence to its last byte.
    function _decoded(bytes32 jobId, bytes calldata evidence)
        private
        pure
        returns (bytes32 graphRoot, uint256 inputs, uint256 outputs, bytes32[] memory roots)
    {
        if (evidence.length < 32 * HEAD_WORDS) revert EvidenceNotCanonical(jobId);
        uint256 nodes = evidence.length / 32 - HEAD_WORDS;
        uint256 offset;
        uint256 count;
        (graphRoot, inputs, outputs, offset, count) =
            abi.decode(evidence[:32 * HEAD_WORDS], (bytes32, uint256, uint256, uint256, uint256));
        if (evidence.length % 32 != 0 || offset != 32 * (HEAD_WORDS - 1) || count != nodes) {
            revert EvidenceNotCanonical(jobId);
        }
        if (nodes < MIN_NODES || nodes > MAX_NODES) {
            revert NodeCountOutOfBounds(jobId, nodes, MIN_NODES, MAX_NODES);
        }
        // SAFETY: compared one by one, so that no sum overflows.
        if (inputs == 0 || outputs == 0 || inputs >= nodes || outputs > nodes - inputs) {
            revert InterfaceOutOfBounds(jobId, inputs, outputs, nodes);
        }
        (,,, roots) = abi.decode(evidence, (bytes32, uint256, uint256, bytes32[]));
    }

    function _checkInput(Claim calldata claim, bytes calldata evidence, uint256 inputs) private pure {
        bytes32 root = sha256(_rootsOf(evidence, 0, inputs));
        bytes32 commitment = keccak256(abi.encode(INPUT_DOMAIN, uint8(claim.tier), claim.scheme, claim.versionId, root));
        if (commitment != claim.inputCommitment) {
            revert InputMismatch(claim.jobId, claim.inputCommitment, commitment);
        }
    }

    /// @dev The tensor roots of nodes [from, to), packed.
    function _rootsOf(bytes calldata evidence, uint256 from, uint256 to) private pure returns (bytes calldata) {
        return evidence[32 * (HEAD_WORDS + from):32 * (HEAD_WORDS + to)];
    }
}
