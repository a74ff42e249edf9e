// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommitmentErrors} from "../contracts/errors/ICommitmentErrors.sol";
import {IComplaintErrors} from "../contracts/errors/IComplaintErrors.sol";
import {IDisputeGameErrors as Errors} from "../contracts/errors/IDisputeGameErrors.sol";
import {IFaultProofErrors} from "../contracts/errors/IFaultProofErrors.sol";
import {Fault, IDisputeGame} from "../contracts/interfaces/IDisputeGame.sol";
import {Terms} from "../contracts/interfaces/IJobMarket.sol";
import {State, Verdict} from "../contracts/interfaces/Types.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {GameBase} from "./GameBase.sol";

contract DisputeGameProveTest is GameBase {
    function _notChallengeable(bytes32 jobId, Verdict verdict) private view returns (bytes memory) {
        uint256 closesAt = uint256(market.jobOf(jobId).submittedAt) + 1 days;
        return abi.encodeWithSelector(Errors.JobNotChallengeable.selector, jobId, verdict, closesAt);
    }

    // ---------------------------------------------------------------- one transaction convicts

    function test_aFalseCellConvicts() public {
        (bytes32 jobId, Terms memory terms) = _lied();
        bytes32 salt = _commitTo(CAROL, jobId, 1, 77);
        vm.expectEmit(address(game));
        emit IDisputeGame.ProviderConvicted(jobId, exactVersion, CAROL, CAROL, Fault.Cell, 1, 77, -1, 1);
        vm.prank(CAROL);
        game.prove(jobId, _cell(1, 77), salt);
        _needVerdict(jobId, Verdict.Rejected);
        _needState(jobId, State.Rejected);
        vm.assertEq(game.challengerOf(jobId), CAROL);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Rejected);
        // Twice the price is lost: half is the challenger's, half burns; the consumer has its money back.
        vm.assertEq(_stakeOf(ALICE), 1_000 * ONE - 2 * MAX_PRICE);
        vm.assertEq(market.creditOf(CAROL), MAX_PRICE);
        vm.assertEq(market.creditOf(BURN_ADDRESS), MAX_PRICE);
        vm.assertEq(market.creditOf(CONSUMER), MAX_PRICE);
        vm.assertEq(token.balanceOf(address(game)), 0, "a proof costs no bond");
    }

    function test_falsePaddingConvicts() public {
        (bytes32 jobId,) = _lied();
        bytes32 salt = _commitTo(CAROL, jobId, 1, 20_001);
        vm.expectEmit(address(game));
        emit IDisputeGame.ProviderConvicted(jobId, exactVersion, CAROL, CAROL, Fault.Padding, 1, 20_001, 0, 0);
        vm.prank(CAROL);
        game.provePadding(jobId, _padding(1, 20_001), salt);
        _needState(jobId, State.Rejected);
    }

    function test_aFalseHeaderConvicts() public {
        (bytes32 jobId,) = _lied();
        bytes32 salt = _commitTo(CAROL, jobId, 1, 5);
        vm.expectEmit(address(game));
        emit IDisputeGame.ProviderConvicted(jobId, exactVersion, CAROL, CAROL, Fault.Header, 1, 5, 0, 0);
        vm.prank(CAROL);
        game.proveHeader(jobId, _header(1, 5), salt);
        _needState(jobId, State.Rejected);
    }

    function test_anHonestTraceConvictsNobody() public {
        (bytes32 jobId,) = _handIn(_honest());
        bytes32 salt = _commitTo(CAROL, jobId, 1, 77);
        vm.expectRevert(abi.encodeWithSelector(IFaultProofErrors.CellConsistent.selector, 1, 77, int256(1)));
        vm.prank(CAROL);
        game.prove(jobId, _cell(1, 77), salt);
        _needVerdict(jobId, Verdict.Pending);
    }

    // ---------------------------------------------------------------- when

    function test_inTheWindowsLastSecondAndNotLater() public {
        (bytes32 jobId, Terms memory terms) = _lied();
        vm.warp(block.timestamp + 1 days - 1);
        uint256 before = vm.snapshotState();
        _prove(CAROL, jobId, 1, 77);
        _needState(jobId, State.Rejected);
        vm.assertTrue(vm.revertToState(before));
        bytes32 salt = _commitTo(CAROL, jobId, 1, 77);
        vm.warp(block.timestamp + 1);
        _needState(jobId, State.Accepted);
        vm.expectRevert(_notChallengeable(jobId, Verdict.Pending));
        vm.prank(CAROL);
        game.prove(jobId, _cell(1, 77), salt);
        market.settle(jobId, terms);
        vm.expectRevert(_notChallengeable(jobId, Verdict.Pending));
        vm.prank(CAROL);
        game.prove(jobId, _cell(1, 77), salt);
        _needSettled(jobId, State.Accepted);
    }

    /// While a game holds a job up, anybody may show a fault, after the window too.
    function test_whileTheJobIsDisputed() public {
        (bytes32 jobId,) = _lied();
        vm.warp(block.timestamp + 1 days - 1);
        _open(BOB, jobId, _roots(2, 1), 2);
        vm.warp(block.timestamp + 1 hours);
        _needState(jobId, State.Disputed);
        _prove(CAROL, jobId, 1, 77);
        _needState(jobId, State.Rejected);
        vm.assertEq(game.challengerOf(jobId), CAROL);
    }

    function test_oncePerJob() public {
        (bytes32 jobId, Terms memory terms) = _lied();
        bytes32 salt = _commitTo(BOB, jobId, 1, 78);
        _prove(CAROL, jobId, 1, 77);
        vm.expectRevert(_notChallengeable(jobId, Verdict.Rejected));
        vm.prank(BOB);
        game.prove(jobId, _cell(1, 78), salt);
        market.settle(jobId, terms);
        vm.expectRevert(_notChallengeable(jobId, Verdict.Rejected));
        vm.prank(BOB);
        game.prove(jobId, _cell(1, 78), salt);
        vm.assertEq(game.challengerOf(jobId), CAROL);
    }

    function test_jobsThatWereNotHandedInHere() public {
        (bytes32 jobId,) = _readyJob();
        bytes32 salt = _commitTo(CAROL, jobId, 1, 77);
        vm.expectRevert(
            abi.encodeWithSelector(
                Errors.JobNotChallengeable.selector,
                jobId,
                Verdict.Pending,
                uint256(market.jobOf(jobId).verificationWindow)
            )
        );
        vm.prank(CAROL);
        game.prove(jobId, _cell(1, 77), salt);
        salt = _commitTo(CAROL, "nothing", 1, 77);
        vm.expectRevert(
            abi.encodeWithSelector(
                IComplaintErrors.VerifierMismatch.selector, bytes32("nothing"), address(game), address(0)
            )
        );
        vm.prank(CAROL);
        game.prove("nothing", _cell(1, 77), salt);
    }

    // ---------------------------------------------------------------- commit, then reveal

    function test_aProofNeedsItsCommitmentABlockEarlier() public {
        (bytes32 jobId,) = _lied();
        bytes32 commitment = _commitment(CAROL, jobId, 1, 77, "s");
        vm.startPrank(CAROL);
        vm.expectRevert(abi.encodeWithSelector(ICommitmentErrors.CommitmentMissing.selector, CAROL, commitment));
        game.prove(jobId, _cell(1, 77), "s");
        game.commit(commitment);
        vm.expectRevert(
            abi.encodeWithSelector(ICommitmentErrors.CommitmentTooYoung.selector, commitment, uint48(block.number))
        );
        game.prove(jobId, _cell(1, 77), "s");
        vm.roll(block.number + 1);
        game.prove(jobId, _cell(1, 77), "s");
        vm.stopPrank();
        _needState(jobId, State.Rejected);
    }

    /// What a commitment binds: sender, job, node and index; and it expires.
    function test_aCommitmentIsForOneProof() public {
        (bytes32 jobId,) = _lied();
        (bytes32 other,) = _lied();
        bytes32 salt = _commitTo(CAROL, jobId, 1, 77);
        vm.startPrank(CAROL);
        _refuseUncommitted(other, 1, 77, salt);
        _refuseUncommitted(jobId, 2, 77, salt);
        _refuseUncommitted(jobId, 1, 78, salt);
        vm.stopPrank();
        bytes32 copied = _commitment(BOB, jobId, 1, 77, salt);
        vm.expectRevert(abi.encodeWithSelector(ICommitmentErrors.CommitmentMissing.selector, BOB, copied));
        vm.prank(BOB);
        game.prove(jobId, _cell(1, 77), salt);
        bytes32 commitment = _commitment(CAROL, jobId, 1, 77, salt);
        _open(BOB, jobId, _roots(2, 1), 2);
        uint48 expires = uint48(block.timestamp + 1 days);
        vm.warp(expires);
        vm.expectRevert(abi.encodeWithSelector(ICommitmentErrors.CommitmentExpired.selector, commitment, expires));
        vm.prank(CAROL);
        game.prove(jobId, _cell(1, 77), salt);
    }

    function _refuseUncommitted(bytes32 jobId, uint256 node, uint256 index, bytes32 salt) private {
        bytes32 commitment = _commitment(CAROL, jobId, node, index, salt);
        vm.expectRevert(abi.encodeWithSelector(ICommitmentErrors.CommitmentMissing.selector, CAROL, commitment));
        game.prove(jobId, _cell(node, index), salt);
    }
}
