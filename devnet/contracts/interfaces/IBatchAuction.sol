// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Request} from "./IJobMarket.sol";

/// Where identical jobs and offers are cleared together.
interface IBatchAuction {
    /// @notice Enters a job into the round of its class. Market only; reverts for a price off the grid.
    /// @param usePrice The owner's use price, and its basis points, as the job's terms froze them.
    /// @return closesAt When the round's bids close, in seconds since 1970.
    function enter(bytes32 jobId, Request calldata request, uint128 usePrice, uint16 ownerBps)
        external
        returns (uint48 closesAt);
}
