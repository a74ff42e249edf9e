// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommitmentErrors} from "../contracts/errors/ICommitmentErrors.sol";
import {IDisputeGameErrors as Errors} from "../contracts/errors/IDisputeGameErrors.sol";
import {IFaultProofErrors} from "../contracts/errors/IFaultProofErrors.sol";
import {Challenge, End, Fault, Game, IDisputeGame, Phase} from "../contracts/interfaces/IDisputeGame.sol";
import {Terms} from "../contracts/interfaces/IJobMarket.sol";
import {State, Verdict} from "../contracts/interfaces/Types.sol";
import {GameBase} from "./GameBase.sol";
import {Trees} from "./Trees.sol";

/// Opening a tree move by move, and what each move refuses.
contract DisputeGameGameTest is GameBase {
    function _wrongPhase(bytes32 gameId, Phase expected, Phase actual) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Errors.PhaseMismatch.selector, gameId, expected, actual);
    }

    // ---------------------------------------------------------------- whole games

    function test_aGameToItsProof() public {
        (bytes32 jobId, Terms memory terms) = _lied();
        uint256 before = token.balanceOf(CAROL);
        bytes32 salt = _commitTo(CAROL, jobId, 1, OPENING);
        bytes32 gameId = keccak256(
            abi.encode(keccak256("mlm/game/1"), block.chainid, address(game), jobId, uint256(1), CAROL, salt)
        );
        uint40 deadline = uint40(block.timestamp + CLOCK);
        Challenge memory challenge = _challenge(_roots(2, 1), 1);
        vm.expectEmit(address(game));
        emit IDisputeGame.GameOpened(jobId, exactVersion, CAROL, gameId, 1, _typeOf(1), challenge.tensorRoot, deadline);
        vm.prank(CAROL);
        vm.assertEq(game.open(jobId, challenge, salt), gameId);
        vm.assertEq(token.balanceOf(CAROL), before - BOND);
        _needState(jobId, State.Disputed);
        Game memory g = game.gameOf(gameId);
        vm.assertEq(uint256(g.below), 3);
        vm.assertEq(game.firstGameOf(jobId, 1), gameId);

        bytes32[] memory hashes = _hashes(gameId, 2);
        vm.assertEq(hashes.length, 16);
        vm.expectEmit(address(game));
        emit IDisputeGame.HashesPosted(gameId, jobId, ALICE, 0, hashes, deadline);
        vm.prank(ALICE);
        game.post(gameId, hashes);
        vm.expectEmit(address(game));
        emit IDisputeGame.HashPicked(gameId, jobId, CAROL, 9, deadline);
        vm.prank(CAROL);
        game.pick(gameId, 9, hashes);
        vm.assertEq(game.gameOf(gameId).target, hashes[9]);
        hashes = _hashes(gameId, 2);
        vm.assertEq(hashes.length, 4);
        vm.prank(ALICE);
        game.post(gameId, hashes);
        _needPhase(gameId, Phase.Pick);
        vm.prank(CAROL);
        game.pick(gameId, 2, hashes);
        _needPhase(gameId, Phase.Leaf);
        g = game.gameOf(gameId);
        vm.assertEq(uint256(g.position), 9 * 4 + 2);
        vm.assertEq(uint256(g.below), 0);
        bytes memory data = Trees.leaf(_tensor(2, 1), 38);
        vm.expectEmit(address(game));
        emit IDisputeGame.LeafPosted(gameId, jobId, ALICE, 38, data, deadline);
        vm.prank(ALICE);
        game.leaf(gameId, data);
        _needPhase(gameId, Phase.Prove);
        _needBalance(1, 0);

        vm.expectEmit(address(game));
        emit IDisputeGame.GameEnded(gameId, jobId, CAROL, End.Proven);
        vm.prank(CAROL);
        game.proveInGame(gameId, _cell(1, 38 * 512));
        _needState(jobId, State.Rejected);
        vm.assertEq(game.challengerOf(jobId), CAROL);
        vm.prank(CAROL);
        game.withdraw();
        vm.assertEq(token.balanceOf(CAROL), before, "the bond came back");
        market.settle(jobId, terms);
        vm.assertEq(market.creditOf(CAROL), MAX_PRICE);
        _needSettled(jobId, State.Rejected);
        _needBalance(0, 0);
    }

    function test_paddingShownInAGame() public {
        (bytes32 jobId,) = _lied();
        bytes32 gameId = _open(CAROL, jobId, _roots(2, 1), 1);
        _playToLeaf(gameId, 2);
        vm.prank(CAROL);
        game.provePaddingInGame(gameId, _padding(1, 20_001));
        _needState(jobId, State.Rejected);
    }

    /// A tree of sixteen leaves opens in one step, one of a single leaf needs no pick: the provider's turn goes on.
    function test_lowTrees() public {
        (bytes32 jobId,) = _handIn(_honest());
        bytes32 gameId = _open(CAROL, jobId, _honest(), 2);
        _post(gameId, 1);
        _pick(gameId, 1, 15);
        _needPhase(gameId, Phase.Leaf);
        _leaf(gameId, 1);
        _needPhase(gameId, Phase.Prove);
        gameId = _open(CAROL, jobId, _honest(), 4);
        uint40 deadline = game.gameOf(gameId).deadline;
        vm.warp(block.timestamp + 1 hours);
        _post(gameId, 1);
        _needPhase(gameId, Phase.Leaf);
        vm.assertEq(uint256(game.gameOf(gameId).deadline), deadline, "one turn");
        _leaf(gameId, 1);
        _needPhase(gameId, Phase.Prove);
    }

    /// Who does not differ cannot prove, and the provider is paid.
    function test_anHonestProviderWins() public {
        (bytes32 jobId, Terms memory terms) = _handIn(_honest());
        bytes32 gameId = _open(CAROL, jobId, _honest(), 1);
        _playToLeaf(gameId, 1);
        vm.expectRevert(abi.encodeWithSelector(IFaultProofErrors.CellConsistent.selector, 1, 300, int256(1)));
        vm.prank(CAROL);
        game.proveInGame(gameId, _cell(1, 300));
        vm.warp(game.gameOf(gameId).deadline);
        game.timeout(gameId);
        _needVerdict(jobId, Verdict.Pending);
        vm.warp(block.timestamp + 1 days);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Accepted);
        _needBalance(0, 0);
    }

    // ---------------------------------------------------------------- opening

    function test_openingNeedsACommitment() public {
        (bytes32 jobId,) = _lied();
        Challenge memory challenge = _challenge(_roots(2, 1), 1);
        // One to a proof is none to a game.
        bytes32 salt = _commitTo(CAROL, jobId, 1, 77);
        bytes32 commitment = _commitment(CAROL, jobId, 1, OPENING, salt);
        vm.expectRevert(abi.encodeWithSelector(ICommitmentErrors.CommitmentMissing.selector, CAROL, commitment));
        vm.prank(CAROL);
        game.open(jobId, challenge, salt);
        vm.prank(CAROL);
        game.commit(commitment);
        vm.expectRevert(
            abi.encodeWithSelector(ICommitmentErrors.CommitmentTooYoung.selector, commitment, uint48(block.number))
        );
        vm.prank(CAROL);
        game.open(jobId, challenge, salt);
    }

    function test_openingInTheWindowOnly() public {
        (bytes32 jobId,) = _lied();
        uint256 closesAt = block.timestamp + 1 days;
        bytes32[] memory roots = _roots(2, 1);
        bytes32 salt = _commitTo(BOB, jobId, 1, OPENING);
        vm.warp(closesAt - 1);
        _open(CAROL, jobId, roots, 1);
        // The job is Disputed now, and goes on being; but nobody else joins.
        vm.warp(closesAt);
        _needState(jobId, State.Disputed);
        Challenge memory challenge = _challenge(roots, 1);
        bytes memory reason = abi.encodeWithSelector(Errors.WindowClosed.selector, jobId, closesAt);
        salt = _commitTo(BOB, jobId, 1, OPENING);
        vm.expectRevert(reason);
        vm.prank(BOB);
        game.open(jobId, challenge, salt);
    }

    function test_inputsAreNotOpened() public {
        (bytes32 jobId,) = _handIn(_honest());
        Challenge memory challenge = _challenge(_honest(), 0);
        bytes32 salt = _commitTo(CAROL, jobId, 0, OPENING);
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeNotOpenable.selector, jobId, 0, 1));
        vm.prank(CAROL);
        game.open(jobId, challenge, salt);
    }

    function test_aNodeAsTheGraphHasIt() public {
        (bytes32 jobId,) = _handIn(_honest());
        bytes32[] memory roots = _honest();
        // Another node's words: the type, and with it the depth, would be the challenger's choice.
        Challenge memory challenge = _challenge(roots, 1);
        challenge.descriptor = _words(2);
        _refuseOpening(jobId, challenge, IFaultProofErrors.DescriptorMismatch.selector);
        // A tensor root that is not the trace's, or another node's.
        challenge = _challenge(roots, 1);
        challenge.tensorRoot = _roots(2, 1)[1];
        _refuseOpening(jobId, challenge, Errors.TensorRootMismatch.selector);
        challenge = _challenge(roots, 1);
        challenge.tensorRoot = roots[2];
        challenge.tracePath = _challenge(roots, 2).tracePath;
        _refuseOpening(jobId, challenge, Errors.TensorRootMismatch.selector);
        // A path of another length.
        challenge = _challenge(roots, 1);
        challenge.tracePath = new bytes32[](2);
        _refuseOpening(jobId, challenge, IFaultProofErrors.PathLengthMismatch.selector);
    }

    function _refuseOpening(bytes32 jobId, Challenge memory challenge, bytes4 selector) private {
        bytes32 salt = _commitTo(CAROL, jobId, 1, OPENING);
        vm.expectPartialRevert(selector);
        vm.prank(CAROL);
        game.open(jobId, challenge, salt);
    }

    /// Types that no graph which was checked has: a registered key can still hold them.
    function test_typesThatNoGameCanOpen() public {
        for (uint256 i = 0; i < 2; ++i) {
            uint256 typeWord = i == 0 ? (uint256(1) << 136) | 1 : type(uint136).max;
            (bytes32 jobId,) = _handIn(_honest());
            Challenge memory challenge = _challenge(_honest(), 1);
            challenge.descriptor = new uint256[](3);
            challenge.descriptor[1] = typeWord;
            bytes32 salt = _commitTo(CAROL, jobId, 1, OPENING);
            vm.mockCall(address(toy), abi.encodePacked(toy.checkDescriptor.selector), abi.encode(typeWord));
            vm.expectRevert(abi.encodeWithSelector(Errors.TypeOutOfBounds.selector, typeWord));
            vm.prank(CAROL);
            game.open(jobId, challenge, salt);
            vm.clearMockedCalls();
        }
    }

    // ---------------------------------------------------------------- moves out of turn, and false ones

    function test_onlyWhatOpensTheTarget() public {
        (bytes32 jobId,) = _handIn(_honest());
        bytes32 gameId = _open(CAROL, jobId, _honest(), 1);
        bytes32[] memory hashes = _hashes(gameId, 1);
        bytes32[] memory few = new bytes32[](8);
        vm.expectRevert(abi.encodeWithSelector(Errors.HashCountMismatch.selector, gameId, 16, 8));
        game.post(gameId, few);
        bytes32[] memory bad = _hashes(gameId, 2);
        vm.expectPartialRevert(Errors.TargetMismatch.selector);
        game.post(gameId, bad);
        // Anybody who has them may show them.
        vm.prank(ANYONE);
        game.post(gameId, hashes);
        vm.startPrank(CAROL);
        vm.expectPartialRevert(Errors.TargetMismatch.selector);
        game.pick(gameId, 3, bad);
        vm.expectRevert(abi.encodeWithSelector(Errors.HashOutOfRange.selector, gameId, 16, 16));
        game.pick(gameId, 16, hashes);
        vm.expectRevert(abi.encodeWithSelector(Errors.HashCountMismatch.selector, gameId, 16, 8));
        game.pick(gameId, 3, few);
        game.pick(gameId, 3, hashes);
        vm.stopPrank();
        bad = _hashes(gameId, 2);
        vm.expectPartialRevert(Errors.TargetMismatch.selector);
        game.post(gameId, bad);
        _post(gameId, 1);
        _pick(gameId, 1, 3);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeafLengthMismatch.selector, gameId, 512, 511));
        game.leaf(gameId, new bytes(511));
        vm.expectPartialRevert(Errors.TargetMismatch.selector);
        game.leaf(gameId, new bytes(512));
        _leaf(gameId, 1);
    }

    function test_everyMoveInItsTurn() public {
        (bytes32 jobId,) = _handIn(_honest());
        bytes32 gameId = _open(CAROL, jobId, _honest(), 2);
        bytes32[] memory hashes = _hashes(gameId, 1);
        bytes memory data = new bytes(512);
        vm.expectRevert(_wrongPhase(gameId, Phase.Pick, Phase.Root));
        game.pick(gameId, 0, hashes);
        vm.expectRevert(_wrongPhase(gameId, Phase.Leaf, Phase.Root));
        game.leaf(gameId, data);
        vm.expectRevert(_wrongPhase(gameId, Phase.Prove, Phase.Root));
        game.proveInGame(gameId, _cell(2, 0));
        _post(gameId, 1);
        vm.expectRevert(_wrongPhase(gameId, Phase.Post, Phase.Pick));
        game.post(gameId, hashes);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotChallenger.selector, gameId, CAROL, BOB));
        vm.prank(BOB);
        game.pick(gameId, 0, hashes);
        _pick(gameId, 1, 0);
        vm.expectRevert(_wrongPhase(gameId, Phase.Post, Phase.Leaf));
        game.post(gameId, hashes);
        _leaf(gameId, 1);
        vm.expectRevert(_wrongPhase(gameId, Phase.Leaf, Phase.Prove));
        game.leaf(gameId, data);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotChallenger.selector, gameId, CAROL, BOB));
        vm.prank(BOB);
        game.proveInGame(gameId, _cell(2, 0));
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeMismatch.selector, gameId, 2, 1));
        vm.prank(CAROL);
        game.proveInGame(gameId, _cell(1, 0));
        bytes32 nothing = "nothing";
        vm.expectRevert(_wrongPhase(nothing, Phase.Root, Phase.None));
        game.timeout(nothing);
        vm.expectRevert(_wrongPhase(nothing, Phase.Root, Phase.None));
        game.reclaim(nothing);
    }

    /// A conviction ends every game: moves are refused, bonds come back.
    function test_aConvictionEndsOtherGames() public {
        (bytes32 jobId,) = _lied();
        bytes32[] memory roots = _roots(2, 1);
        bytes32 first = _open(BOB, jobId, roots, 2);
        bytes32 second = _open(DAVE, jobId, roots, 3);
        vm.expectRevert(abi.encodeWithSelector(Errors.JobNotConvicted.selector, jobId));
        game.reclaim(first);
        _prove(CAROL, jobId, 1, 77);
        bytes memory convicted = abi.encodeWithSelector(Errors.JobConvicted.selector, jobId, uint40(block.timestamp));
        bytes32[] memory hashes = _hashes(first, 2);
        vm.expectRevert(convicted);
        game.post(first, hashes);
        vm.warp(block.timestamp + 3 days);
        vm.expectRevert(convicted);
        game.timeout(first);
        _needBalance(2, 0);
        vm.expectEmit(address(game));
        emit IDisputeGame.GameEnded(first, jobId, BOB, End.Closed);
        game.reclaim(first);
        game.reclaim(second);
        vm.assertEq(game.creditOf(BOB), BOND);
        vm.assertEq(game.creditOf(DAVE), BOND);
        vm.expectRevert(_wrongPhase(first, Phase.Root, Phase.Ended));
        game.reclaim(first);
        _needVerdict(jobId, Verdict.Rejected);
        _needBalance(0, 0);
    }

    // ---------------------------------------------------------------- side by side

    function test_losingOneBarsNobody() public {
        (bytes32 jobId,) = _lied();
        bytes32[] memory roots = _roots(2, 1);
        bytes32 lost = _open(BOB, jobId, roots, 1);
        _post(lost, 2);
        vm.warp(game.gameOf(lost).deadline);
        game.timeout(lost);
        _needVerdict(jobId, Verdict.Pending);
        // The same node, by another and by the same account.
        bytes32 second = _open(CAROL, jobId, roots, 1);
        bytes32 third = _open(BOB, jobId, roots, 1);
        vm.assertTrue(second != third && third != lost);
        _playToLeaf(third, 2);
        vm.prank(BOB);
        game.proveInGame(third, _cell(1, 256));
        _needState(jobId, State.Rejected);
        vm.assertEq(game.challengerOf(jobId), CAROL, "the first on the node that has not ended");
        game.reclaim(second);
        _needBalance(0, 0);
    }

    /// The list of a node's games, whichever of them end.
    /// forge-config: default.fuzz.runs = 48
    /// forge-config: fuzz.fuzz.runs = 4000
    function testFuzz_theFirstOnANodeIsRewarded(uint8 ended) public {
        (bytes32 jobId,) = _lied();
        bytes32[] memory roots = _roots(2, 1);
        bytes32[4] memory games;
        address[4] memory people = [BOB, CAROL, DAVE, CONSUMER];
        for (uint256 i = 0; i < 4; ++i) {
            games[i] = _open(people[i], jobId, roots, 1);
            _post(games[i], 2);
            // Their clocks end one after the other.
            vm.warp(block.timestamp + 1);
        }
        vm.warp(block.timestamp + 12 hours);
        address expected = address(this);
        bytes32 first = 0;
        for (uint256 i = 0; i < 4; ++i) {
            // From the last to the first, or the other way round.
            uint256 at = ended >> 4 & 1 == 0 ? 3 - i : i;
            if (ended >> at & 1 == 1) game.timeout(games[at]);
        }
        for (uint256 i = 4; i > 0; --i) {
            if (ended >> (i - 1) & 1 == 0) (expected, first) = (people[i - 1], games[i - 1]);
        }
        vm.assertEq(game.firstGameOf(jobId, 1), first);
        bytes32 late = _open(ALICE, jobId, roots, 1);
        if (first == 0) (expected, first) = (ALICE, late);
        vm.assertEq(game.firstGameOf(jobId, 1), first);
        _prove(address(this), jobId, 1, 5);
        vm.assertEq(game.challengerOf(jobId), expected);
        for (uint256 i = 0; i < 4; ++i) {
            if (game.gameOf(games[i]).phase != Phase.Ended) game.reclaim(games[i]);
        }
        game.reclaim(late);
        vm.assertEq(game.firstGameOf(jobId, 1), 0);
        vm.assertEq(uint256(game.traceOf(jobId).openGames), 0);
        _needBalance(0, 0);
    }
}
