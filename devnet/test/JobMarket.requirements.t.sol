// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IJobMarketErrors} from "../contracts/errors/IJobMarketErrors.sol";
import {Request} from "../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Tier} from "../contracts/interfaces/Types.sol";
import {SealedBase} from "./SealedBase.sol";
import {ToyProviders} from "./ToyModules.sol";

/// A job that names requirements takes bids of those who qualify, and asks nobody where it names none.
contract JobMarketRequirementsTest is SealedBase {
    bytes private constant WANTED = "a GPU with 24 GiB";

    function _postWith(AuctionKind auction, bytes32 requirements) private returns (bytes32 jobId) {
        Request memory request = _request(auction, Tier.Zk);
        request.requirements = requirements;
        vm.prank(CONSUMER);
        jobId = market.post(request, uint256(auction) + 7);
        vm.assertEq(market.jobOf(jobId).requirements, requirements);
    }

    function _offer(bytes32 jobId, AuctionKind auction, address provider, bytes memory requirements) private {
        vm.prank(provider);
        if (auction == AuctionKind.Sealed) market.commitBid(jobId, keccak256("a price"), requirements);
        else market.bid(jobId, auction == AuctionKind.Dutch ? 40 * ONE : MAX_PRICE, requirements);
    }

    function test_everyKindOfBidIsHeldToThem() public {
        providers.refuse(BOB);
        AuctionKind[4] memory kinds = [AuctionKind.Fixed, AuctionKind.Reverse, AuctionKind.Sealed, AuctionKind.Dutch];
        for (uint256 i = 0; i < 4; ++i) {
            bytes32 jobId = _postWith(kinds[i], keccak256(WANTED));
            vm.expectRevert(abi.encodeWithSelector(ToyProviders.NotQualified.selector, BOB, "toy", 1, 0));
            _offer(jobId, kinds[i], BOB, WANTED);
            vm.expectRevert(_mismatch(jobId, ""));
            _offer(jobId, kinds[i], ALICE, "");
            vm.expectRevert(_mismatch(jobId, "a GPU with 8 GiB"));
            _offer(jobId, kinds[i], ALICE, "a GPU with 8 GiB");
            _offer(jobId, kinds[i], ALICE, WANTED);
        }
    }

    function test_withoutRequirementsAnybodyMayBidWhateverItPasses() public {
        providers.refuse(BOB);
        bytes32 jobId = _postWith(AuctionKind.Reverse, 0);
        _offer(jobId, AuctionKind.Reverse, BOB, "whatever");
        vm.assertEq(market.jobOf(jobId).provider, BOB);
    }

    /// Who qualified at the commitment may reveal, whatever became of it since.
    function test_theyAreHeldAtTheCommitment() public {
        bytes32 jobId = _postWith(AuctionKind.Sealed, keccak256(WANTED));
        bytes32 commitment = _sealed(jobId, ALICE, 60 * ONE);
        vm.prank(ALICE);
        market.commitBid(jobId, commitment, WANTED);
        providers.refuse(ALICE);
        vm.warp(CLOSE);
        _reveal(jobId, ALICE, 60 * ONE);
        vm.assertEq(market.jobOf(jobId).provider, ALICE);
    }

    function _mismatch(bytes32 jobId, bytes memory found) private pure returns (bytes memory) {
        return abi.encodeWithSelector(
            IJobMarketErrors.RequirementsMismatch.selector, jobId, keccak256(WANTED), keccak256(found)
        );
    }
}
