// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// The prices of a batch: tick 0 is its class's start price, each next tick one price step more.
uint256 constant TICKS = 256;
uint256 constant MAX_TICK = TICKS - 1;

// The most units that one tick holds.
uint256 constant MAX_UNITS = type(uint32).max;

/// @title Quantities by tick, eight to a word, and the price at which most is traded (docs/auctions.md, mlm/core/auctions/batch.py)
/// @notice A side of a batch is 32 words whatever the number of its orders, so clearing reads 64 words.
/// Sums stay below 2^40: 256 ticks of less than 2^32 units.
library Ticks {
    uint256 private constant PER_WORD = 8;
    uint256 private constant BITS = 32;
    // The low one of each pair of quantities, and a one for each pair.
    // slither-disable-next-line too-many-digits
    uint256 private constant PAIRS = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
    // slither-disable-next-line too-many-digits
    uint256 private constant ONES = 0x0000000000000001000000000000000100000000000000010000000000000001;

    /// @notice Units at one tick.
    function at(uint256[32] storage side, uint256 tick) internal view returns (uint256) {
        return (side[tick / PER_WORD] >> _shift(tick)) & MAX_UNITS;
    }

    /// @notice Adds units to a tick. SAFETY: at(side, tick) + units <= MAX_UNITS, else they would run into the next tick.
    function add(uint256[32] storage side, uint256 tick, uint256 units) internal {
        side[tick / PER_WORD] += units << _shift(tick);
    }

    /// @notice Units at higher ticks.
    function above(uint256[32] storage side, uint256 tick) internal view returns (uint256 units) {
        uint256 index = tick / PER_WORD;
        units = _sum(side[index] >> (_shift(tick) + BITS));
        for (uint256 i = index + 1; i < 32; ++i) {
            units += _sum(side[i]);
        }
    }

    /// @notice Units at lower ticks.
    function below(uint256[32] storage side, uint256 tick) internal view returns (uint256 units) {
        uint256 index = tick / PER_WORD;
        units = _sum(side[index] << (256 - _shift(tick)));
        for (uint256 i = 0; i < index; ++i) {
            units += _sum(side[i]);
        }
    }

    /// @notice The tick and the place within it of the unit of a rank, counted from the lowest tick.
    /// SAFETY: rank is less than the sum of the side, else this reverts for want of a word.
    function find(uint256[32] storage side, uint256 rank) internal view returns (uint256 tick, uint256 position) {
        position = rank;
        for (uint256 units = at(side, 0); position >= units; units = at(side, tick)) {
            position -= units;
            ++tick;
        }
    }

    /// @notice The largest volume, max over t of min(units wanted at t or above, units offered at t or below), and the
    /// smallest tick that reaches it; 0 and 0 where nothing can be traded.
    function clearing(uint256[32] memory demand, uint256[32] memory supply)
        internal
        pure
        returns (uint256 tick, uint256 volume)
    {
        uint256 wanted = 0;
        for (uint256 i = 0; i < 32; ++i) {
            wanted += _sum(demand[i]);
        }
        uint256 offered = 0;
        for (uint256 t = 0; t < TICKS; ++t) {
            uint256 shift = _shift(t);
            offered += (supply[t / PER_WORD] >> shift) & MAX_UNITS;
            uint256 traded = wanted < offered ? wanted : offered;
            if (traded > volume) (tick, volume) = (t, traded);
            // Higher ticks are wanted by no more than this one.
            if (wanted <= offered) break;
            wanted -= (demand[t / PER_WORD] >> shift) & MAX_UNITS;
        }
    }

    /// @notice Units by tick.
    function unpack(uint256[32] memory side) internal pure returns (uint32[256] memory units) {
        for (uint256 t = 0; t < TICKS; ++t) {
            // forge-lint: disable-next-line(unsafe-typecast) one quantity, the others are cut off
            units[t] = uint32(side[t / PER_WORD] >> _shift(t));
        }
    }

    /// @dev All eight quantities of a word: added by pairs, then multiplied so that the four sums meet in the top lane.
    function _sum(uint256 word) private pure returns (uint256) {
        unchecked {
            return (((word & PAIRS) + ((word >> BITS) & PAIRS)) * ONES) >> 192;
        }
    }

    function _shift(uint256 tick) private pure returns (uint256) {
        return (tick % PER_WORD) * BITS;
    }
}
