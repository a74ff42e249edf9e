// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Phase} from "../interfaces/IDisputeGame.sol";
import {Tier, Verdict} from "../interfaces/Types.sol";
import {ICommitmentErrors} from "./ICommitmentErrors.sol";
import {IComplaintErrors} from "./IComplaintErrors.sol";

/// Errors of DisputeGame; those of a fault that is none are FaultProofs' (IFaultProofErrors).
interface IDisputeGameErrors is ICommitmentErrors, IComplaintErrors {
    error NotMarket(address expected, address actual);
    error TierMismatch(bytes32 jobId, Tier expected, Tier actual);
    error SchemeMismatch(bytes32 jobId, uint8 expected, uint8 actual);
    error TraceAlreadyCommitted(bytes32 jobId);
    /// The evidence is not abi.encode of its parts.
    error EvidenceNotCanonical(bytes32 jobId);
    error NodeCountOutOfBounds(bytes32 jobId, uint256 actual, uint256 least, uint256 most);
    /// Inputs and outputs are parts of the graph, and neither is empty.
    error InterfaceOutOfBounds(bytes32 jobId, uint256 inputs, uint256 outputs, uint256 nodes);
    error KeyMismatch(bytes32 jobId, bytes32 expected, bytes32 actual);
    error InputMismatch(bytes32 jobId, bytes32 expected, bytes32 actual);

    /// Nothing can be said against the result any more: a verdict stands, or the verification window is over.
    error JobNotChallengeable(bytes32 jobId, Verdict verdict, uint256 closedAt);
    error WindowClosed(bytes32 jobId, uint256 closedAt);
    error ComplaintAlreadyFiled(bytes32 jobId, uint48 answerBy);
    error JobConvicted(bytes32 jobId, uint40 convictedAt);
    error JobNotConvicted(bytes32 jobId);

    /// An input follows from nothing: what binds it is the input commitment.
    error NodeNotOpenable(bytes32 jobId, uint256 node, uint256 inputs);
    error NodeMismatch(bytes32 gameId, uint256 expected, uint256 actual);
    /// The node's type is none, or has more bytes than a game can open.
    error TypeOutOfBounds(uint256 typeWord);
    error TensorRootMismatch(bytes32 jobId, bytes32 expected, bytes32 actual);
    error GameAlreadyOpened(bytes32 gameId);
    error PhaseMismatch(bytes32 gameId, Phase expected, Phase actual);
    error NotChallenger(bytes32 gameId, address expected, address actual);
    error ClockRanOut(bytes32 gameId, uint40 deadline);
    error ClockStillRuns(bytes32 gameId, uint40 deadline);
    error HashCountMismatch(bytes32 gameId, uint256 expected, uint256 actual);
    error HashOutOfRange(bytes32 gameId, uint256 index, uint256 count);
    /// What was shown does not open the target.
    error TargetMismatch(bytes32 gameId, bytes32 expected, bytes32 actual);
    error LeafLengthMismatch(bytes32 gameId, uint256 expected, uint256 actual);

    error OutputCountMismatch(bytes32 jobId, uint256 typeWords, uint256 outputs);
    /// An output has another number of bytes than its type.
    error OutputLengthMismatch(bytes32 jobId, uint256 output, uint256 expected, uint256 actual);
}
