// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Audit, AuditCommitment, AuditOpening, AuditStage, AuditTimes} from "../contracts/interfaces/IAuditRewards.sol";
import {State} from "../contracts/interfaces/Types.sol";
import {AuditBase} from "./AuditBase.sol";

/// Random play of a provider that lies or not and of two auditors that have its trace or not: pay is conserved, and goes to
/// nobody but auditors that opened true results.
contract AuditInvariantsTest is AuditBase {
    bytes32[] private jobs;
    mapping(bytes32 jobId => bool) private lied;
    mapping(bytes32 jobId => mapping(address auditor => bool)) private knows;
    uint256 private given;
    uint256 private paid;
    mapping(string what => uint256) private reached;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public override {
        super.setUp();
        // Half of all results, so that some are audited and some are not.
        _deployRewards(5_000);
        given = FUNDED;
        token.transfer(ALICE, 3_000 * ONE);
        _stake(ALICE, 3_000 * ONE);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(this);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory moves = new bytes4[](12);
        moves[0] = this.handIn.selector;
        moves[1] = moves[2] = this.wait.selector;
        moves[3] = moves[4] = this.draw.selector;
        moves[5] = moves[6] = this.commit.selector;
        moves[7] = this.open.selector;
        moves[8] = this.claim.selector;
        moves[9] = this.release.selector;
        moves[10] = this.convict.selector;
        moves[11] = this.give.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(this), moves);
    }

    function _any(uint256 which) private view returns (bytes32) {
        return jobs[which % jobs.length];
    }

    function _auditor(uint256 who) private pure returns (address) {
        return who % 2 == 0 ? CAROL : DAVE;
    }

    // ---------------------------------------------------------------- moves

    function handIn(bool lie) public {
        if (jobs.length > 5) return;
        (bytes32 jobId,) = lie ? _lied() : _handIn(_honest());
        lied[jobId] = lie;
        jobs.push(jobId);
    }

    function wait(uint32 seconds_) public {
        vm.warp(block.timestamp + _within(seconds_, 60, 8 hours));
        vm.roll(block.number + 1);
    }

    function draw(uint256 which, bool positions, uint16 blocks) public {
        if (jobs.length == 0) return;
        AuditTimes memory times = rewards.timesOf(_any(which));
        uint256 number = positions ? times.positions : times.choosing;
        try rewards.beginDraw(number) {
            vm.assertTrue(block.timestamp >= (number + 1) * PERIOD, "too early");
        } catch {}
        vm.roll(block.number + 1 + (blocks % 64 == 0 ? 300 : 0));
        try rewards.endDraw(number) {
            ++reached["drawn"];
        } catch {}
    }

    function commit(uint256 which, uint256 who, bool holds) public {
        if (jobs.length == 0) return;
        (bytes32 jobId, address auditor) = (_any(which), _auditor(who));
        bytes32 root = holds ? _rootOf(jobId, auditor, 1) : bytes32(who);
        vm.prank(auditor);
        try rewards.commit(jobId, root) {
            vm.assertTrue(block.timestamp < rewards.timesOf(jobId).closesAt, "too late");
            knows[jobId][auditor] = holds;
            ++reached["committed"];
        } catch {}
    }

    function open(uint256 which, uint256 who) public {
        if (jobs.length == 0) return;
        (bytes32 jobId, address auditor) = (_any(which), _auditor(who));
        if (rewards.commitmentOf(jobId, auditor).stage != AuditStage.Committed) return;
        if (rewards.drawOf(rewards.timesOf(jobId).positions).seed == 0) return;
        AuditOpening[] memory openings = _openings(jobId, auditor);
        vm.prank(auditor);
        try rewards.open(jobId, openings) {
            vm.assertTrue(knows[jobId][auditor] && !lied[jobId], "no trace");
            ++reached["opened"];
        } catch {
            bool late = block.timestamp >= rewards.timesOf(jobId).openBy;
            vm.assertTrue(late || !knows[jobId][auditor] || lied[jobId], "a trace that was refused");
        }
    }

    function claim(uint256 which, uint256 who) public {
        if (jobs.length == 0) return;
        (bytes32 jobId, address auditor) = (_any(which), _auditor(who));
        vm.prank(auditor);
        try rewards.claim(jobId) returns (uint256 amount) {
            vm.assertTrue(!lied[jobId] && market.stateOf(jobId) == State.Accepted, "paid for a false result");
            paid += amount;
            ++reached["claimed"];
        } catch {}
    }

    function release(uint256 which) public {
        if (jobs.length == 0) return;
        try rewards.release(_any(which)) {
            ++reached["released"];
        } catch {}
    }

    function convict(uint256 which) public {
        if (jobs.length == 0) return;
        bytes32 jobId = _any(which);
        if (!lied[jobId] || market.stateOf(jobId) != State.Submitted) return;
        _prove(BOB, jobId, 1, 0);
        ++reached["convicted"];
    }

    function give(uint64 amount) public {
        if (amount == 0) return;
        rewards.fund(amount);
        given += amount;
    }

    // ---------------------------------------------------------------- what holds

    /// forge-config: default.invariant.runs = 24
    /// forge-config: default.invariant.depth = 64
    /// forge-config: fuzz.invariant.runs = 128
    /// forge-config: fuzz.invariant.depth = 160
    function invariant_pay() public view {
        uint256 left = 0;
        for (uint256 i = 0; i < jobs.length; ++i) {
            Audit memory audit = rewards.auditOf(jobs[i]);
            left += audit.left;
            uint256 weight = 0;
            for (uint256 who = 0; who < 2; ++who) {
                AuditCommitment memory own = rewards.commitmentOf(jobs[i], _auditor(who));
                if (own.stage == AuditStage.Opened) weight += own.weight;
            }
            vm.assertEq(audit.weight, weight, "weight");
        }
        vm.assertEq(token.balanceOf(address(rewards)), rewards.pool() + left, "covered");
        vm.assertEq(rewards.pool() + left + paid, given, "conserved");
    }

    function _drawn() private view returns (uint256 count) {
        bytes32 seed = rewards.drawOf(rewards.timesOf(jobs[0]).choosing).seed;
        for (uint256 i = 0; i < 5; ++i) {
            if (rewards.isDrawn(seed, jobs[i])) ++count;
        }
    }

    /// One scripted play, so that the moves above are known to reach every end.
    function test_thePlayReachesEveryEnd() public {
        for (uint256 i = 0; i < 6; ++i) {
            handIn(i == 5);
        }
        wait(10 minutes);
        // Which results are drawn follows from their ids, and those from all terms of a job: the play takes a block that
        // draws some true ones.
        uint256 before = vm.snapshotState();
        for (draw(0, false, 1); _drawn() < 2; draw(0, false, 1)) {
            vm.revertToState(before);
            vm.roll(block.number + 1);
            before = vm.snapshotState();
        }
        for (uint256 i = 0; i < 6; ++i) {
            commit(i, 0, i % 2 == 0);
            commit(i, 1, true);
        }
        convict(5);
        for (uint256 i = 0; i < 3; ++i) {
            wait(8 hours - 60);
        }
        draw(0, true, 1);
        for (uint256 i = 0; i < 6; ++i) {
            open(i, 0);
            if (i != 1) open(i, 1);
        }
        wait(8 hours - 60);
        for (uint256 i = 0; i < 6; ++i) {
            claim(i, 0);
            claim(i, 1);
            release(i);
        }
        invariant_pay();
        string[5] memory ends = ["drawn", "committed", "opened", "claimed", "convicted"];
        for (uint256 i = 0; i < 5; ++i) {
            vm.assertTrue(reached[ends[i]] != 0, ends[i]);
        }
        vm.assertEq(reached["opened"], reached["claimed"]);
        for (uint256 i = 0; i < 6; ++i) {
            vm.assertEq(rewards.auditOf(jobs[i]).left, 0);
        }
    }
}
