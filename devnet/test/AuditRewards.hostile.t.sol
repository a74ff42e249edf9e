// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AuditRewards} from "../contracts/AuditRewards.sol";
import {IAuditRewardsErrors as Errors} from "../contracts/errors/IAuditRewardsErrors.sol";
import {IFaultProofErrors} from "../contracts/errors/IFaultProofErrors.sol";
import {AuditOpening, AuditStage} from "../contracts/interfaces/IAuditRewards.sol";
import {Terms} from "../contracts/interfaces/IJobMarket.sol";
import {AUDIT_POSITIONS} from "../contracts/libraries/AuditLimits.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {AuditBase} from "./AuditBase.sol";
import {HookedToken, IHook} from "./HookedToken.sol";
import {Shipped} from "./Shipped.sol";
import {Trees} from "./Trees.sol";

/// An auditor that is called in the middle of its own payment, and claims again.
contract Greedy is IHook {
    AuditRewards public rewards;
    bytes32 public jobId;
    uint256 public tried;
    uint256 public succeeded;

    function watch(HookedToken token, AuditRewards rewards_, bytes32 jobId_) external {
        (rewards, jobId) = (rewards_, jobId_);
        token.listen();
        token.approve(address(rewards_), type(uint256).max);
    }

    function tokensMove(address, address, uint256, bool) external {
        tried += 3;
        try rewards.claim(jobId) {
            ++succeeded;
        } catch {}
        try rewards.release(jobId) {
            ++succeeded;
        } catch {}
        try rewards.fund(1) {
            ++succeeded;
        } catch {}
    }
}

/// Somebody who wants to be paid without a trace, or more than its part: each test is one of them.
contract AuditRewardsHostileTest is AuditBase {
    using Trees for bytes32[][];

    function _refusesOpening(address auditor, bytes32 jobId, AuditOpening[] memory openings, bytes4 error) private {
        vm.expectPartialRevert(error);
        vm.prank(auditor);
        rewards.open(jobId, openings);
    }

    // ---------------------------------------------------------------- copies

    /// The root of another's tree, out of the mempool or off the chain: its leaves are keyed with another address.
    function test_anothersRootOpensNothing() public {
        (bytes32 jobId,) = _chosen();
        bytes32 root = _rootOf(jobId, CAROL, 1);
        _commitAs(CAROL, jobId, root);
        _commitAs(DAVE, jobId, root);
        _drawPositions(jobId);
        AuditOpening[] memory carols = _openings(jobId, CAROL);
        vm.prank(CAROL);
        rewards.open(jobId, carols);
        // Neither what CAROL has shown, which is of other leaves, nor the same leaves in her tree.
        vm.expectRevert();
        vm.prank(DAVE);
        rewards.open(jobId, carols);
        AuditOpening[] memory own = _openings(jobId, DAVE);
        _refusesOpening(DAVE, jobId, own, Errors.KeyedRootMismatch.selector);
        for (uint256 i = 0; i < AUDIT_POSITIONS; ++i) {
            (uint256 node, uint256 leaf) = _position(jobId, DAVE, i);
            AuditOpening memory hers = _openingAt(_auditKey(jobId, CAROL), node, leaf);
            (own[i].keyedSiblings, own[i].keyedPath) = (hers.keyedSiblings, hers.keyedPath);
        }
        _refusesOpening(DAVE, jobId, own, Errors.KeyedRootMismatch.selector);
    }

    /// All that others have shown is of no use to whoever has not committed before.
    function test_nobodyJoinsAfterAnOpening() public {
        (bytes32 jobId,) = _chosen();
        _commitAs(CAROL, jobId);
        _drawPositions(jobId);
        _openAs(CAROL, jobId);
        bytes32 root = _rootOf(jobId, DAVE, 1);
        uint256 closesAt = rewards.timesOf(jobId).closesAt;
        vm.expectRevert(abi.encodeWithSelector(Errors.CommitmentsClosed.selector, jobId, closesAt));
        _commitAs(DAVE, jobId, root);
        AuditOpening[] memory openings = _openings(jobId, DAVE);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.StageMismatch.selector, jobId, DAVE, AuditStage.Committed, AuditStage.None)
        );
        vm.prank(DAVE);
        rewards.open(jobId, openings);
    }

    /// The same trace in another job: a commitment is the job's.
    function test_aCommitmentToAnotherJobOpensNothing() public {
        (bytes32 first,) = _chosen();
        (bytes32 second,) = _chosen();
        _commitAs(CAROL, first);
        _commitAs(CAROL, second, _rootOf(first, CAROL, 1));
        _drawPositions(second);
        AuditOpening[] memory openings = _openings(second, CAROL);
        _refusesOpening(CAROL, second, openings, Errors.KeyedRootMismatch.selector);
    }

    // ---------------------------------------------------------------- traces that are none

    function test_onlyTheProvidersLeavesAreTaken() public {
        (bytes32 jobId,) = _chosen();
        _commitAs(CAROL, jobId);
        _drawPositions(jobId);
        AuditOpening[] memory good = _openings(jobId, CAROL);
        AuditOpening memory kept = good[2];

        good[2].leaf = bytes.concat(kept.leaf, hex"00");
        _refusesOpening(CAROL, jobId, good, Errors.LeafLengthMismatch.selector);
        good = _openings(jobId, CAROL);
        good[2].leaf[5] ^= 0x01;
        _refusesOpening(CAROL, jobId, good, Errors.TraceMismatch.selector);
        // Of another type, and so of another depth or another root.
        good = _openings(jobId, CAROL);
        good[2].typeWord ^= 1 << 128;
        vm.expectRevert();
        vm.prank(CAROL);
        rewards.open(jobId, good);
        // Another leaf than the one that was drawn.
        (uint256 node,) = _position(jobId, CAROL, 2);
        good = _openings(jobId, CAROL);
        good[2] = _openingAt(_auditKey(jobId, CAROL), node % 4 + 1, 0);
        vm.expectRevert();
        vm.prank(CAROL);
        rewards.open(jobId, good);
        // Too few of them.
        good = new AuditOpening[](AUDIT_POSITIONS - 1);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.OpeningCountMismatch.selector, AUDIT_POSITIONS, AUDIT_POSITIONS - 1)
        );
        vm.prank(CAROL);
        rewards.open(jobId, good);
        // A path that is longer than the tree.
        good = _openings(jobId, CAROL);
        good[0].keyedPath = new bytes32[](40);
        _refusesOpening(CAROL, jobId, good, IFaultProofErrors.PathLengthMismatch.selector);
        _openAs(CAROL, jobId);
    }

    /// Whoever has not computed a node fails exactly when it is drawn: it could not know before.
    function testFuzz_whatWasNotComputedFailsWhenItIsDrawn(uint32 blocks, uint256 skipped) public {
        skipped = _within(skipped, 1, NODES - 1);
        vm.roll(block.number + blocks);
        (bytes32 jobId,) = _chosen();
        bytes32[] memory roots = _keyedRoots(1, _auditKey(jobId, CAROL));
        roots[skipped] = sha256("what a guess looks like");
        _commitAs(CAROL, jobId, Trees.overHashes(roots).root());
        _drawPositions(jobId);
        AuditOpening[] memory openings = _openings(jobId, CAROL);
        bool fails = false;
        for (uint256 i = 0; i < AUDIT_POSITIONS; ++i) {
            (uint256 node,) = _position(jobId, CAROL, i);
            openings[i].keyedPath = Trees.overHashes(roots).path(node);
            if (node == skipped) fails = true;
        }
        if (fails) vm.expectPartialRevert(Errors.KeyedRootMismatch.selector);
        vm.prank(CAROL);
        rewards.open(jobId, openings);
    }

    /// A liar and its accomplice audit a false trace together: whoever recomputes it convicts, and nobody is paid.
    function test_nobodyIsPaidForAFalseResult() public {
        (bytes32 jobId, Terms memory terms) = _lied();
        _draw(rewards.timesOf(jobId).choosing);
        _commitAs(DAVE, jobId, _rootOf(jobId, DAVE, 2));
        _commitAs(CAROL, jobId, _rootOf(jobId, CAROL, 1));
        _prove(CAROL, jobId, 1, 77);
        market.settle(jobId, terms);
        _drawPositions(jobId);
        AuditOpening[] memory openings = _openings(jobId, CAROL);
        _refusesOpening(CAROL, jobId, openings, Errors.TraceMismatch.selector);
        vm.warp(rewards.timesOf(jobId).openBy);
        rewards.release(jobId);
        vm.assertEq(rewards.pool(), FUNDED);
        vm.assertEq(market.creditOf(CAROL), MAX_PRICE, "the challenger's reward");
    }

    // ---------------------------------------------------------------- more than a part

    function test_nobodyIsPaidTwice() public {
        (bytes32 jobId,) = _chosen();
        _commitAs(CAROL, jobId);
        _commitAs(DAVE, jobId);
        _drawPositions(jobId);
        _openAs(CAROL, jobId);
        _openAs(DAVE, jobId);
        AuditOpening[] memory openings = _openings(jobId, CAROL);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.StageMismatch.selector, jobId, CAROL, AuditStage.Committed, AuditStage.Opened)
        );
        vm.prank(CAROL);
        rewards.open(jobId, openings);
        vm.warp(rewards.timesOf(jobId).openBy);
        _claimAs(CAROL, jobId);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.StageMismatch.selector, jobId, CAROL, AuditStage.Opened, AuditStage.Paid)
        );
        _claimAs(CAROL, jobId);
        vm.assertEq(_claimAs(DAVE, jobId), rewards.payFor(MAX_PRICE) / 4);
        _needCovered(jobId);
    }

    /// One stake in two accounts has the part that it has in one.
    function test_splittingAStakeGainsNothing() public {
        (bytes32 jobId,) = _chosen();
        uint256 pay = rewards.payFor(MAX_PRICE);
        token.transfer(BOB, 20 * ONE);
        _watch(BOB, 20 * ONE);
        address[3] memory accounts = [CAROL, DAVE, BOB];
        for (uint256 i = 0; i < 3; ++i) {
            _commitAs(accounts[i], jobId);
        }
        _drawPositions(jobId);
        for (uint256 i = 0; i < 3; ++i) {
            _openAs(accounts[i], jobId);
        }
        vm.warp(rewards.timesOf(jobId).openBy);
        // DAVE's and BOB's 30 tokens are CAROL's 30; each part is rounded down, for those who come later.
        uint256 split = _claimAs(DAVE, jobId) + _claimAs(BOB, jobId);
        vm.assertLe(split, pay / 2);
        vm.assertEq(_claimAs(CAROL, jobId), pay - split);
    }

    /// A provider that hands its trace to an account of its own: a discount on the fee, and no more than that.
    function test_aProviderThatAuditsItselfIsPaidLessThanItsFee() public {
        (bytes32 jobId, Terms memory terms) = _opened(DAVE);
        market.settle(jobId, terms);
        uint256 fee = MAX_PRICE * 100 / 10_000;
        vm.assertEq(_claimAs(DAVE, jobId), fee * SHARE_BPS / 10_000);
    }

    /// Consumer, provider, publisher, treasury, all stakers and the auditor are one, and every draw falls on it: the pool
    /// pays it no more than what burned of its own fee.
    function test_jobsWithOneselfDoNotDrawThePool() public {
        (bytes32 jobId, Terms memory terms) = _opened(DAVE);
        uint256 burned = market.creditOf(BURN_ADDRESS);
        market.settle(jobId, terms);
        burned = market.creditOf(BURN_ADDRESS) - burned;
        vm.assertLe(_claimAs(DAVE, jobId), burned);
        vm.assertTrue(burned != 0);
    }

    /// Whoever commits to nothing keeps the pay of that audit from the pool until its end, and gains nothing.
    function test_anEmptyCommitmentHoldsThePayUpAndNoMore() public {
        (bytes32 jobId,) = _chosen();
        _commitAs(DAVE, jobId, 0);
        _commitAs(CAROL, jobId);
        _drawPositions(jobId);
        _openAs(CAROL, jobId);
        vm.warp(rewards.timesOf(jobId).openBy);
        vm.assertEq(_claimAs(CAROL, jobId), rewards.payFor(MAX_PRICE));
    }

    function test_aPaymentThatCallsBackPaysOnce() public {
        HookedToken hooked = new HookedToken();
        rewards = Shipped.auditRewards(hooked, market, game, vault, _auditParams(10_000));
        hooked.mint(address(this), FUNDED);
        hooked.approve(address(rewards), FUNDED);
        rewards.fund(FUNDED);
        Greedy greedy = new Greedy();
        address auditor = address(greedy);
        token.transfer(auditor, 30 * ONE);
        _watch(auditor, 30 * ONE);
        (bytes32 jobId,) = _chosen();
        uint256 pay = rewards.payFor(MAX_PRICE);
        greedy.watch(hooked, rewards, jobId);
        _commitAs(auditor, jobId);
        _commitAs(CAROL, jobId);
        _drawPositions(jobId);
        _openAs(auditor, jobId);
        _openAs(CAROL, jobId);
        vm.warp(rewards.timesOf(jobId).openBy);
        vm.assertEq(_claimAs(auditor, jobId), pay / 2);
        vm.assertEq(greedy.tried(), 3);
        vm.assertEq(greedy.succeeded(), 0);
        vm.assertEq(_claimAs(CAROL, jobId), pay / 2);
        vm.assertEq(hooked.balanceOf(address(rewards)), FUNDED - pay);
    }
}
