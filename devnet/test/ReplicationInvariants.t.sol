// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Terms} from "../contracts/interfaces/IJobMarket.sol";
import {Replicas, ReplicaStage, Slot} from "../contracts/interfaces/IReplication.sol";
import {State} from "../contracts/interfaces/Types.sol";
import {JobStates} from "../contracts/libraries/JobStates.sol";
import {ReplicaBase} from "./ReplicaBase.sol";

/// Random play of slots, jobs, draws and replicas that are honest or not: what is held covers what is owed, and nobody has what
/// was neither paid in nor lost by somebody.
contract ReplicationInvariantsTest is ReplicaBase {
    uint256 private constant SLOTS = 16;

    bytes32[] private jobs;
    mapping(bytes32 jobId => Terms) private terms;
    mapping(bytes32 jobId => bool) private lied;
    mapping(bytes32 jobId => mapping(address account => uint256)) private ran;
    mapping(string what => uint256) private reached;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public override {
        super.setUp();
        for (uint256 i = 8; i < SLOTS; ++i) {
            _join(_other(i));
        }
        vm.warp(block.timestamp + 1);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(this);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory moves = new bytes4[](14);
        moves[0] = moves[1] = this.post.selector;
        moves[2] = this.wait.selector;
        moves[3] = moves[4] = this.draw.selector;
        moves[5] = this.accept.selector;
        moves[6] = moves[7] = this.commit.selector;
        moves[8] = this.hand.selector;
        moves[9] = this.show.selector;
        moves[10] = this.convict.selector;
        moves[11] = moves[12] = this.settle.selector;
        moves[13] = this.comeOrGo.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(this), moves);
    }

    function _any(uint256 which) private view returns (bytes32) {
        return jobs[which % jobs.length];
    }

    // ---------------------------------------------------------------- moves

    function post(bool funded) public {
        if (jobs.length > 4) return;
        (bytes32 jobId, Terms memory own) = _postIt(_redundant());
        if (funded) _fund(jobId, own);
        try this.bidFor(jobId) {} catch {}
        jobs.push(jobId);
        terms[jobId] = own;
    }

    function bidFor(bytes32 jobId) external {
        _bid(jobId, ALICE, MAX_PRICE);
    }

    function wait(uint16 seconds_) public {
        vm.warp(block.timestamp + _within(seconds_, 30, 2 hours));
        vm.roll(block.number + 1);
    }

    function draw(uint256 which) public {
        if (jobs.length == 0) return;
        bytes32 jobId = _any(which);
        if (market.jobOf(jobId).provider == address(0)) return;
        uint256 round = _roundOf(jobId);
        if (beacon.roundOf(round).closedIn == 0) _finish(round);
        try replication.draw(jobId) {
            ++reached["drawn"];
        } catch {}
    }

    function accept(uint256 which) public {
        if (jobs.length == 0) return;
        vm.prank(ALICE);
        try market.accept(_any(which)) {} catch {}
    }

    function commit(uint256 which, uint256 who, uint8 seed) public {
        if (jobs.length == 0) return;
        bytes32 jobId = _any(which);
        address[] memory drawn = replication.replicasOf(jobId).drawn;
        if (drawn.length == 0) return;
        address account = drawn[who % drawn.length];
        uint256 run = _within(seed, 1, 3);
        bytes32 word = _word(account, jobId, _traceRoot(run), "salt");
        vm.prank(account);
        try replication.commit(jobId, word) {
            ran[jobId][account] = run;
            ++reached["committed"];
        } catch {}
    }

    function hand(uint256 which, bool lie) public {
        if (jobs.length == 0) return;
        bytes32 jobId = _any(which);
        bytes memory evidence = _evidence(lie ? _roots(2, 1) : _honest());
        Terms memory own = terms[jobId];
        vm.prank(ALICE);
        try market.submit(jobId, own, evidence, RESULT) {
            lied[jobId] = lie;
            if (lie) toy.lie(game.traceOf(jobId).traceRoot, 1);
            ++reached["submitted"];
        } catch {}
    }

    function show(uint256 which, uint256 who) public {
        if (jobs.length == 0) return;
        bytes32 jobId = _any(which);
        address[] memory drawn = replication.replicasOf(jobId).drawn;
        if (drawn.length == 0) return;
        address account = drawn[who % drawn.length];
        bytes32 root = _traceRoot(ran[jobId][account]);
        vm.prank(account);
        try replication.reveal(jobId, root, "salt") {
            ++reached["revealed"];
        } catch {}
    }

    function convict(uint256 which) public {
        if (jobs.length == 0) return;
        bytes32 jobId = _any(which);
        if (!lied[jobId] || market.stateOf(jobId) != State.Submitted) return;
        _prove(BOB, jobId, 1, 0);
        ++reached["convicted"];
    }

    function settle(uint256 which) public {
        if (jobs.length == 0) return;
        bytes32 jobId = _any(which);
        State state = market.stateOf(jobId);
        Replicas memory replicas = replication.replicasOf(jobId);
        uint256 submittedAt = market.jobOf(jobId).submittedAt;
        bool shown = submittedAt == 0 || block.timestamp >= submittedAt + REVEAL;
        bool due = replicas.fundedAt != 0 && !replicas.settled && JobStates.isFinal(state) && shown;
        uint256 before = _outside();
        try replication.settle(jobId) {
            vm.assertTrue(due, "too early");
            ++reached["settled"];
        } catch {
            vm.assertFalse(due, "cannot be settled");
        }
        vm.assertEq(_outside(), before, "something came from nowhere");
    }

    function comeOrGo(uint256 who, uint8 what) public {
        address account = _other(who % SLOTS);
        uint256 kind = what % 4;
        token.transfer(account, SLOT);
        vm.startPrank(account);
        if (kind == 0) try replication.join() {} catch {}
        if (kind == 1) try replication.leave() {} catch {}
        if (kind == 2) try replication.exit() {} catch {}
        if (kind == 3) try replication.withdraw() {} catch {}
        vm.stopPrank();
    }

    /// @dev What is held and owed.
    function _outside() private view returns (uint256) {
        return replication.totalHeld() + replication.totalCredit();
    }

    // ---------------------------------------------------------------- what holds

    /// forge-config: default.invariant.runs = 24
    /// forge-config: default.invariant.depth = 64
    /// forge-config: fuzz.invariant.runs = 128
    /// forge-config: fuzz.invariant.depth = 160
    function invariant_covered() public view {
        _needCovered();
        uint256 held = 0;
        for (uint256 i = 0; i < SLOTS; ++i) {
            Slot memory slot = replication.slotOf(_other(i));
            held += slot.stake;
            if (slot.place != 0) vm.assertEq(replication.accountAt(slot.place), _other(i));
            if (slot.jobId == 0) continue;
            vm.assertFalse(replication.replicasOf(slot.jobId).settled, "serves what is over");
            (ReplicaStage stage,) = replication.replicaOf(slot.jobId, _other(i));
            vm.assertTrue(stage != ReplicaStage.None, "serves what it was not drawn for");
        }
        for (uint256 i = 0; i < jobs.length; ++i) {
            Replicas memory replicas = replication.replicasOf(jobs[i]);
            if (!replicas.settled) held += uint256(replicas.fee) * replicas.wanted;
        }
        vm.assertEq(replication.totalHeld(), held, "held");
    }

    /// One scripted play, so that the moves above are known to reach every end.
    function test_thePlayReachesEveryEnd() public {
        for (uint256 i = 0; i < 4; ++i) {
            post(true);
        }
        for (uint256 i = 0; i < 4; ++i) {
            draw(i);
            accept(i);
        }
        for (uint256 i = 0; i < 4; ++i) {
            commit(i, 0, 0);
            if (i != 3) commit(i, 1, uint8(i));
        }
        wait(35 minutes);
        for (uint256 i = 0; i < 4; ++i) {
            hand(i, i == 1);
            show(i, 0);
            if (i != 2) show(i, 1);
        }
        convict(1);
        for (uint256 i = 0; i < 13; ++i) {
            wait(2 hours - 30);
        }
        for (uint256 i = 0; i < 4; ++i) {
            settle(i);
        }
        invariant_covered();
        vm.assertEq(reached["drawn"], 4);
        vm.assertEq(reached["committed"], 7);
        vm.assertEq(reached["submitted"], 4);
        vm.assertEq(reached["revealed"], 6);
        vm.assertEq(reached["convicted"], 1);
        vm.assertEq(reached["settled"], 4);
    }
}
