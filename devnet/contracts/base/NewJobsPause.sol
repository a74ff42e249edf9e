// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IJobMarket} from "../interfaces/IJobMarket.sol";
import {MarketTerms} from "./MarketTerms.sol";

/// @title The guardian's only power: no new jobs for a while, and then not again for a longer while
abstract contract NewJobsPause is MarketTerms {
    /// @notice Seconds for which a pause stops new jobs.
    uint48 public constant PAUSE_DURATION = 3 days;
    /// @notice Seconds after a pause's end during which there is no next one.
    uint48 public constant PAUSE_COOLDOWN = 30 days;

    /// @notice New jobs are refused while block.timestamp < pausedUntil.
    uint48 public pausedUntil;

    /// @inheritdoc IJobMarket
    function pause() external {
        if (msg.sender != _guardian) revert NotGuardian(_guardian, msg.sender);
        uint48 next = pausedUntil == 0 ? 0 : pausedUntil + PAUSE_COOLDOWN;
        if (block.timestamp < next) revert PauseTooSoon(next);
        pausedUntil = uint48(block.timestamp) + PAUSE_DURATION;
        emit Paused(pausedUntil);
    }

    function _needRunning() internal view {
        if (block.timestamp < pausedUntil) revert MarketPaused(pausedUntil);
    }
}
