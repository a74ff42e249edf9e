// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommitRevealBeaconErrors as Errors} from "../contracts/errors/ICommitRevealBeaconErrors.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {ICommitRevealBeacon} from "../contracts/interfaces/ICommitRevealBeacon.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {BeaconBase} from "./BeaconBase.sol";
import {Shipped} from "./Shipped.sol";

/// A round of the beacon, function by function, and whoever wants to choose its seed.
contract CommitRevealBeaconTest is BeaconBase {
    function test_parametersHaveBounds() public {
        bytes4 bounds = IPaymentErrors.ParameterOutOfBounds.selector;
        vm.expectRevert(abi.encodeWithSelector(bounds, "length", 59, 60, 30 minutes));
        Shipped.commitRevealBeacon(token, 59, 1);
        vm.expectRevert(abi.encodeWithSelector(bounds, "length", 30 minutes + 1, 60, 30 minutes));
        Shipped.commitRevealBeacon(token, 30 minutes + 1, 1);
        vm.expectRevert(abi.encodeWithSelector(bounds, "deposit", 0, 1, type(uint128).max));
        Shipped.commitRevealBeacon(token, 60, 0);
    }

    // ---------------------------------------------------------------- the seed

    /// The round that runs at a time closes after it.
    function testFuzz_theRoundAfterATimeClosesAfterIt(uint40 time) public view {
        uint256 round = beacon.roundAfter(time);
        vm.assertTrue((round + 1) * ROUND > time);
        vm.assertTrue(round * ROUND <= time);
    }

    function test_withoutCommitmentsTheBlocksHashDecides() public {
        uint256 round = _round();
        vm.expectRevert(abi.encodeWithSelector(Errors.CommitmentsRun.selector, round, (round + 1) * ROUND));
        beacon.close(round);
        uint256 at = _close(round);
        beacon.finish(round);
        vm.assertEq(beacon.seedOf(round), _seed(round, blockhash(at), 0));
        vm.expectRevert(abi.encodeWithSelector(Errors.RoundAlreadyFinished.selector, round));
        beacon.finish(round);
        vm.expectRevert(abi.encodeWithSelector(Errors.RoundAlreadyClosed.selector, round, at));
        beacon.close(round);
    }

    /// Neither the order of reveals nor who finishes changes it.
    function test_theSeedIsOfTheHashAndOfAllReveals() public {
        uint256 round = _round();
        _commit(CAROL, "carol");
        _commit(DAVE, "dave");
        uint256 at = _close(round);
        _reveal(DAVE, round, "dave");
        vm.expectRevert(abi.encodeWithSelector(Errors.RevealsRun.selector, round, (round + 2) * ROUND, 2, 1));
        beacon.finish(round);
        vm.expectEmit(address(beacon));
        emit ICommitRevealBeacon.RoundRevealed(round, CAROL, "carol");
        _reveal(CAROL, round, "carol");
        beacon.finish(round);
        uint256 sum = _part(CAROL, "carol");
        unchecked {
            sum += _part(DAVE, "dave");
        }
        vm.assertEq(beacon.seedOf(round), _seed(round, blockhash(at), sum));
        vm.assertEq(beacon.creditOf(CAROL), BEACON_DEPOSIT);
        _needSolvent(0);
    }

    // ---------------------------------------------------------------- who does not reveal

    function test_whoDoesNotRevealLosesItsDeposit() public {
        uint256 round = _round();
        _commit(CAROL, "carol");
        _commit(DAVE, "dave");
        uint256 at = _close(round);
        _reveal(CAROL, round, "carol");
        uint256 endsAt = (round + 2) * ROUND;
        vm.warp(endsAt);
        vm.expectRevert(abi.encodeWithSelector(Errors.RevealsOver.selector, round, endsAt));
        _reveal(DAVE, round, "dave");
        beacon.finish(round);
        vm.assertEq(beacon.seedOf(round), _seed(round, blockhash(at), _part(CAROL, "carol")));
        vm.assertEq(beacon.creditOf(BURN_ADDRESS), BEACON_DEPOSIT);
        beacon.burn();
        vm.prank(CAROL);
        beacon.withdraw();
        _needSolvent(0);
        vm.assertEq(token.balanceOf(address(beacon)), 0);
    }

    function test_onlyOnesOwnSecretOnceAndInItsRound() public {
        uint256 round = _round();
        _commit(CAROL, "carol");
        bytes32 copied = beacon.commitmentOf(round, CAROL);
        vm.prank(DAVE);
        beacon.commit(round, copied);
        vm.expectRevert(abi.encodeWithSelector(Errors.AlreadyCommitted.selector, round, CAROL));
        _commit(CAROL, "again");
        vm.expectRevert(abi.encodeWithSelector(Errors.CommitmentZero.selector, round, BOB));
        vm.prank(BOB);
        beacon.commit(round, 0);
        vm.expectRevert(abi.encodeWithSelector(Errors.RoundNotClosed.selector, round));
        _reveal(CAROL, round, "carol");
        vm.warp((round + 1) * ROUND);
        uint256 at = block.number;
        beacon.close(round);
        // Whoever makes the block that mixes in has seen no secret.
        vm.expectRevert(abi.encodeWithSelector(Errors.RoundTooYoung.selector, round, at));
        _reveal(CAROL, round, "carol");
        vm.roll(at + 1);
        _reveal(CAROL, round, "carol");
        // A copied commitment opens for nobody else.
        vm.expectPartialRevert(Errors.SecretMismatch.selector);
        _reveal(DAVE, round, "carol");
        vm.expectPartialRevert(Errors.SecretMismatch.selector);
        _reveal(CAROL, round, "carol");
    }

    /// A commitment that comes late, or early, costs no deposit.
    function test_aCommitmentIsOfTheRoundThatRuns() public {
        uint256 round = _round();
        bytes32 commitment = _secretOf(CAROL, round, "carol");
        vm.prank(CAROL);
        vm.expectRevert(abi.encodeWithSelector(Errors.RoundNotRunning.selector, round + 1, round));
        beacon.commit(round + 1, commitment);
        vm.warp((round + 1) * ROUND);
        vm.prank(CAROL);
        vm.expectRevert(abi.encodeWithSelector(Errors.RoundNotRunning.selector, round, round + 1));
        beacon.commit(round, commitment);
        vm.assertEq(beacon.roundOf(round + 1).commitments, 0);
    }

    // ---------------------------------------------------------------- who wants to choose

    /// Alone in a round it knows its secret beforehand, and not the hash: it draws once more at most, for its deposit.
    function test_whoIsAloneChoosesBetweenTwoForADeposit() public {
        uint256 round = _round();
        _commit(CAROL, "chosen");
        uint256 at = _close(round);
        uint256 before = vm.snapshotState();
        _reveal(CAROL, round, "chosen");
        beacon.finish(round);
        vm.assertEq(beacon.seedOf(round), _seed(round, blockhash(at), _part(CAROL, "chosen")));
        vm.revertToState(before);
        vm.warp((round + 2) * ROUND);
        beacon.finish(round);
        vm.assertEq(beacon.seedOf(round), _seed(round, blockhash(at), 0));
        vm.assertEq(beacon.creditOf(BURN_ADDRESS), BEACON_DEPOSIT);
    }

    /// A hash that nobody kept is lost. Whoever closes again mixes in another, which nobody knew; no secret was shown by then, and
    /// reveals run anew.
    function test_aHashThatNobodyKeptIsReplaced() public {
        uint256 round = _round();
        _commit(CAROL, "carol");
        uint256 at = _close(round);
        vm.roll(at + 257);
        bytes memory lost = abi.encodeWithSelector(Errors.HashLost.selector, round, at);
        vm.expectRevert(lost);
        beacon.record(round);
        vm.expectRevert(lost);
        _reveal(CAROL, round, "carol");
        vm.warp((round + 2) * ROUND);
        vm.expectRevert(lost);
        beacon.finish(round);
        uint256 again = _close(round);
        vm.assertEq(again, at + 257);
        _reveal(CAROL, round, "carol");
        beacon.finish(round);
        vm.assertEq(beacon.seedOf(round), _seed(round, blockhash(again), _part(CAROL, "carol")));
        vm.assertEq(beacon.creditOf(CAROL), BEACON_DEPOSIT);
        _needSolvent(0);
    }

    /// Nobody has a second hash who dislikes the first: while it can be read anybody keeps it, and a reveal does.
    function test_aHashIsNotReplacedWhileItCanBeReadNorOnceItIsKept() public {
        uint256 round = _round();
        _commit(CAROL, "carol");
        _commit(DAVE, "dave");
        uint256 at = _close(round);
        bytes memory closed = abi.encodeWithSelector(Errors.RoundAlreadyClosed.selector, round, at);
        vm.roll(at + 256);
        vm.expectRevert(closed);
        beacon.close(round);
        bytes32 mixed = blockhash(at);
        _reveal(CAROL, round, "carol");
        vm.roll(at + 1_000);
        vm.expectRevert(closed);
        beacon.close(round);
        vm.warp((round + 2) * ROUND);
        beacon.finish(round);
        vm.assertEq(beacon.seedOf(round), _seed(round, mixed, _part(CAROL, "carol")));
        vm.expectRevert(closed);
        beacon.close(round);
    }

    /// Reveals run from the closing on: no deposit is lost because nobody closed in time.
    function test_revealsRunFromTheClosingOn() public {
        uint256 round = _round();
        _commit(CAROL, "carol");
        vm.warp((round + 5) * ROUND + 7);
        _close(round);
        vm.warp(block.timestamp + ROUND - 1);
        _reveal(CAROL, round, "carol");
        vm.assertEq(beacon.creditOf(CAROL), BEACON_DEPOSIT);
        beacon.finish(round);
        _needSolvent(0);
    }

    /// Of m secrets of one hand 2^m seeds can be made, for a deposit each: what an honest one is worth is that nobody else's is known.
    function test_whoHoldsTwoSecretsChoosesBetweenFour() public {
        uint256 round = _round();
        _commit(CAROL, "carol");
        _commit(DAVE, "dave");
        _commit(CONSUMER, "honest");
        uint256 at = _close(round);
        _reveal(CONSUMER, round, "honest");
        bytes32[4] memory seeds;
        for (uint256 choice = 0; choice < 4; ++choice) {
            uint256 before = vm.snapshotState();
            uint256 sum = _part(CONSUMER, "honest");
            if (choice & 1 != 0) _reveal(CAROL, round, "carol");
            if (choice & 2 != 0) _reveal(DAVE, round, "dave");
            unchecked {
                if (choice & 1 != 0) sum += _part(CAROL, "carol");
                if (choice & 2 != 0) sum += _part(DAVE, "dave");
            }
            vm.warp((round + 2) * ROUND);
            beacon.finish(round);
            seeds[choice] = beacon.seedOf(round);
            vm.assertEq(seeds[choice], _seed(round, blockhash(at), sum));
            uint256 withheld = choice == 0 ? 2 : choice == 3 ? 0 : 1;
            vm.assertEq(beacon.creditOf(BURN_ADDRESS), withheld * BEACON_DEPOSIT);
            for (uint256 other = 0; other < choice; ++other) {
                vm.assertTrue(seeds[other] != seeds[choice]);
            }
            vm.revertToState(before);
        }
    }

    function test_aHashThatWasKeptIsKept() public {
        uint256 round = _round();
        uint256 at = _close(round);
        vm.roll(at + 256);
        bytes32 mixed = blockhash(at);
        beacon.record(round);
        vm.roll(at + 1_000);
        beacon.finish(round);
        vm.assertTrue(mixed != 0);
        vm.assertEq(beacon.seedOf(round), _seed(round, mixed, 0));
    }
}
