// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IComplaintErrors} from "../contracts/errors/IComplaintErrors.sol";
import {IDisputeGameErrors as Errors} from "../contracts/errors/IDisputeGameErrors.sol";
import {Complaint, IComplaints} from "../contracts/interfaces/IComplaints.sol";
import {IDisputeGame} from "../contracts/interfaces/IDisputeGame.sol";
import {Terms} from "../contracts/interfaces/IJobMarket.sol";
import {State, Verdict} from "../contracts/interfaces/Types.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {GameBase} from "./GameBase.sol";

/// Outputs that did not arrive are shown on chain, whatever else is said of the result.
contract DisputeGameComplaintTest is GameBase {
    function _complain(bytes32 jobId) private {
        vm.prank(CONSUMER);
        game.complain(jobId);
    }

    function _complained() private returns (bytes32 jobId, Terms memory terms) {
        (jobId, terms) = _handIn(_honest());
        _complain(jobId);
    }

    function _outputs(uint256 seed) private pure returns (uint256[] memory typeWords, bytes[] memory outputs) {
        (typeWords, outputs) = (new uint256[](1), new bytes[](1));
        (typeWords[0], outputs[0]) = (_typeOf(NODES - 1), _tensor(seed, NODES - 1));
    }

    function _answer(bytes32 jobId, address account) private {
        (uint256[] memory typeWords, bytes[] memory outputs) = _outputs(1);
        vm.prank(account);
        game.answer(jobId, typeWords, outputs);
    }

    // ---------------------------------------------------------------- how it ends

    /// An answer closes the complaint and accepts nothing: the window goes on, and a fault still convicts.
    function test_anAnswerAcceptsNothing() public {
        (bytes32 jobId, Terms memory terms) = _complained();
        _needState(jobId, State.Disputed);
        (uint256[] memory typeWords, bytes[] memory outputs) = _outputs(1);
        vm.expectEmit(address(game));
        emit IDisputeGame.OutputsShown(jobId, exactVersion, ALICE, typeWords, outputs);
        _answer(jobId, ALICE);
        _needState(jobId, State.Submitted);
        uint256 before = token.balanceOf(ALICE);
        vm.prank(ALICE);
        game.collect(jobId);
        vm.assertEq(token.balanceOf(ALICE), before + DEPOSIT);
        toy.lie(game.traceOf(jobId).traceRoot, 2);
        uint256 open = vm.snapshotState();
        _prove(CAROL, jobId, 2, 0);
        _needState(jobId, State.Rejected);
        vm.assertTrue(vm.revertToState(open));
        vm.warp(block.timestamp + 1 days);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Accepted);
        _needBalance(0, 0);
    }

    /// Nobody is rewarded for a complaint: the whole lock burns.
    function test_noAnswerRejects() public {
        (bytes32 jobId, Terms memory terms) = _complained();
        vm.warp(block.timestamp + ANSWER);
        _needState(jobId, State.Rejected);
        (uint256[] memory typeWords, bytes[] memory outputs) = _outputs(1);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.ComplaintNotOpen.selector, jobId, Verdict.Rejected));
        vm.prank(ALICE);
        game.answer(jobId, typeWords, outputs);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Rejected);
        vm.assertEq(market.creditOf(BURN_ADDRESS), 2 * MAX_PRICE);
        vm.assertEq(market.creditOf(CONSUMER), MAX_PRICE);
        vm.prank(CONSUMER);
        game.collect(jobId);
        _needBalance(0, 0);
    }

    /// A game in the way keeps nobody from complaining, and a complaint nobody from a game.
    function test_besideGames() public {
        (bytes32 jobId,) = _handIn(_honest());
        bytes32 gameId = _open(BOB, jobId, _honest(), 1);
        _complain(jobId);
        bytes32 second = _open(CAROL, jobId, _honest(), 2);
        _answer(jobId, ALICE);
        _needState(jobId, State.Disputed);
        _post(gameId, 1);
        _post(second, 1);
        vm.warp(game.gameOf(second).deadline);
        game.timeout(gameId);
        _needState(jobId, State.Disputed);
        game.timeout(second);
        _needState(jobId, State.Submitted);
    }

    /// A complaint that nobody answered rejects once every game has had its course: a consumer in league with a liar cannot end
    /// a game, nor take its challenger's reward.
    function test_aGameOutlastsAComplaint() public {
        (bytes32 jobId, Terms memory terms) = _lied();
        _complain(jobId);
        vm.warp(block.timestamp + 1 days - 1);
        bytes32 gameId = _open(CAROL, jobId, _roots(2, 1), 1);
        vm.warp(block.timestamp + 1);
        _needState(jobId, State.Disputed);
        _playToLeaf(gameId, 2);
        uint256 open = vm.snapshotState();
        vm.prank(CAROL);
        game.proveInGame(gameId, _cell(1, 256));
        market.settle(jobId, terms);
        vm.assertEq(market.creditOf(CAROL), MAX_PRICE);
        _needSettled(jobId, State.Rejected);
        vm.assertTrue(vm.revertToState(open));
        // The challenger goes away: rejected all the same, and nothing more can be said.
        vm.warp(game.gameOf(gameId).deadline);
        game.timeout(gameId);
        _needState(jobId, State.Rejected);
        vm.assertEq(game.challengerOf(jobId), address(0));
        bytes32 salt = _commitTo(BOB, jobId, 1, 5);
        vm.expectPartialRevert(Errors.JobNotChallengeable.selector);
        vm.prank(BOB);
        game.prove(jobId, _cell(1, 5), salt);
        vm.prank(CONSUMER);
        game.collect(jobId);
        _needBalance(0, 0);
    }

    /// A conviction ends a complaint that waits: there is nothing left to show, and the deposit is the consumer's.
    function test_aConvictionEndsAComplaint() public {
        (bytes32 jobId,) = _lied();
        _complain(jobId);
        _prove(CAROL, jobId, 1, 77);
        (uint256[] memory typeWords, bytes[] memory outputs) = _outputs(2);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.ComplaintNotOpen.selector, jobId, Verdict.Rejected));
        vm.prank(ALICE);
        game.answer(jobId, typeWords, outputs);
        vm.prank(CONSUMER);
        game.collect(jobId);
        _needBalance(0, 0);
    }

    /// What was answered before stays answered.
    function test_aConvictionTakesNoDepositThatWasEarned() public {
        (bytes32 jobId,) = _complained();
        _answer(jobId, ALICE);
        toy.lie(game.traceOf(jobId).traceRoot, 1);
        _prove(CAROL, jobId, 1, 77);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.NotLeaseHolder.selector, jobId, ALICE, CONSUMER));
        vm.prank(CONSUMER);
        game.collect(jobId);
        vm.prank(ALICE);
        game.collect(jobId);
    }

    // ---------------------------------------------------------------- who, when, once

    function test_onlyTheConsumerOnceAndInTheWindow() public {
        (bytes32 jobId,) = _handIn(_honest());
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.NotConsumer.selector, jobId, CONSUMER, BOB));
        vm.prank(BOB);
        game.complain(jobId);
        uint48 answerBy = uint48(block.timestamp + ANSWER);
        vm.expectEmit(address(game));
        emit IComplaints.ComplaintFiled(jobId, exactVersion, CONSUMER, answerBy);
        _complain(jobId);
        bytes memory filed = abi.encodeWithSelector(Errors.ComplaintAlreadyFiled.selector, jobId, answerBy);
        vm.expectRevert(filed);
        vm.prank(CONSUMER);
        game.complain(jobId);
        _answer(jobId, ALICE);
        vm.expectRevert(filed);
        vm.prank(CONSUMER);
        game.complain(jobId);

        (jobId,) = _handIn(_honest());
        uint256 closesAt = block.timestamp + 1 days;
        vm.warp(closesAt - 1);
        _open(BOB, jobId, _honest(), 1);
        vm.warp(closesAt);
        _needState(jobId, State.Disputed);
        vm.expectRevert(abi.encodeWithSelector(Errors.WindowClosed.selector, jobId, closesAt));
        vm.prank(CONSUMER);
        game.complain(jobId);
    }

    function test_onlyTheLeaseHolderAnswersAndOnce() public {
        (bytes32 jobId,) = _complained();
        (uint256[] memory typeWords, bytes[] memory outputs) = _outputs(1);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.NotLeaseHolder.selector, jobId, ALICE, BOB));
        vm.prank(BOB);
        game.answer(jobId, typeWords, outputs);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.DepositNotDue.selector, jobId, Verdict.Disputed));
        vm.prank(ALICE);
        game.collect(jobId);
        _answer(jobId, ALICE);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.ComplaintNotOpen.selector, jobId, Verdict.Accepted));
        vm.prank(ALICE);
        game.answer(jobId, typeWords, outputs);
        vm.startPrank(ALICE);
        game.collect(jobId);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.DepositAlreadyPaid.selector, jobId));
        game.collect(jobId);
        vm.stopPrank();
    }

    function test_onlyTheCommittedOutputs() public {
        (bytes32 jobId,) = _complained();
        (uint256[] memory typeWords, bytes[] memory outputs) = _outputs(2);
        vm.startPrank(ALICE);
        vm.expectPartialRevert(IComplaintErrors.OutputMismatch.selector);
        game.answer(jobId, typeWords, outputs);
        // None, two, another number of types, and bytes that are not the type's.
        vm.expectPartialRevert(IComplaintErrors.OutputMismatch.selector);
        game.answer(jobId, new uint256[](0), new bytes[](0));
        vm.expectRevert(abi.encodeWithSelector(Errors.OutputCountMismatch.selector, jobId, 0, 1));
        game.answer(jobId, new uint256[](0), outputs);
        (typeWords, outputs) = _outputs(1);
        outputs[0] = abi.encodePacked(outputs[0], uint8(0));
        vm.expectRevert(abi.encodeWithSelector(Errors.OutputLengthMismatch.selector, jobId, 0, 10, 11));
        game.answer(jobId, typeWords, outputs);
        // The same bytes under another type.
        (typeWords, outputs) = _outputs(1);
        typeWords[0] = 1 << 128 | 1 << 96 | 1 << 64 | 2 << 32 | 5;
        vm.expectPartialRevert(IComplaintErrors.OutputMismatch.selector);
        game.answer(jobId, typeWords, outputs);
        outputs[0] = new bytes(8_193);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.OutputsTooLarge.selector, jobId, 8_193, 8_192));
        game.answer(jobId, typeWords, outputs);
        vm.stopPrank();
    }
}
