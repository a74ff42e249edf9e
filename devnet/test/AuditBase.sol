// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AuditRewards} from "../contracts/AuditRewards.sol";
import {Merkle} from "../contracts/exact/Merkle.sol";
import {AuditOpening, AuditParams, AuditStage, AuditTimes} from "../contracts/interfaces/IAuditRewards.sol";
import {Trace} from "../contracts/interfaces/IDisputeGame.sol";
import {Terms} from "../contracts/interfaces/IJobMarket.sol";
import {Role} from "../contracts/interfaces/Types.sol";
import {AUDIT_POSITIONS} from "../contracts/libraries/AuditLimits.sol";
import {GameBase} from "./GameBase.sol";
import {Shipped} from "./Shipped.sol";
import {Trees} from "./Trees.sol";

/// @title A market whose results are all audited, a funded pool, and two auditors with stake; trees and draws written out again
abstract contract AuditBase is GameBase {
    using Trees for bytes32[][];

    uint32 internal constant PERIOD = 5 minutes;
    uint32 internal constant OPEN_WINDOW = 6 hours;
    uint128 internal constant MIN_STAKE = 10 * ONE;
    uint16 internal constant SHARE_BPS = 2_000;
    uint128 internal constant FUNDED = 100 * ONE;

    AuditRewards internal rewards;

    function setUp() public virtual override {
        super.setUp();
        _deployRewards(10_000);
        _watch(CAROL, 30 * ONE);
        _watch(DAVE, 10 * ONE);
    }

    function _auditParams(uint16 drawBps) internal pure returns (AuditParams memory) {
        return AuditParams(drawBps, SHARE_BPS, PERIOD, OPEN_WINDOW, MIN_STAKE);
    }

    function _deployRewards(uint16 drawBps) internal {
        rewards = Shipped.auditRewards(token, market, game, vault, _auditParams(drawBps));
        token.approve(address(rewards), type(uint256).max);
        rewards.fund(FUNDED);
    }

    function _watch(address account, uint128 amount) internal {
        vm.startPrank(account);
        token.approve(address(vault), type(uint256).max);
        vault.deposit(Role.Watcher, amount);
        vm.stopPrank();
    }

    // ---------------------------------------------------------------- draws

    /// @dev Waits for the period's end where it has not ended.
    function _draw(uint256 number) internal {
        if (rewards.drawOf(number).seed != 0) return;
        uint256 endsAt = (number + 1) * PERIOD;
        if (block.timestamp < endsAt) vm.warp(endsAt);
        rewards.beginDraw(number);
        vm.roll(block.number + 1);
        rewards.endDraw(number);
    }

    /// @dev A result of ALICE's whose period is drawn.
    function _chosen() internal returns (bytes32 jobId, Terms memory terms) {
        (jobId, terms) = _handIn(_honest());
        _draw(rewards.timesOf(jobId).choosing);
    }

    /// @dev As if commitments had closed, and the positions were drawn.
    function _drawPositions(bytes32 jobId) internal {
        _draw(rewards.timesOf(jobId).positions);
    }

    // ---------------------------------------------------------------- an auditor's tree

    function _auditKey(bytes32 jobId, address auditor) internal view returns (bytes32) {
        return keccak256(abi.encode(keccak256("mlm/audit/1"), block.chainid, address(rewards), jobId, auditor));
    }

    function _keyed(uint256 seed, uint256 node, bytes32 key) internal view returns (bytes32[][] memory) {
        bytes memory data = _tensor(seed, node);
        bytes32[] memory hashes = new bytes32[]((data.length + Merkle.LEAF_BYTES - 1) / Merkle.LEAF_BYTES);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = sha256(abi.encodePacked(key, Trees.leaf(data, i)));
        }
        return Trees.overHashes(hashes);
    }

    function _keyedRoots(uint256 seed, bytes32 key) internal view returns (bytes32[] memory roots) {
        roots = new bytes32[](NODES);
        for (uint256 node = 0; node < NODES; ++node) {
            roots[node] = _keyed(seed, node, key).root();
        }
    }

    /// @dev What an auditor that holds the trace of a run with this seed commits to.
    function _rootOf(bytes32 jobId, address auditor, uint256 seed) internal view returns (bytes32) {
        return Trees.overHashes(_keyedRoots(seed, _auditKey(jobId, auditor))).root();
    }

    function _commitAs(address auditor, bytes32 jobId, bytes32 root) internal {
        vm.prank(auditor);
        rewards.commit(jobId, root);
    }

    function _commitAs(address auditor, bytes32 jobId) internal {
        _commitAs(auditor, jobId, _rootOf(jobId, auditor, 1));
    }

    // ---------------------------------------------------------------- openings

    /// @dev Node and leaf at a position, as the interface says.
    function _position(bytes32 jobId, address auditor, uint256 i) internal view returns (uint256 node, uint256 leaf) {
        bytes32 seed = rewards.drawOf(rewards.timesOf(jobId).positions).seed;
        uint256 word = uint256(keccak256(abi.encode(seed, _auditKey(jobId, auditor), i)));
        node = 1 + (word >> 128) % (NODES - 1);
        uint256 count = (_tensor(1, node).length + Merkle.LEAF_BYTES - 1) / Merkle.LEAF_BYTES;
        leaf = uint256(uint128(word)) % count;
    }

    /// @dev What an auditor with the trace of the honest run shows.
    function _openings(bytes32 jobId, address auditor) internal view returns (AuditOpening[] memory openings) {
        openings = new AuditOpening[](AUDIT_POSITIONS);
        for (uint256 i = 0; i < AUDIT_POSITIONS; ++i) {
            (uint256 node, uint256 leaf) = _position(jobId, auditor, i);
            openings[i] = _openingAt(_auditKey(jobId, auditor), node, leaf);
        }
    }

    function _openingAt(bytes32 key, uint256 node, uint256 leaf) internal view returns (AuditOpening memory o) {
        bytes memory data = _tensor(1, node);
        o.typeWord = _typeOf(node);
        o.leaf = Trees.leaf(data, leaf);
        o.siblings = Trees.overBytes(data).path(leaf);
        o.path = Trees.overHashes(_honest()).path(node);
        o.keyedSiblings = _keyed(1, node, key).path(leaf);
        o.keyedPath = Trees.overHashes(_keyedRoots(1, key)).path(node);
    }

    function _openAs(address auditor, bytes32 jobId) internal {
        AuditOpening[] memory openings = _openings(jobId, auditor);
        vm.prank(auditor);
        rewards.open(jobId, openings);
    }

    /// @dev Committed to, drawn, opened; openings are over.
    function _opened(address auditor) internal returns (bytes32 jobId, Terms memory terms) {
        (jobId, terms) = _chosen();
        _commitAs(auditor, jobId);
        _drawPositions(jobId);
        _openAs(auditor, jobId);
        vm.warp(rewards.timesOf(jobId).openBy);
    }

    function _claimAs(address auditor, bytes32 jobId) internal returns (uint256) {
        vm.prank(auditor);
        return rewards.claim(jobId);
    }

    // ---------------------------------------------------------------- what must hold

    /// @dev The pool, and what is set aside for one audit, are all that lies here.
    function _needCovered(bytes32 jobId) internal view {
        vm.assertEq(token.balanceOf(address(rewards)), rewards.pool() + rewards.auditOf(jobId).left, "balance");
    }

    function _needStage(bytes32 jobId, address auditor, AuditStage expected) internal view {
        vm.assertEq(uint256(rewards.commitmentOf(jobId, auditor).stage), uint256(expected), "stage");
    }
}
