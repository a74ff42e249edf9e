// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ReplicaEnd, ReplicaStage} from "../contracts/interfaces/IReplication.sol";
import {Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, State, Tier} from "../contracts/interfaces/Types.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {BeaconBase} from "./BeaconBase.sol";
import {Trees} from "./Trees.sol";

/// @title A market with eight slots besides ALICE's, jobs of the tier redundant, and what their replicas do
abstract contract ReplicaBase is BeaconBase {
    using Trees for bytes32[][];

    uint128 internal constant FEE = 10 * ONE;
    uint8 internal constant WANTED = 2;

    uint256 private _nonces;

    function setUp() public virtual override {
        super.setUp();
        for (uint256 i = 0; i < 8; ++i) {
            _join(_other(i));
        }
        vm.prank(CONSUMER);
        token.approve(address(replication), type(uint256).max);
        vm.warp(block.timestamp + 1);
    }

    function _other(uint256 i) internal pure returns (address) {
        return address(uint160(0x510700 + i));
    }

    function _join(address account) internal {
        token.transfer(account, SLOT);
        vm.startPrank(account);
        token.approve(address(replication), type(uint256).max);
        replication.join();
        vm.stopPrank();
    }

    function _policy(uint8 wanted, uint128 fee) internal pure returns (bytes32) {
        return bytes32(uint256(fee) << 8 | (uint256(wanted) + 1));
    }

    function _redundant() internal view returns (Request memory request) {
        request = _request(AuctionKind.Fixed, Tier.Redundant);
        request.versionId = exactVersion;
        bytes32 root = sha256(abi.encodePacked(_honest()[0]));
        request.inputCommitment = keccak256(abi.encode(keccak256("mlm/in/1"), uint8(4), uint8(3), exactVersion, root));
        request.policy = _policy(WANTED, FEE);
    }

    function _postIt(Request memory request) internal returns (bytes32 jobId, Terms memory terms) {
        (terms,) = market.quote(request);
        vm.prank(CONSUMER);
        jobId = market.post(request, ++_nonces << 128);
    }

    function _fund(bytes32 jobId, Terms memory terms) internal {
        vm.prank(CONSUMER);
        replication.fund(jobId, terms);
    }

    /// @dev Posted and funded, and ALICE has its lease.
    function _leasedIt() internal returns (bytes32 jobId, Terms memory terms) {
        (jobId, terms) = _postIt(_redundant());
        _fund(jobId, terms);
        _bid(jobId, ALICE, MAX_PRICE);
    }

    function _roundOf(bytes32 jobId) internal view returns (uint256) {
        return beacon.roundAfter(market.jobOf(jobId).bidsCloseAt);
    }

    /// @dev Leased, and its replicas are drawn.
    function _drawnIt() internal returns (bytes32 jobId, Terms memory terms, address[] memory drawn) {
        (jobId, terms) = _leasedIt();
        _finish(_roundOf(jobId));
        replication.draw(jobId);
        drawn = replication.replicasOf(jobId).drawn;
    }

    function _accept(bytes32 jobId) internal {
        vm.prank(ALICE);
        market.accept(jobId);
    }

    function _hand(bytes32 jobId, Terms memory terms, bytes32[] memory roots) internal {
        vm.prank(ALICE);
        market.submit(jobId, terms, _evidence(roots), RESULT);
    }

    function _word(address account, bytes32 jobId, bytes32 root, bytes32 salt) internal view returns (bytes32) {
        return keccak256(
            abi.encode(keccak256("mlm/replica/1"), block.chainid, address(replication), account, jobId, root, salt)
        );
    }

    /// @dev The trace root of a run: 1 is the honest one; a lie begins at node 1.
    function _traceRoot(uint256 seed) internal view returns (bytes32 root) {
        return Trees.overHashes(_roots(seed, 1)).root();
    }

    function _promise(address account, bytes32 jobId, uint256 seed) internal {
        bytes32 commitment = _word(account, jobId, _traceRoot(seed), "salt");
        vm.prank(account);
        replication.commit(jobId, commitment);
    }

    function _show(address account, bytes32 jobId, uint256 seed) internal {
        bytes32 root = _traceRoot(seed);
        vm.prank(account);
        replication.reveal(jobId, root, "salt");
    }

    /// @dev Both replicas have committed to a run, and ALICE has handed one in.
    function _handedIn(uint256 seed, uint256 first, uint256 second)
        internal
        returns (bytes32 jobId, Terms memory terms, address[] memory drawn)
    {
        (jobId, terms, drawn) = _drawnIt();
        _accept(jobId);
        _promise(drawn[0], jobId, first);
        _promise(drawn[1], jobId, second);
        _hand(jobId, terms, _roots(seed, 1));
        if (seed != 1) toy.lie(game.traceOf(jobId).traceRoot, 1);
    }

    function _windowOver(bytes32 jobId) internal {
        vm.warp(block.timestamp + market.jobOf(jobId).verificationWindow);
    }

    function _convictBy(address account, bytes32 jobId) internal {
        vm.prank(account);
        token.approve(address(game), type(uint256).max);
        _prove(account, jobId, 1, 0);
        _needState(jobId, State.Rejected);
    }

    function _revealsOver(bytes32 jobId) internal {
        uint256 over = uint256(market.jobOf(jobId).submittedAt) + REVEAL;
        if (block.timestamp < over) vm.warp(over);
    }

    // ---------------------------------------------------------------- what must hold

    function _needStage(bytes32 jobId, address account, ReplicaStage expected) internal view {
        (ReplicaStage stage,) = replication.replicaOf(jobId, account);
        vm.assertEq(uint256(stage), uint256(expected), "stage");
    }

    function _needCredit(address account, uint256 expected) internal view {
        vm.assertEq(replication.creditOf(account), expected, "credit");
    }

    function _needBurned(uint256 expected) internal view {
        _needCredit(BURN_ADDRESS, expected);
    }

    function _needStake(address account, uint256 expected) internal view {
        vm.assertEq(replication.slotOf(account).stake, expected, "stake");
        vm.assertEq(replication.slotOf(account).jobId, 0);
    }

    function _needCovered() internal view {
        vm.assertEq(
            token.balanceOf(address(replication)),
            replication.totalCredit() + replication.totalHeld(),
            "replication's balance"
        );
    }
}
