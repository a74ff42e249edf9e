// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GameParams} from "../contracts/DisputeGame.sol";
import {IDisputeGameErrors as Errors} from "../contracts/errors/IDisputeGameErrors.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {IDisputeGame, Trace} from "../contracts/interfaces/IDisputeGame.sol";
import {IFaultProofs} from "../contracts/interfaces/IFaultProofs.sol";
import {IJobMarket, Job, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {Claim} from "../contracts/interfaces/IVerifier.sol";
import {State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {HashRows} from "../contracts/libraries/HashRows.sol";
import {GameBase} from "./GameBase.sol";
import {Shipped} from "./Shipped.sol";
import {Trees} from "./Trees.sol";

contract DisputeGameCheckTest is GameBase {
    using Trees for bytes32[][];

    function _claim() private view returns (Claim memory) {
        return Claim(
            "job",
            exactVersion,
            registry.keyOf(exactVersion, Tier.Optimistic),
            _exactRequest().inputCommitment,
            ALICE,
            Tier.Optimistic,
            3,
            0
        );
    }

    function _check(Claim memory claim, bytes memory evidence) private returns (Verdict, bytes32) {
        vm.prank(address(market));
        return game.check(claim, evidence);
    }

    function _refuse(Claim memory claim, bytes memory evidence, bytes memory reason) private {
        vm.expectRevert(reason);
        _check(claim, evidence);
    }

    // ---------------------------------------------------------------- what is accepted

    function test_aSubmissionIsStoredAndLogged() public {
        (bytes32 jobId, Terms memory terms) = _readyJob();
        bytes32[] memory roots = _honest();
        vm.expectEmit(address(game));
        emit IDisputeGame.TraceCommitted(jobId, exactVersion, ALICE, graphRoot, 1, 1, roots);
        vm.prank(ALICE);
        market.submit(jobId, terms, _evidence(roots), RESULT);
        Trace memory trace = game.traceOf(jobId);
        vm.assertEq(trace.traceRoot, Trees.overHashes(roots).root());
        vm.assertEq(trace.graphRoot, graphRoot);
        vm.assertEq(uint256(trace.nodes), NODES);
        vm.assertEq(uint256(trace.inputs), 1);
        vm.assertEq(uint256(trace.convictedAt) + trace.openGames, 0);
        vm.assertEq(market.jobOf(jobId).outputCommitment, _outputCommitment(roots));
        _needVerdict(jobId, Verdict.Pending);
        _needState(jobId, State.Submitted);
        vm.warp(block.timestamp + 1 days);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Accepted);
    }

    /// The trees over rows and bytes of every size are those of the definition.
    function testFuzz_rowsAndBytes(uint256 count, uint256 size, uint256 seed) public view {
        bytes32[] memory row = new bytes32[](_within(count, 1, 256));
        for (uint256 i = 0; i < row.length; ++i) {
            row[i] = keccak256(abi.encode(seed, i));
        }
        bytes32 expected = Trees.overHashes(row).root();
        vm.assertEq(HashRows.rootOf(row), expected, "row");
        bytes memory data = new bytes(_within(size, 0, 16_384));
        for (uint256 i = 0; i < data.length; i += 17) {
            data[i] = bytes1(uint8(seed >> (i % 248)));
        }
        vm.assertEq(this.rootOfBytes(data), Trees.overBytes(data).root(), "bytes");
    }

    function rootOfBytes(bytes calldata data) external view returns (bytes32) {
        return HashRows.rootOfBytes(data);
    }

    // ---------------------------------------------------------------- what is refused

    function test_onlyTheMarket() public {
        Claim memory claim = _claim();
        bytes memory evidence = _evidence(_honest());
        vm.expectRevert(abi.encodeWithSelector(Errors.NotMarket.selector, address(market), ALICE));
        vm.prank(ALICE);
        game.check(claim, evidence);
    }

    function test_onceForEachJob() public {
        _check(_claim(), _evidence(_honest()));
        _refuse(
            _claim(),
            _evidence(_honest()),
            abi.encodeWithSelector(Errors.TraceAlreadyCommitted.selector, bytes32("job"))
        );
    }

    function test_otherTiersAndSchemes() public {
        Claim memory claim = _claim();
        claim.tier = Tier.Tee;
        bytes memory evidence = _evidence(_honest());
        _refuse(
            claim,
            evidence,
            abi.encodeWithSelector(Errors.TierMismatch.selector, claim.jobId, Tier.Optimistic, Tier.Tee)
        );
        claim = _claim();
        claim.scheme = 2;
        _refuse(claim, evidence, abi.encodeWithSelector(Errors.SchemeMismatch.selector, claim.jobId, 3, 2));
    }

    function test_oneEncodingOnly() public {
        Claim memory claim = _claim();
        bytes memory good = _evidence(_honest());
        bytes memory reason = abi.encodeWithSelector(Errors.EvidenceNotCanonical.selector, claim.jobId);
        _refuse(claim, "", reason);
        _refuse(claim, abi.encodePacked(good, uint8(0)), reason);
        _refuse(claim, abi.encodePacked(good, bytes32(0)), reason);
        // The roots begin elsewhere, or are fewer than the evidence has.
        for (uint256 word = 3; word <= 4; ++word) {
            bytes memory bad = abi.encodePacked(good);
            bad[32 * word + 31] = bytes1(uint8(bad[32 * word + 31]) - 1);
            _refuse(claim, bad, reason);
        }
    }

    function test_anotherKey() public {
        Claim memory claim = _claim();
        bytes32[] memory roots = _honest();
        bytes32 wrong = keccak256("another graph");
        bytes32 key = _key(wrong, NODES, 1, 1);
        _refuse(
            claim,
            abi.encode(wrong, 1, 1, roots),
            abi.encodeWithSelector(Errors.KeyMismatch.selector, claim.jobId, claim.key, key)
        );
        // Another number of outputs, of inputs, or of nodes.
        key = _key(graphRoot, NODES, 1, 2);
        _refuse(
            claim,
            abi.encode(graphRoot, 1, 2, roots),
            abi.encodeWithSelector(Errors.KeyMismatch.selector, claim.jobId, claim.key, key)
        );
        key = _key(graphRoot, NODES, 2, 1);
        _refuse(
            claim,
            abi.encode(graphRoot, 2, 1, roots),
            abi.encodeWithSelector(Errors.KeyMismatch.selector, claim.jobId, claim.key, key)
        );
        bytes32[] memory more = new bytes32[](NODES + 1);
        key = _key(graphRoot, NODES + 1, 1, 1);
        _refuse(
            claim,
            abi.encode(graphRoot, 1, 1, more),
            abi.encodeWithSelector(Errors.KeyMismatch.selector, claim.jobId, claim.key, key)
        );
    }

    function test_sizes() public {
        Claim memory claim = _claim();
        bytes32 id = claim.jobId;
        bytes4 count = Errors.NodeCountOutOfBounds.selector;
        _refuse(claim, abi.encode(graphRoot, 1, 1, new bytes32[](1)), abi.encodeWithSelector(count, id, 1, 2, 256));
        _refuse(claim, abi.encode(graphRoot, 1, 1, new bytes32[](257)), abi.encodeWithSelector(count, id, 257, 2, 256));
        uint256[2][5] memory bad =
            [[uint256(0), 1], [uint256(1), 0], [uint256(5), 1], [uint256(1), 5], [uint256(3), type(uint256).max]];
        for (uint256 i = 0; i < 5; ++i) {
            _refuse(
                claim,
                abi.encode(graphRoot, bad[i][0], bad[i][1], _honest()),
                abi.encodeWithSelector(Errors.InterfaceOutOfBounds.selector, id, bad[i][0], bad[i][1], NODES)
            );
        }
    }

    /// A provider that runs the model on an input of its own choice.
    function test_anotherInput() public {
        Claim memory claim = _claim();
        bytes32[] memory roots = _roots(7, 0);
        bytes32[] memory inputs = new bytes32[](1);
        inputs[0] = roots[0];
        bytes32 actual = _inputCommitment(exactVersion, inputs);
        _refuse(
            claim,
            _evidence(roots),
            abi.encodeWithSelector(Errors.InputMismatch.selector, claim.jobId, claim.inputCommitment, actual)
        );
    }

    function test_theLargestGraph() public {
        bytes32[] memory roots = new bytes32[](256);
        for (uint256 i = 0; i < 256; ++i) {
            roots[i] = keccak256(abi.encode(i));
        }
        Claim memory claim = _claim();
        claim.key = _key(graphRoot, 256, 1, 1);
        bytes32[] memory inputs = new bytes32[](1);
        inputs[0] = roots[0];
        claim.inputCommitment = _inputCommitment(exactVersion, inputs);
        (, bytes32 commitment) = _check(claim, _evidence(roots));
        vm.assertEq(commitment, keccak256(abi.encode(keccak256("mlm/out/1"), sha256(abi.encodePacked(roots[255])))));
        vm.assertEq(game.traceOf(claim.jobId).traceRoot, Trees.overHashes(roots).root());
    }

    // ---------------------------------------------------------------- deployment

    function test_deploymentWithinBounds() public {
        IJobMarket place = IJobMarket(address(market));
        GameParams memory p = _gameParams();
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "proofs"));
        Shipped.disputeGame(token, place, IFaultProofs(ANYONE), replication, p);
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "market"));
        Shipped.disputeGame(token, IJobMarket(address(0)), toy, replication, p);
        p.bond = 0;
        _refuseParams(p, "bond", 0, 1, type(uint128).max);
        p = _gameParams();
        p.clock = 1 hours - 1;
        _refuseParams(p, "clock", 1 hours - 1, 1 hours, 20 hours);
        p.clock = 20 hours + 1;
        _refuseParams(p, "clock", 20 hours + 1, 1 hours, 20 hours);
        p = _gameParams();
        p.extension = 5 minutes - 1;
        _refuseParams(p, "extension", 5 minutes - 1, 5 minutes, 3 hours);
        p.extension = 3 hours + 1;
        _refuseParams(p, "extension", 3 hours + 1, 5 minutes, 3 hours);
        // The longest extension leaves no clock at all.
        p.extension = 3 hours;
        _refuseParams(p, "clock", CLOCK, 1 hours, 0);
    }

    function _refuseParams(GameParams memory p, string memory name, uint256 actual, uint256 least, uint256 most)
        private
    {
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.ParameterOutOfBounds.selector, name, actual, least, most));
        Shipped.disputeGame(token, IJobMarket(address(market)), toy, replication, p);
    }
}
