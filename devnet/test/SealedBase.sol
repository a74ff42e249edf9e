// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IJobMarketErrors} from "../contracts/errors/IJobMarketErrors.sol";
import {Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Tier} from "../contracts/interfaces/Types.sol";
import {MarketBase} from "./MarketBase.sol";

/// @title Sealed bids: how they are made and shown
abstract contract SealedBase is MarketBase {
    bytes32 internal constant SALT = keccak256("salt of a bid");
    uint256 internal constant CLOSE = START + 10 minutes;
    uint256 internal constant REVEAL = 5 minutes;

    function _sealed(bytes32 jobId, address bidder, uint128 price) internal view returns (bytes32) {
        return keccak256(abi.encode(keccak256("mlm/bid/1"), block.chainid, market, jobId, bidder, price, SALT));
    }

    function _commit(bytes32 jobId, address bidder, uint128 price) internal virtual {
        bytes32 commitment = _sealed(jobId, bidder, price);
        vm.prank(bidder);
        market.commitBid(jobId, commitment, "");
    }

    function _reveal(bytes32 jobId, address bidder, uint128 price) internal virtual {
        vm.prank(bidder);
        market.revealBid(jobId, price, SALT);
    }

    function _postSealed(uint128 maxPrice) internal returns (bytes32 jobId, Terms memory terms) {
        Request memory request = _request(AuctionKind.Sealed, Tier.Zk);
        request.maxPrice = maxPrice;
        (terms,) = market.quote(request);
        vm.prank(CONSUMER);
        jobId = market.post(request, 1);
    }

    function _person(uint256 number) internal pure returns (address) {
        return address(uint160(0xF000 + number));
    }

    /// @dev Somebody with this much stake.
    function _fund(address account, uint128 amount) internal {
        token.transfer(account, amount);
        _stake(account, amount);
    }

    function _missing(bytes32 jobId, address bidder) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IJobMarketErrors.BidCommitmentMissing.selector, jobId, bidder);
    }

    function _unsuited(bytes32 jobId, AuctionKind auction) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IJobMarketErrors.AuctionKindUnsuited.selector, jobId, auction);
    }
}
