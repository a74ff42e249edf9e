// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IDisputeGameErrors} from "../contracts/errors/IDisputeGameErrors.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {IReplicationErrors as Errors} from "../contracts/errors/IReplicationErrors.sol";
import {IDisputeGame} from "../contracts/interfaces/IDisputeGame.sol";
import {IJobMarket, Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {IRandomness} from "../contracts/interfaces/IRandomness.sol";
import {
    IReplication,
    ReplicaEnd,
    ReplicaStage,
    ReplicationParams,
    Slot
} from "../contracts/interfaces/IReplication.sol";
import {IVerifier} from "../contracts/interfaces/IVerifier.sol";
import {AuctionKind, State, Tier} from "../contracts/interfaces/Types.sol";
import {ReplicaBase} from "./ReplicaBase.sol";
import {Shipped} from "./Shipped.sol";

/// A job with replicas from the slot to the pay, function by function.
contract ReplicationTest is ReplicaBase {
    event log_named_uint(string key, uint256 val);

    function _logGas(string memory what) private {
        emit log_named_uint(string.concat("GAS: ", what), vm.lastCallGas().gasTotalUsed);
    }

    function _refuses(ReplicationParams memory p, string memory name, uint256 actual, uint256 least, uint256 most)
        private
    {
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.ParameterOutOfBounds.selector, name, actual, least, most));
        Shipped.replication(token, market, game, beacon, p);
    }

    function test_parametersHaveBounds() public {
        _refuses(ReplicationParams(0, REVEAL, LEAVE), "stake", 0, 1, type(uint128).max);
        _refuses(ReplicationParams(1, 599, LEAVE), "revealWindow", 599, 10 minutes, 1 days);
        _refuses(ReplicationParams(1, 1 days + 1, LEAVE), "revealWindow", 1 days + 1, 10 minutes, 1 days);
        _refuses(ReplicationParams(1, REVEAL, 1 hours - 1), "leaveWindow", 1 hours - 1, 1 hours, 30 days);
        _refuses(ReplicationParams(1, REVEAL, 30 days + 1), "leaveWindow", 30 days + 1, 1 hours, 30 days);
        bytes4 missing = IPaymentErrors.AddressMissing.selector;
        vm.expectRevert(abi.encodeWithSelector(missing, "market"));
        Shipped.replication(token, IJobMarket(address(0)), game, beacon, _replicationParams());
        vm.expectRevert(abi.encodeWithSelector(missing, "game"));
        Shipped.replication(token, market, IDisputeGame(address(0)), beacon, _replicationParams());
        vm.expectRevert(abi.encodeWithSelector(missing, "beacon"));
        Shipped.replication(token, market, game, IRandomness(ANYONE), _replicationParams());
    }

    // ---------------------------------------------------------------- slots

    function test_aSlotIsJoinedOnceAndLeftAfterItsWindow() public {
        address own = _other(3);
        Slot memory slot = replication.slotOf(own);
        vm.assertEq(slot.stake, SLOT);
        vm.assertEq(slot.place, 4);
        vm.assertEq(replication.accountAt(4), own);
        vm.startPrank(own);
        vm.expectRevert(abi.encodeWithSelector(Errors.SlotFull.selector, own, SLOT));
        replication.join();
        vm.expectRevert(abi.encodeWithSelector(Errors.SlotStays.selector, own));
        replication.exit();
        uint256 exitAt = block.timestamp + LEAVE;
        vm.expectEmit(address(replication));
        emit IReplication.SlotLeft(own, exitAt);
        replication.leave();
        bytes memory leaves = abi.encodeWithSelector(Errors.SlotLeaves.selector, own, exitAt);
        vm.expectRevert(leaves);
        replication.leave();
        vm.expectRevert(leaves);
        replication.join();
        vm.warp(exitAt - 1);
        vm.expectRevert(leaves);
        replication.exit();
        vm.warp(exitAt);
        replication.exit();
        vm.expectRevert(abi.encodeWithSelector(Errors.SlotMissing.selector, own));
        replication.leave();
        vm.assertEq(replication.withdraw(), SLOT);
        vm.stopPrank();
        vm.assertEq(replication.accountAt(4), address(0));
        vm.assertEq(replication.placeCount(), 8);
        _join(address(0xF00));
        vm.assertEq(replication.accountAt(4), address(0xF00));
        _needCovered();
    }

    function test_emptyPlacesAtTheEndGo() public {
        for (uint256 i = 4; i < 8; ++i) {
            vm.prank(_other(i));
            replication.leave();
        }
        vm.warp(block.timestamp + LEAVE);
        for (uint256 i = 4; i < 7; ++i) {
            vm.prank(_other(i));
            replication.exit();
        }
        vm.assertEq(replication.placeCount(), 8);
        vm.prank(_other(7));
        replication.exit();
        vm.assertEq(replication.placeCount(), 4);
        // What was emptied and then taken away is no place to take.
        _join(address(0xF00));
        vm.assertEq(replication.slotOf(address(0xF00)).place, 5);
        vm.assertEq(replication.placeCount(), 5);
    }

    function test_aSlotMovesDownIntoAnEmptyPlace() public {
        vm.prank(_other(2));
        replication.leave();
        vm.warp(block.timestamp + LEAVE);
        vm.prank(_other(2));
        replication.exit();
        address last = _other(7);
        vm.startPrank(last);
        vm.expectRevert(abi.encodeWithSelector(Errors.PlaceTaken.selector, 2, _other(1)));
        replication.move(2);
        vm.expectRevert(abi.encodeWithSelector(Errors.PlaceNotLower.selector, last, 8, 8));
        replication.move(8);
        vm.expectRevert(abi.encodeWithSelector(Errors.PlaceNotLower.selector, last, 0, 8));
        replication.move(0);
        replication.move(3);
        vm.stopPrank();
        vm.assertEq(replication.accountAt(3), last);
        vm.assertEq(replication.placeCount(), 7);
        vm.assertEq(replication.slotOf(last).joinedAt, block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(Errors.SlotMissing.selector, ANYONE));
        vm.prank(ANYONE);
        replication.move(1);
        // The list of emptied places knows no longer that this one is taken, and looks.
        _join(address(0xF00));
        vm.assertEq(replication.slotOf(address(0xF00)).place, 8);
    }

    // ---------------------------------------------------------------- policy and funds

    function test_aPolicyHasOneForm() public {
        bytes32[6] memory words = [
            bytes32(0),
            _policy(0, 1),
            _policy(8, 1),
            _policy(1, 0),
            bytes32(uint256(1) << 136 | 258),
            bytes32(uint256(255))
        ];
        for (uint256 i = 0; i < 6; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IVerifier.PolicyUnusable.selector, words[i]));
            game.checkPolicy(words[i]);
        }
        game.checkPolicy(_policy(1, 1));
        game.checkPolicy(_policy(7, type(uint128).max));
    }

    function test_theConsumerFunds() public {
        (bytes32 jobId, Terms memory terms) = _postIt(_redundant());
        uint256 before = token.balanceOf(CONSUMER);
        vm.expectEmit(address(replication));
        emit IReplication.ReplicasFunded(jobId, exactVersion, CONSUMER, WANTED, FEE);
        _fund(jobId, terms);
        vm.assertEq(before - token.balanceOf(CONSUMER), WANTED * FEE);
        vm.assertEq(replication.replicasOf(jobId).places, 8);
        _needCovered();
        vm.expectRevert(abi.encodeWithSelector(Errors.AlreadyFunded.selector, jobId));
        _fund(jobId, terms);
    }

    function test_whatIsNotFunded() public {
        (bytes32 jobId, Terms memory terms) = _postIt(_redundant());
        vm.expectRevert(abi.encodeWithSelector(Errors.NotConsumer.selector, jobId, CONSUMER, ALICE));
        vm.prank(ALICE);
        replication.fund(jobId, terms);
        bytes32 right = market.jobOf(jobId).termsHash;
        terms.request.policy = _policy(1, 1);
        bytes32 wrong = keccak256(abi.encode(terms));
        vm.expectRevert(abi.encodeWithSelector(Errors.TermsMismatch.selector, jobId, right, wrong));
        _fund(jobId, terms);
        (jobId, terms) = _post(AuctionKind.Fixed, Tier.Zk);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotRedundant.selector, jobId, address(game), address(verifier)));
        _fund(jobId, terms);
        // The same verifier, which would not wait for its replicas. With a policy of this tier it is not even posted.
        Request memory request = _exactRequest();
        (jobId, terms) = _postIt(request);
        vm.expectRevert(abi.encodeWithSelector(Errors.TierMismatch.selector, jobId, Tier.Redundant, Tier.Optimistic));
        _fund(jobId, terms);
        request.policy = _policy(WANTED, FEE);
        vm.expectRevert(abi.encodeWithSelector(IVerifier.PolicyUnusable.selector, request.policy));
        market.quote(request);
    }

    function test_feesAreNoMoreThanWhatBurnsOfALiar() public {
        Request memory request = _redundant();
        // Half of the lock of twice the price.
        request.policy = _policy(2, MAX_PRICE / 2);
        (bytes32 jobId, Terms memory terms) = _postIt(request);
        _fund(jobId, terms);
        request.policy = _policy(2, MAX_PRICE / 2 + 1);
        (jobId, terms) = _postIt(request);
        vm.expectRevert(abi.encodeWithSelector(Errors.FeesTooHigh.selector, jobId, MAX_PRICE, MAX_PRICE + 2));
        _fund(jobId, terms);
        request.valueAtRisk = 1;
        (jobId, terms) = _postIt(request);
        vm.expectRevert(abi.encodeWithSelector(Errors.FeesTooHigh.selector, jobId, MAX_PRICE + 1, MAX_PRICE + 2));
        _fund(jobId, terms);
        request.valueAtRisk = 2;
        (jobId, terms) = _postIt(request);
        _fund(jobId, terms);
    }

    function test_windowsLeaveTimeToRunAndToConvict() public {
        Request memory request = _redundant();
        request.executionWindow = 2 * REVEAL - 1;
        (bytes32 jobId, Terms memory terms) = _postIt(request);
        bytes4 short = Errors.WindowTooShort.selector;
        vm.expectRevert(abi.encodeWithSelector(short, jobId, "executionWindow", 2 * REVEAL, 2 * REVEAL - 1));
        _fund(jobId, terms);
        request.executionWindow = 2 * REVEAL;
        request.verificationWindow = 2 * REVEAL - 1;
        (jobId, terms) = _postIt(request);
        vm.expectRevert(abi.encodeWithSelector(short, jobId, "verificationWindow", 2 * REVEAL, 2 * REVEAL - 1));
        _fund(jobId, terms);
        request.verificationWindow = 2 * REVEAL;
        (jobId, terms) = _postIt(request);
        _fund(jobId, terms);
    }

    /// Whoever funds knows no seed; a job that nobody funds cannot be done.
    function test_fundsComeBeforeTheSeed() public {
        (bytes32 jobId, Terms memory terms) = _postIt(_redundant());
        _bid(jobId, ALICE, MAX_PRICE);
        uint256 round = _roundOf(jobId);
        vm.warp((round + 1) * ROUND - 1);
        uint256 before = vm.snapshotState();
        _fund(jobId, terms);
        vm.revertToState(before);
        // Nobody has finished the round, nor closed it: it may be closed now, and from the next block on its seed can be computed.
        vm.warp((round + 1) * ROUND);
        vm.expectRevert(abi.encodeWithSelector(Errors.FundedTooLate.selector, jobId, round));
        _fund(jobId, terms);
        _close(round);
        vm.expectRevert(abi.encodeWithSelector(Errors.FundedTooLate.selector, jobId, round));
        _fund(jobId, terms);
        beacon.finish(round);
        vm.expectRevert(abi.encodeWithSelector(Errors.FundedTooLate.selector, jobId, round));
        _fund(jobId, terms);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotFunded.selector, jobId));
        replication.draw(jobId);
        _accept(jobId);
        vm.expectRevert(abi.encodeWithSelector(Errors.JobInState.selector, jobId, State.Ready));
        _fund(jobId, terms);
        bytes memory evidence = _evidence(_honest());
        vm.expectRevert(abi.encodeWithSelector(Errors.NotDrawn.selector, jobId));
        vm.prank(ALICE);
        market.submit(jobId, terms, evidence, RESULT);
    }

    // ---------------------------------------------------------------- the draw

    function test_aDrawIsOfTheFirstRoundThatClosesAfterTheLease() public {
        (bytes32 jobId,) = _leasedIt();
        uint256 round = _roundOf(jobId);
        vm.expectRevert(abi.encodeWithSelector(Errors.SeedUnknown.selector, jobId, round));
        replication.draw(jobId);
        bytes32 seed = _finish(round);
        address[] memory expected = _looked(jobId, seed, 8);
        vm.expectEmit(address(replication));
        emit IReplication.ReplicasDrawn(jobId, exactVersion, round, seed, expected);
        replication.draw(jobId);
        address[] memory drawn = replication.replicasOf(jobId).drawn;
        vm.assertTrue(drawn[0] != drawn[1]);
        for (uint256 i = 0; i < 2; ++i) {
            vm.assertEq(replication.slotOf(drawn[i]).jobId, jobId);
            _needStage(jobId, drawn[i], ReplicaStage.Drawn);
        }
        vm.expectRevert(abi.encodeWithSelector(Errors.AlreadyDrawn.selector, jobId));
        replication.draw(jobId);
    }

    /// A round whose hash nobody kept is closed again, and its jobs are drawn by it.
    function test_aJobIsDrawnThoughAHashWasLost() public {
        (bytes32 jobId,) = _leasedIt();
        uint256 round = _roundOf(jobId);
        uint256 at = _close(round);
        vm.roll(at + 257);
        vm.expectRevert(abi.encodeWithSelector(Errors.SeedUnknown.selector, jobId, round));
        replication.draw(jobId);
        _close(round);
        beacon.finish(round);
        replication.draw(jobId);
        vm.assertEq(replication.replicasOf(jobId).drawn.length, 2);
    }

    /// @dev The draw written out again, where all places have slots that can serve.
    function _looked(bytes32 jobId, bytes32 seed, uint256 places) private pure returns (address[] memory found) {
        found = new address[](2);
        uint256 count = 0;
        for (uint256 i = 0; count < 2; ++i) {
            uint256 word = uint256(keccak256(abi.encode(keccak256("mlm/replicas/1"), seed, jobId, i)));
            address account = _other(word % places);
            if (count == 0 || found[0] != account) found[count++] = account;
        }
    }

    function test_nobodyIsDrawnForAJobThatIsNotLeased() public {
        (bytes32 jobId, Terms memory terms) = _postIt(_redundant());
        vm.expectRevert(abi.encodeWithSelector(Errors.NotFunded.selector, jobId));
        replication.draw(jobId);
        _fund(jobId, terms);
        vm.expectRevert(abi.encodeWithSelector(Errors.JobInState.selector, jobId, State.Open));
        replication.draw(jobId);
    }

    function test_neitherProviderNorConsumerIsDrawn() public {
        _joinAs(ALICE);
        _joinAs(CONSUMER);
        for (uint256 i = 0; i < 7; ++i) {
            vm.prank(_other(i));
            replication.leave();
        }
        vm.warp(block.timestamp + 1);
        (bytes32 jobId,) = _leasedIt();
        bytes32 seed = _finish(_roundOf(jobId));
        address[] memory found = replication.drawnBy(jobId, seed);
        for (uint256 i = 0; i < found.length; ++i) {
            vm.assertEq(found[i], _other(7));
        }
        vm.assertTrue(found.length < 2);
        vm.expectRevert(abi.encodeWithSelector(Errors.TooFewSlots.selector, jobId, 2, found.length));
        replication.draw(jobId);
    }

    function _joinAs(address account) private {
        vm.startPrank(account);
        token.approve(address(replication), type(uint256).max);
        replication.join();
        vm.stopPrank();
    }

    /// Nobody accepts it, and its consumer has the fees back.
    function test_anUndrawnJobsFeesComeBack() public {
        (bytes32 jobId,) = _leasedIt();
        vm.expectRevert(abi.encodeWithSelector(Errors.JobInState.selector, jobId, State.Leased));
        replication.settle(jobId);
        vm.warp(block.timestamp + 5 minutes);
        _needState(jobId, State.Undelivered);
        vm.expectEmit(address(replication));
        emit IReplication.ReplicasSettled(jobId, exactVersion, CONSUMER, WANTED * FEE, 0);
        replication.settle(jobId);
        _needCredit(CONSUMER, WANTED * FEE);
        _needCovered();
        vm.expectRevert(abi.encodeWithSelector(Errors.AlreadySettled.selector, jobId));
        replication.settle(jobId);
    }

    // ---------------------------------------------------------------- commitments

    function test_theProviderWaitsForAllCommitmentsOrForHalfTheTime() public {
        (bytes32 jobId, Terms memory terms, address[] memory drawn) = _drawnIt();
        _accept(jobId);
        uint256 closesAt = block.timestamp + 30 minutes;
        _promise(drawn[0], jobId, 1);
        bytes memory evidence = _evidence(_honest());
        vm.expectRevert(abi.encodeWithSelector(Errors.ReplicasNotCommitted.selector, jobId, 2, 1, closesAt));
        vm.prank(ALICE);
        market.submit(jobId, terms, evidence, RESULT);
        uint256 before = vm.snapshotState();
        _promise(drawn[1], jobId, 1);
        _hand(jobId, terms, _honest());
        vm.revertToState(before);
        vm.warp(closesAt);
        vm.expectRevert(abi.encodeWithSelector(Errors.CommittedTooLate.selector, jobId, closesAt));
        vm.prank(drawn[1]);
        replication.commit(jobId, "late");
        _hand(jobId, terms, _honest());
    }

    function test_onlyWhoIsDrawnCommitsAndOnce() public {
        (bytes32 jobId,, address[] memory drawn) = _drawnIt();
        bytes4 stage = Errors.StageMismatch.selector;
        vm.expectRevert(abi.encodeWithSelector(stage, jobId, ANYONE, ReplicaStage.Drawn, ReplicaStage.None));
        vm.prank(ANYONE);
        replication.commit(jobId, "word");
        vm.expectRevert(abi.encodeWithSelector(Errors.CommitmentZero.selector, jobId, drawn[0]));
        vm.prank(drawn[0]);
        replication.commit(jobId, 0);
        _promise(drawn[0], jobId, 1);
        vm.expectRevert(abi.encodeWithSelector(stage, jobId, drawn[0], ReplicaStage.Drawn, ReplicaStage.Committed));
        vm.prank(drawn[0]);
        replication.commit(jobId, "word");
    }

    function test_whatWasCommittedToIsShownAndInTime() public {
        (bytes32 jobId, Terms memory terms, address[] memory drawn) = _drawnIt();
        _accept(jobId);
        _promise(drawn[0], jobId, 1);
        _promise(drawn[1], jobId, 1);
        bytes32 root = _traceRoot(1);
        bytes32 other = _traceRoot(2);
        vm.startPrank(drawn[0]);
        vm.expectRevert(abi.encodeWithSelector(Errors.NothingSubmitted.selector, jobId));
        replication.reveal(jobId, root, "salt");
        vm.stopPrank();
        _hand(jobId, terms, _honest());
        bytes32 expected = _word(drawn[0], jobId, root, "salt");
        bytes32 actual = _word(drawn[0], jobId, other, "salt");
        vm.expectRevert(abi.encodeWithSelector(Errors.RootMismatch.selector, jobId, expected, actual));
        vm.prank(drawn[0]);
        replication.reveal(jobId, other, "salt");
        _show(drawn[0], jobId, 1);
        _needStage(jobId, drawn[0], ReplicaStage.Equal);
        uint256 closesAt = block.timestamp + REVEAL;
        vm.warp(closesAt);
        vm.expectRevert(abi.encodeWithSelector(Errors.RevealsClosed.selector, jobId, closesAt));
        vm.prank(drawn[1]);
        replication.reveal(jobId, root, "salt");
    }

    // ---------------------------------------------------------------- the ends

    function test_equalRootsWaitTheWindowOutAndArePaid() public {
        (bytes32 jobId,, address[] memory drawn) = _handedIn(1, 1, 1);
        _show(drawn[0], jobId, 1);
        _show(drawn[1], jobId, 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.JobInState.selector, jobId, State.Submitted));
        replication.settle(jobId);
        _windowOver(jobId);
        vm.expectEmit(address(replication));
        emit IReplication.ReplicaSettled(jobId, exactVersion, drawn[0], ReplicaEnd.Paid, FEE, 0);
        replication.settle(jobId);
        for (uint256 i = 0; i < 2; ++i) {
            _needCredit(drawn[i], FEE);
            _needStake(drawn[i], SLOT);
        }
        _needCredit(CONSUMER, 0);
        _needCovered();
    }

    function test_whoFindsAnotherRootThatConvictsIsPaid() public {
        (bytes32 jobId,, address[] memory drawn) = _handedIn(2, 1, 2);
        _show(drawn[0], jobId, 1);
        _convictBy(drawn[0], jobId);
        // Whoever convicts at once takes nobody's time to show what it has: not even an accomplice's.
        uint256 over = block.timestamp + REVEAL;
        vm.expectRevert(abi.encodeWithSelector(Errors.RevealsOpen.selector, jobId, over));
        replication.settle(jobId);
        vm.warp(over - 1);
        _show(drawn[1], jobId, 2);
        _needStage(jobId, drawn[0], ReplicaStage.Different);
        vm.warp(over);
        replication.settle(jobId);
        _needCredit(drawn[0], FEE);
        _needStake(drawn[0], SLOT);
        // Its accomplice confirmed a false result: half of its stake and its fee are the consumer's.
        _needCredit(drawn[1], 0);
        vm.assertEq(replication.slotOf(drawn[1]).place, 0);
        _needCredit(CONSUMER, SLOT / 2 + FEE);
        _needBurned(SLOT / 2);
        _needCovered();
    }

    function test_whoFindsAnotherRootThanAResultThatStandsLoses() public {
        (bytes32 jobId,, address[] memory drawn) = _handedIn(1, 1, 3);
        _show(drawn[0], jobId, 1);
        _show(drawn[1], jobId, 3);
        _windowOver(jobId);
        replication.settle(jobId);
        _needCredit(drawn[0], FEE);
        _needStake(drawn[1], 0);
        _needCredit(CONSUMER, SLOT / 2 + FEE);
        _needBurned(SLOT / 2);
        _needCovered();
    }

    function test_whoDoesNotShowWhatItCommittedToLoses() public {
        (bytes32 jobId,, address[] memory drawn) = _handedIn(1, 1, 1);
        _show(drawn[0], jobId, 1);
        _windowOver(jobId);
        vm.expectEmit(address(replication));
        emit IReplication.ReplicaSettled(jobId, exactVersion, drawn[0], ReplicaEnd.Paid, FEE, 0);
        vm.expectEmit(address(replication));
        emit IReplication.ReplicaSettled(jobId, exactVersion, drawn[1], ReplicaEnd.Silent, 0, SLOT);
        replication.settle(jobId);
        _needStake(drawn[1], 0);
        _needCredit(CONSUMER, SLOT / 2 + FEE);
        _needCovered();
    }

    /// Whether the input was there, nobody can tell: both lose the fee, and nobody has it.
    function test_whoDoesNotCommitLosesItsFeeAndTheConsumerToo() public {
        (bytes32 jobId, Terms memory terms, address[] memory drawn) = _drawnIt();
        _accept(jobId);
        _promise(drawn[0], jobId, 1);
        vm.warp(block.timestamp + 30 minutes);
        _hand(jobId, terms, _honest());
        _show(drawn[0], jobId, 1);
        _windowOver(jobId);
        replication.settle(jobId);
        _needCredit(drawn[0], FEE);
        _needStake(drawn[1], SLOT - FEE);
        _needCredit(CONSUMER, 0);
        _needBurned(2 * FEE);
        _needCovered();
        // It is not drawn until it has filled its stake up.
        vm.assertEq(_drawable(drawn[1]), false);
        token.transfer(drawn[1], FEE);
        vm.prank(drawn[1]);
        replication.join();
        _needStake(drawn[1], SLOT);
        _needCovered();
        vm.warp(block.timestamp + 1);
        vm.assertEq(_drawable(drawn[1]), true);
    }

    /// @dev Whether some seed draws an account for a new job.
    function _drawable(address account) private returns (bool) {
        (bytes32 jobId,) = _leasedIt();
        for (uint256 seed = 1; seed < 100; ++seed) {
            address[] memory found = replication.drawnBy(jobId, bytes32(seed));
            if (found[0] == account || found[1] == account) return true;
        }
        return false;
    }

    function test_withoutAResultReplicasAreFreeAndTheConsumerHasItsFees() public {
        (bytes32 jobId,, address[] memory drawn) = _drawnIt();
        _accept(jobId);
        _promise(drawn[0], jobId, 1);
        vm.warp(block.timestamp + 1 hours);
        _needState(jobId, State.Defaulted);
        replication.settle(jobId);
        _needStake(drawn[0], SLOT);
        _needStake(drawn[1], SLOT);
        _needCredit(CONSUMER, WANTED * FEE);
        _needCovered();
    }

    /// It says nothing about the root: who is equal is paid, who is not loses nothing.
    function test_aResultThatWasNotDeliveredConvictsNoReplica() public {
        (bytes32 jobId,, address[] memory drawn) = _handedIn(1, 1, 3);
        _show(drawn[0], jobId, 1);
        _show(drawn[1], jobId, 3);
        vm.prank(CONSUMER);
        game.complain(jobId);
        vm.warp(block.timestamp + ANSWER);
        _needState(jobId, State.Rejected);
        replication.settle(jobId);
        _needCredit(drawn[0], FEE);
        _needStake(drawn[1], SLOT);
        _needCredit(CONSUMER, FEE);
        _needBurned(0);
        _needCovered();
    }

    function test_aBusySlotNeitherExitsNorIsDrawnAgain() public {
        (bytes32 jobId,, address[] memory drawn) = _drawnIt();
        vm.prank(drawn[0]);
        replication.leave();
        (bytes32 second,) = _leasedIt();
        address[] memory found = replication.drawnBy(second, "seed");
        for (uint256 i = 0; i < found.length; ++i) {
            vm.assertTrue(found[i] != drawn[0] && found[i] != drawn[1]);
        }
        vm.warp(block.timestamp + LEAVE);
        vm.expectRevert(abi.encodeWithSelector(Errors.SlotBusy.selector, drawn[0], jobId));
        vm.prank(drawn[0]);
        replication.exit();
        replication.settle(jobId);
        vm.prank(drawn[0]);
        replication.exit();
        _needCredit(drawn[0], SLOT);
        _needCovered();
    }

    function test_gasOfEachStep() public {
        (bytes32 jobId, Terms memory terms) = _postIt(_redundant());
        _fund(jobId, terms);
        _logGas("fund");
        _bid(jobId, ALICE, MAX_PRICE);
        uint256 round = _roundOf(jobId);
        _close(round);
        beacon.finish(round);
        _logGas("finish a round without commitments");
        replication.draw(jobId);
        _logGas("draw two replicas");
        address[] memory drawn = replication.replicasOf(jobId).drawn;
        _accept(jobId);
        _promise(drawn[0], jobId, 1);
        _logGas("commit");
        _promise(drawn[1], jobId, 1);
        _hand(jobId, terms, _honest());
        _logGas("submit, five nodes");
        _show(drawn[0], jobId, 1);
        _logGas("reveal");
        _show(drawn[1], jobId, 1);
        _windowOver(jobId);
        replication.settle(jobId);
        _logGas("settle two replicas");
        _needCovered();
    }
}
