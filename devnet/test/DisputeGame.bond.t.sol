// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GameParams} from "../contracts/DisputeGame.sol";
import {IDisputeGameErrors as Errors} from "../contracts/errors/IDisputeGameErrors.sol";
import {Challenge, End, IDisputeGame, Phase} from "../contracts/interfaces/IDisputeGame.sol";
import {IPullCredits} from "../contracts/interfaces/IPullCredits.sol";
import {Terms} from "../contracts/interfaces/IJobMarket.sol";
import {Reason, State, Verdict} from "../contracts/interfaces/Types.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {GameBase} from "./GameBase.sol";

contract DisputeGameBondTest is GameBase {
    function test_aSilentChallengerPaysTheProviderAndTheFire() public {
        (bytes32 jobId, Terms memory terms) = _handIn(_honest());
        bytes32 gameId = _open(CAROL, jobId, _honest(), 1);
        _post(gameId, 1);
        vm.warp(game.gameOf(gameId).deadline);
        vm.expectEmit(address(game));
        emit IDisputeGame.GameEnded(gameId, jobId, CAROL, End.Lost);
        vm.expectEmit(address(game));
        emit IDisputeGame.GameCredited(gameId, ALICE, Reason.GasCompensation, BOND / 2);
        vm.expectEmit(address(game));
        emit IDisputeGame.GameCredited(gameId, BURN_ADDRESS, Reason.Burn, BOND / 2);
        game.timeout(gameId);
        vm.assertEq(game.creditOf(CAROL), 0);
        uint256 before = token.balanceOf(ALICE);
        vm.prank(ALICE);
        game.withdraw();
        vm.assertEq(token.balanceOf(ALICE), before + BOND / 2);
        uint256 burned = token.balanceOf(BURN_ADDRESS);
        game.burn();
        vm.assertEq(token.balanceOf(BURN_ADDRESS), burned + BOND / 2);
        _needBalance(0, 0);
        vm.expectRevert(abi.encodeWithSelector(IPullCredits.NoCredit.selector, BURN_ADDRESS));
        game.burn();
        vm.warp(block.timestamp + 1 days);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Accepted);
    }

    /// A unit cannot be halved: it burns.
    function test_dustBurns() public {
        _gameOfBond(1);
        (bytes32 jobId,) = _handIn(_honest());
        bytes32 gameId = _open(CAROL, jobId, _honest(), 1);
        _post(gameId, 1);
        vm.warp(game.gameOf(gameId).deadline);
        game.timeout(gameId);
        vm.assertEq(game.creditOf(ALICE), 0);
        vm.assertEq(game.creditOf(BURN_ADDRESS), 1);
    }

    function _gameOfBond(uint128 amount) private {
        GameParams memory params = _gameParams();
        params.bond = amount;
        _deployGame(toy, params);
        _approveAll();
    }

    function test_aBondIsNeeded() public {
        (bytes32 jobId,) = _handIn(_honest());
        bytes32 salt = _commitTo(CAROL, jobId, 1, OPENING);
        Challenge memory challenge = _challenge(_honest(), 1);
        vm.startPrank(CAROL);
        token.approve(address(game), BOND - 1);
        vm.expectRevert();
        game.open(jobId, challenge, salt);
        vm.stopPrank();
        _needVerdict(jobId, Verdict.Pending);
    }

    /// Whose clock had run out before the conviction has lost, whoever was to say so.
    function test_aConvictionSavesNoLostBond() public {
        (bytes32 jobId,) = _lied();
        bytes32[] memory roots = _roots(2, 1);
        bytes32 late = _open(BOB, jobId, roots, 2);
        bytes32 later = _open(DAVE, jobId, roots, 3);
        _post(late, 2);
        vm.warp(game.gameOf(late).deadline);
        // DAVE's waits for the provider, who is silent there: that is no fault of his.
        vm.assertTrue(game.gameOf(later).phase == Phase.Root);
        _prove(CAROL, jobId, 1, 77);
        game.reclaim(late);
        game.reclaim(later);
        vm.assertEq(game.creditOf(BOB), 0);
        vm.assertEq(game.creditOf(ALICE), BOND / 2);
        vm.assertEq(game.creditOf(BURN_ADDRESS), BOND / 2);
        vm.assertEq(game.creditOf(DAVE), BOND);
        _needBalance(0, 0);
    }

    function test_aSecondBeforeItHasNotLost() public {
        (bytes32 jobId,) = _lied();
        bytes32 gameId = _open(BOB, jobId, _roots(2, 1), 2);
        _post(gameId, 2);
        vm.warp(game.gameOf(gameId).deadline - 1);
        _prove(CAROL, jobId, 1, 77);
        vm.warp(block.timestamp + 1 days);
        game.reclaim(gameId);
        vm.assertEq(game.creditOf(BOB), BOND);
    }

    /// Who proves has its bond and the reward once, and nobody draws what is another's.
    function test_drawnOnce() public {
        (bytes32 jobId,) = _lied();
        bytes32 gameId = _open(CAROL, jobId, _roots(2, 1), 1);
        _playToLeaf(gameId, 2);
        vm.startPrank(CAROL);
        game.proveInGame(gameId, _cell(1, 256));
        game.withdraw();
        vm.expectRevert(abi.encodeWithSelector(IPullCredits.NoCredit.selector, CAROL));
        game.withdraw();
        vm.expectRevert(abi.encodeWithSelector(Errors.PhaseMismatch.selector, gameId, Phase.Root, Phase.Ended));
        game.reclaim(gameId);
        vm.expectRevert(abi.encodeWithSelector(Errors.PhaseMismatch.selector, gameId, Phase.Root, Phase.Ended));
        game.timeout(gameId);
        vm.stopPrank();
        _needBalance(0, 0);
    }

    /// Permit, bond and opening in one transaction, and ended games swept before a proof, by multicall.
    function test_severalMovesInOneTransaction() public {
        (bytes32 jobId,) = _lied();
        bytes32[] memory roots = _roots(2, 1);
        bytes32 stale = _open(BOB, jobId, roots, 1);
        _post(stale, 2);
        vm.warp(game.gameOf(stale).deadline);
        bytes32 salt = _commitTo(CAROL, jobId, 1, 77);
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(IDisputeGame.timeout, (stale));
        calls[1] = abi.encodeCall(IDisputeGame.prove, (jobId, _cell(1, 77), salt));
        vm.prank(CAROL);
        game.multicall(calls);
        vm.assertEq(game.challengerOf(jobId), CAROL, "a stale game on the node has no reward");
    }
}
