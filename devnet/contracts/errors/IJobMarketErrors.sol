// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AuctionKind, State, Tier, Verdict} from "../interfaces/Types.sol";

/// Errors of JobMarket: each says which job, what was expected and what was found.
interface IJobMarketErrors {
    error MarketPaused(uint48 until);
    error PauseTooSoon(uint48 next);
    error NotGuardian(address expected, address actual);

    error TierUnavailable(Tier tier);
    error SchemeUnavailable(uint8 scheme);
    error KeyMissing(bytes32 versionId, Tier tier);
    error InputCommitmentMissing(bytes32 versionId);
    /// `name` is the field of the request; seconds.
    error WindowOutOfBounds(string name, uint32 actual, uint256 least, uint256 most);
    /// `name` is a field of the request that this kind of auction does not know: it must be 0.
    error FieldUnused(string name, AuctionKind auction, uint256 actual);
    /// Nothing that a consumer declares to be at risk is covered in this tier: it must be 0.
    error ValueAtRiskUnused(Tier tier, uint96 actual);
    error StartPriceOutOfBounds(uint128 actual, uint256 least, uint128 most);
    /// Shares of the protocol fee in basis points: together they pass one whole.
    error FeeSharesTooHigh(uint16 treasuryBps, uint16 stakersBps);
    error PriceBelowFloor(bytes32 id, uint256 floor, uint256 actual);
    error PriceAboveMaximum(bytes32 jobId, uint128 maximum, uint128 actual);
    /// A fixed price is taken as it is.
    error PriceNotFixed(bytes32 jobId, uint128 expected, uint128 actual);
    /// A reverse auction's next bid lies below the best so far.
    error PriceNotLower(bytes32 jobId, uint128 best, uint128 actual);

    /// A Dutch clock offers less than the bidder takes.
    error PriceAboveClock(bytes32 jobId, uint128 offered, uint128 actual);
    /// The job's auction does not know this move.
    error AuctionKindUnsuited(bytes32 jobId, AuctionKind actual);
    error RequirementsMismatch(bytes32 jobId, bytes32 expected, bytes32 actual);

    error BidAlreadyCommitted(bytes32 jobId, address bidder);
    /// The bidder has no sealed bid that stands, or commits to 0.
    error BidCommitmentMissing(bytes32 jobId, address bidder);
    error BidCommitmentMismatch(bytes32 jobId, bytes32 expected, bytes32 actual);
    error RevealsStillOpen(bytes32 jobId, uint256 closesAt);
    /// The best bid of a reverse auction can be taken back in the first half of the bids' time.
    error WithdrawalTooLate(bytes32 jobId, uint256 until);
    error NotBestBidder(bytes32 jobId, address expected, address actual);
    error NotBatchAuction(address expected, address actual);

    error JobAlreadyPosted(bytes32 jobId);
    error JobInState(bytes32 jobId, State expected, State actual);
    error JobNotFinal(bytes32 jobId, State actual);
    error JobAlreadySettled(bytes32 jobId, uint48 settledAt);
    error JobHasBid(bytes32 jobId, address provider);
    error JobHasCommitments(bytes32 jobId, uint32 count);
    error JobHasNoBid(bytes32 jobId);
    error NotConsumer(bytes32 jobId, address expected, address actual);
    error NotLeaseHolder(bytes32 jobId, address expected, address actual);
    error ConsumerCannotBid(bytes32 jobId, address consumer);
    error TermsMismatch(bytes32 jobId, bytes32 expected, bytes32 actual);
    /// A verifier may only say Accepted or Pending when it first checks.
    error VerdictUnexpected(bytes32 jobId, Verdict verdict);

    error NoCredit(address account);
}
