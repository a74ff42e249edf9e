// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title The price of a sale that falls from its start to its reserve
/// @notice A posted price is the same with both equal. mlm/core/auctions/falling.py computes the same; tests/vectors/falling.json
/// and 10,000 random sales hold both.
library FallingPrice {
    /// @notice Linear from `start` at the opening to `reserve` at the end, rounded up: no second is cheaper than the line.
    /// INVARIANT: reserve <= result <= start, and it never rises with `now_`. SAFETY: openedAt < endsAt, openedAt <= now_, reserve <= start.
    function at(uint128 start, uint128 reserve, uint256 openedAt, uint256 endsAt, uint256 now_)
        internal
        pure
        returns (uint128)
    {
        if (now_ >= endsAt) return reserve;
        uint256 fallen = uint256(start - reserve) * (now_ - openedAt) / (endsAt - openedAt);
        // SAFETY: at most start - reserve.
        // forge-lint: disable-next-line(unsafe-typecast)
        return start - uint128(fallen);
    }
}
