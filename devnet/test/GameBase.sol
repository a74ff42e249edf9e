// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CommitRevealBeacon} from "../contracts/CommitRevealBeacon.sol";
import {DisputeGame, GameParams} from "../contracts/DisputeGame.sol";
import {Replication} from "../contracts/Replication.sol";
import {Publication, TierKey} from "../contracts/interfaces/IAssetRegistry.sol";
import {Challenge, Game, Phase, Trace} from "../contracts/interfaces/IDisputeGame.sol";
import {CellFault, HeaderFault, IFaultProofs, PaddingFault} from "../contracts/interfaces/IFaultProofs.sol";
import {IJobMarket, Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {IReplication, ReplicationParams} from "../contracts/interfaces/IReplication.sol";
import {AuctionKind, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {MIN_UNBONDING} from "../contracts/libraries/Limits.sol";
import {MarketBase} from "./MarketBase.sol";
import {Shipped} from "./Shipped.sol";
import {ToyFaultProofs} from "./ToyFaultProofs.sol";
import {Trees} from "./Trees.sol";

/// @title A market whose optimistic tier is the real game, and a version whose graph has five nodes
/// @notice Node 0 is the input; 1 has a tree of three levels, 2 of two, 3 of one leaf; 4 is the output, of one leaf.
abstract contract GameBase is MarketBase {
    using Trees for bytes32[][];

    address internal constant CAROL = address(0xCA);
    address internal constant DAVE = address(0xDA);

    uint128 internal constant DEPOSIT = ONE;
    uint128 internal constant BOND = 10 * ONE;
    uint32 internal constant ANSWER = 1 days;
    uint32 internal constant CLOCK = 12 hours;
    uint32 internal constant EXTENSION = 30 minutes;
    uint32 internal constant ROUND = 1 minutes;
    uint128 internal constant BEACON_DEPOSIT = ONE;
    uint128 internal constant SLOT = 20 * ONE;
    uint32 internal constant REVEAL = 30 minutes;
    uint32 internal constant LEAVE = 1 days;
    uint256 internal constant NODES = 5;
    uint256 internal constant OPENING = type(uint256).max;

    DisputeGame internal game;
    CommitRevealBeacon internal beacon;
    Replication internal replication;
    ToyFaultProofs internal toy;
    bytes32 internal graphRoot;
    bytes32 internal exactVersion;
    uint256 private _salts;

    function setUp() public virtual override {
        super.setUp();
        toy = new ToyFaultProofs();
        _deployGame(toy, _gameParams());
        _publishExact();
        token.transfer(CAROL, 10_000 * ONE);
        token.transfer(DAVE, 10_000 * ONE);
        _approveAll();
    }

    /// @dev For the market and the game that stand; two of them stake.
    function _approveAll() internal {
        address[5] memory accounts = [CONSUMER, ALICE, BOB, CAROL, DAVE];
        for (uint256 i = 0; i < 5; ++i) {
            vm.startPrank(accounts[i]);
            token.approve(address(market), type(uint256).max);
            token.approve(address(game), type(uint256).max);
            vm.stopPrank();
        }
        _stake(ALICE, 1_000 * ONE);
        _stake(BOB, 1_000 * ONE);
    }

    function _replicationParams() internal pure returns (ReplicationParams memory) {
        return ReplicationParams(SLOT, REVEAL, LEAVE);
    }

    function _gameParams() internal pure returns (GameParams memory) {
        return GameParams(DEPOSIT, ANSWER, BOND, CLOCK, EXTENSION);
    }

    function _deployGame(IFaultProofs proofs, GameParams memory params) internal {
        address predicted = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 2);
        address replicates = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 4);
        game = Shipped.disputeGame(token, IJobMarket(predicted), proofs, IReplication(replicates), params);
        vault = Shipped.stakeVault(token, predicted, address(batch), uint64(MIN_UNBONDING));
        address[6] memory verifiers =
            [address(verifier), address(verifier), address(game), address(0), address(game), address(0)];
        market = Shipped.jobMarket(token, registry, vault, _modules(), verifiers, _params());
        vm.assertEq(address(market), predicted);
        beacon = Shipped.commitRevealBeacon(token, ROUND, BEACON_DEPOSIT);
        replication = Shipped.replication(token, market, game, beacon, _replicationParams());
        vm.assertEq(address(replication), replicates);
    }

    function _publishExact() private {
        bytes32[] memory digests = new bytes32[](NODES);
        for (uint256 i = 0; i < NODES; ++i) {
            digests[i] = sha256(abi.encodePacked(_words(i)));
        }
        graphRoot = Trees.overHashes(digests).root();
        Publication memory p = _publication("labs", "exact", "1.0.0", "manifest of the exact model");
        p.keys = new TierKey[](1);
        p.keys[0] = TierKey(Tier.Optimistic, _key(graphRoot, NODES, 1, 1));
        p.usePrice = 2 * ONE;
        p.ownerBps = 1_000;
        (, exactVersion) = _publish(OWNER, p);
    }

    function _key(bytes32 root, uint256 nodes, uint256 inputs, uint256 outputs) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("mlm/exact-key/1"), root, nodes, inputs, outputs));
    }

    // ---------------------------------------------------------------- the graph and its tensors

    function _typeOf(uint256 node) internal pure returns (uint256) {
        uint256[NODES] memory widths = [uint256(300), 20_000, 4_096, 100, 10];
        return 1 << 128 | 1 << 96 | 1 << 64 | 1 << 32 | widths[node];
    }

    function _words(uint256 node) internal pure returns (uint256[] memory words) {
        words = new uint256[](3);
        (words[0], words[1], words[2]) = (node, _typeOf(node), 0);
    }

    /// @dev What a run with this seed holds at a node.
    function _tensor(uint256 seed, uint256 node) internal pure returns (bytes memory data) {
        data = new bytes(uint32(_typeOf(node)));
        bytes32 word = keccak256(abi.encode(seed, node));
        for (uint256 i = 0; i < data.length; i += 32) {
            data[i] = word[i / 32 % 32];
        }
    }

    function _tensorRoot(uint256 typeWord, bytes memory data) internal view returns (bytes32) {
        return sha256(abi.encode(keccak256("mlm/exact-tensor/1"), typeWord, Trees.overBytes(data).root()));
    }

    /// @dev The roots of a run: honest nodes follow from seed 1, node `lie` and those after it from another.
    function _roots(uint256 seed, uint256 lie) internal view returns (bytes32[] memory roots) {
        roots = new bytes32[](NODES);
        for (uint256 i = 0; i < NODES; ++i) {
            roots[i] = _tensorRoot(_typeOf(i), _tensor(i < lie ? 1 : seed, i));
        }
    }

    function _honest() internal view returns (bytes32[] memory) {
        return _roots(1, NODES);
    }

    function _inputCommitment(bytes32 version, bytes32[] memory inputs) internal pure returns (bytes32) {
        bytes32 root = sha256(abi.encodePacked(inputs));
        return keccak256(abi.encode(keccak256("mlm/in/1"), uint8(2), uint8(3), version, root));
    }

    function _outputCommitment(bytes32[] memory roots) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("mlm/out/1"), sha256(abi.encodePacked(roots[NODES - 1]))));
    }

    function _evidence(bytes32[] memory roots) internal view returns (bytes memory) {
        return abi.encode(graphRoot, uint256(1), uint256(1), roots);
    }

    // ---------------------------------------------------------------- jobs

    function _exactRequest() internal view returns (Request memory request) {
        request = _request(AuctionKind.Fixed, Tier.Optimistic);
        request.versionId = exactVersion;
        bytes32[] memory inputs = new bytes32[](1);
        inputs[0] = _honest()[0];
        request.inputCommitment = _inputCommitment(exactVersion, inputs);
    }

    /// @dev A job whose input ALICE has accepted.
    function _readyJob() internal returns (bytes32 jobId, Terms memory terms) {
        Request memory request = _exactRequest();
        (terms,) = market.quote(request);
        vm.prank(CONSUMER);
        jobId = market.post(request, ++_salts);
        _bid(jobId, ALICE, MAX_PRICE);
        vm.prank(ALICE);
        market.accept(jobId);
    }

    /// @dev A job that ALICE has handed these roots in for.
    function _handIn(bytes32[] memory roots) internal returns (bytes32 jobId, Terms memory terms) {
        (jobId, terms) = _readyJob();
        vm.prank(ALICE);
        market.submit(jobId, terms, _evidence(roots), RESULT);
    }

    /// @dev ALICE lies from node 1 on, and whoever looks can show it.
    function _lied() internal returns (bytes32 jobId, Terms memory terms) {
        (jobId, terms) = _handIn(_roots(2, 1));
        toy.lie(game.traceOf(jobId).traceRoot, 1);
    }

    // ---------------------------------------------------------------- challenges

    function _commitment(address account, bytes32 jobId, uint256 node, uint256 index, bytes32 salt)
        internal
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(keccak256("mlm/challenge/1"), block.chainid, address(game), account, jobId, node, index, salt)
        );
    }

    /// @dev Commits, and waits for the next block.
    function _commitTo(address account, bytes32 jobId, uint256 node, uint256 index) internal returns (bytes32 salt) {
        salt = bytes32(++_salts);
        bytes32 commitment = _commitment(account, jobId, node, index, salt);
        vm.prank(account);
        game.commit(commitment);
        vm.roll(block.number + 1);
    }

    function _challenge(bytes32[] memory roots, uint256 node) internal view returns (Challenge memory c) {
        bytes32[] memory digests = new bytes32[](NODES);
        for (uint256 i = 0; i < NODES; ++i) {
            digests[i] = sha256(abi.encodePacked(_words(i)));
        }
        c.node = node;
        c.descriptor = _words(node);
        c.graphPath = Trees.overHashes(digests).path(node);
        c.tensorRoot = roots[node];
        c.tracePath = Trees.overHashes(roots).path(node);
    }

    function _open(address account, bytes32 jobId, bytes32[] memory roots, uint256 node)
        internal
        returns (bytes32 gameId)
    {
        bytes32 salt = _commitTo(account, jobId, node, OPENING);
        Challenge memory challenge = _challenge(roots, node);
        vm.prank(account);
        return game.open(jobId, challenge, salt);
    }

    /// @dev Hashes that the provider of a run with `seed` posts now.
    function _hashes(bytes32 gameId, uint256 seed) internal view returns (bytes32[] memory) {
        Game memory g = game.gameOf(gameId);
        uint256 down = g.below < 2 ? g.below : 2;
        return Trees.overBytes(_tensor(seed, g.node)).under(g.below, g.position, down);
    }

    function _post(bytes32 gameId, uint256 seed) internal {
        bytes32[] memory hashes = _hashes(gameId, seed);
        vm.prank(ALICE);
        game.post(gameId, hashes);
    }

    function _pick(bytes32 gameId, uint256 seed, uint256 index) internal {
        bytes32[] memory hashes = _hashes(gameId, seed);
        address challenger = game.gameOf(gameId).challenger;
        vm.prank(challenger);
        game.pick(gameId, index, hashes);
    }

    function _leaf(bytes32 gameId, uint256 seed) internal {
        Game memory g = game.gameOf(gameId);
        bytes memory data = Trees.leaf(_tensor(seed, g.node), g.position);
        vm.prank(ALICE);
        game.leaf(gameId, data);
    }

    /// @dev Both sides move until the leaf lies open.
    function _playToLeaf(bytes32 gameId, uint256 seed) internal {
        while (true) {
            Phase phase = game.gameOf(gameId).phase;
            if (phase == Phase.Prove) return;
            if (phase == Phase.Pick) _pick(gameId, seed, 1);
            else if (phase == Phase.Leaf) _leaf(gameId, seed);
            else _post(gameId, seed);
        }
    }

    function _cell(uint256 node, uint256 index) internal pure returns (CellFault memory fault) {
        (fault.node, fault.index, fault.descriptor) = (node, index, _words(node));
    }

    function _padding(uint256 node, uint256 at) internal pure returns (PaddingFault memory fault) {
        (fault.node, fault.at, fault.descriptor) = (node, at, _words(node));
    }

    function _header(uint256 node, uint256 typeWord) internal pure returns (HeaderFault memory fault) {
        (fault.node, fault.typeWord, fault.descriptor) = (node, typeWord, _words(node));
    }

    function _prove(address account, bytes32 jobId, uint256 node, uint256 index) internal {
        bytes32 salt = _commitTo(account, jobId, node, index);
        vm.prank(account);
        game.prove(jobId, _cell(node, index), salt);
    }

    // ---------------------------------------------------------------- what must hold

    function _needVerdict(bytes32 jobId, Verdict expected) internal view {
        vm.assertEq(uint256(game.verdictOf(jobId)), uint256(expected), "verdict");
    }

    function _needPhase(bytes32 gameId, Phase expected) internal view {
        vm.assertEq(uint256(game.gameOf(gameId).phase), uint256(expected), "phase");
    }

    /// @dev The game holds its credits, and bonds and deposits of what has not ended.
    function _needBalance(uint256 games, uint256 deposits) internal view {
        vm.assertEq(
            token.balanceOf(address(game)), game.totalCredit() + games * BOND + deposits * DEPOSIT, "game's balance"
        );
    }
}
