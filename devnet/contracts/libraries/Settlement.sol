// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BPS} from "./Limits.sol";

/// @title How the price of an accepted job is split (docs/job.md, mlm/core/settlement.py, tests/vectors/settlement.json)
/// @notice All amounts are token base units, all shares basis points.
library Settlement {
    /// @notice ceil(price * feeBps / 1e4), and at least 1.
    function feeUp(uint256 price, uint256 feeBps) internal pure returns (uint256) {
        uint256 fee = (price * feeBps + BPS - 1) / BPS;
        return fee == 0 ? 1 : fee;
    }

    /// @notice Who takes the protocol fee: treasury and stakers their basis points of it, rounded down. The rest burns.
    /// SAFETY: treasuryBps + stakersBps <= 1e4, else this underflows and reverts.
    function splitFee(uint256 fee, uint256 treasuryBps, uint256 stakersBps)
        internal
        pure
        returns (uint256 treasury, uint256 stakers, uint256 burned)
    {
        treasury = (fee * treasuryBps) / BPS;
        stakers = (fee * stakersBps) / BPS;
        burned = fee - treasury - stakers;
    }

    /// @notice What the owner and its parents share: max(usePrice, floor(price * ownerBps / 1e4)).
    function ownerPart(uint256 price, uint256 usePrice, uint256 ownerBps) internal pure returns (uint256) {
        uint256 share = (price * ownerBps) / BPS;
        return share > usePrice ? share : usePrice;
    }

    /// @notice The least price P with fee(P) + ownerPart(P) <= P; every price above it satisfies this too.
    /// @dev P - ceil(P*f/1e4) = floor(P*(1e4-f)/1e4) grows with P, so the use price asks for P >= ceil(usePrice*1e4/(1e4-f))
    /// and, through the least fee, P > usePrice. The owner's share asks for nothing more while feeBps + ownerBps <= 1e4.
    /// SAFETY: feeBps < 1e4 (MAX_PROTOCOL_FEE_BPS).
    function floorPrice(uint256 feeBps, uint256 usePrice) internal pure returns (uint256) {
        uint256 rest = BPS - feeBps;
        uint256 least = (usePrice * BPS + rest - 1) / rest;
        return least > usePrice ? least : usePrice + 1;
    }

    /// @notice Splits `price`. INVARIANT: fee + sum(shares) + provider == price.
    /// @param bps Shares of the owner's part, one for each payee; bps[0] is ignored, payee 0 takes the remainder.
    /// SAFETY: price >= floorPrice and sum(bps[1:]) <= 1e4, else this underflows and reverts.
    function split(uint256 price, uint256 feeBps, uint256 usePrice, uint256 ownerBps, uint16[] memory bps)
        internal
        pure
        returns (uint256 fee, uint256[] memory shares, uint256 provider)
    {
        fee = feeUp(price, feeBps);
        uint256 part = ownerPart(price, usePrice, ownerBps);
        provider = price - fee - part;
        shares = new uint256[](bps.length);
        uint256 remainder = part;
        for (uint256 i = 1; i < bps.length; ++i) {
            shares[i] = (part * bps[i]) / BPS;
            remainder -= shares[i];
        }
        shares[0] = remainder;
    }
}
