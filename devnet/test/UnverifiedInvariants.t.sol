// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IComplaints} from "../contracts/interfaces/IComplaints.sol";
import {Request} from "../contracts/interfaces/IJobMarket.sol";
import {Complaint} from "../contracts/interfaces/IComplaints.sol";
import {AuctionKind, Role, State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {UnverifiedBase} from "./UnverifiedBase.sol";
import {UnverifiedHandler} from "./UnverifiedHandler.sol";

/// Deposits are conserved, and verdicts keep what the market assumes of them, whatever anybody does in whatever order.
contract UnverifiedInvariantsTest is UnverifiedBase {
    UnverifiedHandler private handler;
    uint256 private wealth;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public override {
        super.setUp();
        Request[5] memory requests;
        for (uint8 kind = 0; kind < 5; ++kind) {
            requests[kind] = _request(AuctionKind(kind), Tier.None);
        }
        handler = new UnverifiedHandler(market, vault, unverified, token, CONSUMER, [ALICE, BOB], requests);
        token.transfer(address(handler), 100 * ONE);
        wealth = _wealth();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev All moves but `finish`.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory moves = new bytes4[](7);
        moves[0] = handler.handIn.selector;
        moves[1] = handler.complain.selector;
        moves[2] = handler.answer.selector;
        moves[3] = handler.collect.selector;
        moves[4] = handler.settle.selector;
        moves[5] = handler.donate.selector;
        moves[6] = handler.wait.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), moves);
    }

    function _wealth() private view returns (uint256) {
        return token.balanceOf(CONSUMER) + token.balanceOf(ALICE) + token.balanceOf(BOB)
            + token.balanceOf(address(market)) + token.balanceOf(address(vault)) + token.balanceOf(address(unverified))
            + token.balanceOf(address(handler));
    }

    /// The contract holds one deposit for each complaint of which it was not paid, and nothing else; the handler looks at
    /// every verdict after every move.
    function invariant_deposits() public view {
        uint256 open = 0;
        for (uint256 i = 0; i < handler.count(); ++i) {
            Complaint memory found = unverified.complaintOf(handler.jobs(i));
            if (found.answerBy != 0 && !found.paid) ++open;
        }
        vm.assertEq(token.balanceOf(address(unverified)), open * DEPOSIT + handler.donated());
        int256 kept = handler.earned(CONSUMER) + handler.earned(ALICE) + handler.earned(BOB);
        vm.assertEq(-kept, int256(open * DEPOSIT), "deposits");
        vm.assertEq(_wealth(), wealth, "no token is made or lost");
        _needSound();
    }

    /// Everything ends: every job settles once, no lock stays, and every deposit is somebody's.
    function afterInvariant() external {
        handler.finish();
        invariant_deposits();
        vm.assertEq(token.balanceOf(address(unverified)), handler.donated(), "deposits at the end");
        vm.assertEq(market.totalEscrow(), 0);
        uint256 ended = handler.settled(State.Accepted) + handler.settled(State.Rejected);
        vm.assertEq(ended, handler.count(), "every job settled once");
        vm.assertEq(handler.settled(State.Rejected), handler.became(Verdict.Rejected));
        vm.assertEq(
            handler.became(Verdict.Disputed), handler.became(Verdict.Accepted) + handler.became(Verdict.Rejected)
        );
        for (uint256 i = 0; i < 2; ++i) {
            address provider = i == 0 ? ALICE : BOB;
            vm.assertEq(uint256(vault.stakeOf(provider, Role.Provider).locked), 0, "locked");
            vm.assertTrue(handler.earned(provider) >= 0, "an answer costs no tokens");
        }
    }

    /// One scripted play of every kind, so that the moves above are known to reach every end.
    function test_thePlayReachesEveryEnd() public {
        for (uint8 kind = 0; kind < 5; ++kind) {
            handler.handIn(0, 2 days - 60, kind);
            vm.assertEq(handler.count(), kind + 1);
        }
        for (uint256 i = 0; i < 4; ++i) {
            handler.complain(i, false);
        }
        vm.assertEq(handler.became(Verdict.Disputed), 4);
        handler.answer(0, 0, 1);
        handler.answer(4, 0, 1); // of which nobody complained
        handler.answer(3, 1, 1); // not its lease
        handler.answer(3, 0, 1);
        vm.assertEq(handler.became(Verdict.Accepted), 2);
        handler.collect(0, 2);
        vm.assertEq(handler.earned(ALICE), int256(uint256(DEPOSIT)), "collected");
        handler.wait(1 days - 1);
        handler.wait(1);
        vm.assertEq(handler.became(Verdict.Rejected), 2);
        handler.collect(1, 0);
        invariant_deposits();
        handler.finish();
        vm.assertEq(handler.settled(State.Accepted), 3);
        vm.assertEq(handler.settled(State.Rejected), 2);
        invariant_deposits();
    }
}
