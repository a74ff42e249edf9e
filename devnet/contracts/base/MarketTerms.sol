// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IAssetRegistry, Royalty} from "../interfaces/IAssetRegistry.sol";
import {IBatchAuction} from "../interfaces/IBatchAuction.sol";
import {IFeeShares} from "../interfaces/IFeeShares.sol";
import {Request, Snapshot, Terms} from "../interfaces/IJobMarket.sol";
import {IProviders} from "../interfaces/IProviders.sol";
import {IReputation} from "../interfaces/IReputation.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {AuctionKind, Tier} from "../interfaces/Types.sol";
import {
    BPS,
    MAX_PROTOCOL_FEE_BPS,
    LOCK_TIMES,
    MAX_UNDELIVERED_FEE_BPS,
    MAX_WINDOW,
    MIN_WINDOW,
    SCHEME_EXACT,
    SCHEME_KECCAK,
    SCHEME_POSEIDON
} from "../libraries/Limits.sol";
import {Settlement} from "../libraries/Settlement.sol";
import {Credits} from "./Credits.sol";
import {Payments} from "./Payments.sol";

/// What the market is deployed with; immutable. Amounts in token base units, shares in basis points.
struct Params {
    uint16 protocolFeeBps; // of a settled job's price
    uint16 lockBps; // of a job's maximum price: what a bid locks, at least minLock
    uint16 undeliveredFeeBps; // of a job's maximum price
    uint128 minLock;
    uint128 gasCompensation; // from a defaulter's lock to the consumer
    uint128 undeliveredFeeCap;
    address treasury;
    address guardian; // can pause new jobs, nothing else
}

/// The contracts beside the market that it asks or tells; immutable.
struct Modules {
    IProviders providers;
    IReputation reputation;
    IFeeShares feeShares;
    IBatchAuction batch;
}

/// @title What a job's terms may be, and what the market freezes of the world when one is posted
abstract contract MarketTerms is Credits {
    IAssetRegistry public immutable registry;
    IProviders public immutable providers;
    IReputation public immutable reputation;
    IFeeShares public immutable feeShares;
    IBatchAuction public immutable batchAuction;

    uint16 private immutable _protocolFeeBps;
    uint16 private immutable _lockBps;
    uint16 private immutable _undeliveredFeeBps;
    uint128 private immutable _minLock;
    uint128 private immutable _gasCompensation;
    uint128 private immutable _undeliveredFeeCap;
    address private immutable _treasury;
    address internal immutable _guardian;

    // By tier number. address(0): the tier is unavailable in this market.
    address private immutable _verifier0;
    address private immutable _verifier1;
    address private immutable _verifier2;
    address private immutable _verifier3;
    address private immutable _verifier4;
    address private immutable _verifier5;

    /// @param m Those that name the market themselves may have no code yet.
    constructor(IERC20 token_, IAssetRegistry registry_, Modules memory m, address[6] memory verifiers, Params memory p)
        Payments(token_)
    {
        if (address(registry_).code.length == 0) revert AddressMissing("registry");
        _present("providers", address(m.providers));
        _present("reputation", address(m.reputation));
        _present("feeShares", address(m.feeShares));
        _present("batch", address(m.batch));
        _present("treasury", p.treasury);
        _present("guardian", p.guardian);
        _bounded("protocolFeeBps", p.protocolFeeBps, 0, MAX_PROTOCOL_FEE_BPS);
        _bounded("lockBps", p.lockBps, 0, BPS);
        _bounded("undeliveredFeeBps", p.undeliveredFeeBps, 0, MAX_UNDELIVERED_FEE_BPS);
        _bounded("minLock", p.minLock, 1, type(uint128).max);
        // SAFETY: what a lock must cover is never more than the least lock.
        _bounded("gasCompensation", p.gasCompensation, 0, p.minLock);
        _bounded("undeliveredFeeCap", p.undeliveredFeeCap, 0, p.minLock);
        for (uint256 i = 0; i < verifiers.length; ++i) {
            if (verifiers[i] != address(0) && verifiers[i].code.length == 0) revert AddressMissing("verifier");
        }
        registry = registry_;
        (providers, reputation, feeShares, batchAuction) = (m.providers, m.reputation, m.feeShares, m.batch);
        (_verifier0, _verifier1, _verifier2) = (verifiers[0], verifiers[1], verifiers[2]);
        (_verifier3, _verifier4, _verifier5) = (verifiers[3], verifiers[4], verifiers[5]);
        _protocolFeeBps = p.protocolFeeBps;
        _lockBps = p.lockBps;
        _undeliveredFeeBps = p.undeliveredFeeBps;
        _minLock = p.minLock;
        _gasCompensation = p.gasCompensation;
        _undeliveredFeeCap = p.undeliveredFeeCap;
        _treasury = p.treasury;
        _guardian = p.guardian;
    }

    /// @notice The parameters this market was deployed with.
    function params() external view returns (Params memory) {
        return Params({
            protocolFeeBps: _protocolFeeBps,
            lockBps: _lockBps,
            undeliveredFeeBps: _undeliveredFeeBps,
            minLock: _minLock,
            gasCompensation: _gasCompensation,
            undeliveredFeeCap: _undeliveredFeeCap,
            treasury: _treasury,
            guardian: _guardian
        });
    }

    /// @notice The verifier of a tier, or 0 when this market does not offer it.
    function verifierOf(Tier tier) public view returns (address) {
        if (tier == Tier.Zk) return _verifier1;
        if (tier == Tier.Optimistic) return _verifier2;
        if (tier == Tier.Tee) return _verifier3;
        if (tier == Tier.Redundant) return _verifier4;
        if (tier == Tier.Consensus) return _verifier5;
        return _verifier0;
    }

    /// @notice The terms a request would be posted under now, and the least price that covers fee and owner.
    /// Reverts exactly where `post` would refuse the request itself; a pause, missing money or the grid of a batch is not its
    /// matter.
    function quote(Request calldata request) external view returns (Terms memory terms, uint128 floor) {
        return _terms(request);
    }

    /// @notice What a bid for a job of this tier and maximum price locks, where no value is at risk beyond the price. It grows
    /// with the price and never changes.
    function lockFor(Tier tier, uint128 maxPrice) external view returns (uint128) {
        return _lockFor(tier, maxPrice, 0);
    }

    function _terms(Request calldata request) internal view returns (Terms memory terms, uint128 floor) {
        address verifier = _checkRequest(request);
        (uint16 treasuryBps, uint16 stakersBps) = feeShares.feeShares();
        if (uint256(treasuryBps) + stakersBps > BPS) revert FeeSharesTooHigh(treasuryBps, stakersBps);
        bytes32 key = registry.keyOf(request.versionId, _keyTier(request.tier));
        if (key == 0 && request.tier != Tier.None) revert KeyMissing(request.versionId, request.tier);
        // Reverts for an unknown version.
        Royalty memory royalty = registry.royaltyOf(request.versionId);
        uint256 least = Settlement.floorPrice(_protocolFeeBps, royalty.usePrice);
        if (request.maxPrice < least) revert PriceBelowFloor(request.versionId, least, request.maxPrice);
        floor = SafeCast.toUint128(least);
        _checkStart(request, floor);
        terms.request = request;
        terms.snapshot = Snapshot({
            verifier: verifier,
            key: key,
            usePrice: royalty.usePrice,
            ownerBps: royalty.ownerBps,
            protocolFeeBps: _protocolFeeBps,
            treasuryBps: treasuryBps,
            stakersBps: stakersBps,
            treasury: _treasury,
            lock: _lockFor(request.tier, request.maxPrice, request.valueAtRisk),
            undeliveredFee: _undeliveredFeeFor(request.maxPrice),
            gasCompensation: _gasCompensation,
            payees: royalty.payees,
            bps: royalty.bps
        });
    }

    function _checkRequest(Request calldata request) private view returns (address verifier) {
        Tier tier = request.tier;
        verifier = verifierOf(tier);
        if (verifier == address(0)) revert TierUnavailable(tier);
        if (request.scheme != _schemeOf(tier)) revert SchemeUnavailable(request.scheme);
        if (request.inputCommitment == 0) revert InputCommitmentMissing(request.versionId);
        _checkWindow("biddingWindow", request.biddingWindow, MIN_WINDOW);
        AuctionKind auction = request.auction;
        if (auction == AuctionKind.Sealed || auction == AuctionKind.Batch) {
            _checkWindow("revealWindow", request.revealWindow, MIN_WINDOW);
        } else if (request.revealWindow != 0) {
            revert FieldUnused("revealWindow", auction, request.revealWindow);
        }
        _checkWindow("deliveryWindow", request.deliveryWindow, MIN_WINDOW);
        _checkWindow("executionWindow", request.executionWindow, MIN_WINDOW);
        _checkWindow("verificationWindow", request.verificationWindow, tier == Tier.Zk ? 0 : MIN_WINDOW);
        _checkRisk(tier, auction, request.valueAtRisk);
        _checkPolicy(verifier, tier, auction, request.policy);
    }

    function _checkRisk(Tier tier, AuctionKind auction, uint96 valueAtRisk) private pure {
        if (valueAtRisk == 0) return;
        if (!_challenged(tier)) revert ValueAtRiskUnused(tier, valueAtRisk);
        // Whoever offers to a class of jobs knows their price alone.
        if (auction == AuctionKind.Batch) revert FieldUnused("valueAtRisk", auction, valueAtRisk);
    }

    /// @dev A verifier without terms of its own is not asked where there are none.
    function _checkPolicy(address verifier, Tier tier, AuctionKind auction, bytes32 policy) private view {
        if (policy == 0 && tier != Tier.Tee && tier != Tier.Redundant) return;
        // Its verifier reads the tier redundant's.
        if (tier == Tier.Optimistic) revert IVerifier.PolicyUnusable(policy);
        if (auction == AuctionKind.Batch) revert FieldUnused("policy", auction, uint256(policy));
        IVerifier(verifier).checkPolicy(policy);
    }

    /// @dev A Dutch clock and a batch's grid start within what can be paid. That the grid meets maxPrice, the batch checks.
    function _checkStart(Request calldata request, uint128 floor) private pure {
        AuctionKind auction = request.auction;
        uint128 start = request.startPrice;
        if (auction == AuctionKind.Dutch || auction == AuctionKind.Batch) {
            if (start < floor || start > request.maxPrice) {
                revert StartPriceOutOfBounds(start, floor, request.maxPrice);
            }
        } else if (start != 0) {
            revert FieldUnused("startPrice", auction, start);
        }
        if (auction != AuctionKind.Batch && request.priceStep != 0) {
            revert FieldUnused("priceStep", auction, request.priceStep);
        }
    }

    function _checkWindow(string memory name, uint32 actual, uint256 least) private pure {
        if (actual < least || actual > MAX_WINDOW) revert WindowOutOfBounds(name, actual, least, MAX_WINDOW);
    }

    /// @dev How a tier's verifier reads the input commitment.
    function _schemeOf(Tier tier) private pure returns (uint8) {
        if (tier == Tier.None || tier == Tier.Tee) return SCHEME_KECCAK;
        return _challenged(tier) ? SCHEME_EXACT : SCHEME_POSEIDON;
    }

    /// @dev The tiers whose results are traces that anybody can dispute.
    function _challenged(Tier tier) private pure returns (bool) {
        return tier == Tier.Optimistic || tier == Tier.Redundant;
    }

    /// @dev Whose key a tier reads: both of these check a trace of the same graph.
    function _keyTier(Tier tier) private pure returns (Tier) {
        return tier == Tier.Redundant ? Tier.Optimistic : tier;
    }

    /// @dev max(minLock, ceil(maxPrice * lockBps / 1e4)), which fits where maxPrice does, since lockBps <= 1e4. Of a tier with
    /// challengers: at least LOCK_TIMES the price and the value at risk; what does not fit is refused.
    function _lockFor(Tier tier, uint128 maxPrice, uint96 valueAtRisk) internal view returns (uint128) {
        uint256 share = (uint256(maxPrice) * _lockBps + BPS - 1) / BPS;
        // SAFETY: lockBps <= 1e4, so this is the larger one.
        if (_challenged(tier)) share = (uint256(maxPrice) + valueAtRisk) * LOCK_TIMES;
        return SafeCast.toUint128(Math.max(share, _minLock));
    }

    /// @dev min(cap, floor(maxPrice * undeliveredFeeBps / 1e4)). INVARIANT: at most maxPrice, and at most the lock,
    /// since the cap is at most minLock.
    function _undeliveredFeeFor(uint128 maxPrice) internal view returns (uint128) {
        uint256 share = (uint256(maxPrice) * _undeliveredFeeBps) / BPS;
        return SafeCast.toUint128(Math.min(share, _undeliveredFeeCap));
    }
}
