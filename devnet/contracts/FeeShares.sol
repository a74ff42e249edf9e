// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IFeeSharesErrors} from "./errors/IFeeSharesErrors.sol";
import {IFeeShares} from "./interfaces/IFeeShares.sol";
import {BPS, MAX_STAKERS_BPS, MAX_TREASURY_BPS, MIN_BURN_BPS} from "./libraries/Limits.sol";

/// @title How the protocol fee is shared among treasury, stakers and burn
/// @notice A job keeps the shares of its posting. INVARIANT: the shares lie within the bounds of libraries/Limits.sol, so
/// that at least MIN_BURN_BPS of every fee burns and reputation keeps its price (docs/reputation.md).
/// @dev The governor may have no code when this is deployed, and until it has, nobody can change anything here. That is safe:
/// Deployer.sol derives the address from the deploying account and the name "Timelock" (CREATE3), so no key is known for it,
/// and nobody but the deploying account can make a contract there, once. ASSUMPTION: what that account makes there is
/// the Timelock. Were it anything else, it could move the shares within the bounds, for jobs posted later, and nothing more.
contract FeeShares is IFeeShares, IFeeSharesErrors {
    struct Shares {
        uint16 treasuryBps;
        uint16 stakersBps;
    }

    /// @notice The only account that can set the shares.
    address public immutable governor;

    /// @inheritdoc IFeeShares
    Shares public feeShares;

    constructor(address governor_, uint16 treasuryBps, uint16 stakersBps) {
        if (governor_ == address(0)) revert AddressMissing("governor");
        governor = governor_;
        _set(treasuryBps, stakersBps);
    }

    /// @inheritdoc IFeeShares
    function setShares(uint16 treasuryBps, uint16 stakersBps) external {
        if (governor.code.length == 0) revert NotGoverned(governor);
        if (msg.sender != governor) revert NotGovernor(governor, msg.sender);
        _set(treasuryBps, stakersBps);
    }

    function _set(uint16 treasuryBps, uint16 stakersBps) private {
        _bounded("treasuryBps", treasuryBps, 0, MAX_TREASURY_BPS);
        _bounded("stakersBps", stakersBps, 0, MAX_STAKERS_BPS);
        // SAFETY: the two together are at most one whole, by the bounds above.
        _bounded("burnBps", BPS - treasuryBps - stakersBps, MIN_BURN_BPS, BPS);
        feeShares = Shares(treasuryBps, stakersBps);
        emit FeeSharesSet(treasuryBps, stakersBps);
    }

    function _bounded(string memory name, uint256 actual, uint256 least, uint256 most) private pure {
        if (actual < least || actual > most) revert ShareOutOfBounds(name, actual, least, most);
    }
}
