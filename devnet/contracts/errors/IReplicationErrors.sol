// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ReplicaStage} from "../interfaces/IReplication.sol";
import {State, Tier} from "../interfaces/Types.sol";

/// Errors of Replication.
interface IReplicationErrors {
    error SlotFull(address account, uint256 stake);
    error SlotMissing(address account);
    error SlotLeaves(address account, uint256 exitAt);
    error SlotStays(address account);
    error PlaceNotLower(address account, uint256 place, uint256 own);
    error PlaceTaken(uint256 place, address account);
    error SlotBusy(address account, bytes32 jobId);

    error NotConsumer(bytes32 jobId, address expected, address actual);
    error NotRedundant(bytes32 jobId, address expected, address actual);
    error TierMismatch(bytes32 jobId, Tier expected, Tier actual);
    error TermsMismatch(bytes32 jobId, bytes32 expected, bytes32 actual);
    /// All fees together would be more than what burns of a provider that is convicted.
    error FeesTooHigh(bytes32 jobId, uint256 most, uint256 actual);
    /// Nobody could run the model, or convict anybody, in time.
    error WindowTooShort(bytes32 jobId, string name, uint256 least, uint256 actual);
    error AlreadyFunded(bytes32 jobId);
    error NotFunded(bytes32 jobId);
    /// The seed that draws is known, or can be.
    error FundedTooLate(bytes32 jobId, uint256 round);
    error JobInState(bytes32 jobId, State actual);
    error AlreadyDrawn(bytes32 jobId);
    error NotDrawn(bytes32 jobId);
    error SeedUnknown(bytes32 jobId, uint256 round);
    error TooFewSlots(bytes32 jobId, uint256 wanted, uint256 found);

    error StageMismatch(bytes32 jobId, address replica, ReplicaStage expected, ReplicaStage actual);
    error CommitmentZero(bytes32 jobId, address replica);
    error CommittedTooLate(bytes32 jobId, uint256 closedAt);
    /// The provider waits for them.
    error ReplicasNotCommitted(bytes32 jobId, uint256 wanted, uint256 committed, uint256 closesAt);
    error NothingSubmitted(bytes32 jobId);
    error RevealsClosed(bytes32 jobId, uint256 closedAt);
    error RevealsOpen(bytes32 jobId, uint256 closesAt);
    error RootMismatch(bytes32 jobId, bytes32 expected, bytes32 actual);
    error AlreadySettled(bytes32 jobId);
}
