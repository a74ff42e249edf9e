// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SaleState} from "../interfaces/IAssetSale.sol";
import {SALE_CLAIM_WINDOW} from "./SaleLimits.sol";

/// A sale as it is stored, in five words.
struct SaleRecord {
    address seller;
    uint40 openedAt;
    uint40 endsAt;
    SaleState ending; // Delivered, Returned or Cancelled when closed, else Unknown
    bool refunded;
    address collection;
    uint40 latestEnd;
    uint32 extension;
    uint16 minStepBps;
    uint256 tokenId;
    uint128 reserve;
    uint128 price;
    address bidder;
    uint40 closedAt;
}

/// @title A sale's state from stored facts and the clock
/// @notice The one table stands in docs/sale.md; mlm/core/auctions/english.py and tests/vectors/english.json hold the same.
/// Intervals are half-open: an end's own second lies outside.
library SaleStates {
    /// @param now_ Seconds since the epoch.
    function at(SaleRecord storage sale, uint256 now_) internal view returns (SaleState) {
        if (sale.openedAt == 0) return SaleState.Unknown;
        if (sale.ending != SaleState.Unknown) return sale.ending;
        if (now_ < sale.endsAt) return SaleState.Open;
        if (sale.bidder == address(0)) return SaleState.Unsold;
        return now_ < uint256(sale.endsAt) + SALE_CLAIM_WINDOW ? SaleState.Sold : SaleState.Lapsed;
    }
}
