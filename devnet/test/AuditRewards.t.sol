// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAuditRewardsErrors as Errors} from "../contracts/errors/IAuditRewardsErrors.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {
    AuditOpening,
    AuditParams,
    AuditStage,
    AuditTimes,
    IAuditRewards
} from "../contracts/interfaces/IAuditRewards.sol";
import {IDisputeGame} from "../contracts/interfaces/IDisputeGame.sol";
import {IJobMarket, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {IStakeVault} from "../contracts/interfaces/IStakeVault.sol";
import {Role, State, Tier} from "../contracts/interfaces/Types.sol";
import {AuditBase} from "./AuditBase.sol";
import {Shipped} from "./Shipped.sol";

/// An audit from the funding to the pay, function by function.
contract AuditRewardsTest is AuditBase {
    event log_named_uint(string key, uint256 val);

    function _logGas(string memory what) private {
        emit log_named_uint(string.concat("GAS: ", what), vm.lastCallGas().gasTotalUsed);
    }

    // ---------------------------------------------------------------- deployment

    function _refuses(AuditParams memory params, string memory name, uint256 actual, uint256 least, uint256 most)
        private
    {
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.ParameterOutOfBounds.selector, name, actual, least, most));
        Shipped.auditRewards(token, market, game, vault, params);
    }

    function test_parametersHaveBounds() public {
        _refuses(AuditParams(0, 2_000, 300, 1 hours, 1), "drawBps", 0, 1, 10_000);
        _refuses(AuditParams(10_001, 2_000, 300, 1 hours, 1), "drawBps", 10_001, 1, 10_000);
        _refuses(AuditParams(1, 0, 300, 1 hours, 1), "shareBps", 0, 1, 2_000);
        _refuses(AuditParams(1, 2_001, 300, 1 hours, 1), "shareBps", 2_001, 1, 2_000);
        _refuses(AuditParams(1, 1, 59, 1 hours, 1), "period", 59, 60, 1 days);
        _refuses(AuditParams(1, 1, 1 days + 1, 1 hours, 1), "period", 1 days + 1, 60, 1 days);
        _refuses(AuditParams(1, 1, 60, 1 hours - 1, 1), "openWindow", 1 hours - 1, 1 hours, 7 days);
        _refuses(AuditParams(1, 1, 60, 7 days + 1, 1), "openWindow", 7 days + 1, 1 hours, 7 days);
        _refuses(AuditParams(1, 1, 60, 1 hours, 0), "minStake", 0, 1, type(uint128).max);
    }

    function test_partsMustExist() public {
        AuditParams memory params = _auditParams(1);
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "market"));
        Shipped.auditRewards(token, IJobMarket(ANYONE), game, vault, params);
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "game"));
        Shipped.auditRewards(token, market, IDisputeGame(ANYONE), vault, params);
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "vault"));
        Shipped.auditRewards(token, market, game, IStakeVault(ANYONE), params);
    }

    function test_theFeeIsTheMarkets() public view {
        vm.assertEq(rewards.protocolFeeBps(), market.params().protocolFeeBps);
        // A hundredth of the price, a fifth of that, for every result.
        vm.assertEq(rewards.payFor(MAX_PRICE), MAX_PRICE / 500);
    }

    // ---------------------------------------------------------------- fund

    function test_anybodyFunds() public {
        vm.startPrank(CONSUMER);
        token.approve(address(rewards), 7);
        vm.expectEmit(address(rewards));
        emit IAuditRewards.PoolFunded(CONSUMER, 7);
        rewards.fund(7);
        vm.expectRevert(abi.encodeWithSelector(Errors.FundingMissing.selector));
        rewards.fund(0);
        vm.stopPrank();
        vm.assertEq(rewards.pool(), FUNDED + 7);
    }

    // ---------------------------------------------------------------- draws

    function test_aDrawIsTheHashOfTheBlockItBeganIn() public {
        (bytes32 jobId,) = _handIn(_honest());
        uint256 number = rewards.timesOf(jobId).choosing;
        uint256 endsAt = (number + 1) * PERIOD;
        vm.expectRevert(abi.encodeWithSelector(Errors.DrawNotBegun.selector, number));
        rewards.endDraw(number);
        vm.warp(endsAt - 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.PeriodNotOver.selector, number, endsAt));
        rewards.beginDraw(number);
        vm.warp(endsAt);
        uint256 at = block.number;
        vm.expectEmit(address(rewards));
        emit IAuditRewards.DrawBegun(number, ANYONE, at);
        vm.prank(ANYONE);
        rewards.beginDraw(number);
        vm.expectRevert(abi.encodeWithSelector(Errors.DrawAlreadyBegun.selector, number, at));
        rewards.beginDraw(number);
        vm.expectRevert(abi.encodeWithSelector(Errors.DrawTooYoung.selector, number, at));
        rewards.endDraw(number);
        vm.roll(at + 256);
        rewards.endDraw(number);
        vm.assertEq(rewards.drawOf(number).seed, blockhash(at));
        vm.assertTrue(rewards.drawOf(number).seed != 0);
        vm.expectRevert(abi.encodeWithSelector(Errors.DrawAlreadyEnded.selector, number));
        rewards.endDraw(number);
    }

    function test_aHashThatNobodyRecordedDrawsNothing() public {
        (bytes32 jobId,) = _handIn(_honest());
        uint256 number = rewards.timesOf(jobId).choosing;
        vm.warp((number + 1) * PERIOD);
        rewards.beginDraw(number);
        uint256 at = block.number;
        vm.roll(at + 257);
        vm.expectRevert(abi.encodeWithSelector(Errors.DrawLapsed.selector, number, at));
        rewards.endDraw(number);
        vm.expectRevert(abi.encodeWithSelector(Errors.DrawAlreadyBegun.selector, number, at));
        rewards.beginDraw(number);
        vm.expectRevert(abi.encodeWithSelector(Errors.DrawNotEnded.selector, number));
        _commitAs(CAROL, jobId, "root");
    }

    /// One in thirty-three, in whatever order seeds and jobs come; the bounds are five standard deviations.
    function test_theDrawChoosesItsPart() public {
        _deployRewards(300);
        uint256 chosen = 0;
        for (uint256 i = 0; i < 20_000; ++i) {
            if (rewards.isDrawn(keccak256(abi.encode(i % 100)), bytes32(i))) ++chosen;
        }
        vm.assertGe(chosen, 480);
        vm.assertLe(chosen, 720);
    }

    // ---------------------------------------------------------------- commit

    function test_aCommitmentSetsThePayAside() public {
        (bytes32 jobId,) = _chosen();
        uint256 pay = rewards.payFor(MAX_PRICE);
        bytes32 root = _rootOf(jobId, CAROL, 1);
        vm.expectEmit(address(rewards));
        emit IAuditRewards.AuditCommitted(jobId, exactVersion, CAROL, root, 30 * ONE);
        _commitAs(CAROL, jobId, root);
        _logGas("audit, commit: the first");
        vm.assertEq(rewards.auditOf(jobId).left, pay);
        vm.assertEq(rewards.pool(), FUNDED - pay);
        _commitAs(DAVE, jobId);
        _logGas("audit, commit: another");
        vm.assertEq(rewards.auditOf(jobId).left, pay);
        _needCovered(jobId);
    }

    function test_aCommitmentCanBeReplacedUntilTheyClose() public {
        (bytes32 jobId,) = _chosen();
        _commitAs(CAROL, jobId, "wrong");
        _commitAs(CAROL, jobId);
        uint256 closesAt = rewards.timesOf(jobId).closesAt;
        vm.warp(closesAt);
        vm.expectRevert(abi.encodeWithSelector(Errors.CommitmentsClosed.selector, jobId, closesAt));
        _commitAs(CAROL, jobId, "late");
        _drawPositions(jobId);
        _openAs(CAROL, jobId);
    }

    function test_onlyWhatIsDrawnIsAudited() public {
        _deployRewards(1);
        (bytes32 jobId,) = _chosen();
        vm.assertFalse(rewards.isDrawn(rewards.drawOf(rewards.timesOf(jobId).choosing).seed, jobId), "another seed");
        vm.expectRevert(abi.encodeWithSelector(Errors.NotDrawn.selector, jobId));
        _commitAs(CAROL, jobId, "root");
    }

    function test_whoMayCommit() public {
        (bytes32 jobId,) = _chosen();
        _watch(ALICE, 50 * ONE);
        vm.expectRevert(abi.encodeWithSelector(Errors.ProviderCannotAudit.selector, jobId, ALICE));
        _commitAs(ALICE, jobId, "root");
        vm.expectRevert(abi.encodeWithSelector(Errors.WatcherStakeTooLow.selector, BOB, MIN_STAKE, 0));
        _commitAs(BOB, jobId, "root");
        // Stake that leaves counts no more.
        vm.startPrank(DAVE);
        vault.requestWithdraw(Role.Watcher, 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.WatcherStakeTooLow.selector, DAVE, MIN_STAKE, MIN_STAKE - 1));
        rewards.commit(jobId, "root");
        vm.stopPrank();
    }

    function test_whatIsNoResultOfTheTierIsNotAudited() public {
        (bytes32 jobId,) = _readyJob();
        vm.expectRevert(abi.encodeWithSelector(Errors.NothingToAudit.selector, jobId));
        rewards.timesOf(jobId);
        vm.expectRevert(abi.encodeWithSelector(Errors.NothingToAudit.selector, bytes32("none")));
        _commitAs(CAROL, "none", "root");
        (bytes32 other, Terms memory terms) = _ready(Tier.Zk);
        vm.prank(ALICE);
        market.submit(other, terms, abi.encode(0, OUTPUT), RESULT);
        vm.expectRevert(abi.encodeWithSelector(Errors.NothingToAudit.selector, other));
        _commitAs(CAROL, other, "root");
    }

    function test_nobodyWorksForAnEmptyPool() public {
        rewards = Shipped.auditRewards(token, market, game, vault, _auditParams(10_000));
        (bytes32 jobId,) = _chosen();
        uint256 pay = rewards.payFor(MAX_PRICE);
        token.approve(address(rewards), pay);
        rewards.fund(uint128(pay - 1));
        vm.expectRevert(abi.encodeWithSelector(Errors.PayNotFunded.selector, jobId, pay, pay - 1));
        _commitAs(CAROL, jobId, "root");
        rewards.fund(1);
        _commitAs(CAROL, jobId);
        vm.assertEq(rewards.pool(), 0);
        _commitAs(DAVE, jobId);
    }

    // ---------------------------------------------------------------- open, claim

    function test_whoHeldTheTraceIsPaid() public {
        (bytes32 jobId,) = _chosen();
        uint256 pay = rewards.payFor(MAX_PRICE);
        _commitAs(CAROL, jobId);
        _drawPositions(jobId);
        AuditOpening[] memory openings = _openings(jobId, CAROL);
        vm.expectEmit(address(rewards));
        emit IAuditRewards.AuditOpened(jobId, exactVersion, CAROL);
        vm.prank(CAROL);
        rewards.open(jobId, openings);
        _logGas("audit, open");
        _needStage(jobId, CAROL, AuditStage.Opened);
        vm.warp(rewards.timesOf(jobId).openBy);
        uint256 before = token.balanceOf(CAROL);
        vm.expectEmit(address(rewards));
        emit IAuditRewards.AuditPaid(jobId, exactVersion, CAROL, pay);
        vm.assertEq(_claimAs(CAROL, jobId), pay);
        _logGas("audit, claim");
        vm.assertEq(token.balanceOf(CAROL) - before, pay);
        vm.assertEq(rewards.pool(), FUNDED - pay);
        _needCovered(jobId);
        _needStage(jobId, CAROL, AuditStage.Paid);
    }

    function test_payIsSharedByStake() public {
        (bytes32 jobId,) = _chosen();
        uint256 pay = rewards.payFor(MAX_PRICE);
        _commitAs(CAROL, jobId);
        _commitAs(DAVE, jobId);
        _drawPositions(jobId);
        _openAs(CAROL, jobId);
        _openAs(DAVE, jobId);
        vm.warp(rewards.timesOf(jobId).openBy);
        vm.assertEq(_claimAs(DAVE, jobId), pay / 4);
        vm.assertEq(_claimAs(CAROL, jobId), pay - pay / 4);
        vm.assertEq(rewards.auditOf(jobId).left, 0);
    }

    function test_whoDoesNotOpenHasNoPart() public {
        (bytes32 jobId,) = _chosen();
        _commitAs(CAROL, jobId, "no trace");
        _commitAs(DAVE, jobId);
        _drawPositions(jobId);
        _openAs(DAVE, jobId);
        uint256 openBy = rewards.timesOf(jobId).openBy;
        AuditOpening[] memory openings = _openings(jobId, CAROL);
        vm.warp(openBy);
        vm.expectRevert(abi.encodeWithSelector(Errors.OpeningsClosed.selector, jobId, openBy));
        vm.prank(CAROL);
        rewards.open(jobId, openings);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.StageMismatch.selector, jobId, CAROL, AuditStage.Opened, AuditStage.Committed)
        );
        _claimAs(CAROL, jobId);
        vm.assertEq(_claimAs(DAVE, jobId), rewards.payFor(MAX_PRICE));
    }

    function test_payWaitsForTheJob() public {
        (bytes32 jobId,) = _chosen();
        _commitAs(CAROL, jobId);
        vm.warp(rewards.timesOf(jobId).closesAt - 1);
        bytes32 gameId = _open(BOB, jobId, _honest(), 1);
        _drawPositions(jobId);
        _openAs(CAROL, jobId);
        uint256 openBy = rewards.timesOf(jobId).openBy;
        vm.expectRevert(abi.encodeWithSelector(Errors.OpeningsNotClosed.selector, jobId, openBy));
        _claimAs(CAROL, jobId);
        vm.warp(openBy);
        vm.expectRevert(abi.encodeWithSelector(Errors.JobNotAccepted.selector, jobId, State.Disputed));
        _claimAs(CAROL, jobId);
        vm.expectRevert(abi.encodeWithSelector(Errors.NothingToRelease.selector, jobId, State.Disputed));
        rewards.release(jobId);
        _post(gameId, 1);
        vm.warp(game.gameOf(gameId).deadline);
        game.timeout(gameId);
        _needState(jobId, State.Accepted);
        _claimAs(CAROL, jobId);
    }

    // ---------------------------------------------------------------- release

    function test_whatNobodyOpenedRollsOver() public {
        (bytes32 jobId,) = _chosen();
        uint256 pay = rewards.payFor(MAX_PRICE);
        _commitAs(CAROL, jobId, "no trace");
        uint256 openBy = rewards.timesOf(jobId).openBy;
        vm.expectRevert(abi.encodeWithSelector(Errors.OpeningsNotClosed.selector, jobId, openBy));
        rewards.release(jobId);
        vm.warp(openBy);
        vm.expectEmit(address(rewards));
        emit IAuditRewards.AuditReleased(jobId, exactVersion, pay);
        rewards.release(jobId);
        vm.assertEq(rewards.pool(), FUNDED);
        vm.expectRevert(abi.encodeWithSelector(Errors.NothingToRelease.selector, jobId, State.Accepted));
        rewards.release(jobId);
    }

    function test_whoIsToBePaidLosesNothingToARelease() public {
        (bytes32 jobId,) = _opened(CAROL);
        vm.expectRevert(abi.encodeWithSelector(Errors.NothingToRelease.selector, jobId, State.Accepted));
        rewards.release(jobId);
        _claimAs(CAROL, jobId);
        vm.expectRevert(abi.encodeWithSelector(Errors.NothingToRelease.selector, jobId, State.Accepted));
        rewards.release(jobId);
    }

    function test_noRejectedResultIsPaidFor() public {
        (bytes32 jobId,) = _chosen();
        _commitAs(CAROL, jobId);
        // Convicted of a silence, though the trace was true.
        bytes32 gameId = _open(BOB, jobId, _honest(), 1);
        vm.warp(game.gameOf(gameId).deadline);
        game.timeout(gameId);
        _drawPositions(jobId);
        _openAs(CAROL, jobId);
        vm.warp(rewards.timesOf(jobId).openBy);
        vm.expectRevert(abi.encodeWithSelector(Errors.JobNotAccepted.selector, jobId, State.Rejected));
        _claimAs(CAROL, jobId);
        rewards.release(jobId);
        vm.assertEq(rewards.pool(), FUNDED);
        _needCovered(jobId);
    }

    // ---------------------------------------------------------------- fuzz

    /// Whoever holds the trace opens whatever is drawn, and is paid all that was set aside, whatever the stakes.
    function testFuzz_everyDrawIsOpened(uint64 blocks, uint96 more) public {
        vm.roll(block.number + blocks / 2);
        if (more != 0) {
            token.transfer(DAVE, more % (1_000 * ONE));
            if (more % (1_000 * ONE) != 0) _watch(DAVE, uint128(more % (1_000 * ONE)));
        }
        (bytes32 jobId,) = _chosen();
        uint256 pay = rewards.payFor(MAX_PRICE);
        _commitAs(CAROL, jobId);
        _commitAs(DAVE, jobId);
        _drawPositions(jobId);
        _openAs(DAVE, jobId);
        _openAs(CAROL, jobId);
        vm.warp(rewards.timesOf(jobId).openBy);
        vm.assertEq(_claimAs(CAROL, jobId) + _claimAs(DAVE, jobId), pay);
        _needCovered(jobId);
    }

    function testFuzz_timesAreInOrder(uint32 window) public {
        vm.warp(block.timestamp + _within(window, 0, 1 days));
        (bytes32 jobId,) = _handIn(_honest());
        AuditTimes memory times = rewards.timesOf(jobId);
        uint256 submitted = market.jobOf(jobId).submittedAt;
        vm.assertEq(times.closesAt, submitted + 1 days);
        vm.assertEq(times.choosing, submitted / PERIOD);
        // The positions are drawn after the last commitment.
        vm.assertTrue(times.closesAt < (times.positions + 1) * PERIOD, "before the draw");
        vm.assertEq(times.openBy, (times.positions + 1) * PERIOD + OPEN_WINDOW);
    }
}
