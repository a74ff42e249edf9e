// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBatchAuction} from "./IBatchAuction.sol";
import {Tier} from "./Types.sol";

/// What is equal in all jobs of a batch: one unit of supply does any of them. Prices in token base units, windows in
/// seconds, as in a request.
struct JobClass {
    bytes32 versionId;
    Tier tier;
    uint8 scheme;
    uint128 startPrice; // of tick 0
    uint128 priceStep; // from one tick to the next
    uint32 biddingWindow; // a round's length; rounds end at its multiples since 1970
    uint32 revealWindow; // from the round's close: awards can be drawn
    uint32 deliveryWindow;
    uint32 executionWindow;
    uint32 verificationWindow;
    bytes32 requirements; // keccak256 of the ABI-encoded Requirements; 0: anybody may offer
    uint128 usePrice; // the royalty that the jobs were posted under: it decides what a price leaves to the provider
    uint16 ownerBps;
}

/// A batch: one round of one class.
struct Batch {
    uint128 startPrice;
    uint128 priceStep;
    uint128 lock; // stake that an offer reserves for each unit
    uint48 closesAt; // no job and no offer enters any more
    uint48 endsAt; // no award is drawn any more, and what is still reserved is free
    bool cleared;
    uint8 tick; // the clearing price's
    uint40 volume; // jobs awarded
}

/// A job's place in its batch. `position` counts the jobs before it at its tick.
struct Entry {
    bytes32 batchId;
    uint32 position;
    uint8 tick;
    bool drawn;
}

/// An offer's place in its batch. `position` counts the units before its first at its tick.
struct Offer {
    bytes32 batchId;
    address provider;
    uint32 position;
    uint32 quantity;
    uint8 tick;
}

/// What the auction needs of the market.
interface ILeases {
    /// @notice The stake that a job of this tier and maximum price locks; grows with the price.
    function lockFor(Tier tier, uint128 maxPrice) external view returns (uint128);

    /// @notice Gives a job to a provider at a price, locks its stake and starts its delivery window. BatchAuction only.
    function lease(bytes32 jobId, address provider, uint128 price) external;
}

/// What everybody but the market calls.
interface IBatches is IBatchAuction {
    event BatchOpened(bytes32 indexed batchId, bytes32 indexed classId, uint48 closesAt, JobClass jobClass);
    event JobEntered(bytes32 indexed batchId, bytes32 indexed jobId, uint8 tick, uint32 position);
    event OfferPlaced(
        bytes32 indexed batchId,
        bytes32 indexed offerId,
        address indexed provider,
        uint8 tick,
        uint32 position,
        uint32 quantity
    );
    event BatchCleared(bytes32 indexed batchId, uint8 tick, uint40 volume);
    event AwardDrawn(
        bytes32 indexed batchId, bytes32 indexed jobId, bytes32 indexed offerId, address provider, uint128 price
    );

    /// @notice Offers to do `quantity` jobs of a class for the price of `tick` or more, and reserves the caller's stake
    /// for them until the draws end. An offer cannot be withdrawn: whoever could take it back after seeing the other side
    /// would bid for nothing. offerId = keccak256(abi.encode(keccak256("mlm/offer/1"), batchId, tick, position)).
    /// @param closesAt The close of the round that runs, so that a late transaction does not enter the next one.
    /// @param requirements The ABI-encoded Requirements whose hash the class names; ignored where it names none.
    function offer(
        JobClass calldata jobClass,
        uint48 closesAt,
        uint8 tick,
        uint32 quantity,
        bytes calldata requirements
    ) external returns (bytes32 offerId);

    /// @notice Fixes price and volume of a closed batch. Anyone may call, once; the first draw does it too.
    function clear(bytes32 batchId) external returns (uint8 tick, uint40 volume);

    /// @notice Gives an awarded job to the provider of its rank, at the batch's price. Anyone may call, until the draws end.
    /// Does nothing where this award is drawn already, so that nobody spoils a multicall by drawing one of its awards first.
    function draw(bytes32 jobId, bytes32 offerId) external;

    /// @notice keccak256(abi.encode(keccak256("mlm/batch/1"), chainid, auction, jobClass)).
    function classIdOf(JobClass calldata jobClass) external view returns (bytes32);

    /// @notice keccak256(abi.encode(classId, closesAt)).
    function batchIdOf(bytes32 classId, uint48 closesAt) external pure returns (bytes32);

    /// @notice A batch's facts; reverts for one that no job and no offer has entered.
    function batchOf(bytes32 batchId) external view returns (Batch memory);

    /// @notice Where a job stands; zeros for one that entered no batch.
    function entryOf(bytes32 jobId) external view returns (Entry memory);

    /// @notice Where an offer stands; zeros for one that was never made.
    function offerOf(bytes32 offerId) external view returns (Offer memory);

    /// @notice Units wanted and offered at each tick.
    function ticksOf(bytes32 batchId) external view returns (uint32[256] memory demand, uint32[256] memory supply);

    /// @notice Clearing tick and volume; before the close, what they would be now.
    function clearingOf(bytes32 batchId) external view returns (uint8 tick, uint40 volume);

    /// @notice How many jobs go before this one: those at higher ticks, and at its own those entered earlier.
    function rankOf(bytes32 jobId) external view returns (uint256);

    /// @notice The ranks of an offer's units, [first, first + quantity): lower ticks go before, then earlier offers.
    function ranksOf(bytes32 offerId) external view returns (uint256 first, uint32 quantity);

    /// @notice The unit of supply that does this job: its tick, and the units before it there. It belongs to the offer
    /// with position <= unit < position + quantity. Reverts for a job that is not awarded; before the close, as of now.
    function pairOf(bytes32 jobId) external view returns (uint8 tick, uint32 unit);
}
