// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Challenge, End, Phase} from "../contracts/interfaces/IDisputeGame.sol";
import {Complaint} from "../contracts/interfaces/IComplaints.sol";
import {Role, State, Verdict} from "../contracts/interfaces/Types.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {GameBase} from "./GameBase.sol";
import {GameHandler, IToyGraph} from "./GameHandler.sol";

/// Bonds and deposits are conserved, and verdicts keep what the market assumes of them, whatever anybody does in whatever
/// order.
contract GameInvariantsTest is GameBase, IToyGraph {
    GameHandler private handler;
    uint256 private wealth;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public override {
        super.setUp();
        handler =
            new GameHandler(market, vault, game, token, toy, this, [CONSUMER, ALICE, CAROL, DAVE], _exactRequest());
        token.transfer(address(handler), 100 * ONE);
        _stake(ALICE, 2_000 * ONE);
        wealth = _wealth();
    }

    function evidence(uint256 seed, uint256 lie) external view returns (bytes memory) {
        return _evidence(_roots(seed, lie));
    }

    function challengeOf(uint256 seed, uint256 lie, uint256 node) external view returns (Challenge memory) {
        return _challenge(_roots(seed, lie), node);
    }

    function tensorOf(uint256 seed, uint256 node) external pure returns (bytes memory) {
        return _tensor(seed, node);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev All moves but `finish`; those that carry games on more often.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory moves = new bytes4[](18);
        moves[0] = moves[1] = handler.handIn.selector;
        moves[2] = moves[3] = moves[4] = handler.open.selector;
        moves[5] = moves[6] = moves[7] = moves[8] = handler.move.selector;
        moves[9] = handler.prove.selector;
        moves[10] = handler.timeout.selector;
        moves[11] = handler.reclaim.selector;
        moves[12] = handler.complain.selector;
        moves[13] = handler.answer.selector;
        moves[14] = handler.collect.selector;
        moves[15] = handler.settle.selector;
        moves[16] = handler.draw.selector;
        moves[17] = handler.wait.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), moves);
    }

    function _wealth() private view returns (uint256) {
        return token.balanceOf(CONSUMER) + token.balanceOf(ALICE) + token.balanceOf(CAROL) + token.balanceOf(DAVE)
            + token.balanceOf(BURN_ADDRESS) + token.balanceOf(address(market)) + token.balanceOf(address(vault))
            + token.balanceOf(address(game)) + token.balanceOf(address(handler));
    }

    /// The contract holds its credits, a bond for each game that has not ended and a deposit for each complaint of which it was
    /// not paid, and nothing else; and a job counts its open games.
    /// forge-config: default.invariant.runs = 24
    /// forge-config: default.invariant.depth = 80
    /// forge-config: fuzz.invariant.runs = 128
    /// forge-config: fuzz.invariant.depth = 200
    function invariant_money() public view {
        uint256 open = 0;
        for (uint256 i = 0; i < handler.gameCount(); ++i) {
            if (game.gameOf(handler.games(i)).phase != Phase.Ended) ++open;
        }
        uint256 counted = 0;
        uint256 deposits = 0;
        for (uint256 i = 0; i < handler.count(); ++i) {
            counted += game.traceOf(handler.jobs(i)).openGames;
            Complaint memory found = game.complaintOf(handler.jobs(i));
            if (found.answerBy != 0 && !found.paid) ++deposits;
        }
        vm.assertEq(counted, open, "open games");
        uint256 held = game.totalCredit() + open * BOND + deposits * DEPOSIT;
        vm.assertEq(token.balanceOf(address(game)), held + handler.donated(), "the game's balance");
        int256 kept = handler.earned(CONSUMER) + handler.earned(ALICE) + handler.earned(CAROL) + handler.earned(DAVE)
            + handler.earned(BURN_ADDRESS);
        vm.assertEq(-kept, int256(open * BOND + deposits * DEPOSIT), "every account");
        uint256 credits =
            game.creditOf(ALICE) + game.creditOf(CAROL) + game.creditOf(DAVE) + game.creditOf(BURN_ADDRESS);
        vm.assertEq(credits, game.totalCredit(), "credits");
        vm.assertEq(_wealth(), wealth, "no token is made or lost");
    }

    /// Everything ends: every game, complaint and job, and no lock stays.
    function afterInvariant() external {
        handler.finish();
        invariant_money();
        vm.assertEq(token.balanceOf(address(game)), game.totalCredit() + handler.donated(), "bonds at the end");
        vm.assertEq(market.totalEscrow(), 0);
        vm.assertEq(handler.settled(State.Accepted) + handler.settled(State.Rejected), handler.count());
        vm.assertEq(handler.settled(State.Rejected), handler.became(Verdict.Rejected));
        vm.assertEq(uint256(vault.stakeOf(ALICE, Role.Provider).locked), 0, "locked");
        for (uint256 i = 0; i < handler.count(); ++i) {
            for (uint256 node = 0; node < NODES; ++node) {
                vm.assertEq(game.firstGameOf(handler.jobs(i), node), 0);
            }
        }
    }

    /// One scripted play, so that the moves above are known to reach every end.
    function test_thePlayReachesEveryEnd() public {
        handler.handIn(true, 2 days - 60); // 0: proven in a game
        handler.handIn(true, 2 days - 60); // 1: proven at once, beside a game
        handler.handIn(false, 2 days - 60); // 2: a challenger who loses
        handler.handIn(false, 2 days - 60); // 3: a provider who is silent
        handler.handIn(false, 2 days - 60); // 4: complained of and answered
        handler.handIn(false, 2 days - 60); // 5: complained of and not answered
        handler.open(0, 0, 1); // node 2
        handler.open(1, 1, 2);
        handler.open(2, 0, 0);
        handler.open(3, 0, 1);
        vm.assertEq(handler.gameCount(), 4);
        for (uint256 i = 0; i < 4; ++i) {
            handler.move(0, 3);
        }
        vm.assertEq(handler.ended(End.Proven), 1);
        handler.prove(1, 0, 1); // node 2
        handler.prove(2, 0, 1);
        vm.assertEq(handler.became(Verdict.Rejected), 2);
        handler.reclaim(1);
        vm.assertEq(handler.ended(End.Closed), 1);
        handler.move(2, 0);
        handler.complain(4);
        handler.complain(5);
        handler.answer(4);
        handler.collect(4, true);
        invariant_money();
        handler.wait(12 hours - 1);
        handler.timeout(2);
        handler.timeout(3);
        vm.assertEq(handler.ended(End.Lost) + handler.ended(End.Silent), 2);
        handler.wait(12 hours - 1);
        handler.draw(0);
        handler.finish();
        invariant_money();
        vm.assertEq(handler.settled(State.Rejected), 4);
        vm.assertEq(handler.settled(State.Accepted), 2);
    }
}
