// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AuditStage} from "../interfaces/IAuditRewards.sol";
import {State} from "../interfaces/Types.sol";

/// Errors of AuditRewards; those of a path that leads elsewhere are IFaultProofErrors'.
interface IAuditRewardsErrors {
    error FundingMissing();
    error PeriodNotOver(uint256 period, uint256 endsAt);
    error DrawAlreadyBegun(uint256 period, uint256 blockNumber);
    error DrawNotBegun(uint256 period);
    error DrawAlreadyEnded(uint256 period);
    /// The block's hash is known from the next block on.
    error DrawTooYoung(uint256 period, uint256 blockNumber);
    /// The block's hash can be read no more: the period draws nothing.
    error DrawLapsed(uint256 period, uint256 blockNumber);
    error DrawNotEnded(uint256 period);

    /// Nothing was handed in for the job in the optimistic tier.
    error NothingToAudit(bytes32 jobId);
    error NotDrawn(bytes32 jobId);
    error CommitmentsClosed(bytes32 jobId, uint256 closedAt);
    error ProviderCannotAudit(bytes32 jobId, address provider);
    error WatcherStakeTooLow(address auditor, uint256 expected, uint256 actual);
    /// The pool has less than the audit pays, or the job is too cheap to pay anything.
    error PayNotFunded(bytes32 jobId, uint256 pay, uint256 pool);
    error StageMismatch(bytes32 jobId, address auditor, AuditStage expected, AuditStage actual);
    error OpeningsClosed(bytes32 jobId, uint256 closedAt);
    error OpeningsNotClosed(bytes32 jobId, uint256 closesAt);
    error OpeningCountMismatch(uint256 expected, uint256 actual);
    error LeafLengthMismatch(uint256 position, uint256 expected, uint256 actual);
    /// What was shown is not of the provider's trace.
    error TraceMismatch(uint256 position, bytes32 expected, bytes32 actual);
    /// What was shown is not what was committed to.
    error KeyedRootMismatch(uint256 position, bytes32 expected, bytes32 actual);
    error JobNotAccepted(bytes32 jobId, State state);
    /// Auditors are to be paid, or nothing is set aside.
    error NothingToRelease(bytes32 jobId, State state);
}
