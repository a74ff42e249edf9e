// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {IBatchAuctionErrors} from "./errors/IBatchAuctionErrors.sol";
import {IPaymentErrors} from "./errors/IPaymentErrors.sol";
import {IBatchAuction} from "./interfaces/IBatchAuction.sol";
import {Batch, Entry, IBatches, ILeases, JobClass, Offer} from "./interfaces/IBatches.sol";
import {Request} from "./interfaces/IJobMarket.sol";
import {IProviders} from "./interfaces/IProviders.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";
import {Role} from "./interfaces/Types.sol";
import {MAX_WINDOW, MIN_WINDOW} from "./libraries/Limits.sol";
import {MAX_TICK, MAX_UNITS, Ticks} from "./libraries/Ticks.sol";

/// @title Many identical jobs against many offers, at one price for all (docs/auctions.md)
/// @notice A round of a class is a batch. Jobs and offers are added up by tick as they enter, so that clearing costs the
/// same for ten as for ten thousand; who does which job follows from ranks that never move once the round is closed.
/// INVARIANT: every unit of an offer of which nothing is drawn is reserved in the vault until the draws end.
/// INVARIANT: a job is drawn once, and ranks pair each job with one unit, so no unit is drawn twice.
/// ASSUMPTION: market, vault and providers are the deployment's own contracts; the market enters a job once, with its
/// escrow, does not let it go before its draws end, and its lock for a price never changes and grows with the price.
contract BatchAuction is IBatches, IBatchAuctionErrors, IPaymentErrors, Multicall {
    using Ticks for uint256[32];

    bytes32 private constant CLASS_DOMAIN = keccak256("mlm/batch/1");
    bytes32 private constant OFFER_DOMAIN = keccak256("mlm/offer/1");

    /// A batch as it is stored: what a draw needs in two words, then both sides.
    /// SAFETY: times fit in 40 bits for 34,000 years, a window in 24 (MAX_WINDOW), a volume in 40 (Ticks).
    struct Round {
        uint128 startPrice;
        uint128 priceStep;
        uint128 lock;
        uint40 closesAt;
        uint24 revealWindow;
        bool cleared;
        uint8 tick;
        uint40 volume;
        uint256[32] demand;
        uint256[32] supply;
    }

    ILeases public immutable market;
    IStakeVault public immutable vault;
    IProviders public immutable providers;

    mapping(bytes32 batchId => Round) private _rounds;
    mapping(bytes32 jobId => Entry) private _entries;
    mapping(bytes32 offerId => Offer) private _offers;

    /// @param market_ May have no code yet, nor the vault: the three name each other.
    constructor(ILeases market_, IStakeVault vault_, IProviders providers_) {
        if (address(market_) == address(0)) revert AddressMissing("market");
        if (address(vault_) == address(0)) revert AddressMissing("vault");
        if (address(providers_) == address(0)) revert AddressMissing("providers");
        market = market_;
        vault = vault_;
        providers = providers_;
    }

    // ---------------------------------------------------------------- while the round runs

    /// @inheritdoc IBatchAuction
    function enter(bytes32 jobId, Request calldata request, uint128 usePrice, uint16 ownerBps)
        external
        returns (uint48 closesAt)
    {
        if (msg.sender != address(market)) revert NotMarket(address(market), msg.sender);
        Entry storage entry = _entries[jobId];
        if (entry.batchId != 0) revert JobAlreadyEntered(jobId, entry.batchId);
        JobClass memory jobClass = JobClass({
            versionId: request.versionId,
            tier: request.tier,
            scheme: request.scheme,
            startPrice: request.startPrice,
            priceStep: request.priceStep,
            biddingWindow: request.biddingWindow,
            revealWindow: request.revealWindow,
            deliveryWindow: request.deliveryWindow,
            executionWindow: request.executionWindow,
            verificationWindow: request.verificationWindow,
            requirements: request.requirements,
            usePrice: usePrice,
            ownerBps: ownerBps
        });
        bytes32 batchId;
        (batchId, closesAt) = _running(jobClass);
        Round storage round = _opened(batchId, closesAt, jobClass);
        uint8 tick = _tickOf(jobId, request);
        uint32 position = _add(round.demand, batchId, tick, 1);
        (entry.batchId, entry.position, entry.tick) = (batchId, position, tick);
        emit JobEntered(batchId, jobId, tick, position);
    }

    /// @inheritdoc IBatches
    function offer(
        JobClass calldata jobClass,
        uint48 closesAt,
        uint8 tick,
        uint32 quantity,
        bytes calldata requirements
    ) external returns (bytes32 offerId) {
        (bytes32 batchId, uint48 closes) = _running(jobClass);
        if (closesAt != closes) revert RoundMismatch(_classId(jobClass), closes, closesAt);
        if (quantity == 0) revert QuantityZero(batchId, msg.sender);
        if (jobClass.requirements != 0) {
            bytes32 actual = keccak256(requirements);
            if (actual != jobClass.requirements) {
                revert RequirementsMismatch(batchId, jobClass.requirements, actual);
            }
            providers.requireQualified(msg.sender, requirements);
        }
        Round storage round = _opened(batchId, closes, jobClass);
        uint32 position = _add(round.supply, batchId, tick, quantity);
        offerId = keccak256(abi.encode(OFFER_DOMAIN, batchId, tick, position));
        _offers[offerId] = Offer(batchId, msg.sender, position, quantity, tick);
        emit OfferPlaced(batchId, offerId, msg.sender, tick, position, quantity);

        uint256 stake = uint256(round.lock) * quantity;
        if (stake > type(uint128).max) revert OfferTooLarge(batchId, round.lock, quantity);
        // forge-lint: disable-next-line(unsafe-typecast) compared above
        vault.reserve(offerId, msg.sender, Role.Provider, uint128(stake), _endOf(round));
    }

    // ---------------------------------------------------------------- after the close

    /// @inheritdoc IBatches
    function clear(bytes32 batchId) external returns (uint8 tick, uint40 volume) {
        Round storage round = _known(batchId);
        if (round.cleared) revert BatchAlreadyCleared(batchId, round.tick, round.volume);
        return _clear(batchId, round);
    }

    /// @inheritdoc IBatches
    function draw(bytes32 jobId, bytes32 offerId) external {
        (Entry storage entry, Offer storage supplier) = (_entries[jobId], _offers[offerId]);
        bytes32 batchId = entry.batchId;
        if (batchId == 0) revert JobUnknown(jobId);
        if (supplier.batchId == 0) revert OfferUnknown(offerId);
        if (supplier.batchId != batchId) revert OfferOfAnotherBatch(offerId, batchId, supplier.batchId);
        Round storage round = _rounds[batchId];
        if (!round.cleared) _clear(batchId, round);
        if (block.timestamp >= _endOf(round)) revert DrawsOver(batchId, _endOf(round));
        uint256 rank = _rank(round, entry);
        if (rank >= round.volume) revert JobNotAwarded(jobId, rank, round.volume);
        uint256 first = _first(round, supplier);
        uint32 quantity = supplier.quantity;
        if (rank < first || rank >= first + quantity) revert NotPaired(jobId, offerId, rank, first, quantity);
        if (entry.drawn) return;

        entry.drawn = true;
        address provider = supplier.provider;
        // SAFETY: _running saw that the price of the highest tick fits.
        uint128 price = round.startPrice + round.priceStep * round.tick;
        emit AwardDrawn(batchId, jobId, offerId, provider, price);
        // What this unit reserved becomes the job's lock, which is no larger.
        vault.release(offerId, provider, Role.Provider, round.lock);
        market.lease(jobId, provider, price);
    }

    // ---------------------------------------------------------------- views

    /// @inheritdoc IBatches
    function classIdOf(JobClass calldata jobClass) external view returns (bytes32) {
        return _classId(jobClass);
    }

    /// @inheritdoc IBatches
    function batchIdOf(bytes32 classId, uint48 closesAt) external pure returns (bytes32) {
        return keccak256(abi.encode(classId, closesAt));
    }

    /// @inheritdoc IBatches
    function batchOf(bytes32 batchId) external view returns (Batch memory) {
        Round storage round = _known(batchId);
        return Batch({
            startPrice: round.startPrice,
            priceStep: round.priceStep,
            lock: round.lock,
            closesAt: round.closesAt,
            endsAt: _endOf(round),
            cleared: round.cleared,
            tick: round.tick,
            volume: round.volume
        });
    }

    /// @inheritdoc IBatches
    function entryOf(bytes32 jobId) external view returns (Entry memory) {
        return _entries[jobId];
    }

    /// @inheritdoc IBatches
    function offerOf(bytes32 offerId) external view returns (Offer memory) {
        return _offers[offerId];
    }

    /// @inheritdoc IBatches
    function ticksOf(bytes32 batchId) external view returns (uint32[256] memory demand, uint32[256] memory supply) {
        Round storage round = _known(batchId);
        return (Ticks.unpack(round.demand), Ticks.unpack(round.supply));
    }

    /// @inheritdoc IBatches
    function clearingOf(bytes32 batchId) external view returns (uint8 tick, uint40 volume) {
        return _clearing(_known(batchId));
    }

    /// @inheritdoc IBatches
    function rankOf(bytes32 jobId) external view returns (uint256) {
        Entry storage entry = _entries[jobId];
        if (entry.batchId == 0) revert JobUnknown(jobId);
        return _rank(_rounds[entry.batchId], entry);
    }

    /// @inheritdoc IBatches
    function ranksOf(bytes32 offerId) external view returns (uint256 first, uint32 quantity) {
        Offer storage supplier = _offers[offerId];
        if (supplier.batchId == 0) revert OfferUnknown(offerId);
        return (_first(_rounds[supplier.batchId], supplier), supplier.quantity);
    }

    /// @inheritdoc IBatches
    function pairOf(bytes32 jobId) external view returns (uint8 tick, uint32 unit) {
        Entry storage entry = _entries[jobId];
        if (entry.batchId == 0) revert JobUnknown(jobId);
        Round storage round = _rounds[entry.batchId];
        (, uint40 volume) = _clearing(round);
        uint256 rank = _rank(round, entry);
        if (rank >= volume) revert JobNotAwarded(jobId, rank, volume);
        (uint256 at, uint256 position) = round.supply.find(rank);
        // forge-lint: disable-next-line(unsafe-typecast) a tick, and a place within one
        return (uint8(at), uint32(position));
    }

    // ---------------------------------------------------------------- rounds

    /// @dev The round of a class that runs now; reverts for a class that can have none.
    function _running(JobClass memory jobClass) private view returns (bytes32 batchId, uint48 closesAt) {
        _checkWindow("biddingWindow", jobClass.biddingWindow);
        _checkWindow("revealWindow", jobClass.revealWindow);
        uint256 highest = uint256(jobClass.priceStep) * MAX_TICK + jobClass.startPrice;
        if (jobClass.priceStep == 0 || highest > type(uint128).max) {
            revert GridInvalid(jobClass.startPrice, jobClass.priceStep);
        }
        closesAt = uint48((block.timestamp / jobClass.biddingWindow + 1) * jobClass.biddingWindow);
        batchId = keccak256(abi.encode(_classId(jobClass), closesAt));
    }

    /// @dev The stored round, which the first job or offer opens.
    function _opened(bytes32 batchId, uint48 closesAt, JobClass memory jobClass) private returns (Round storage round) {
        round = _rounds[batchId];
        if (round.closesAt != 0) return round;
        uint128 lock = market.lockFor(jobClass.tier, jobClass.startPrice + jobClass.priceStep * uint128(MAX_TICK));
        (round.startPrice, round.priceStep) = (jobClass.startPrice, jobClass.priceStep);
        round.lock = lock;
        round.closesAt = uint40(closesAt);
        round.revealWindow = uint24(jobClass.revealWindow);
        emit BatchOpened(batchId, _classId(jobClass), closesAt, jobClass);
    }

    /// @dev Adds units at a tick; returns how many were there before.
    function _add(uint256[32] storage side, bytes32 batchId, uint8 tick, uint32 units) private returns (uint32) {
        uint256 before = side.at(tick);
        if (units > MAX_UNITS - before) revert TickFull(batchId, tick, MAX_UNITS - before, units);
        side.add(tick, units);
        // forge-lint: disable-next-line(unsafe-typecast) one tick's units
        return uint32(before);
    }

    function _clear(bytes32 batchId, Round storage round) private returns (uint8 tick, uint40 volume) {
        if (block.timestamp < round.closesAt) revert BatchStillOpen(batchId, round.closesAt);
        (tick, volume) = _clearing(round);
        (round.cleared, round.tick, round.volume) = (true, tick, volume);
        emit BatchCleared(batchId, tick, volume);
    }

    /// @dev INVARIANT: after the close nothing enters, so this answers the same for ever.
    function _clearing(Round storage round) private view returns (uint8 tick, uint40 volume) {
        if (round.cleared) return (round.tick, round.volume);
        (uint256 at, uint256 most) = Ticks.clearing(round.demand, round.supply);
        // forge-lint: disable-next-line(unsafe-typecast) a tick, and less than 2^40 units
        return (uint8(at), uint40(most));
    }

    function _known(bytes32 batchId) private view returns (Round storage round) {
        round = _rounds[batchId];
        if (round.closesAt == 0) revert BatchUnknown(batchId);
    }

    function _endOf(Round storage round) private view returns (uint48) {
        return uint48(round.closesAt) + round.revealWindow;
    }

    function _rank(Round storage round, Entry storage entry) private view returns (uint256) {
        return round.demand.above(entry.tick) + entry.position;
    }

    function _first(Round storage round, Offer storage supplier) private view returns (uint256) {
        return round.supply.below(supplier.tick) + supplier.position;
    }

    /// @dev The tick whose price is the job's maximum.
    function _tickOf(bytes32 jobId, Request calldata request) private pure returns (uint8) {
        (uint128 start, uint128 step, uint128 price) = (request.startPrice, request.priceStep, request.maxPrice);
        if (price < start || (price - start) % step != 0 || (price - start) / step > MAX_TICK) {
            revert PriceOffGrid(jobId, start, step, price);
        }
        // forge-lint: disable-next-line(unsafe-typecast) compared above
        return uint8((price - start) / step);
    }

    function _classId(JobClass memory jobClass) private view returns (bytes32) {
        return keccak256(abi.encode(CLASS_DOMAIN, block.chainid, address(this), jobClass));
    }

    function _checkWindow(string memory name, uint32 actual) private pure {
        if (actual < MIN_WINDOW || actual > MAX_WINDOW) revert WindowOutOfBounds(name, actual, MIN_WINDOW, MAX_WINDOW);
    }
}
