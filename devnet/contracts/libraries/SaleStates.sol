// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SaleKind, SaleState} from "../interfaces/IAssetSale.sol";
import {EnglishRules} from "./EnglishRules.sol";
import {FallingPrice} from "./FallingPrice.sol";
import {SALE_CLAIM_WINDOW} from "./SaleLimits.sol";

/// A sale as it is stored, in six words.
struct SaleRecord {
    address seller;
    uint40 openedAt;
    uint40 endsAt;
    SaleState ending; // Delivered, Returned or Cancelled when closed, else Unknown
    bool refunded;
    address collection;
    uint40 latestEnd; // English: what late bids can move the end to; else the end as it was offered
    uint32 extension;
    uint16 minStepBps;
    uint256 tokenId;
    uint128 reserve;
    uint128 price;
    address bidder;
    uint40 closedAt;
    uint40 expiresAt;
    uint128 startPrice;
    uint128 units;
}

/// @title A sale's kind, price and state from stored facts and the clock
/// @notice The one table stands in docs/sale.md; mlm/core/auctions/sale.py and tests/vectors/english.json hold the same.
/// Intervals are half-open: an end's own second lies outside.
library SaleStates {
    /// @param now_ Seconds since the epoch.
    function at(SaleRecord storage sale, uint256 now_) internal view returns (SaleState) {
        if (sale.openedAt == 0) return SaleState.Unknown;
        if (sale.ending != SaleState.Unknown) return sale.ending;
        if (now_ < sale.endsAt) return SaleState.Open;
        if (sale.bidder == address(0)) return SaleState.Unsold;
        // What has expired is delivered to nobody.
        return
            now_ < uint256(sale.endsAt) + SALE_CLAIM_WINDOW && now_ < sale.expiresAt ? SaleState.Sold : SaleState.Lapsed;
    }

    function kindOf(SaleRecord storage sale) internal view returns (SaleKind) {
        if (sale.startPrice == 0) return SaleKind.English;
        return sale.startPrice == sale.reserve ? SaleKind.Fixed : SaleKind.Dutch;
    }

    /// @notice The least that leads now (English), or that takes the lot now.
    function least(SaleRecord storage sale, uint256 now_) internal view returns (uint256) {
        if (sale.startPrice == 0) return EnglishRules.nextLeast(sale.reserve, sale.minStepBps, sale.price);
        return FallingPrice.at(sale.startPrice, sale.reserve, sale.openedAt, sale.latestEnd, now_);
    }
}
