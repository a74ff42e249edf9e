// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommitmentErrors} from "../contracts/errors/ICommitmentErrors.sol";
import {IComplaintErrors} from "../contracts/errors/IComplaintErrors.sol";
import {IDisputeGameErrors as Errors} from "../contracts/errors/IDisputeGameErrors.sol";
import {Challenge, IDisputeGame, Phase} from "../contracts/interfaces/IDisputeGame.sol";
import {Terms} from "../contracts/interfaces/IJobMarket.sol";
import {Role, State, Verdict} from "../contracts/interfaces/Types.sol";
import {GameBase} from "./GameBase.sol";

/// Somebody who wants more than his due, or another to have less: each test is one of them. What docs/attacks.md says that
/// it costs is what is logged here (tests/devnet/test_attacks.py).
contract DisputeGameHostileTest is GameBase {
    event log_named_decimal_uint(string key, uint256 val, uint256 decimals);

    /// @dev All that accounts have, here and in the market.
    function _worth(address account) private view returns (uint256) {
        return token.balanceOf(account) + market.creditOf(account) + game.creditOf(account) + _stakeOf(account);
    }

    function _told(string memory attack, uint256 cost) private {
        emit log_named_decimal_uint(attack, cost, 18);
    }

    // ---------------------------------------------------------------- the provider

    /// A liar who convicts itself when it is found out, to have half of its lock back: it loses what it would have been paid.
    function test_selfChallengeNeverProfits() public {
        uint256 before = _worth(ALICE) + _worth(DAVE);
        (bytes32 jobId, Terms memory terms) = _lied();
        _prove(DAVE, jobId, 1, 77);
        market.settle(jobId, terms);
        uint256 left = _worth(ALICE) + _worth(DAVE);
        vm.assertEq(before - left, MAX_PRICE);
        _told("self-challenge by a liar that is found out", before - left);
        vm.assertGe(before - left, market.jobOf(jobId).price);
        vm.assertEq(_worth(CONSUMER), 10_000 * ONE, "the consumer has lost nothing");
    }

    /// An honest provider that challenges itself through another account pays half of a bond, and holds itself up.
    function test_playingAgainstOneselfBurnsHalfABond() public {
        uint256 before = _worth(ALICE) + _worth(DAVE);
        (bytes32 jobId,) = _handIn(_honest());
        bytes32 gameId = _open(DAVE, jobId, _honest(), 1);
        _post(gameId, 1);
        vm.warp(game.gameOf(gameId).deadline);
        game.timeout(gameId);
        vm.assertEq(before - _worth(ALICE) - _worth(DAVE), BOND / 2);
        _told("self-challenge of an honest result", before - _worth(ALICE) - _worth(DAVE));
    }

    /// A liar whose own games stand on every node from the first second: they keep nobody out, and it is convicted.
    function test_theLiarsOwnGamesKeepNobodyOut() public {
        uint256 before = _worth(ALICE) + _worth(DAVE);
        (bytes32 jobId, Terms memory terms) = _lied();
        bytes32[] memory roots = _roots(2, 1);
        for (uint256 node = 1; node < NODES; ++node) {
            _open(DAVE, jobId, roots, node);
        }
        _prove(CAROL, jobId, 1, 77);
        market.settle(jobId, terms);
        for (uint256 node = 1; node < NODES; ++node) {
            game.reclaim(game.firstGameOf(jobId, node));
        }
        // It has the reward, but half of the lock is burnt whoever has it.
        vm.assertEq(game.challengerOf(jobId), DAVE);
        vm.assertEq(before - _worth(ALICE) - _worth(DAVE), MAX_PRICE);
        _told("games of a liar's own on every node", before - _worth(ALICE) - _worth(DAVE));
    }

    /// A result of another job: its roots do not open this job's input.
    function test_theTraceOfAnotherJob() public {
        (bytes32 jobId, Terms memory terms) = _readyJob();
        bytes memory evidence = _evidence(_roots(7, 0));
        vm.expectPartialRevert(Errors.InputMismatch.selector);
        vm.prank(ALICE);
        market.submit(jobId, terms, evidence, RESULT);
        _needState(jobId, State.Ready);
    }

    /// A copied trace of the same input and model is the same true answer, and stands or falls with it; who copied a false one
    /// is convicted like its author, by proofs of its own.
    function test_aCopiedLieConvictsItsCopier() public {
        (bytes32 first, Terms memory terms) = _lied();
        (bytes32 second, Terms memory copied) = _handIn(_roots(2, 1));
        bytes32 salt = _commitTo(CAROL, first, 1, 77);
        vm.startPrank(CAROL);
        // A commitment to the one opens nothing of the other.
        vm.expectPartialRevert(ICommitmentErrors.CommitmentMissing.selector);
        game.prove(second, _cell(1, 77), salt);
        game.prove(first, _cell(1, 77), salt);
        vm.stopPrank();
        _needState(second, State.Submitted);
        _prove(CAROL, second, 1, 77);
        _needState(second, State.Rejected);
        market.settle(first, terms);
        uint256 before = _worth(ALICE);
        market.settle(second, copied);
        vm.assertEq(before - _worth(ALICE), 2 * MAX_PRICE);
        _told("lie copied from another job's result", before - _worth(ALICE));
    }

    function test_anotherModelsGraph() public {
        (bytes32 jobId, Terms memory terms) = _readyJob();
        bytes memory evidence = abi.encode(keccak256("a smaller model"), 1, 1, _honest());
        vm.expectPartialRevert(Errors.KeyMismatch.selector);
        vm.prank(ALICE);
        market.submit(jobId, terms, evidence, RESULT);
    }

    /// It leaves the game that it would lose, answers all others, and hopes for the window to end.
    function test_aLiarCannotWaitForTheWindowsEnd() public {
        uint256 before = _worth(ALICE);
        (bytes32 jobId, Terms memory terms) = _lied();
        vm.warp(block.timestamp + 1 days - 1);
        bytes32 gameId = _open(CAROL, jobId, _roots(2, 1), 1);
        vm.warp(block.timestamp + CLOCK);
        _needState(jobId, State.Disputed);
        game.timeout(gameId);
        _needState(jobId, State.Rejected);
        market.settle(jobId, terms);
        vm.assertEq(before - _worth(ALICE), 2 * MAX_PRICE);
        _told("false result that is withheld", before - _worth(ALICE));
    }

    // ---------------------------------------------------------------- the challenger

    /// One that challenges an honest result and goes on to the last move: it delays for two clocks at most, and pays.
    function test_aGriefingChallengerPaysAndDelays() public {
        (bytes32 jobId, Terms memory terms) = _handIn(_honest());
        uint256 submitted = block.timestamp;
        uint256 before = _worth(DAVE);
        vm.warp(block.timestamp + 1 days - 1);
        bytes32 gameId = _open(DAVE, jobId, _honest(), 1);
        while (game.gameOf(gameId).phase != Phase.Prove) {
            Phase phase = game.gameOf(gameId).phase;
            if (phase == Phase.Pick) {
                vm.warp(game.gameOf(gameId).deadline - 1);
                _pick(gameId, 1, 1);
            } else if (phase == Phase.Leaf) {
                _leaf(gameId, 1);
            } else {
                _post(gameId, 1);
            }
        }
        vm.warp(game.gameOf(gameId).deadline);
        game.timeout(gameId);
        vm.assertEq(before - _worth(DAVE), BOND);
        _told("challenge of an honest result, to the last move", before - _worth(DAVE));
        vm.assertLe(block.timestamp, submitted + 1 days + CLOCK + 4 * EXTENSION);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Accepted);
    }

    /// One that opens and never moves blocks nobody: another convicts beside it.
    function test_aStallingChallengerBlocksNobody() public {
        (bytes32 jobId,) = _lied();
        bytes32[] memory roots = _roots(2, 1);
        bytes32 stalled = _open(DAVE, jobId, roots, 2);
        _post(stalled, 2);
        bytes32 gameId = _open(CAROL, jobId, roots, 1);
        _playToLeaf(gameId, 2);
        vm.prank(CAROL);
        game.proveInGame(gameId, _cell(1, 256));
        vm.assertEq(game.challengerOf(jobId), CAROL);
        _needState(jobId, State.Rejected);
    }

    /// Two who are right: one has the reward, both have their bonds.
    function test_twoChallengers() public {
        uint256 before = _worth(ALICE);
        (bytes32 jobId, Terms memory terms) = _lied();
        bytes32[] memory roots = _roots(2, 1);
        bytes32 first = _open(BOB, jobId, roots, 1);
        bytes32 second = _open(CAROL, jobId, roots, 1);
        _playToLeaf(second, 2);
        vm.prank(CAROL);
        game.proveInGame(second, _cell(1, 256));
        market.settle(jobId, terms);
        game.reclaim(first);
        vm.assertEq(market.creditOf(BOB), MAX_PRICE, "who asked first");
        vm.assertEq(market.creditOf(CAROL), 0);
        vm.assertEq(game.creditOf(BOB) + game.creditOf(CAROL), 2 * BOND);
        vm.assertEq(before - _worth(ALICE), 2 * MAX_PRICE);
        _told("false result, shown by two", before - _worth(ALICE));
    }

    // ---------------------------------------------------------------- the copier

    /// It sees a proof in the mempool, sends it first, and has nothing: the commitment is another's, its own is too young.
    function test_aProofCopiedOutOfTheMempool() public {
        (bytes32 jobId,) = _lied();
        bytes32 salt = _commitTo(CAROL, jobId, 1, 77);
        vm.startPrank(DAVE);
        vm.expectPartialRevert(ICommitmentErrors.CommitmentMissing.selector);
        game.prove(jobId, _cell(1, 77), salt);
        game.commit(_commitment(DAVE, jobId, 1, 77, salt));
        vm.expectPartialRevert(ICommitmentErrors.CommitmentTooYoung.selector);
        game.prove(jobId, _cell(1, 77), salt);
        vm.stopPrank();
        vm.prank(CAROL);
        game.prove(jobId, _cell(1, 77), salt);
        vm.assertEq(game.challengerOf(jobId), CAROL);
    }

    /// It copies the leaf that a provider was forced to show, and proves in time: the reward is whose game it was.
    function test_aLeafCopiedOutOfAGame() public {
        (bytes32 jobId,) = _lied();
        bytes32 gameId = _open(CAROL, jobId, _roots(2, 1), 1);
        _playToLeaf(gameId, 2);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotChallenger.selector, gameId, CAROL, DAVE));
        vm.prank(DAVE);
        game.proveInGame(gameId, _cell(1, 256));
        _prove(DAVE, jobId, 1, 256);
        _needState(jobId, State.Rejected);
        vm.assertEq(game.challengerOf(jobId), CAROL);
        game.reclaim(gameId);
        vm.assertEq(game.creditOf(CAROL), BOND);
    }

    /// It copies an opening: it needs a commitment of its own, to that node, from a block before.
    function test_anOpeningCopiedOutOfTheMempool() public {
        (bytes32 jobId,) = _lied();
        Challenge memory challenge = _challenge(_roots(2, 1), 1);
        bytes32 salt = _commitTo(CAROL, jobId, 1, OPENING);
        vm.startPrank(DAVE);
        vm.expectPartialRevert(ICommitmentErrors.CommitmentMissing.selector);
        game.open(jobId, challenge, salt);
        game.commit(_commitment(DAVE, jobId, 1, OPENING, salt));
        vm.expectPartialRevert(ICommitmentErrors.CommitmentTooYoung.selector);
        game.open(jobId, challenge, salt);
        vm.stopPrank();
        vm.prank(CAROL);
        game.open(jobId, challenge, salt);
        vm.roll(block.number + 1);
        vm.prank(DAVE);
        game.open(jobId, challenge, salt);
        vm.assertEq(game.gameOf(game.firstGameOf(jobId, 1)).challenger, CAROL, "and comes second");
    }

    /// Who commits twice with one salt opens one game: a commitment is spent, and the game's name is taken.
    function test_oneGameForEachName() public {
        (bytes32 jobId,) = _lied();
        Challenge memory challenge = _challenge(_roots(2, 1), 1);
        bytes32 salt = _commitTo(CAROL, jobId, 1, OPENING);
        bytes32 commitment = _commitment(CAROL, jobId, 1, OPENING, salt);
        vm.startPrank(CAROL);
        bytes32 gameId = game.open(jobId, challenge, salt);
        game.commit(commitment);
        vm.roll(block.number + 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.GameAlreadyOpened.selector, gameId));
        game.open(jobId, challenge, salt);
        vm.stopPrank();
    }

    // ---------------------------------------------------------------- the consumer

    /// It complains of what it has, hoping that the provider is away: as in the tier none, and no dearer for the provider.
    function test_aFalseComplaintIsAnswered() public {
        (bytes32 jobId,) = _handIn(_honest());
        uint256 before = _worth(CONSUMER);
        vm.prank(CONSUMER);
        game.complain(jobId);
        uint256[] memory typeWords = new uint256[](1);
        bytes[] memory outputs = new bytes[](1);
        (typeWords[0], outputs[0]) = (_typeOf(4), _tensor(1, 4));
        vm.prank(ALICE);
        game.answer(jobId, typeWords, outputs);
        vm.expectPartialRevert(IComplaintErrors.NotLeaseHolder.selector);
        vm.prank(CONSUMER);
        game.collect(jobId);
        vm.assertEq(before - _worth(CONSUMER), DEPOSIT);
    }

    // ---------------------------------------------------------------- the market's assumption

    /// Whatever moves follow, in whatever order: what was final stays, with whom it rewards.
    function test_finalVerdictsStand() public {
        (bytes32 jobId, Terms memory terms) = _lied();
        bytes32[] memory roots = _roots(2, 1);
        bytes32 gameId = _open(BOB, jobId, roots, 1);
        _post(gameId, 2);
        vm.warp(game.gameOf(gameId).deadline);
        game.timeout(gameId);
        vm.warp(block.timestamp + 1 days);
        // Accepted, though false: nobody showed it in time.
        market.settle(jobId, terms);
        bytes32 salt = _commitTo(CAROL, jobId, 1, 77);
        vm.expectPartialRevert(Errors.JobNotChallengeable.selector);
        vm.prank(CAROL);
        game.prove(jobId, _cell(1, 77), salt);
        salt = _commitTo(CAROL, jobId, 1, OPENING);
        Challenge memory challenge = _challenge(roots, 1);
        vm.expectPartialRevert(Errors.JobNotChallengeable.selector);
        vm.prank(CAROL);
        game.open(jobId, challenge, salt);
        vm.expectPartialRevert(Errors.JobNotChallengeable.selector);
        vm.prank(CONSUMER);
        game.complain(jobId);
        _needVerdict(jobId, Verdict.Pending);
        _needState(jobId, State.Accepted);
        vm.assertEq(uint256(vault.lockOf(jobId, ALICE, Role.Provider)), 0);
    }
}
