// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Params} from "../contracts/base/MarketTerms.sol";
import {IJobMarketErrors} from "../contracts/errors/IJobMarketErrors.sol";
import {Job, Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Role, State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {BURN_ADDRESS, MIN_UNBONDING} from "../contracts/libraries/Limits.sol";
import {MarketBase} from "./MarketBase.sol";
import {Shipped} from "./Shipped.sol";

/// The largest amounts, the smallest ones, and one person in every part.
contract ExtremesTest is MarketBase {
    uint128 private constant LARGEST = type(uint128).max;

    /// @dev A market over a token of which there is more than any amount, with these parameters.
    function _rich(Params memory params) private {
        token = Shipped.marketToken(address(this), type(uint256).max);
        address predicted = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        vault = Shipped.stakeVault(token, predicted, address(batch), uint64(MIN_UNBONDING));
        address[6] memory verifiers =
            [address(0), address(verifier), address(verifier), address(0), address(0), address(0)];
        market = Shipped.jobMarket(token, registry, vault, _modules(), verifiers, params);
        address[3] memory accounts = [CONSUMER, ALICE, BOB];
        for (uint256 i = 0; i < 3; ++i) {
            token.transfer(accounts[i], 1 << 130);
            vm.prank(accounts[i]);
            token.approve(address(market), type(uint256).max);
        }
    }

    function _request128(uint128 maxPrice) private view returns (Request memory request) {
        request = _request(AuctionKind.Reverse, Tier.Zk);
        request.maxPrice = maxPrice;
    }

    /// @dev Posts, bids, accepts and submits; returns the settled job.
    function _whole(uint128 maxPrice, uint128 price) private returns (Job memory job) {
        Request memory request = _request128(maxPrice);
        (Terms memory terms,) = market.quote(request);
        vm.prank(CONSUMER);
        bytes32 jobId = market.post(request, 1);
        _bid(jobId, ALICE, price);
        vm.prank(CONSUMER);
        market.award(jobId);
        vm.prank(ALICE);
        market.accept(jobId);
        _submit(jobId, terms, Verdict.Accepted);
        _needSettled(jobId, State.Accepted);
        return market.jobOf(jobId);
    }

    /// forge-config: default.fuzz.runs = 64
    /// forge-config: fuzz.fuzz.runs = 5000
    function testFuzz_conservesAnyAmount(uint128 maxPrice, uint128 price, uint128 usePrice, uint16 ownerBps, uint16 fee)
        public
    {
        Params memory params = _params();
        params.protocolFeeBps = uint16(_within(fee, 0, 1_000));
        params.lockBps = 10_000;
        params.minLock = 1;
        params.gasCompensation = 1;
        params.undeliveredFeeCap = 1;
        _rich(params);
        usePrice = uint128(_within(usePrice, 0, (uint256(LARGEST) * 9_000) / 10_000 - 1));
        vm.prank(OWNER);
        registry.setPrice(versionId, usePrice, uint16(_within(ownerBps, 0, 9_000)));
        (, uint128 floor) = market.quote(_request128(LARGEST));
        maxPrice = uint128(_within(maxPrice, floor, LARGEST));
        price = uint128(_within(price, floor, maxPrice));
        _stake(ALICE, maxPrice);
        Job memory job = _whole(maxPrice, price);
        vm.assertEq(job.lock, maxPrice);
        vm.assertEq(market.totalCredit(), maxPrice);
        vm.assertEq(market.creditOf(CONSUMER), maxPrice - price);
        vm.assertGe(market.creditOf(OWNER) + market.creditOf(PARENT_OWNER), usePrice);
        vm.assertGe(market.creditOf(TREASURY) + market.creditOf(address(vault)) + market.creditOf(BURN_ADDRESS), 1);
        vm.assertEq(_stakeOf(ALICE), maxPrice);
    }

    function test_theLargestAmounts() public {
        _rich(_params());
        vm.prank(OWNER);
        registry.setPrice(versionId, 0, 9_000);
        _stake(ALICE, LARGEST);
        _whole(LARGEST, LARGEST);
        vm.assertEq(market.totalCredit(), LARGEST);
    }

    function test_anUsePriceThatNobodyCanPayOffersNoJob() public {
        _rich(_params());
        vm.prank(OWNER);
        registry.setPrice(versionId, LARGEST, 0);
        Request memory request = _request128(LARGEST);
        uint256 least = (uint256(LARGEST) * 10_000 + 9_899) / 9_900;
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.PriceBelowFloor.selector, versionId, least, LARGEST));
        market.quote(request);
    }

    function test_theSmallestJob() public {
        Params memory params = _params();
        params.protocolFeeBps = 0;
        params.lockBps = 0;
        params.minLock = 1;
        params.gasCompensation = 1;
        params.undeliveredFeeCap = 1;
        _rich(params);
        vm.prank(OWNER);
        registry.setPrice(versionId, 0, 0);
        _stake(ALICE, 1);
        _whole(1, 1);
        // The least fee takes it all: whoever bids sees that. Its shares are rounded down, so it burns.
        vm.assertEq(market.creditOf(BURN_ADDRESS), 1);
        vm.assertEq(market.creditOf(ALICE), 0);
    }

    /// The owner, its parent's owner, the treasury and the provider are one person: it is paid the price, once,
    /// less what stakers have of the fee and what burns of it.
    function test_onePersonInEveryPart() public {
        Params memory params = _params();
        params.treasury = ALICE;
        _deployMarket(address(verifier), params);
        vm.prank(CONSUMER);
        token.approve(address(market), type(uint256).max);
        _stake(ALICE, 1_000 * ONE);
        uint256 parent = registry.tokenIdOf("base", "weights");
        vm.prank(OWNER);
        registry.transferFrom(OWNER, ALICE, tokenId);
        vm.prank(PARENT_OWNER);
        registry.transferFrom(PARENT_OWNER, ALICE, parent);
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        _submit(jobId, terms, Verdict.Accepted);
        vm.assertEq(market.creditOf(ALICE), MAX_PRICE - ONE / 2);
        vm.assertEq(market.totalCredit(), MAX_PRICE);
        _needSettled(jobId, State.Accepted);
    }

    /// An asset under the burn address: its royalty burns, and blocks nobody.
    function test_aRoyaltyToTheBurnAddressBurns() public {
        vm.prank(OWNER);
        registry.transferFrom(OWNER, BURN_ADDRESS, tokenId);
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        _submit(jobId, terms, Verdict.Accepted);
        vm.assertEq(market.creditOf(BURN_ADDRESS), (75 * ONE) / 10 + ONE / 5);
        market.burn();
        _needSettled(jobId, State.Accepted);
    }

    /// A consumer and a provider in league lose by a default or by silence: nothing comes from anybody else.
    function test_aLeagueOfConsumerAndProviderOnlyLoses() public {
        uint256 before = token.balanceOf(CONSUMER) + token.balanceOf(ALICE) + _stakeOf(ALICE);
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        vm.warp(START + 1 hours);
        market.settle(jobId, terms);
        uint256 held = token.balanceOf(CONSUMER) + token.balanceOf(ALICE) + _stakeOf(ALICE);
        vm.assertEq(held + market.creditOf(CONSUMER) + market.creditOf(ALICE), before - 19 * ONE);
    }

    /// The owner raises its price before the consumer's transaction: the consumer still pays its maximum at most, and
    /// sees in the terms who gets it; a provider below the new floor is refused.
    function test_aPriceRaisedBeforeThePostingStaysBelowTheMaximum() public {
        (, uint128 quoted) = market.quote(_request(AuctionKind.Reverse, Tier.Zk));
        vm.prank(OWNER);
        registry.setPrice(versionId, 99 * ONE, 9_000);
        (bytes32 jobId, Terms memory terms) = _post(AuctionKind.Reverse, Tier.Zk);
        vm.assertTrue(market.jobOf(jobId).floor > quoted);
        vm.assertLe(market.jobOf(jobId).floor, MAX_PRICE);
        vm.warp(START + 10 minutes);
        market.settle(jobId, terms);
        vm.assertEq(market.creditOf(CONSUMER), MAX_PRICE);
    }

    /// Bids lock stake; whoever is outbid is free again at once, so a bidder's stake serves one lease at a time.
    function test_anOutbidBidderIsWhole() public {
        (bytes32 jobId,) = _post(AuctionKind.Reverse, Tier.Zk);
        for (uint128 i = 0; i < 20; ++i) {
            _bid(jobId, i % 2 == 0 ? ALICE : BOB, MAX_PRICE - i);
        }
        vm.assertEq(vault.freeOf(ALICE, Role.Provider), 1_000 * ONE);
        vm.assertEq(vault.freeOf(BOB, Role.Provider), 980 * ONE);
        vm.prank(ALICE);
        vault.requestWithdraw(Role.Provider, 1_000 * ONE);
    }
}
