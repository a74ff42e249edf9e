// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {JobMarket} from "../contracts/JobMarket.sol";
import {IBatchAuction} from "../contracts/interfaces/IBatchAuction.sol";
import {Request} from "../contracts/interfaces/IJobMarket.sol";
import {Outcome} from "../contracts/interfaces/Types.sol";

/// Qualifies everybody but those whom a test names.
contract ToyProviders {
    error NotQualified(address provider, string what, uint256 expected, uint256 actual);

    mapping(address provider => bool) public refused;

    function refuse(address provider) external {
        refused[provider] = true;
    }

    function requireQualified(address provider, bytes calldata) external view {
        if (refused[provider]) revert NotQualified(provider, "toy", 1, 0);
    }

    function qualifies(address provider, bytes calldata) external view returns (bool) {
        return !refused[provider];
    }
}

/// Keeps what the market said last of a provider, and how often it said something.
contract ToyReputation {
    struct Said {
        Outcome outcome;
        uint128 price;
        uint128 points;
        uint256 count;
    }

    mapping(address provider => Said) public said;

    function record(bytes32, address provider, Outcome outcome, uint128 price, uint128 points) external {
        said[provider] = Said(outcome, price, points, said[provider].count + 1);
    }

    function pointsOf(address provider) external view returns (uint128) {
        return said[provider].points;
    }
}

contract ToyFeeShares {
    uint16 private _treasuryBps = 5_000;
    uint16 private _stakersBps = 3_000;

    function set(uint16 treasuryBps, uint16 stakersBps) external {
        (_treasuryBps, _stakersBps) = (treasuryBps, stakersBps);
    }

    function feeShares() external view returns (uint16, uint16) {
        return (_treasuryBps, _stakersBps);
    }
}

/// A round that ends at the next multiple of the bidding window, and awards what a test tells it to.
contract ToyBatch is IBatchAuction {
    error OffTheGrid(bytes32 jobId);

    function enter(bytes32 jobId, Request calldata request, uint128, uint16) external view returns (uint48) {
        if (request.priceStep == 0 || (request.maxPrice - request.startPrice) % request.priceStep != 0) {
            revert OffTheGrid(jobId);
        }
        return uint48((block.timestamp / request.biddingWindow + 1) * request.biddingWindow);
    }

    function draw(JobMarket market, bytes32 jobId, address provider, uint128 price) external {
        market.lease(jobId, provider, price);
    }
}
