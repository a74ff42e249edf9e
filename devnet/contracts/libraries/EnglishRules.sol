// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BPS, MAX_RESALE_BPS} from "./Limits.sol";

/// @title The rules of an English auction: the next least bid, the end after a bid, the royalty's bound
/// @notice mlm/core/auctions/english.py computes the same; tests/vectors/english.json and 10,000 random auctions hold both.
library EnglishRules {
    /// @notice The reserve for the first bid; then best + max(1, ceil(best * minStepBps / 1e4)).
    /// @param best The best bid so far, 0 where there is none: a reserve is at least 1.
    function nextLeast(uint128 reserve, uint16 minStepBps, uint128 best) internal pure returns (uint256) {
        if (best == 0) return reserve;
        uint256 step = (uint256(best) * minStepBps + BPS - 1) / BPS;
        return uint256(best) + (step == 0 ? 1 : step);
    }

    /// @notice The end after a bid at `now_`, which lies before `endsAt`: no bid leaves the others less than `extension`
    /// seconds, but for the last ones before `latestEnd`. INVARIANT: endsAt <= result <= latestEnd.
    /// Bids of a reverse auction end by the same rule (Bidding.sol).
    function endAfter(uint256 now_, uint40 endsAt, uint32 extension, uint40 latestEnd) internal pure returns (uint40) {
        uint256 moved = now_ + extension;
        if (moved <= endsAt) return endsAt;
        return moved < latestEnd ? uint40(moved) : latestEnd;
    }

    /// @notice What a collection's royalty may take of a price: what it asks for, at most MAX_RESALE_BPS, rounded down.
    function royalty(uint128 price, uint256 asked) internal pure returns (uint256) {
        uint256 most = (uint256(price) * MAX_RESALE_BPS) / BPS;
        return asked < most ? asked : most;
    }
}
