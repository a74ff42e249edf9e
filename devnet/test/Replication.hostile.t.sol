// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IReplicationErrors as Errors} from "../contracts/errors/IReplicationErrors.sol";
import {Phase} from "../contracts/interfaces/IDisputeGame.sol";
import {Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {ReplicaStage} from "../contracts/interfaces/IReplication.sol";
import {State} from "../contracts/interfaces/Types.sol";
import {ReplicaBase} from "./ReplicaBase.sol";

/// A provider, replicas and a consumer that are not what they should be, alone or all one: each test is one of them.
contract ReplicationHostileTest is ReplicaBase {
    event log_named_decimal_uint(string key, uint256 val, uint256 decimals);

    /// @dev All that an account has here, staked and owed.
    function _worth(address account) private view returns (uint256) {
        return token.balanceOf(account) + replication.creditOf(account) + replication.slotOf(account).stake
            + market.creditOf(account) + game.creditOf(account) + _stakeOf(account);
    }

    // ---------------------------------------------------------------- the draw

    /// Many slots join, and all but the last leave: the empty places that they leave behind keep nobody from being drawn.
    function test_emptyPlacesStopNoDraw() public {
        for (uint256 i = 8; i < 108; ++i) {
            _join(_other(i));
        }
        for (uint256 i = 8; i < 107; ++i) {
            vm.prank(_other(i));
            replication.leave();
        }
        vm.warp(block.timestamp + 1 days);
        for (uint256 i = 8; i < 107; ++i) {
            vm.prank(_other(i));
            replication.exit();
        }
        vm.assertEq(replication.placeCount(), 108);
        vm.warp(block.timestamp + 1);
        (bytes32 jobId,) = _leasedIt();
        for (uint256 i = 0; i < 100; ++i) {
            vm.assertEq(replication.drawnBy(jobId, keccak256(abi.encode(i))).length, 2);
        }
    }

    /// All other slots are kept busy by jobs that nobody accepts: whoever does that is not drawn for the next one much more often, for
    /// a draw ends where it has looked at more busy slots than it needs replicas.
    function test_whoKeepsOthersBusyIsSeldomDrawnForAll() public {
        token.transfer(ALICE, 10_000 * ONE);
        _stake(ALICE, uint128(10_000 * ONE));
        uint256 busy = 0;
        for (uint256 tries = 0; busy < 8; ++tries) {
            vm.assertTrue(tries < 40, "others are not kept busy");
            Request memory request = _redundant();
            request.policy = _policy(1, 1);
            (bytes32 filler, Terms memory terms) = _postIt(request);
            _fund(filler, terms);
            _bid(filler, ALICE, MAX_PRICE);
            _finish(_roundOf(filler));
            try replication.draw(filler) {
                ++busy;
            } catch {}
            vm.warp(block.timestamp + 1);
        }
        _join(_other(8));
        _join(_other(9));
        vm.warp(block.timestamp + 1);
        (bytes32 jobId,) = _leasedIt();
        uint256 both = 0;
        for (uint256 seed = 1; seed <= 1_000; ++seed) {
            if (replication.drawnBy(jobId, keccak256(abi.encode(seed))).length == 2) ++both;
        }
        // 0.2 * (1/9) * (1 + (0.8 + 8/9) + (0.8^2 + 0.8 * 8/9 + (8/9)^2)) = 0.107, where free slots would make it 0.022.
        emit log_named_decimal_uint("drawn for all, percent of draws", both, 1);
        vm.assertTrue(both > 70 && both < 145, "drawn too often");
    }

    // ---------------------------------------------------------------- copies

    /// Another's word, out of the mempool: it opens for nobody but its author, so whoever copies it can only be silent.
    function test_aCopiedCommitmentOpensNothing() public {
        (bytes32 jobId, Terms memory terms, address[] memory drawn) = _drawnIt();
        _accept(jobId);
        bytes32 word = _word(drawn[0], jobId, _traceRoot(1), "salt");
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(drawn[i]);
            replication.commit(jobId, word);
        }
        _hand(jobId, terms, _honest());
        bytes32 root = _traceRoot(1);
        vm.prank(drawn[0]);
        replication.reveal(jobId, root, "salt");
        vm.expectPartialRevert(Errors.RootMismatch.selector);
        vm.prank(drawn[1]);
        replication.reveal(jobId, root, "salt");
        _windowOver(jobId);
        replication.settle(jobId);
        _needCredit(drawn[0], FEE);
        _needStake(drawn[1], 0);
        _needCovered();
    }

    /// The provider's root, or another replica's, once it is public: nothing is taken that was not committed to before.
    function test_aCopiedRootIsNotTaken() public {
        (bytes32 jobId, Terms memory terms, address[] memory drawn) = _drawnIt();
        _accept(jobId);
        _promise(drawn[0], jobId, 1);
        vm.prank(drawn[1]);
        replication.commit(jobId, "anything");
        _hand(jobId, terms, _honest());
        bytes32 root = _traceRoot(1);
        vm.expectPartialRevert(Errors.RootMismatch.selector);
        vm.prank(drawn[1]);
        replication.reveal(jobId, root, "own salt");
        vm.expectPartialRevert(Errors.StageMismatch.selector);
        vm.prank(ANYONE);
        replication.reveal(jobId, root, "own salt");
    }

    // ---------------------------------------------------------------- one owner of many accounts

    /// Provider, both replicas, challenger and consumer are one: whatever it plays, it has less in the end.
    function test_nobodyGainsByPlayingAllSides() public {
        string[5] memory names = [
            "all sides, a replica of which is silent",
            "all sides, a replica of which confirms a lie",
            "all sides, a replica of which finds the lie",
            "all sides, replicas of which find something else than the lie",
            "all sides, a replica of which is absent"
        ];
        for (uint256 play = 0; play < 5; ++play) {
            uint256 before = vm.snapshotState();
            (bytes32 jobId, Terms memory terms, address[] memory drawn) = _drawnIt();
            // With the price and the fees, which lie in escrow.
            uint256 had = _all(drawn) + MAX_PRICE + WANTED * FEE;
            _play(play, jobId, terms, drawn);
            market.settle(jobId, terms);
            replication.settle(jobId);
            uint256 has = _all(drawn);
            vm.assertTrue(has < had, "it paid");
            emit log_named_decimal_uint(names[play], had - has, 18);
            _needCovered();
            vm.revertToState(before);
        }
    }

    /// @dev 0: one is silent; 1: one confirms a lie; 2: one finds it; 3: both find something else; 4: one is absent.
    function _play(uint256 play, bytes32 jobId, Terms memory terms, address[] memory drawn) private {
        uint8[5] memory first = [1, 2, 2, 3, 1];
        uint8[5] memory second = [1, 2, 1, 4, 0];
        _accept(jobId);
        _promise(drawn[0], jobId, first[play]);
        if (second[play] != 0) _promise(drawn[1], jobId, second[play]);
        else vm.warp(block.timestamp + 30 minutes);
        bool lies = play != 0 && play != 4;
        _hand(jobId, terms, lies ? _roots(2, 1) : _honest());
        if (play != 2) _show(drawn[0], jobId, first[play]);
        if (play == 2 || play == 3) _show(drawn[1], jobId, second[play]);
        if (lies) {
            toy.lie(game.traceOf(jobId).traceRoot, 1);
            _convictBy(BOB, jobId);
            _revealsOver(jobId);
        } else {
            _windowOver(jobId);
        }
    }

    function _all(address[] memory drawn) private view returns (uint256) {
        return _worth(ALICE) + _worth(BOB) + _worth(CONSUMER) + _worth(drawn[0]) + _worth(drawn[1]);
    }

    /// A provider whose own replicas "find" its lie: the fees, as high as they may be, are not more than what burns.
    function test_aLiarDoesNotEarnTheFeesOfItsOwnReplicas() public {
        Request memory request = _redundant();
        request.policy = _policy(WANTED, MAX_PRICE / WANTED);
        (bytes32 jobId, Terms memory terms) = _postIt(request);
        _fund(jobId, terms);
        _bid(jobId, ALICE, MAX_PRICE);
        _finish(_roundOf(jobId));
        replication.draw(jobId);
        address[] memory drawn = replication.replicasOf(jobId).drawn;
        uint256 had = _worth(ALICE) + _worth(BOB) + _worth(drawn[0]) + _worth(drawn[1]);
        _accept(jobId);
        _promise(drawn[0], jobId, 1);
        _promise(drawn[1], jobId, 1);
        _hand(jobId, terms, _roots(2, 1));
        toy.lie(game.traceOf(jobId).traceRoot, 1);
        _show(drawn[0], jobId, 1);
        _show(drawn[1], jobId, 1);
        _convictBy(BOB, jobId);
        _revealsOver(jobId);
        market.settle(jobId, terms);
        replication.settle(jobId);
        // Even: and it has run the model three times, and paid for gas.
        vm.assertEq(_worth(ALICE) + _worth(BOB) + _worth(drawn[0]) + _worth(drawn[1]), had);
    }

    /// A consumer in league with its provider keeps the input from the replicas: they lose no more than it does, and nobody
    /// has it.
    function test_anInputThatIsWithheldEarnsNothing() public {
        (bytes32 jobId, Terms memory terms, address[] memory drawn) = _drawnIt();
        uint256 had = _worth(CONSUMER) + _worth(ALICE) + MAX_PRICE + WANTED * FEE;
        _accept(jobId);
        vm.warp(block.timestamp + 30 minutes);
        _hand(jobId, terms, _honest());
        _windowOver(jobId);
        market.settle(jobId, terms);
        replication.settle(jobId);
        uint256 lost = had - _worth(CONSUMER) - _worth(ALICE);
        uint256 theirs = 2 * SLOT - replication.slotOf(drawn[0]).stake - replication.slotOf(drawn[1]).stake;
        vm.assertEq(theirs, WANTED * FEE);
        vm.assertTrue(lost >= theirs, "it cost them more");
    }

    // ---------------------------------------------------------------- the draw

    /// Once the seed can be known, nobody comes into the draw, and nobody else's place changes.
    function test_whoJoinsOrMovesAfterTheFundsIsNotDrawn() public {
        vm.prank(_other(0));
        replication.leave();
        vm.warp(block.timestamp + LEAVE);
        vm.prank(_other(0));
        replication.exit();
        (bytes32 jobId,) = _leasedIt();
        bytes32 seed = _finish(_roundOf(jobId));
        address[] memory before = replication.drawnBy(jobId, seed);
        for (uint256 i = 0; i < 20; ++i) {
            _join(address(uint160(0xBAD0000 + i)));
        }
        vm.assertEq(replication.accountAt(1), address(0xBAD0000));
        _same(before, replication.drawnBy(jobId, seed));
        // Who is to be drawn leaves: it is drawn all the same.
        vm.prank(before[0]);
        replication.leave();
        _same(before, replication.drawnBy(jobId, seed));
        replication.draw(jobId);
        _same(before, replication.replicasOf(jobId).drawn);
    }

    /// Whoever moves away loses its own chance, and changes no other look.
    function test_aMoveTakesAwayNobodyElsesPlace() public {
        vm.prank(_other(0));
        replication.leave();
        vm.warp(block.timestamp + LEAVE);
        vm.prank(_other(0));
        replication.exit();
        (bytes32 jobId,) = _leasedIt();
        for (uint256 seed = 1; seed < 40; ++seed) {
            address[] memory before = replication.drawnBy(jobId, bytes32(seed));
            uint256 state = vm.snapshotState();
            vm.prank(_other(7));
            replication.move(1);
            address[] memory then = replication.drawnBy(jobId, bytes32(seed));
            if (before[0] != _other(7) && before[1] != _other(7)) _same(before, then);
            else vm.assertTrue(then[0] != _other(7) && (then.length < 2 || then[1] != _other(7)));
            vm.revertToState(state);
        }
    }

    function _same(address[] memory left, address[] memory right) private pure {
        vm.assertEq(left.length, right.length);
        for (uint256 i = 0; i < left.length; ++i) {
            vm.assertEq(left[i], right[i]);
        }
    }

    /// Whoever is drawn follows the seed evenly: of 400 seeds each of eight slots has about a quarter.
    function test_everySlotIsDrawnAsOften() public {
        (bytes32 jobId,) = _leasedIt();
        uint256[8] memory counts;
        for (uint256 seed = 1; seed <= 400; ++seed) {
            address[] memory found = replication.drawnBy(jobId, keccak256(abi.encode(seed)));
            for (uint256 i = 0; i < 2; ++i) {
                ++counts[uint160(found[i]) - uint160(_other(0))];
            }
        }
        for (uint256 i = 0; i < 8; ++i) {
            vm.assertTrue(counts[i] > 60 && counts[i] < 140, "uneven");
        }
    }

    // ---------------------------------------------------------------- the game

    /// A provider that falls silent in a game would take the replicas with it: they answer for it.
    function test_aReplicaAnswersForASilentProvider() public {
        (bytes32 jobId,, address[] memory drawn) = _handedIn(1, 1, 1);
        _show(drawn[0], jobId, 1);
        _show(drawn[1], jobId, 1);
        bytes32 gameId = _open(CAROL, jobId, _honest(), 3);
        bytes32[] memory hashes = _hashes(gameId, 1);
        vm.prank(drawn[0]);
        game.post(gameId, hashes);
        _needPhase(gameId, Phase.Leaf);
        bytes memory data = Trees_.leaf(_tensor(1, 3));
        vm.prank(drawn[1]);
        game.leaf(gameId, data);
        _windowOver(jobId);
        game.timeout(gameId);
        _needState(jobId, State.Accepted);
        replication.settle(jobId);
        _needCredit(drawn[0], FEE);
        _needCredit(drawn[1], FEE);
    }

    /// A griefing challenger and a provider that is away: whoever confirmed what was convicted loses, also by silence.
    function test_aProvidersSilenceConvictsItsReplicas() public {
        (bytes32 jobId,, address[] memory drawn) = _handedIn(1, 1, 1);
        _show(drawn[0], jobId, 1);
        bytes32 gameId = _open(CAROL, jobId, _honest(), 3);
        vm.warp(block.timestamp + CLOCK);
        game.timeout(gameId);
        replication.settle(jobId);
        _needStake(drawn[0], 0);
        _needStage(jobId, drawn[1], ReplicaStage.Committed);
        _needStake(drawn[1], 0);
        _needCovered();
    }
}

library Trees_ {
    /// @dev The only leaf of a small tensor.
    function leaf(bytes memory data) internal pure returns (bytes memory found) {
        found = new bytes(512);
        for (uint256 i = 0; i < data.length; ++i) {
            found[i] = data[i];
        }
    }
}
