// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ZkVerifier} from "../contracts/ZkVerifier.sol";
import {IJobMarketErrors} from "../contracts/errors/IJobMarketErrors.sol";
import {IZkVerifierErrors} from "../contracts/errors/IZkVerifierErrors.sol";
import {Publication, TierKey} from "../contracts/interfaces/IAssetRegistry.sol";
import {Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, State, Tier} from "../contracts/interfaces/Types.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {MarketBase} from "./MarketBase.sol";
import {ZkFixtures} from "./ZkFixtures.sol";

/// A zk job from the posting to the payment with real proofs, and every way to be paid without having done it.
contract ZkJobTest is MarketBase, ZkFixtures {
    ZkVerifier private zk;
    Proof private good;

    function setUp() public override {
        super.setUp();
        zk = _deployZk();
        _deployMarket(address(zk), _params());
        vm.prank(CONSUMER);
        token.approve(address(market), type(uint256).max);
        _stake(ALICE, 1_000 * ONE);
        _stake(BOB, 1_000 * ONE);
        good = _load("good");
        _register(good.vka);
        versionId = _publishModel("zk", good);
    }

    function _publishModel(string memory name, Proof memory proof) private returns (bytes32 version) {
        Publication memory p = _publication("labs", name, "1.0.0", name);
        p.keys = new TierKey[](1);
        p.keys[0] = TierKey(Tier.Zk, _keyOf(proof));
        (, version) = _publish(OWNER, p);
    }

    /// @dev A job on `proof`'s input under `version` whose lease `provider` holds and has accepted.
    function _zkJob(bytes32 version, Proof memory proof, address provider, uint256 nonce)
        private
        returns (bytes32 jobId, Terms memory terms)
    {
        Request memory request = _request(AuctionKind.Fixed, Tier.Zk);
        request.versionId = version;
        request.inputCommitment = _inputCommitmentOf(proof, version);
        request.verificationWindow = 0;
        (terms,) = market.quote(request);
        vm.prank(CONSUMER);
        jobId = market.post(request, nonce);
        _bid(jobId, provider, MAX_PRICE);
        vm.prank(provider);
        market.accept(jobId);
    }

    function _hand(bytes32 jobId, Terms memory terms, Proof memory proof, address provider) private {
        vm.prank(provider);
        market.submit(jobId, terms, _evidence(proof), RESULT);
    }

    /// @dev The evidence is refused, nobody is credited, and the clock runs out on the provider.
    function _unpaid(bytes32 jobId, Terms memory terms, Proof memory proof, bytes memory reason) private {
        bytes memory evidence = _evidence(proof);
        vm.expectRevert(reason);
        vm.prank(ALICE);
        market.submit(jobId, terms, evidence, RESULT);
        _needState(jobId, State.Ready);
        vm.assertEq(market.totalCredit(), 0);
        vm.warp(block.timestamp + 1 hours);
        market.settle(jobId, terms);
        vm.assertEq(market.creditOf(ALICE), 0);
        vm.assertEq(market.creditOf(CONSUMER), MAX_PRICE + ONE);
        _needSettled(jobId, State.Defaulted);
    }

    function test_aTrueProofIsPaidAtOnce() public {
        (bytes32 jobId, Terms memory terms) = _zkJob(versionId, good, ALICE, 1);
        _hand(jobId, terms, good, ALICE);
        vm.assertEq(market.jobOf(jobId).outputCommitment, _outputCommitmentOf(good));
        vm.assertEq(market.creditOf(ALICE), 99 * ONE);
        _needSettled(jobId, State.Accepted);
    }

    function test_notForAnotherInput() public {
        (bytes32 jobId, Terms memory terms) = _zkJob(versionId, good, ALICE, 1);
        Proof memory other = _load("otherInput");
        _unpaid(
            jobId,
            terms,
            other,
            abi.encodeWithSelector(
                IZkVerifierErrors.InputMismatch.selector,
                jobId,
                _inputCommitmentOf(good, versionId),
                _inputCommitmentOf(other, versionId)
            )
        );
    }

    function test_notForAnotherModel() public {
        (bytes32 jobId, Terms memory terms) = _zkJob(versionId, good, ALICE, 1);
        Proof memory other = _load("otherModel");
        _register(other.vka);
        _unpaid(
            jobId,
            terms,
            other,
            abi.encodeWithSelector(IZkVerifierErrors.KeyMismatch.selector, jobId, _keyOf(good), _keyOf(other))
        );
    }

    function test_notWithAReferenceStringOfHisOwn() public {
        Proof memory own = _load("ownSrs");
        _register(own.vka);
        bytes32 version = _publishModel("own", own);
        (bytes32 jobId, Terms memory terms) = _zkJob(version, own, ALICE, 1);
        _unpaid(
            jobId,
            terms,
            own,
            abi.encodeWithSelector(IZkVerifierErrors.SrsMismatch.selector, jobId, 20, good.vka[20], own.vka[20])
        );
    }

    function test_notForAPaddedProof() public {
        (bytes32 jobId, Terms memory terms) = _zkJob(versionId, good, ALICE, 1);
        Proof memory padded = good;
        padded.proof = abi.encodePacked(good.proof, bytes32(0));
        _unpaid(
            jobId,
            terms,
            padded,
            abi.encodeWithSelector(
                IZkVerifierErrors.ProofLengthMismatch.selector, jobId, padded.proof.length - 32, padded.proof.length
            )
        );
    }

    function test_notForSomebodyElsesLease() public {
        (bytes32 jobId, Terms memory terms) = _zkJob(versionId, good, ALICE, 1);
        // Bob copies Alice's transaction from the mempool.
        bytes memory evidence = _evidence(good);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.NotLeaseHolder.selector, jobId, ALICE, BOB));
        vm.prank(BOB);
        market.submit(jobId, terms, evidence, RESULT);
        _hand(jobId, terms, good, ALICE);
        vm.assertEq(market.creditOf(BOB), 0);
    }

    /// Inside a multicall, or another contract's call, no transaction's calldata is a plain `submit`: the log has the outputs.
    function test_outputsStandInTheLogWhoeverCalls() public {
        (bytes32 jobId, Terms memory terms) = _zkJob(versionId, good, ALICE, 1);
        bytes[] memory calls = new bytes[](1);
        calls[0] = abi.encodeCall(market.submit, (jobId, terms, _evidence(good), RESULT));
        vm.expectEmit(address(zk));
        emit ZkVerifier.ProofAccepted(jobId, versionId, ALICE, good.inputs, good.instances);
        vm.prank(ALICE);
        market.multicall(calls);
        vm.assertEq(market.jobOf(jobId).outputCommitment, _outputCommitmentOf(good));
        _needSettled(jobId, State.Accepted);
    }

    function test_notForEvidenceThatOthersCannotRead() public {
        (bytes32 jobId, Terms memory terms) = _zkJob(versionId, good, ALICE, 1);
        bytes memory evidence = abi.encodePacked(_evidence(good), bytes32(0));
        vm.expectRevert(abi.encodeWithSelector(IZkVerifierErrors.EvidenceNotCanonical.selector, jobId));
        vm.prank(ALICE);
        market.submit(jobId, terms, evidence, RESULT);
    }

    function test_notTwice() public {
        (bytes32 jobId, Terms memory terms) = _zkJob(versionId, good, ALICE, 1);
        _hand(jobId, terms, good, ALICE);
        uint256 paid = market.creditOf(ALICE);
        bytes memory evidence = _evidence(good);
        vm.expectRevert(_inState(jobId, State.Ready, State.Accepted));
        vm.prank(ALICE);
        market.submit(jobId, terms, evidence, RESULT);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.JobAlreadySettled.selector, jobId, START));
        market.settle(jobId, terms);
        vm.assertEq(market.creditOf(ALICE), paid);
    }

    /// Two jobs on one model and input have one true answer: a proof serves both (docs/job.md says so).
    function test_aProofServesTheSameQuestionAskedTwice() public {
        (bytes32 first, Terms memory terms) = _zkJob(versionId, good, ALICE, 1);
        (bytes32 second,) = _zkJob(versionId, good, BOB, 2);
        _hand(first, terms, good, ALICE);
        _hand(second, terms, good, BOB);
        vm.assertEq(market.jobOf(first).outputCommitment, market.jobOf(second).outputCommitment);
    }

    /// The consumer committed to one input and delivers another: the provider, who compares them, does not accept.
    function test_nobodyIsSlashedForAnInputThatNeverCame() public {
        Request memory request = _request(AuctionKind.Fixed, Tier.Zk);
        request.versionId = versionId;
        (Terms memory terms,) = market.quote(request);
        vm.prank(CONSUMER);
        bytes32 jobId = market.post(request, 1);
        _bid(jobId, ALICE, MAX_PRICE);
        vm.warp(block.timestamp + 5 minutes);
        market.settle(jobId, terms);
        // The small symmetric fee, and nothing of it to the consumer.
        vm.assertEq(_stakeOf(ALICE), 1_000 * ONE - ONE / 2);
        vm.assertEq(market.creditOf(CONSUMER), MAX_PRICE - ONE / 2);
        vm.assertEq(market.creditOf(BURN_ADDRESS), ONE / 2);
        _needSettled(jobId, State.Undelivered);
    }
}
