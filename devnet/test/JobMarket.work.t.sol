// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IJobMarketErrors} from "../contracts/errors/IJobMarketErrors.sol";
import {IJobMarket, Job, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {Claim} from "../contracts/interfaces/IVerifier.sol";
import {State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {MarketBase} from "./MarketBase.sol";
import {ToyVerifier} from "./ToyVerifier.sol";

/// accept and submit: the lease holder's own steps.
contract JobMarketWorkTest is MarketBase {
    function test_acceptStartsTheExecutionClock() public {
        (bytes32 jobId,) = _leased(Tier.Zk);
        vm.warp(START + 5 minutes - 1);
        vm.expectEmit(address(market));
        emit IJobMarket.InputAccepted(jobId, versionId, ALICE);
        vm.prank(ALICE);
        market.accept(jobId);
        _needState(jobId, State.Ready);
        vm.assertEq(market.jobOf(jobId).acceptedAt, START + 5 minutes - 1);
        // Accepting again would restart the clock.
        vm.expectRevert(_inState(jobId, State.Leased, State.Ready));
        vm.prank(ALICE);
        market.accept(jobId);
    }

    function test_acceptIsTheLeaseHoldersWithinTheDeliveryWindow() public {
        (bytes32 jobId,) = _leased(Tier.Zk);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.NotLeaseHolder.selector, jobId, ALICE, BOB));
        vm.prank(BOB);
        market.accept(jobId);
        vm.warp(START + 5 minutes);
        vm.expectRevert(_inState(jobId, State.Leased, State.Undelivered));
        vm.prank(ALICE);
        market.accept(jobId);
    }

    function test_submitAcceptedSettlesAtOnce() public {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        vm.expectEmit(address(market));
        emit IJobMarket.ResultSubmitted(jobId, versionId, ALICE, OUTPUT, RESULT);
        _submit(jobId, terms, Verdict.Accepted);
        Job memory job = market.jobOf(jobId);
        vm.assertTrue(job.verified);
        vm.assertEq(job.outputCommitment, OUTPUT);
        _needSettled(jobId, State.Accepted);
    }

    function test_theVerifierIsAskedAboutTheFrozenTerms() public {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        _submit(jobId, terms, Verdict.Accepted);
        Claim memory claim = verifier.lastClaim();
        vm.assertEq(claim.jobId, jobId);
        vm.assertEq(claim.versionId, versionId);
        vm.assertEq(claim.key, registry.keyOf(versionId, Tier.Zk));
        vm.assertEq(claim.inputCommitment, terms.request.inputCommitment);
        vm.assertEq(claim.provider, ALICE);
        vm.assertEq(uint256(claim.tier), uint256(Tier.Zk));
        vm.assertEq(claim.scheme, 1);
    }

    function test_pendingResultWaits() public {
        (bytes32 jobId,) = _submitted();
        _needState(jobId, State.Submitted);
        vm.assertEq(market.totalEscrow(), MAX_PRICE);
        vm.assertFalse(market.jobOf(jobId).verified, "verified");
    }

    function test_falseEvidenceLeavesNothing() public {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        vm.expectRevert(abi.encodeWithSelector(ToyVerifier.EvidenceFalse.selector, jobId));
        vm.prank(ALICE);
        market.submit(jobId, terms, "", 0);
        _needState(jobId, State.Ready);
        // A second, true attempt is as good as a first.
        _submit(jobId, terms, Verdict.Accepted);
    }

    function test_onlyTheLeaseHolderSubmits() public {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.NotLeaseHolder.selector, jobId, ALICE, BOB));
        vm.prank(BOB);
        market.submit(jobId, terms, abi.encode(Verdict.Accepted, OUTPUT), 0);
    }

    function test_submitWithinTheExecutionWindow() public {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        vm.warp(START + 1 hours);
        vm.expectRevert(_inState(jobId, State.Ready, State.Defaulted));
        _submit(jobId, terms, Verdict.Accepted);
        vm.warp(START + 1 hours - 1);
        _submit(jobId, terms, Verdict.Accepted);
    }

    function test_submitNeedsAnAcceptedInput() public {
        (bytes32 jobId, Terms memory terms) = _leased(Tier.Zk);
        vm.expectRevert(_inState(jobId, State.Ready, State.Leased));
        _submit(jobId, terms, Verdict.Accepted);
    }

    function test_oneResult() public {
        (bytes32 jobId, Terms memory terms) = _submitted();
        vm.expectRevert(_inState(jobId, State.Ready, State.Submitted));
        _submit(jobId, terms, Verdict.Pending);
    }

    function test_otherTermsAreRefused() public {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        bytes32 expected = keccak256(abi.encode(terms));
        // A provider that names itself as payee, or an input of its own.
        terms.snapshot.payees[0] = ALICE;
        vm.expectRevert(
            abi.encodeWithSelector(
                IJobMarketErrors.TermsMismatch.selector, jobId, expected, keccak256(abi.encode(terms))
            )
        );
        _submit(jobId, terms, Verdict.Accepted);
        terms.snapshot.payees[0] = OWNER;
        terms.request.inputCommitment = keccak256("my own input");
        vm.expectRevert(
            abi.encodeWithSelector(
                IJobMarketErrors.TermsMismatch.selector, jobId, expected, keccak256(abi.encode(terms))
            )
        );
        _submit(jobId, terms, Verdict.Accepted);
    }

    function test_aVerifierCannotRejectOrDisputeAtOnce() public {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        Verdict[2] memory verdicts = [Verdict.Disputed, Verdict.Rejected];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.VerdictUnexpected.selector, jobId, verdicts[i]));
            _submit(jobId, terms, verdicts[i]);
        }
    }
}
