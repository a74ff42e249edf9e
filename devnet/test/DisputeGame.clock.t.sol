// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IDisputeGameErrors as Errors} from "../contracts/errors/IDisputeGameErrors.sol";
import {End, Fault, Game, IDisputeGame, Phase} from "../contracts/interfaces/IDisputeGame.sol";
import {Terms} from "../contracts/interfaces/IJobMarket.sol";
import {State, Verdict} from "../contracts/interfaces/Types.sol";
import {MAX_GAME, MAX_TURNS} from "../contracts/libraries/Limits.sol";
import {GameBase} from "./GameBase.sol";

/// Chess clocks: whose turn it is loses time, and a move in the last second leaves the other side its answer.
contract DisputeGameClockTest is GameBase {
    function _left(bytes32 gameId) private view returns (uint256) {
        return game.gameOf(gameId).deadline - block.timestamp;
    }

    function test_eachSideHasItsOwnClock() public {
        (bytes32 jobId,) = _handIn(_honest());
        bytes32 gameId = _open(CAROL, jobId, _honest(), 1);
        vm.assertEq(_left(gameId), CLOCK);
        vm.warp(block.timestamp + 3 hours);
        _post(gameId, 1);
        vm.assertEq(_left(gameId), CLOCK, "the challenger's is whole");
        vm.warp(block.timestamp + 5 hours);
        _pick(gameId, 1, 0);
        vm.assertEq(_left(gameId), CLOCK - 3 hours, "the provider's goes on");
        vm.warp(block.timestamp + 1 hours);
        _post(gameId, 1);
        vm.assertEq(_left(gameId), CLOCK - 5 hours);
        _pick(gameId, 1, 0);
        vm.assertEq(_left(gameId), CLOCK - 4 hours);
        Game memory g = game.gameOf(gameId);
        vm.assertEq(uint256(g.challengerLeft), CLOCK - 5 hours);
    }

    /// Both move in their last second, every time: each still has the extension.
    function test_aMoveInTheLastSecondLeavesAnAnswer() public {
        (bytes32 jobId,) = _lied();
        bytes32 gameId = _open(CAROL, jobId, _roots(2, 1), 1);
        vm.warp(block.timestamp + CLOCK - 1);
        _post(gameId, 2);
        vm.assertEq(_left(gameId), CLOCK);
        vm.warp(block.timestamp + CLOCK - 1);
        _pick(gameId, 2, 3);
        for (uint256 i = 0; i < 2; ++i) {
            vm.assertEq(_left(gameId), EXTENSION);
            vm.warp(block.timestamp + EXTENSION - 1);
            if (i == 0) _post(gameId, 2);
            else _pick(gameId, 2, 3);
        }
        vm.assertEq(_left(gameId), EXTENSION);
        vm.warp(block.timestamp + EXTENSION - 1);
        _leaf(gameId, 2);
        vm.assertEq(_left(gameId), EXTENSION);
        vm.warp(block.timestamp + EXTENSION - 1);
        vm.prank(CAROL);
        game.proveInGame(gameId, _cell(1, 0));
        _needState(jobId, State.Rejected);
    }

    function test_nobodyMovesWhenTheClockHasEnded() public {
        (bytes32 jobId,) = _lied();
        bytes32 gameId = _open(CAROL, jobId, _roots(2, 1), 2);
        bytes32[] memory hashes = _hashes(gameId, 2);
        uint40 deadline = game.gameOf(gameId).deadline;
        bytes memory over = abi.encodeWithSelector(Errors.ClockRanOut.selector, gameId, deadline);
        vm.warp(deadline);
        vm.expectRevert(over);
        game.post(gameId, hashes);
        vm.warp(deadline - 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.ClockStillRuns.selector, gameId, deadline));
        game.timeout(gameId);
        game.post(gameId, hashes);
        deadline = game.gameOf(gameId).deadline;
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(Errors.ClockRanOut.selector, gameId, deadline));
        vm.prank(CAROL);
        game.pick(gameId, 0, hashes);
        vm.warp(deadline - 1);
        _pick(gameId, 2, 0);
        _leaf(gameId, 2);
        deadline = game.gameOf(gameId).deadline;
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(Errors.ClockRanOut.selector, gameId, deadline));
        vm.prank(CAROL);
        game.proveInGame(gameId, _cell(2, 0));
    }

    // ---------------------------------------------------------------- silence

    function test_aSilentProviderIsConvicted() public {
        (bytes32 jobId, Terms memory terms) = _lied();
        bytes32 gameId = _open(CAROL, jobId, _roots(2, 1), 1);
        _post(gameId, 2);
        _pick(gameId, 2, 0);
        vm.warp(game.gameOf(gameId).deadline);
        vm.expectEmit(address(game));
        emit IDisputeGame.ProviderConvicted(jobId, exactVersion, CAROL, ANYONE, Fault.Silence, 1, 0, 0, 0);
        vm.expectEmit(address(game));
        emit IDisputeGame.GameEnded(gameId, jobId, CAROL, End.Silent);
        vm.prank(ANYONE);
        game.timeout(gameId);
        vm.assertEq(game.creditOf(CAROL), BOND);
        market.settle(jobId, terms);
        vm.assertEq(market.creditOf(CAROL), MAX_PRICE);
        vm.assertEq(market.creditOf(ANYONE), 0, "who calls has nothing");
        _needSettled(jobId, State.Rejected);
    }

    /// A provider that answers one game and leaves another: every game counts.
    function test_silenceInOneGameIsEnough() public {
        (bytes32 jobId,) = _handIn(_honest());
        bytes32 answered = _open(BOB, jobId, _honest(), 2);
        bytes32 left = _open(CAROL, jobId, _honest(), 1);
        _post(answered, 1);
        vm.warp(game.gameOf(left).deadline);
        game.timeout(left);
        _needState(jobId, State.Rejected);
        vm.assertEq(game.challengerOf(jobId), CAROL);
    }

    /// A job waits for its games, and for nothing that begins after the window.
    function test_acceptanceWaitsForEveryGame() public {
        (bytes32 jobId, Terms memory terms) = _handIn(_honest());
        vm.warp(block.timestamp + 1 days - 1);
        bytes32 first = _open(BOB, jobId, _honest(), 1);
        bytes32 second = _open(CAROL, jobId, _honest(), 2);
        vm.warp(block.timestamp + 1 hours);
        _post(first, 1);
        _post(second, 1);
        vm.warp(block.timestamp + CLOCK);
        game.timeout(first);
        _needState(jobId, State.Disputed);
        game.timeout(second);
        _needState(jobId, State.Accepted);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Accepted);
    }

    /// The longest game: both sides use every second, in the highest tree that there may be.
    function test_noGameLastsLongerThanTheBound() public pure {
        vm.assertLe(2 * CLOCK + MAX_TURNS * EXTENSION, MAX_GAME);
    }

    /// forge-config: default.fuzz.runs = 48
    /// forge-config: fuzz.fuzz.runs = 4000
    function testFuzz_aGameIsBounded(uint256 seed) public {
        (bytes32 jobId,) = _handIn(_honest());
        bytes32 gameId = _open(CAROL, jobId, _honest(), 1);
        uint256 start = block.timestamp;
        uint256 turns = 0;
        while (game.gameOf(gameId).phase != Phase.Prove) {
            uint256 left = _left(gameId);
            vm.assertGe(left, EXTENSION);
            vm.warp(block.timestamp + _within(uint256(keccak256(abi.encode(seed, turns))), 0, left - 1));
            Phase phase = game.gameOf(gameId).phase;
            if (phase == Phase.Pick) _pick(gameId, 1, (seed >> turns) % 4);
            else if (phase == Phase.Leaf) _leaf(gameId, 1);
            else _post(gameId, 1);
            ++turns;
        }
        vm.assertLe(game.gameOf(gameId).deadline - start, 2 * CLOCK + (turns + 1) * EXTENSION);
        vm.warp(game.gameOf(gameId).deadline);
        game.timeout(gameId);
        vm.assertTrue(game.verdictOf(jobId) == Verdict.Pending);
    }
}
