// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AuctionKind, State, Tier, Verdict} from "../interfaces/Types.sol";

/// Errors of JobMarket: each says which job, what was expected and what was found.
interface IJobMarketErrors {
    error MarketPaused(uint48 until);
    error PauseTooSoon(uint48 next);
    error NotGuardian(address expected, address actual);

    error AuctionKindUnavailable(AuctionKind auction);
    error TierUnavailable(Tier tier);
    error SchemeUnavailable(uint8 scheme);
    error KeyMissing(bytes32 versionId, Tier tier);
    error InputCommitmentMissing(bytes32 versionId);
    /// `name` is the field of the request; seconds.
    error WindowOutOfBounds(string name, uint32 actual, uint256 least, uint256 most);
    error PriceBelowFloor(bytes32 id, uint256 floor, uint256 actual);
    error PriceAboveMaximum(bytes32 jobId, uint128 maximum, uint128 actual);
    /// A fixed price is taken as it is.
    error PriceNotFixed(bytes32 jobId, uint128 expected, uint128 actual);
    /// A reverse auction's next bid lies below the best so far.
    error PriceNotLower(bytes32 jobId, uint128 best, uint128 actual);

    error JobAlreadyPosted(bytes32 jobId);
    error JobInState(bytes32 jobId, State expected, State actual);
    error JobNotFinal(bytes32 jobId, State actual);
    error JobAlreadySettled(bytes32 jobId, uint48 settledAt);
    error JobHasBid(bytes32 jobId, address provider);
    error JobHasNoBid(bytes32 jobId);
    error NotConsumer(bytes32 jobId, address expected, address actual);
    error NotLeaseHolder(bytes32 jobId, address expected, address actual);
    error ConsumerCannotBid(bytes32 jobId, address consumer);
    error TermsMismatch(bytes32 jobId, bytes32 expected, bytes32 actual);
    /// A verifier may only say Accepted or Pending when it first checks.
    error VerdictUnexpected(bytes32 jobId, Verdict verdict);

    error NoCredit(address account);
}
