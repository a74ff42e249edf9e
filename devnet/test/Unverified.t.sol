// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IJobMarketErrors} from "../contracts/errors/IJobMarketErrors.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {IComplaintErrors} from "../contracts/errors/IComplaintErrors.sol";
import {IUnverifiedErrors as Errors} from "../contracts/errors/IUnverifiedErrors.sol";
import {IJobMarket, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {Complaint, IComplaints} from "../contracts/interfaces/IComplaints.sol";
import {IUnverified} from "../contracts/interfaces/IUnverified.sol";
import {Claim, IVerifier} from "../contracts/interfaces/IVerifier.sol";
import {State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {Shipped} from "./Shipped.sol";
import {UnverifiedBase} from "./UnverifiedBase.sol";

contract UnverifiedTest is UnverifiedBase {
    function _claim(Tier tier, uint8 scheme) private view returns (Claim memory) {
        return Claim("job", versionId, 0, "input", ALICE, tier, scheme, 0);
    }

    // ---------------------------------------------------------------- check

    function test_checkDerivesTheCommitmentFromTheRoot() public view {
        bytes32 root = _root(SALT, OUTPUTS);
        (Verdict verdict, bytes32 commitment) = unverified.check(_claim(Tier.None, 2), abi.encode(root));
        vm.assertEq(uint256(verdict), uint256(Verdict.Pending));
        vm.assertEq(commitment, _outputCommitment(root));
    }

    function test_checkRefusesOtherTiersSchemesAndEncodings() public {
        bytes memory evidence = abi.encode(_root(SALT, OUTPUTS));
        vm.expectRevert(abi.encodeWithSelector(Errors.TierMismatch.selector, bytes32("job"), Tier.None, Tier.Zk));
        unverified.check(_claim(Tier.Zk, 2), evidence);
        vm.expectRevert(abi.encodeWithSelector(Errors.SchemeMismatch.selector, bytes32("job"), 2, 1));
        unverified.check(_claim(Tier.None, 1), evidence);
        vm.expectRevert(abi.encodeWithSelector(Errors.EvidenceNotCanonical.selector, bytes32("job")));
        unverified.check(_claim(Tier.None, 2), abi.encodePacked(evidence, uint8(0)));
        vm.expectRevert(abi.encodeWithSelector(Errors.EvidenceNotCanonical.selector, bytes32("job")));
        unverified.check(_claim(Tier.None, 2), "");
    }

    function test_theVectorsOfPython() public view {
        string memory json = vm.readFile("../tests/vectors/commitment.json");
        bytes memory outputs = vm.parseJsonBytes(json, ".tensors.block");
        bytes32 salt = bytes32(vm.parseJsonBytes(json, ".tensors.salt"));
        bytes32 root = _root(salt, outputs);
        vm.assertEq(root, bytes32(vm.parseJsonBytes(json, ".tensors.root")));
        (, bytes32 commitment) = unverified.check(_claim(Tier.None, 2), abi.encode(root));
        vm.assertEq(commitment, bytes32(vm.parseJsonBytes(json, ".tensors.outputCommitment")));
    }

    // ---------------------------------------------------------------- a job's life

    /// A tolerance is a positive finite float32: nothing here acts on it, and no other word is taken.
    function test_aToleranceIsAFiniteFloat() public {
        uint32[4] memory good = [uint32(0), 1, 0x3f000000, 0x7f7fffff];
        for (uint256 i = 0; i < good.length; ++i) {
            unverified.checkPolicy(bytes32(uint256(good[i])));
        }
        uint256[5] memory bad = [uint256(0x7f800000), 0x7fc00000, 0x80000000, 1 << 32, type(uint256).max];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IVerifier.PolicyUnusable.selector, bytes32(bad[i])));
            unverified.checkPolicy(bytes32(bad[i]));
        }
    }

    function test_silenceAccepts() public {
        (bytes32 jobId, Terms memory terms) = _handedIn(OUTPUTS);
        _needState(jobId, State.Submitted);
        vm.warp(block.timestamp + 1 days - 1);
        _needState(jobId, State.Submitted);
        vm.warp(block.timestamp + 1);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Accepted);
        vm.expectRevert(_inState(jobId, State.Submitted, State.Accepted));
        vm.prank(CONSUMER);
        unverified.complain(jobId);
    }

    function test_anAnswerAcceptsAndPaysTheProvider() public {
        (bytes32 jobId, Terms memory terms) = _complained();
        _needState(jobId, State.Disputed);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.JobNotFinal.selector, jobId, State.Disputed));
        market.settle(jobId, terms);
        uint256 before = token.balanceOf(ALICE);
        vm.warp(block.timestamp + 1 days - 1);
        vm.expectEmit(address(unverified));
        emit IUnverified.ComplaintAnswered(jobId, versionId, ALICE, SALT, OUTPUTS);
        _answer(jobId, ALICE, SALT, OUTPUTS);
        vm.assertEq(token.balanceOf(ALICE), before, "an answer moves no tokens");
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.NotLeaseHolder.selector, jobId, ALICE, CONSUMER));
        vm.prank(CONSUMER);
        unverified.collect(jobId);
        vm.expectEmit(address(unverified));
        emit IComplaints.DepositPaid(jobId, versionId, ALICE);
        vm.startPrank(ALICE);
        unverified.collect(jobId);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.DepositAlreadyPaid.selector, jobId));
        unverified.collect(jobId);
        vm.stopPrank();
        vm.assertEq(token.balanceOf(ALICE), before + DEPOSIT);
        vm.assertEq(token.balanceOf(address(unverified)), 0);
        _needState(jobId, State.Accepted);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Accepted);
    }

    function test_noAnswerRejectsAndRefunds() public {
        uint256 before = token.balanceOf(CONSUMER);
        (bytes32 jobId, Terms memory terms) = _complained();
        vm.assertEq(token.balanceOf(CONSUMER), before - MAX_PRICE - DEPOSIT);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.DepositNotDue.selector, jobId, Verdict.Disputed));
        vm.prank(CONSUMER);
        unverified.collect(jobId);
        vm.warp(block.timestamp + 1 days);
        _needState(jobId, State.Rejected);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.ComplaintNotOpen.selector, jobId, Verdict.Rejected));
        _answer(jobId, ALICE, SALT, OUTPUTS);
        uint256 stake = _stakeOf(ALICE);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Rejected);
        vm.assertEq(_stakeOf(ALICE), stake - terms.snapshot.lock);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.NotConsumer.selector, jobId, CONSUMER, ALICE));
        vm.prank(ALICE);
        unverified.collect(jobId);
        vm.startPrank(CONSUMER);
        unverified.collect(jobId);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.DepositAlreadyPaid.selector, jobId));
        unverified.collect(jobId);
        market.withdraw();
        vm.stopPrank();
        vm.assertEq(token.balanceOf(CONSUMER), before);
        vm.assertEq(token.balanceOf(address(unverified)), 0);
    }

    /// The answer's clock may outlive the verification window, and the dispute with it.
    function test_aComplaintInTheLastSecondHasItsWholeClock() public {
        (bytes32 jobId,) = _handedIn(OUTPUTS);
        vm.warp(block.timestamp + 1 days - 1);
        vm.prank(CONSUMER);
        unverified.complain(jobId);
        vm.warp(block.timestamp + 1 days - 1);
        _needState(jobId, State.Disputed);
        Complaint memory found = unverified.complaintOf(jobId);
        vm.assertEq(found.answerBy, block.timestamp + 1);
        _answer(jobId, ALICE, SALT, OUTPUTS);
        _needState(jobId, State.Accepted);
    }

    // ---------------------------------------------------------------- who, when, once

    function test_onlyTheConsumerComplainsAndOnce() public {
        (bytes32 jobId,) = _handedIn(OUTPUTS);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.NotConsumer.selector, jobId, CONSUMER, BOB));
        vm.prank(BOB);
        unverified.complain(jobId);
        vm.startPrank(CONSUMER);
        unverified.complain(jobId);
        vm.expectRevert(_inState(jobId, State.Submitted, State.Disputed));
        unverified.complain(jobId);
        vm.stopPrank();
        _answer(jobId, ALICE, SALT, OUTPUTS);
        vm.expectRevert(_inState(jobId, State.Submitted, State.Accepted));
        vm.prank(CONSUMER);
        unverified.complain(jobId);
    }

    function test_aComplaintNeedsAResult() public {
        (bytes32 jobId,) = _ready(Tier.None);
        vm.expectRevert(_inState(jobId, State.Submitted, State.Ready));
        vm.prank(CONSUMER);
        unverified.complain(jobId);
        vm.expectRevert(_inState("nothing", State.Submitted, State.Unknown));
        unverified.complain("nothing");
    }

    function test_jobsOfOtherTiersAreNotItsMatter() public {
        (bytes32 jobId, Terms memory terms) = _optimistic();
        _submit(jobId, terms, Verdict.Pending);
        vm.expectRevert(
            abi.encodeWithSelector(
                IComplaintErrors.VerifierMismatch.selector, jobId, address(unverified), address(verifier)
            )
        );
        vm.prank(CONSUMER);
        unverified.complain(jobId);
    }

    function test_onlyTheLeaseHolderAnswersAndOnce() public {
        (bytes32 jobId,) = _handedIn(OUTPUTS);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.ComplaintNotOpen.selector, jobId, Verdict.Pending));
        _answer(jobId, ALICE, SALT, OUTPUTS);
        vm.prank(CONSUMER);
        unverified.complain(jobId);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.NotLeaseHolder.selector, jobId, ALICE, BOB));
        _answer(jobId, BOB, SALT, OUTPUTS);
        _answer(jobId, ALICE, SALT, OUTPUTS);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.ComplaintNotOpen.selector, jobId, Verdict.Accepted));
        _answer(jobId, ALICE, SALT, OUTPUTS);
    }

    function testFuzz_onlyTheCommittedOutputsAnswer(bytes32 salt, bytes memory outputs) public {
        vm.assume(salt != SALT || keccak256(outputs) != keccak256(OUTPUTS));
        vm.assume(outputs.length <= unverified.MAX_OUTPUT_BYTES());
        (bytes32 jobId,) = _complained();
        bytes32 expected = _outputCommitment(_root(SALT, OUTPUTS));
        bytes32 actual = _outputCommitment(_root(salt, outputs));
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.OutputMismatch.selector, jobId, expected, actual));
        _answer(jobId, ALICE, salt, outputs);
    }

    function test_anAnswerAndItsDepositInOneTransaction() public {
        (bytes32 jobId,) = _complained();
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(IUnverified.answer, (jobId, SALT, OUTPUTS));
        calls[1] = abi.encodeCall(IComplaints.collect, (jobId));
        uint256 before = token.balanceOf(ALICE);
        vm.prank(ALICE);
        unverified.multicall(calls);
        vm.assertEq(token.balanceOf(ALICE), before + DEPOSIT);
        _needState(jobId, State.Accepted);
    }

    /// Whoever commits to more than can be shown cannot answer: it should not have handed that in.
    function test_theLargestOutputs() public {
        bytes memory most = new bytes(unverified.MAX_OUTPUT_BYTES());
        (bytes32 jobId,) = _handedIn(most);
        vm.prank(CONSUMER);
        unverified.complain(jobId);
        bytes memory more = new bytes(most.length + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IComplaintErrors.OutputsTooLarge.selector, jobId, more.length, most.length)
        );
        _answer(jobId, ALICE, SALT, more);
        _answer(jobId, ALICE, SALT, most);
        _needState(jobId, State.Accepted);
    }

    function test_aDepositIsNeeded() public {
        (bytes32 jobId,) = _handedIn(OUTPUTS);
        vm.startPrank(CONSUMER);
        token.approve(address(unverified), DEPOSIT - 1);
        vm.expectRevert();
        unverified.complain(jobId);
        vm.stopPrank();
        _needState(jobId, State.Submitted);
    }

    function test_deploymentWithinBounds() public {
        IJobMarket place = IJobMarket(address(market));
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "market"));
        Shipped.unverified(token, IJobMarket(address(0)), 1, 1 hours);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentErrors.ParameterOutOfBounds.selector, "deposit", 0, 1, uint256(type(uint128).max)
            )
        );
        Shipped.unverified(token, place, 0, 1 hours);
        vm.expectRevert(
            abi.encodeWithSelector(IPaymentErrors.ParameterOutOfBounds.selector, "answerWindow", 3_599, 1 hours, 1 days)
        );
        Shipped.unverified(token, place, 1, 3_599);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentErrors.ParameterOutOfBounds.selector, "answerWindow", 86_401, 1 hours, 1 days
            )
        );
        Shipped.unverified(token, place, 1, 86_401);
    }
}
