// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MarketToken} from "../contracts/MarketToken.sol";
import {IAssetRegistryErrors} from "../contracts/errors/IAssetRegistryErrors.sol";
import {IJobMarketErrors} from "../contracts/errors/IJobMarketErrors.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {Parent} from "../contracts/interfaces/IAssetRegistry.sol";
import {IJobMarket, Job, Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {IVerifier} from "../contracts/interfaces/IVerifier.sol";
import {AuctionKind, Role, State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {MAX_WINDOW} from "../contracts/libraries/Limits.sol";
import {MarketBase} from "./MarketBase.sol";
import {TaxedToken} from "./TaxedToken.sol";

contract JobMarketPostTest is MarketBase {
    function _refuse(Request memory request, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(CONSUMER);
        market.post(request, 1);
        // `quote` refuses what `post` refuses.
        vm.expectRevert(reason);
        market.quote(request);
    }

    function test_escrowsTheMaximumAndStoresTheFacts() public {
        uint256 before = token.balanceOf(CONSUMER);
        (bytes32 jobId, Terms memory terms) = _post(AuctionKind.Reverse, Tier.Zk);
        vm.assertEq(token.balanceOf(CONSUMER), before - MAX_PRICE);
        vm.assertEq(market.totalEscrow(), MAX_PRICE);
        Job memory job = market.jobOf(jobId);
        vm.assertEq(job.termsHash, keccak256(abi.encode(terms)));
        vm.assertEq(job.consumer, CONSUMER);
        vm.assertEq(job.postedAt, START);
        vm.assertEq(job.bidsCloseAt, START + 10 minutes);
        vm.assertEq(job.lock, 20 * ONE);
        vm.assertEq(job.verifier, address(verifier));
        _needState(jobId, State.Open);
        _needSound();
    }

    function test_identityIsContent() public {
        (bytes32 jobId, Terms memory terms) = _post(AuctionKind.Reverse, Tier.Zk);
        bytes32 expected = keccak256(
            abi.encode(
                keccak256("mlm/job/1"),
                block.chainid,
                address(market),
                CONSUMER,
                uint256(1),
                keccak256(abi.encode(terms))
            )
        );
        vm.assertEq(jobId, expected);
        Request memory request = _request(AuctionKind.Reverse, Tier.Zk);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.JobAlreadyPosted.selector, jobId));
        vm.prank(CONSUMER);
        market.post(request, 1);
        vm.prank(CONSUMER);
        vm.assertTrue(market.post(request, 2) != jobId);
    }

    function test_snapshotFreezesTheWorld() public {
        (, Terms memory terms) = _post(AuctionKind.Reverse, Tier.Zk);
        vm.assertEq(terms.snapshot.usePrice, 2 * ONE);
        vm.assertEq(terms.snapshot.ownerBps, 1_000);
        vm.assertEq(terms.snapshot.protocolFeeBps, 100);
        vm.assertEq(terms.snapshot.treasury, TREASURY);
        vm.assertEq(terms.snapshot.undeliveredFee, ONE / 2);
        vm.assertEq(terms.snapshot.gasCompensation, ONE);
        vm.assertEq(terms.snapshot.key, registry.keyOf(versionId, Tier.Zk));
        vm.assertEq(terms.snapshot.payees[0], OWNER);
        vm.assertEq(terms.snapshot.payees[1], PARENT_OWNER);
        vm.assertEq(terms.snapshot.bps[1], 2_500);
    }

    function test_locksTheLeastForSmallJobs() public view {
        Request memory request = _request(AuctionKind.Reverse, Tier.Zk);
        request.maxPrice = 5 * ONE;
        (Terms memory terms, uint128 floor) = market.quote(request);
        vm.assertEq(terms.snapshot.lock, 10 * ONE);
        vm.assertEq(terms.snapshot.undeliveredFee, ONE / 20);
        // ceil(2e18 * 10000 / 9900)
        vm.assertEq(floor, 2_020_202_020_202_020_203);
    }

    /// A field that the kind does not know stands in no term that nobody would read.
    function test_fieldsThatTheKindDoesNotKnow() public {
        for (uint8 kind = 0; kind < 5; ++kind) {
            AuctionKind auction = AuctionKind(kind);
            Request memory request = _request(auction, Tier.Zk);
            market.quote(request);
            if (request.startPrice == 0) {
                request.startPrice = 1;
                _refuse(request, _unused("startPrice", auction, 1));
                request.startPrice = 0;
            }
            if (request.priceStep == 0) {
                request.priceStep = 2;
                _refuse(request, _unused("priceStep", auction, 2));
                request.priceStep = 0;
            }
            if (request.revealWindow == 0) {
                request.revealWindow = 60;
                _refuse(request, _unused("revealWindow", auction, 60));
            }
        }
    }

    function test_startPrice() public {
        AuctionKind[2] memory kinds = [AuctionKind.Dutch, AuctionKind.Batch];
        for (uint256 i = 0; i < 2; ++i) {
            Request memory request = _request(kinds[i], Tier.Zk);
            (, uint128 floor) = market.quote(request);
            request.startPrice = floor - 1;
            _refuse(request, _badStart(floor - 1, floor));
            request.startPrice = MAX_PRICE + 1;
            _refuse(request, _badStart(MAX_PRICE + 1, floor));
            request.startPrice = floor;
            market.quote(request);
            request.startPrice = MAX_PRICE;
            market.quote(request);
        }
    }

    /// Shares that would leave less than nothing to burn stop new jobs, not running ones.
    function test_feeSharesPastOneWhole() public {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        feeShares.set(9_999, 2);
        Request memory request = _request(AuctionKind.Fixed, Tier.Zk);
        _refuse(request, abi.encodeWithSelector(IJobMarketErrors.FeeSharesTooHigh.selector, 9_999, 2));
        _submit(jobId, terms, Verdict.Accepted);
        _needSettled(jobId, State.Accepted);
    }

    function _unused(string memory name, AuctionKind auction, uint256 actual) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IJobMarketErrors.FieldUnused.selector, name, auction, actual);
    }

    function _badStart(uint128 actual, uint128 floor) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IJobMarketErrors.StartPriceOutOfBounds.selector, actual, floor, MAX_PRICE);
    }

    function test_tierWithoutVerifier() public {
        _refuse(
            _request(AuctionKind.Fixed, Tier.Consensus),
            abi.encodeWithSelector(IJobMarketErrors.TierUnavailable.selector, Tier.Consensus)
        );
    }

    function test_versionWithoutKey() public {
        (, bytes32 bare) = _publish(OWNER, _publication("labs", "bare", "1.0.0", "no keys"));
        Request memory request = _request(AuctionKind.Fixed, Tier.Zk);
        request.versionId = bare;
        _refuse(request, abi.encodeWithSelector(IJobMarketErrors.KeyMissing.selector, bare, Tier.Zk));
        // The tier `none` verifies nothing and needs no key.
        (request.tier, request.scheme) = (Tier.None, 2);
        vm.prank(CONSUMER);
        market.post(request, 1);
    }

    function test_unknownVersion() public {
        Request memory request = _request(AuctionKind.Fixed, Tier.None);
        request.versionId = "nothing";
        _refuse(request, abi.encodeWithSelector(IAssetRegistryErrors.VersionUnknown.selector, request.versionId));
    }

    function test_schemeAndInput() public {
        Request memory request = _request(AuctionKind.Fixed, Tier.Zk);
        request.scheme = 2;
        _refuse(request, abi.encodeWithSelector(IJobMarketErrors.SchemeUnavailable.selector, 2));
        request.tier = Tier.None;
        market.quote(request);
        request.scheme = 1;
        _refuse(request, abi.encodeWithSelector(IJobMarketErrors.SchemeUnavailable.selector, 1));
        request.tier = Tier.Optimistic;
        _refuse(request, abi.encodeWithSelector(IJobMarketErrors.SchemeUnavailable.selector, 1));
        request.scheme = 3;
        market.quote(request);
        (request.tier, request.scheme) = (Tier.Zk, 1);
        request.inputCommitment = 0;
        _refuse(request, abi.encodeWithSelector(IJobMarketErrors.InputCommitmentMissing.selector, versionId));
    }

    function test_floor() public {
        Request memory request = _request(AuctionKind.Fixed, Tier.Zk);
        (, uint128 floor) = market.quote(request);
        request.maxPrice = floor - 1;
        _refuse(request, abi.encodeWithSelector(IJobMarketErrors.PriceBelowFloor.selector, versionId, floor, floor - 1));
        request.maxPrice = floor;
        vm.prank(CONSUMER);
        market.post(request, 1);
    }

    function test_windows() public {
        Request memory request = _request(AuctionKind.Fixed, Tier.Zk);
        request.biddingWindow = 59;
        _refuse(request, _badWindow("biddingWindow", 59, 60));
        request.biddingWindow = uint32(MAX_WINDOW) + 1;
        _refuse(request, _badWindow("biddingWindow", request.biddingWindow, 60));
        request.biddingWindow = 60;
        request.deliveryWindow = 0;
        _refuse(request, _badWindow("deliveryWindow", 0, 60));
        request.deliveryWindow = uint32(MAX_WINDOW);
        request.executionWindow = 59;
        _refuse(request, _badWindow("executionWindow", 59, 60));
        request = _request(AuctionKind.Sealed, Tier.Zk);
        request.revealWindow = 59;
        _refuse(request, _badWindow("revealWindow", 59, 60));
        request = _request(AuctionKind.Batch, Tier.Zk);
        request.revealWindow = uint32(MAX_WINDOW) + 1;
        _refuse(request, _badWindow("revealWindow", uint32(MAX_WINDOW) + 1, 60));
        request = _request(AuctionKind.Fixed, Tier.Zk);
        request.verificationWindow = type(uint32).max;
        _refuse(request, _badWindow("verificationWindow", type(uint32).max, 0));
    }

    function test_verificationWindowWhereAVerdictNeedsTime() public {
        Request memory request = _request(AuctionKind.Fixed, Tier.Optimistic);
        request.verificationWindow = 0;
        _refuse(request, _badWindow("verificationWindow", 0, 60));
        // The tier `none` decides nothing, but a consumer has to have time to complain.
        (request.tier, request.scheme) = (Tier.None, 2);
        _refuse(request, _badWindow("verificationWindow", 0, 60));
        (request.tier, request.scheme) = (Tier.Zk, 1);
        market.quote(request);
    }

    /// What burns of the lock covers the price and what the consumer says is at risk besides.
    function test_valueAtRisk() public {
        Request memory request = _request(AuctionKind.Fixed, Tier.Optimistic);
        request.valueAtRisk = uint96(900 * ONE);
        (Terms memory terms,) = market.quote(request);
        vm.assertEq(terms.snapshot.lock, 2 * (MAX_PRICE + 900 * ONE));
        (request.tier, request.policy) = (Tier.Redundant, "k");
        (terms,) = market.quote(request);
        vm.assertEq(terms.snapshot.lock, 2 * (MAX_PRICE + 900 * ONE));
        vm.prank(CONSUMER);
        bytes32 jobId = market.post(request, 1);
        vm.assertEq(market.jobOf(jobId).lock, terms.snapshot.lock);
        token.transfer(ALICE, terms.snapshot.lock);
        _stake(ALICE, terms.snapshot.lock - vault.freeOf(ALICE, Role.Provider));
        _bid(jobId, ALICE, request.maxPrice);
        vm.assertEq(vault.freeOf(ALICE, Role.Provider), 0);

        request.auction = AuctionKind.Batch;
        (request.startPrice, request.priceStep, request.revealWindow) = (50 * uint128(ONE), uint128(ONE), 300);
        _refuse(request, _unused("valueAtRisk", AuctionKind.Batch, 900 * ONE));
        (request.tier, request.scheme) = (Tier.Zk, 1);
        _refuse(
            request, abi.encodeWithSelector(IJobMarketErrors.ValueAtRiskUnused.selector, Tier.Zk, request.valueAtRisk)
        );
    }

    /// A verifier is asked where there is a policy, and where its tier needs one.
    function test_policy() public {
        Request memory request = _request(AuctionKind.Fixed, Tier.Tee);
        request.policy = verifier.REFUSED();
        bytes memory refused = abi.encodeWithSelector(IVerifier.PolicyUnusable.selector, request.policy);
        for (uint8 tier = 0; tier <= uint8(Tier.Redundant); ++tier) {
            (request.tier, request.scheme) = (Tier(tier), _schemeOf(Tier(tier)));
            _refuse(request, refused);
        }
        request.policy = "mine";
        (Terms memory terms,) = market.quote(request);
        vm.prank(CONSUMER);
        bytes32 jobId = market.post(request, 1);
        _bid(jobId, ALICE, MAX_PRICE);
        vm.prank(ALICE);
        market.accept(jobId);
        _submit(jobId, terms, Verdict.Pending);
        vm.assertEq(verifier.lastClaim().policy, "mine");
        request = _request(AuctionKind.Batch, Tier.Tee);
        request.policy = "mine";
        _refuse(request, _unused("policy", AuctionKind.Batch, uint256(request.policy)));
    }

    function test_needsTheMoney() public {
        Request memory request = _request(AuctionKind.Fixed, Tier.Zk);
        vm.expectRevert();
        vm.prank(ANYONE);
        market.post(request, 1);
    }

    function test_taxedTokenIsRefused() public {
        TaxedToken taxed = new TaxedToken();
        token = MarketToken(address(taxed));
        _deployMarket(address(verifier), _params());
        taxed.mint(CONSUMER, MAX_PRICE);
        Request memory request = _request(AuctionKind.Fixed, Tier.Zk);
        vm.prank(CONSUMER);
        taxed.approve(address(market), MAX_PRICE);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentErrors.InexactTransfer.selector, address(taxed), MAX_PRICE, MAX_PRICE - MAX_PRICE / 100
            )
        );
        vm.prank(CONSUMER);
        market.post(request, 1);
    }

    function test_emitsTheTerms() public {
        Request memory request = _request(AuctionKind.Reverse, Tier.Zk);
        (Terms memory terms,) = market.quote(request);
        bytes32 jobId = keccak256(
            abi.encode(
                keccak256("mlm/job/1"),
                block.chainid,
                address(market),
                CONSUMER,
                uint256(7),
                keccak256(abi.encode(terms))
            )
        );
        vm.expectEmit(address(market));
        emit IJobMarket.JobPosted(jobId, versionId, CONSUMER, 7, terms);
        vm.prank(CONSUMER);
        market.post(request, 7);
    }

    function _badWindow(string memory name, uint32 actual, uint256 least) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IJobMarketErrors.WindowOutOfBounds.selector, name, actual, least, MAX_WINDOW);
    }
}
