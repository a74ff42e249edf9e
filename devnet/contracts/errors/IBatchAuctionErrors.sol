// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Errors of BatchAuction: each says which job, offer or batch, what was expected and what was found.
interface IBatchAuctionErrors {
    error NotMarket(address expected, address actual);

    /// `name` is the field of the class; seconds.
    error WindowOutOfBounds(string name, uint32 actual, uint256 least, uint256 most);
    /// A class needs a price step, and its highest tick must fit in 128 bits.
    error GridInvalid(uint128 startPrice, uint128 priceStep);
    /// A job's maximum price is startPrice + priceStep * tick, tick 0 to 255.
    error PriceOffGrid(bytes32 jobId, uint128 startPrice, uint128 priceStep, uint128 maxPrice);
    /// Offers are for the round that runs: `expected` is when that one closes.
    error RoundMismatch(bytes32 classId, uint48 expected, uint48 actual);
    error RequirementsMismatch(bytes32 batchId, bytes32 expected, bytes32 actual);
    error QuantityZero(bytes32 batchId, address provider);
    error TickFull(bytes32 batchId, uint8 tick, uint256 left, uint256 quantity);
    /// The stake to reserve, lock times quantity, does not fit in 128 bits.
    error OfferTooLarge(bytes32 batchId, uint128 lock, uint32 quantity);

    error BatchUnknown(bytes32 batchId);
    error BatchStillOpen(bytes32 batchId, uint48 closesAt);
    error BatchAlreadyCleared(bytes32 batchId, uint8 tick, uint40 volume);

    error JobAlreadyEntered(bytes32 jobId, bytes32 batchId);
    error JobUnknown(bytes32 jobId);
    error OfferUnknown(bytes32 offerId);
    error OfferOfAnotherBatch(bytes32 offerId, bytes32 expected, bytes32 actual);
    /// The first `volume` ranks are awarded.
    error JobNotAwarded(bytes32 jobId, uint256 rank, uint40 volume);
    /// The offer's units have the ranks [first, first + quantity).
    error NotPaired(bytes32 jobId, bytes32 offerId, uint256 rank, uint256 first, uint32 quantity);
    error DrawsOver(bytes32 batchId, uint48 endedAt);
}
