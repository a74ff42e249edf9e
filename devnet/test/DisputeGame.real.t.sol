// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IFaultProofErrors} from "../contracts/errors/IFaultProofErrors.sol";
import {Publication, TierKey} from "../contracts/interfaces/IAssetRegistry.sol";
import {Challenge, Game, Phase} from "../contracts/interfaces/IDisputeGame.sol";
import {CellFault, HeaderFault, Opening} from "../contracts/interfaces/IFaultProofs.sol";
import {Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, State, Tier} from "../contracts/interfaces/Types.sol";
import {GameBase} from "./GameBase.sol";
import {Shipped} from "./Shipped.sol";
import {Trees} from "./Trees.sol";

/// From the posting to the settlement with the real fault proofs: a tensor as large as the largest of a 25M-MAC CNN
/// ([1, 112, 112, 64], a tree of six levels) through a table, one cell of which is false and withheld.
contract DisputeGameRealTest is GameBase {
    using Trees for bytes32[][];

    event log_named_uint(string key, uint256 val);

    uint256 private constant TYPE = 1 << 128 | 1 << 96 | 112 << 64 | 112 << 32 | 64;
    uint256 private constant TABLE_TYPE = 1 << 128 | 1 << 96 | 1 << 64 | 1 << 32 | 256;
    uint256 private constant SIZE = 112 * 112 * 64;
    uint256 private constant FALSE_CELL = 700_001;

    bytes32 private version;
    bytes32[] private digests;
    bytes32[] private roots;

    function setUp() public override {
        super.setUp();
        _deployGame(Shipped.faultProofs(), _gameParams());
        _approveAll();
        digests.push(sha256(abi.encodePacked(_inputWords())));
        digests.push(sha256(abi.encodePacked(_tableWords())));
        Publication memory p = _publication("labs", "real", "1.0.0", "manifest of the real model");
        p.keys = new TierKey[](1);
        p.keys[0] = TierKey(Tier.Optimistic, _key(Trees.overHashes(digests).root(), 2, 1, 1));
        p.usePrice = ONE;
        (, version) = _publish(OWNER, p);
    }

    // ---------------------------------------------------------------- the model and a run of it

    function _inputWords() private pure returns (uint256[] memory words) {
        words = new uint256[](4);
        (words[1], words[3]) = (TYPE, uint256(sha256("x")));
    }

    /// @dev The cell's value is the operand's with every bit turned.
    function _tableWords() private view returns (uint256[] memory words) {
        words = new uint256[](7);
        (words[0], words[1], words[2]) = (5, TYPE, 2);
        (words[3], words[4]) = (TYPE, 0);
        (words[5], words[6]) = (TABLE_TYPE | 1 << 255, uint256(_tensorRoot(TABLE_TYPE, _table())));
    }

    function _table() private pure returns (bytes memory table) {
        table = new bytes(256);
        for (uint256 i = 0; i < 256; ++i) {
            // At i lies what i - 128 becomes.
            table[i] = bytes1(uint8(i ^ 0x7f));
        }
    }

    function _input() private pure returns (bytes memory data) {
        data = new bytes(SIZE);
        for (uint256 i = 0; i < SIZE; i += 32) {
            bytes32 word = keccak256(abi.encode(i));
            assembly ("memory-safe") {
                mstore(add(add(data, 0x20), i), word)
            }
        }
    }

    function _output(bool lie) private pure returns (bytes memory data) {
        data = _input();
        for (uint256 i = 0; i < SIZE; i += 32) {
            assembly ("memory-safe") {
                let at := add(add(data, 0x20), i)
                mstore(at, not(mload(at)))
            }
        }
        if (lie) data[FALSE_CELL] = bytes1(uint8(data[FALSE_CELL]) ^ 1);
    }

    function _submitted(bool lie) private returns (bytes32 jobId, Terms memory terms) {
        delete roots;
        roots.push(_tensorRoot(TYPE, _input()));
        roots.push(_tensorRoot(TYPE, _output(lie)));
        Request memory request = _request(AuctionKind.Fixed, Tier.Optimistic);
        request.versionId = version;
        bytes32[] memory inputs = new bytes32[](1);
        inputs[0] = roots[0];
        request.inputCommitment = _inputCommitment(version, inputs);
        (terms,) = market.quote(request);
        vm.prank(CONSUMER);
        jobId = market.post(request, 9);
        vm.startPrank(ALICE);
        market.bid(jobId, MAX_PRICE, "");
        market.accept(jobId);
        bytes32 graph = Trees.overHashes(digests).root();
        market.submit(jobId, terms, abi.encode(graph, uint256(1), uint256(1), roots), RESULT);
        _logGas("submit (2 nodes)");
        vm.stopPrank();
    }

    /// The most nodes there are: their roots travel as calldata, are hashed to the trace root, and are logged.
    function test_aTraceOf256Nodes() public {
        for (uint256 i = 0; i < 256; ++i) {
            roots.push(keccak256(abi.encode(i)));
        }
        bytes32 graph = keccak256("a graph of 256 nodes");
        Publication memory p = _publication("labs", "deep", "1.0.0", "manifest of the deep model");
        p.keys = new TierKey[](1);
        p.keys[0] = TierKey(Tier.Optimistic, _key(graph, 256, 1, 1));
        Request memory request = _request(AuctionKind.Fixed, Tier.Optimistic);
        (, request.versionId) = _publish(OWNER, p);
        bytes32[] memory inputs = new bytes32[](1);
        inputs[0] = roots[0];
        request.inputCommitment = _inputCommitment(request.versionId, inputs);
        (Terms memory terms,) = market.quote(request);
        vm.prank(CONSUMER);
        bytes32 jobId = market.post(request, 9);
        vm.startPrank(ALICE);
        market.bid(jobId, MAX_PRICE, "");
        market.accept(jobId);
        bytes memory evidence = abi.encode(graph, uint256(1), uint256(1), roots);
        market.submit(jobId, terms, evidence, RESULT);
        _logGas("submit (256 nodes)");
        vm.stopPrank();
        emit log_named_uint(
            "FLOOR: submit (256 nodes)", _floor(abi.encodeCall(market.submit, (jobId, terms, evidence, RESULT)))
        );
        vm.assertEq(game.traceOf(jobId).traceRoot, Trees.overHashes(roots).root());
        _needState(jobId, State.Submitted);
    }

    /// @dev What a transaction with this calldata costs at least from Prague on (EIP-7623).
    function _floor(bytes memory data) private pure returns (uint256 gas) {
        gas = 21_000;
        for (uint256 i = 0; i < data.length; ++i) {
            gas += data[i] == 0 ? 10 : 40;
        }
    }

    function _opening(bytes memory data, uint256 leaf, bytes32[] memory path) private view returns (Opening memory o) {
        o.leaves = new uint32[](1);
        o.leaves[0] = uint32(leaf);
        o.data = Trees.leaf(data, leaf);
        o.siblings = Trees.overBytes(data).path(leaf);
        o.path = path;
    }

    /// @dev By a call of its own, whose memory is free again then.
    function faultAt(uint256 index, bool lie) external view returns (CellFault memory fault) {
        fault.node = 1;
        fault.descriptor = _tableWords();
        fault.graphPath = Trees.overHashes(digests).path(1);
        fault.index = index;
        fault.output = _opening(_output(lie), index / Trees.LEAF, Trees.overHashes(roots).path(1));
        fault.operands = new Opening[](2);
        fault.operands[0] = _opening(_input(), index / Trees.LEAF, Trees.overHashes(roots).path(0));
        fault.operands[1] = _opening(_table(), 0, new bytes32[](0));
    }

    function _logGas(string memory what) private {
        emit log_named_uint(string.concat("GAS: ", what), vm.lastCallGas().gasTotalUsed);
    }

    // ---------------------------------------------------------------- plays

    function test_oneTransactionConvicts() public {
        (bytes32 jobId, Terms memory terms) = _submitted(true);
        CellFault memory fault = this.faultAt(FALSE_CELL, true);
        bytes32 salt = _commitTo(CAROL, jobId, 1, FALSE_CELL);
        vm.prank(CAROL);
        game.prove(jobId, fault, salt);
        _logGas("prove");
        _needState(jobId, State.Rejected);
        market.settle(jobId, terms);
        _logGas("settle a rejected job");
        vm.assertEq(market.creditOf(CAROL), MAX_PRICE);
        _needSettled(jobId, State.Rejected);
    }

    function test_anHonestRunIsNotConvicted() public {
        (bytes32 jobId,) = _submitted(false);
        CellFault memory fault = this.faultAt(FALSE_CELL, false);
        bytes32 salt = _commitTo(CAROL, jobId, 1, FALSE_CELL);
        vm.expectPartialRevert(IFaultProofErrors.CellConsistent.selector);
        vm.prank(CAROL);
        game.prove(jobId, fault, salt);
        // Nor by the leaf of a run that the provider did not commit to, nor as of another type.
        fault = this.faultAt(FALSE_CELL, true);
        salt = _commitTo(CAROL, jobId, 1, FALSE_CELL);
        vm.expectPartialRevert(IFaultProofErrors.RootMismatch.selector);
        vm.prank(CAROL);
        game.prove(jobId, fault, salt);
        HeaderFault memory header;
        (header.node, header.descriptor, header.graphPath) = (1, fault.descriptor, fault.graphPath);
        (header.typeWord, header.treeRoot) = (TYPE, Trees.overBytes(_output(false)).root());
        header.path = fault.output.path;
        salt = _commitTo(CAROL, jobId, 1, TYPE);
        vm.expectPartialRevert(IFaultProofErrors.HeaderConsistent.selector);
        vm.prank(CAROL);
        game.proveHeader(jobId, header, salt);
    }

    /// The provider made the root with another type, so that nobody could read what lies behind it.
    function test_aFalseHeader() public {
        (bytes32 jobId,) = _submittedWithHeader(TABLE_TYPE);
        HeaderFault memory header;
        (header.node, header.descriptor) = (1, _tableWords());
        header.graphPath = Trees.overHashes(digests).path(1);
        (header.typeWord, header.treeRoot) = (TABLE_TYPE, Trees.overBytes(_output(false)).root());
        header.path = Trees.overHashes(roots).path(1);
        bytes32 salt = _commitTo(CAROL, jobId, 1, TABLE_TYPE);
        vm.prank(CAROL);
        game.proveHeader(jobId, header, salt);
        _logGas("prove a header");
        _needState(jobId, State.Rejected);
    }

    function _submittedWithHeader(uint256 typeWord) private returns (bytes32 jobId, Terms memory terms) {
        Request memory request = _request(AuctionKind.Fixed, Tier.Optimistic);
        request.versionId = version;
        roots.push(_tensorRoot(TYPE, _input()));
        roots.push(_tensorRoot(typeWord, _output(false)));
        bytes32[] memory inputs = new bytes32[](1);
        inputs[0] = roots[0];
        request.inputCommitment = _inputCommitment(version, inputs);
        (terms,) = market.quote(request);
        vm.prank(CONSUMER);
        jobId = market.post(request, 9);
        vm.startPrank(ALICE);
        market.bid(jobId, MAX_PRICE, "");
        market.accept(jobId);
        bytes32 graph = Trees.overHashes(digests).root();
        market.submit(jobId, terms, abi.encode(graph, uint256(1), uint256(1), roots), RESULT);
        vm.stopPrank();
    }

    /// The challenger knows its own tensor and not the liar's leaf: three rounds, the leaf, and the proof.
    function test_aWithheldCellConvicts() public {
        (bytes32 jobId, Terms memory terms) = _submitted(true);
        bytes32[][] memory own = Trees.overBytes(_output(false));
        bytes32[][] memory liars = Trees.overBytes(_output(true));
        Challenge memory challenge = Challenge({
            node: 1,
            descriptor: _tableWords(),
            graphPath: Trees.overHashes(digests).path(1),
            tensorRoot: roots[1],
            tracePath: Trees.overHashes(roots).path(1)
        });
        bytes32 salt = _commitTo(CAROL, jobId, 1, OPENING);
        _logGas("commit");
        vm.prank(CAROL);
        bytes32 gameId = game.open(jobId, challenge, salt);
        _logGas("open");
        uint256 rounds = 0;
        while (game.gameOf(gameId).phase != Phase.Leaf) {
            Game memory g = game.gameOf(gameId);
            bytes32[] memory shown = liars.under(g.below, g.position, 2);
            vm.prank(ALICE);
            game.post(gameId, shown);
            _logGas("post");
            bytes32[] memory known = own.under(g.below, g.position, 2);
            uint256 at = 0;
            while (shown[at] == known[at]) ++at;
            vm.prank(CAROL);
            game.pick(gameId, at, shown);
            _logGas("pick");
            ++rounds;
        }
        vm.assertEq(rounds, 3);
        uint256 position = game.gameOf(gameId).position;
        vm.assertEq(position, FALSE_CELL / Trees.LEAF);
        bytes memory data = Trees.leaf(_output(true), position);
        vm.prank(ALICE);
        game.leaf(gameId, data);
        _logGas("leaf");
        CellFault memory fault = this.faultAt(FALSE_CELL, true);
        vm.prank(CAROL);
        game.proveInGame(gameId, fault);
        _logGas("prove in the game");
        market.settle(jobId, terms);
        vm.assertEq(market.creditOf(CAROL), MAX_PRICE);
        vm.assertEq(game.creditOf(CAROL), BOND);
        _needSettled(jobId, State.Rejected);
        _needBalance(0, 0);
    }
}
