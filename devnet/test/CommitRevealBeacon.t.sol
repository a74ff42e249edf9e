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
        beacon.commit(copied);
        vm.expectRevert(abi.encodeWithSelector(Errors.AlreadyCommitted.selector, round, CAROL));
        _commit(CAROL, "again");
        vm.expectRevert(abi.encodeWithSelector(Errors.CommitmentZero.selector, round, BOB));
        vm.prank(BOB);
        beacon.commit(0);
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

    /// A hash that nobody kept is lost, and the round with it: there is no second one to wait for.
    function test_aHashThatNobodyKeptMakesNoSeed() public {
        uint256 round = _round();
        _commit(CAROL, "carol");
        uint256 at = _close(round);
        vm.roll(at + 257);
        beacon.record(round);
        _reveal(CAROL, round, "carol");
        beacon.finish(round);
        vm.assertEq(beacon.seedOf(round), 0);
        vm.assertTrue(beacon.roundOf(round).finished);
        _needSolvent(0);
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
