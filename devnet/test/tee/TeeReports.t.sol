// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommitmentErrors} from "../../contracts/errors/ICommitmentErrors.sol";
import {IComplaintErrors} from "../../contracts/errors/IComplaintErrors.sol";
import {IQuoteProofsErrors} from "../../contracts/errors/IQuoteProofsErrors.sol";
import {ITeeVerifierErrors as Errors} from "../../contracts/errors/ITeeVerifierErrors.sol";
import {IAttesterSet} from "../../contracts/interfaces/IAttesterSet.sol";
import {IJobMarketErrors} from "../../contracts/errors/IJobMarketErrors.sol";
import {Terms} from "../../contracts/interfaces/IJobMarket.sol";
import {Attestation, QuoteFault} from "../../contracts/interfaces/IQuoteProofs.sol";
import {Falsehood, ITeeVerifier, TeeResult} from "../../contracts/interfaces/ITeeVerifier.sol";
import {State, Verdict} from "../../contracts/interfaces/Types.sol";
import {BURN_ADDRESS} from "../../contracts/libraries/Limits.sol";
import {TeeBase} from "./TeeBase.sol";

/// What convicts attesters and rejects jobs, and what does neither.
contract TeeReportsTest is TeeBase {
    bytes[] private none;

    /// @dev A job whose quote says something else than its attestation: two attesters lied.
    function _lied() private returns (bytes32 jobId, Terms memory terms, TeeResult memory result, bytes memory quote) {
        (jobId, terms) = _teeReady(POLICY);
        quote = _quoteOf(keccak256("of another job"));
        result = _result(jobId, quote);
        _submit(jobId, terms, result);
    }

    /// @dev A job whose quote says the right thing and is signed by nobody.
    function _forged()
        private
        returns (bytes32 jobId, Terms memory terms, TeeResult memory result, bytes memory quote)
    {
        (jobId, terms) = _teeReady(POLICY);
        quote = _unsignedQuoteOf(_reportData(jobId));
        result = _result(jobId, quote);
        _submit(jobId, terms, result);
    }

    function _complain(bytes32 jobId) private {
        vm.prank(CONSUMER);
        tee.complain(jobId);
    }

    function _answer(bytes32 jobId, Attestation memory a, bytes memory quote) private {
        vm.prank(ALICE);
        tee.answer(jobId, SALT, OUTPUTS, a, quote);
    }

    function _needVerdict(bytes32 jobId, Verdict expected) private view {
        vm.assertEq(uint256(tee.verdictOf(jobId)), uint256(expected), "verdict");
    }

    // ---------------------------------------------------------------- contradiction

    function test_aContradictionRejectsAndSlashesWhoSigned() public {
        (bytes32 jobId, Terms memory terms, TeeResult memory result, bytes memory quote) = _lied();
        bytes32 digest = tee.attestationDigest(result.attestation);
        _commitTo(REPORTER, digest);
        vm.expectEmit(address(tee));
        emit ITeeVerifier.AttestationDisproved(digest, REPORTER, QuoteFault.ReportData);
        vm.expectEmit(address(attesters));
        emit IAttesterSet.AttesterRemoved(_attester(0));
        vm.expectEmit(address(attesters));
        emit IAttesterSet.AttesterSlashed(_attester(0), REPORTER, MIN_STAKE, MIN_STAKE / 2);
        vm.prank(REPORTER);
        tee.contradiction(result.attestation, result.signatures, quote, SALT);

        uint256 lost = 2 * uint256(MIN_STAKE) + ONE;
        vm.assertEq(_stakeAt(0) + _stakeAt(1), 0);
        vm.assertEq(_stakeAt(2), MIN_STAKE + 2 * ONE, "who did not sign");
        vm.assertEq(attesters.creditOf(REPORTER), lost / 2);
        vm.assertEq(attesters.creditOf(BURN_ADDRESS), lost - lost / 2);
        vm.assertEq(attesters.members().length, 1);
        Falsehood memory found = tee.falsehoodOf(digest);
        vm.assertEq(found.reporter, REPORTER);
        vm.assertEq(found.provenAt, block.timestamp);
        _needFault(found.fault, QuoteFault.ReportData);

        _needState(jobId, State.Rejected);
        vm.assertEq(tee.challengerOf(jobId), REPORTER);
        uint256 lock = terms.snapshot.lock;
        market.settle(jobId, terms);
        vm.assertEq(market.creditOf(REPORTER), lock / 2);
        _needSettled(jobId, State.Rejected);
        _needTeeSound(0);
        vm.prank(REPORTER);
        vm.assertEq(attesters.withdraw(), lost / 2);
        vm.assertEq(attesters.burn(), lost - lost / 2);
        _needTeeSound(0);
    }

    /// The quote alone disproves: signatures may come later, and bring their own reporter the reward.
    function test_signaturesMayComeLater() public {
        (bytes32 jobId,, TeeResult memory result, bytes memory quote) = _lied();
        _contradict(result.attestation, none, quote);
        _needVerdict(jobId, Verdict.Rejected);
        vm.assertEq(_stakeAt(0), MIN_STAKE);
        bytes32 digest = tee.attestationDigest(result.attestation);
        _commitTo(BOB, digest);
        vm.warp(block.timestamp + 10 minutes);
        vm.prank(BOB);
        tee.contradiction(result.attestation, result.signatures, quote, SALT);
        vm.assertEq(_stakeAt(0) + _stakeAt(1), 0);
        vm.assertEq(attesters.creditOf(BOB), (2 * MIN_STAKE + ONE) / 2);
        // The job's challenger stays the first.
        vm.assertEq(tee.challengerOf(jobId), REPORTER);
        vm.assertEq(tee.falsehoodOf(digest).provenAt, block.timestamp - 10 minutes);
    }

    function test_whoWasSlashedOnceHasNothingMoreToLose() public {
        (,, TeeResult memory result, bytes memory quote) = _lied();
        // Another false one, signed by the first two before they were found out.
        Attestation memory second = _attestationOf("two", keccak256("a lie"), quote);
        bytes[] memory signatures = _signed(second);
        _contradict(result.attestation, result.signatures, quote);
        uint256 reward = attesters.creditOf(REPORTER);
        _contradict(second, signatures, quote);
        vm.assertEq(attesters.creditOf(REPORTER), reward);
        vm.assertEq(tee.falsehoodOf(tee.attestationDigest(second)).reporter, REPORTER);
        _needTeeSound(0);
        // A deposit that comes later is at stake for it too, and is no membership.
        _deposit(_attester(0), MIN_STAKE);
        vm.assertFalse(attesters.isActive(_attester(0)), "active");
        _contradict(second, signatures, quote);
        vm.assertEq(attesters.creditOf(REPORTER), reward + MIN_STAKE / 2);
        _needTeeSound(0);
    }

    /// Signed before a removal, or before its signer left: slashable while the stake unbonds.
    function test_whatWasSignedBeforeARemovalIsSlashable() public {
        (,, TeeResult memory result, bytes memory quote) = _lied();
        vm.prank(GOVERNANCE);
        attesters.remove(_attester(0));
        vm.prank(_attester(1));
        attesters.leave();
        vm.warp(block.timestamp + 30 days - 1);
        uint256 before = token.balanceOf(_attester(0));
        vm.expectRevert();
        vm.prank(_attester(0));
        attesters.withdrawStake();
        _contradict(result.attestation, result.signatures, quote);
        vm.assertEq(_stakeAt(0) + _stakeAt(1), 0);
        vm.warp(block.timestamp + 1 days);
        vm.expectRevert();
        vm.prank(_attester(0));
        attesters.withdrawStake();
        vm.assertEq(token.balanceOf(_attester(0)), before);
        _needTeeSound(0);
    }

    function test_aTrueAttestationIsNotContradicted() public {
        (bytes32 jobId,, TeeResult memory result, bytes memory quote) = _handedIn();
        bytes32 digest = tee.attestationDigest(result.attestation);
        _commitTo(REPORTER, digest);
        vm.expectRevert(abi.encodeWithSelector(Errors.NoContradiction.selector, digest));
        vm.prank(REPORTER);
        tee.contradiction(result.attestation, result.signatures, quote, SALT);
        // Nor by other bytes than its own.
        bytes memory other = _quoteOf("another");
        vm.expectRevert(
            abi.encodeWithSelector(
                IQuoteProofsErrors.QuoteMismatch.selector, result.attestation.quoteDigest, sha256(other)
            )
        );
        vm.prank(REPORTER);
        tee.contradiction(result.attestation, result.signatures, other, SALT);
        _needState(jobId, State.Submitted);
    }

    /// A report is its sender's: who copies it from the mempool has no commitment of his own.
    function test_aReportNeedsAnOlderCommitment() public {
        (,, TeeResult memory result, bytes memory quote) = _lied();
        bytes32 digest = tee.attestationDigest(result.attestation);
        bytes32 commitment =
            keccak256(abi.encode(keccak256("mlm/tee-report/1"), block.chainid, address(tee), REPORTER, digest, SALT));
        vm.expectRevert(abi.encodeWithSelector(ICommitmentErrors.CommitmentMissing.selector, REPORTER, commitment));
        vm.prank(REPORTER);
        tee.contradiction(result.attestation, result.signatures, quote, SALT);
        vm.prank(REPORTER);
        tee.commit(commitment);
        vm.expectRevert(abi.encodeWithSelector(ICommitmentErrors.CommitmentTooYoung.selector, commitment, block.number));
        vm.prank(REPORTER);
        tee.contradiction(result.attestation, result.signatures, quote, SALT);
        vm.roll(block.number + 1);
        vm.expectRevert();
        vm.prank(BOB);
        tee.contradiction(result.attestation, result.signatures, quote, SALT);
        vm.prank(REPORTER);
        tee.contradiction(result.attestation, result.signatures, quote, SALT);
    }

    function test_anAttestationThatIsKnownToBeFalseIsNotHandedIn() public {
        (bytes32 jobId, Terms memory terms) = _teeReady(POLICY);
        bytes memory quote = _quoteOf(keccak256("of another job"));
        TeeResult memory result = _result(jobId, quote);
        _contradict(result.attestation, none, quote);
        bytes32 digest = tee.attestationDigest(result.attestation);
        vm.expectRevert(abi.encodeWithSelector(Errors.AttestationFalse.selector, digest));
        _submit(jobId, terms, result);
        _needState(jobId, State.Ready);
    }

    /// After the window nothing changes the verdict; the stake is lost all the same.
    function test_aReportThatIsLateSlashesAndRejectsNothing() public {
        (bytes32 jobId, Terms memory terms, TeeResult memory result, bytes memory quote) = _lied();
        vm.warp(block.timestamp + 1 days);
        _contradict(result.attestation, result.signatures, quote);
        vm.assertEq(_stakeAt(0) + _stakeAt(1), 0);
        _needVerdict(jobId, Verdict.Pending);
        vm.assertEq(tee.challengerOf(jobId), address(0));
        market.settle(jobId, terms);
        _needSettled(jobId, State.Accepted);
    }

    function test_aReportInTheLastSecondRejects() public {
        (bytes32 jobId, Terms memory terms, TeeResult memory result, bytes memory quote) = _lied();
        vm.warp(block.timestamp + 1 days - 1);
        _contradict(result.attestation, none, quote);
        vm.warp(block.timestamp + 30 days);
        _needState(jobId, State.Rejected);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Rejected);
    }

    function test_theListOfSignersIsChecked() public {
        (,, TeeResult memory result, bytes memory quote) = _lied();
        bytes[] memory signatures = result.signatures;
        (signatures[0], signatures[1]) = (signatures[1], signatures[0]);
        _commitTo(REPORTER, tee.attestationDigest(result.attestation));
        vm.expectRevert(abi.encodeWithSelector(Errors.SignersUnsorted.selector, 1, _attester(1), _attester(0)));
        vm.prank(REPORTER);
        tee.contradiction(result.attestation, signatures, quote, SALT);
    }

    // ---------------------------------------------------------------- the dear path

    function test_aFalseChainRejectsAndSlashesWhoSigned() public {
        (bytes32 jobId, Terms memory terms, TeeResult memory result, bytes memory quote) = _forged();
        uint256 before = token.balanceOf(REPORTER);
        bytes32 digest = tee.attestationDigest(result.attestation);
        _commitTo(REPORTER, digest);
        vm.expectEmit(address(tee));
        emit ITeeVerifier.BondReturned(digest, REPORTER, BOND);
        vm.prank(REPORTER);
        tee.falseChain(result.attestation, result.signatures, quote, SALT);
        vm.assertEq(token.balanceOf(REPORTER), before - BOND);
        vm.assertEq(tee.creditOf(REPORTER), BOND, "the bond comes back");
        vm.assertEq(_stakeAt(0) + _stakeAt(1), 0);
        _needFault(tee.falsehoodOf(tee.attestationDigest(result.attestation)).fault, QuoteFault.ReportSignature);
        _needState(jobId, State.Rejected);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Rejected);
        _needTeeSound(0);
        vm.prank(REPORTER);
        tee.withdraw();
        vm.assertEq(token.balanceOf(REPORTER), before);
    }

    function test_aTrueChainCostsTheBond() public {
        (bytes32 jobId,, TeeResult memory result, bytes memory quote) = _handedIn();
        bytes32 digest = tee.attestationDigest(result.attestation);
        _commitTo(REPORTER, digest);
        vm.expectEmit(address(tee));
        emit ITeeVerifier.ChainUpheld(digest, REPORTER, BOND);
        vm.prank(REPORTER);
        tee.falseChain(result.attestation, result.signatures, quote, SALT);
        vm.assertEq(tee.creditOf(REPORTER), 0);
        vm.assertEq(tee.creditOf(BURN_ADDRESS), BOND);
        vm.assertEq(_stakeAt(0), MIN_STAKE);
        vm.assertEq(tee.falsehoodOf(digest).provenAt, 0);
        _needState(jobId, State.Submitted);
        vm.assertEq(tee.burn(), BOND);
        _needTeeSound(0);
    }

    /// Simulated evidence that was attested as the vendor's own.
    function test_simulatedEvidenceAsRealIsAFalseChain() public {
        Attestation memory a = _attestationOf("job", _reportData("job"), _quoteOf(_reportData("job")));
        a.simulated = false;
        _accuse(a, _signed(a), _quoteOf(_reportData("job")));
        _needFault(tee.falsehoodOf(tee.attestationDigest(a)).fault, QuoteFault.QuotingEnclave);
        vm.assertEq(_stakeAt(0) + _stakeAt(1), 0);
    }

    /// m attesters that lie, and a machine whose owner has it certify a quoting enclave of its own: every signature is true.
    function test_aQuotingEnclaveOfTheProvidersOwnConvicts() public {
        (bytes32 jobId, Terms memory terms) = _teeReady(POLICY);
        (, bytes memory quote) = _simulated(FOREIGN);
        quote = _resignedQuote(_withData(quote, _reportData(jobId)));
        TeeResult memory result = _result(jobId, quote);
        _submit(jobId, terms, result);
        _accuse(result.attestation, result.signatures, quote);
        _needFault(tee.falsehoodOf(tee.attestationDigest(result.attestation)).fault, QuoteFault.QuotingEnclave);
        vm.assertEq(_stakeAt(0) + _stakeAt(1), 0);
        vm.assertEq(tee.creditOf(REPORTER), BOND, "the bond comes back");
        _needState(jobId, State.Rejected);
        _needTeeSound(0);
    }

    /// A true quote of Intel's own convicts nobody, in no way.
    function test_theRealQuoteOnTheWholeDearPath() public {
        (Attestation memory a, bytes memory quote) = _real();
        bytes[] memory signatures = _signed(a);
        _accuse(a, signatures, quote);
        vm.assertEq(tee.creditOf(BURN_ADDRESS), BOND);
        quote[500] ^= 0x01;
        a.quoteDigest = sha256(quote);
        _accuse(a, _signed(a), quote);
        vm.assertEq(_stakeAt(0) + _stakeAt(1), 0);
    }

    function test_withoutABondNoDearPath() public {
        (,, TeeResult memory result, bytes memory quote) = _forged();
        _commitTo(REPORTER, tee.attestationDigest(result.attestation));
        vm.startPrank(REPORTER);
        token.approve(address(tee), BOND - 1);
        vm.expectRevert();
        tee.falseChain(result.attestation, result.signatures, quote, SALT);
        vm.stopPrank();
        vm.assertEq(_stakeAt(0), MIN_STAKE);
    }

    /// A check that is given too little gas reverts: it never takes what it could not compute for false.
    /// forge-config: default.fuzz.runs = 256
    /// forge-config: fuzz.fuzz.runs = 10000
    function testFuzz_littleGasConvictsNobody(uint256 gasGiven) public {
        (,, TeeResult memory result, bytes memory quote) = _handedIn();
        bytes32 digest = tee.attestationDigest(result.attestation);
        _commitTo(REPORTER, digest);
        gasGiven = _within(gasGiven, 50_000, 2_500_000);
        bytes memory call = abi.encodeCall(tee.falseChain, (result.attestation, result.signatures, quote, SALT));
        vm.prank(REPORTER);
        (bool ok,) = address(tee).call{gas: gasGiven}(call);
        vm.assertEq(tee.falsehoodOf(digest).provenAt, 0);
        vm.assertEq(tee.creditOf(BURN_ADDRESS), ok ? BOND : 0);
    }

    // ---------------------------------------------------------------- equivocation

    function _equivocate(Attestation memory a, Attestation memory b) private {
        bytes memory signatureA = _sign(keys[0], a);
        bytes memory signatureB = _sign(keys[0], b);
        _commitTo(REPORTER, keccak256(abi.encode(tee.attestationDigest(a), tee.attestationDigest(b))));
        vm.prank(REPORTER);
        tee.equivocation(a, signatureA, b, signatureB, SALT);
    }

    function _refuseEquivocation(Attestation memory a, Attestation memory b, bytes memory reason) private {
        bytes memory signatureA = _sign(keys[0], a);
        bytes memory signatureB = _sign(keys[0], b);
        _commitTo(REPORTER, keccak256(abi.encode(tee.attestationDigest(a), tee.attestationDigest(b))));
        vm.expectRevert(reason);
        vm.prank(REPORTER);
        tee.equivocation(a, signatureA, b, signatureB, SALT);
    }

    function _copy(Attestation memory a) private pure returns (Attestation memory b) {
        return abi.decode(abi.encode(a), (Attestation));
    }

    function test_twoWordsOnOneQuoteCostTheStake() public {
        Attestation memory a = _attestationOf("job", "data", "bytes");
        Attestation[5] memory others = [_copy(a), _copy(a), _copy(a), _copy(a), _copy(a)];
        others[0].reportData = "other";
        others[1].measurement = "other";
        others[2].kind = 2;
        others[3].simulated = false;
        others[4].status = 1;
        uint256 lost = 0;
        for (uint256 i = 0; i < 5; ++i) {
            uint256 stake = _stakeAt(0);
            lost += stake;
            _equivocate(a, others[i]);
            vm.assertEq(_stakeAt(0), 0);
            _needTeeSound(0);
            _deposit(_attester(0), MIN_STAKE);
        }
        vm.assertEq(attesters.creditOf(REPORTER), lost / 2);
        vm.assertEq(_stakeAt(1), MIN_STAKE + ONE);
    }

    /// Neither which of the two is false nor any job's verdict follows from it.
    function test_anEquivocationRejectsNothing() public {
        (bytes32 jobId,, TeeResult memory result,) = _handedIn();
        Attestation memory other = _copy(result.attestation);
        other.measurement = "other";
        _equivocate(result.attestation, other);
        _needVerdict(jobId, Verdict.Pending);
        _needState(jobId, State.Submitted);
    }

    function test_whatCanBothBeTrueIsNoEquivocation() public {
        Attestation memory a = _attestationOf("job", "data", "bytes");
        bytes memory reason = abi.encodeWithSelector(Errors.NoEquivocation.selector);
        _refuseEquivocation(a, a, reason);
        Attestation memory b = _copy(a);
        // Later, whatever the vendor says by then; of another job; of another quote.
        (b.checkedAt, b.status) = (a.checkedAt + 1, 1);
        _refuseEquivocation(a, b, reason);
        b = _copy(a);
        b.jobId = "another";
        _refuseEquivocation(a, b, reason);
        b = _copy(a);
        (b.quoteDigest, b.reportData, b.measurement) = ("another", "another", "another");
        _refuseEquivocation(a, b, reason);
    }

    function test_twoWordsOfTwoAttestersAreNoEquivocation() public {
        Attestation memory a = _attestationOf("job", "data", "bytes");
        Attestation memory b = _copy(a);
        b.reportData = "other";
        bytes memory signatureA = _sign(keys[0], a);
        bytes memory signatureB = _sign(keys[1], b);
        _commitTo(REPORTER, keccak256(abi.encode(tee.attestationDigest(a), tee.attestationDigest(b))));
        vm.expectRevert(abi.encodeWithSelector(Errors.SignersDiffer.selector, _attester(0), _attester(1)));
        vm.prank(REPORTER);
        tee.equivocation(a, signatureA, b, signatureB, SALT);
    }

    function test_whoHasNothingLosesNothing() public {
        Attestation memory a = _attestationOf("job", "data", "bytes");
        Attestation memory b = _copy(a);
        b.reportData = "other";
        _equivocate(a, b);
        _refuseEquivocation(a, b, abi.encodeWithSelector(Errors.NothingToSlash.selector, _attester(0)));
        _needTeeSound(0);
    }

    // ---------------------------------------------------------------- complaints

    function test_anAnswerShowsOutputsAndQuote() public {
        (bytes32 jobId, Terms memory terms, TeeResult memory result, bytes memory quote) = _handedIn();
        uint256 submittedAt = block.timestamp;
        _complain(jobId);
        _needState(jobId, State.Disputed);
        _needTeeSound(1);
        vm.expectEmit(address(tee));
        emit ITeeVerifier.AttestedShown(jobId, versionId, ALICE, SALT, OUTPUTS, quote);
        _answer(jobId, result.attestation, quote);
        // In dispute while it can be disproved; then what is left of the window.
        _needState(jobId, State.Disputed);
        vm.assertEq(tee.judgedUntil(jobId), submittedAt + 1 days);
        vm.warp(block.timestamp + ANSWER);
        _needState(jobId, State.Submitted);
        vm.expectRevert(abi.encodeWithSelector(Errors.ComplaintAlreadyFiled.selector, jobId, submittedAt + ANSWER));
        _complain(jobId);
        vm.warp(submittedAt + 1 days);
        _needState(jobId, State.Accepted);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Accepted);
        vm.prank(ALICE);
        tee.collect(jobId);
        _needTeeSound(0);
    }

    function test_anAnswerNeedsTheVeryOutputsAndQuote() public {
        (bytes32 jobId,, TeeResult memory result, bytes memory quote) = _handedIn();
        _complain(jobId);
        Attestation memory other = _copy(result.attestation);
        other.quoteDigest = sha256("a quote");
        vm.expectRevert(
            abi.encodeWithSelector(
                Errors.AttestationOfAnother.selector,
                tee.attestationDigest(result.attestation),
                tee.attestationDigest(other)
            )
        );
        _answer(jobId, other, "a quote");
        vm.expectRevert(
            abi.encodeWithSelector(
                Errors.QuoteDigestMismatch.selector, jobId, result.attestation.quoteDigest, sha256("a quote")
            )
        );
        _answer(jobId, result.attestation, "a quote");
        vm.expectRevert(abi.encodeWithSelector(Errors.QuoteTooLarge.selector, jobId, 16_385, 16_384));
        _answer(jobId, result.attestation, new bytes(16_385));
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.NotLeaseHolder.selector, jobId, ALICE, BOB));
        vm.prank(BOB);
        tee.answer(jobId, SALT, OUTPUTS, result.attestation, quote);
        vm.expectPartialRevert(IComplaintErrors.OutputMismatch.selector);
        vm.prank(ALICE);
        tee.answer(jobId, SALT, "other outputs", result.attestation, quote);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.OutputsTooLarge.selector, jobId, 8_193, 8_192));
        vm.prank(ALICE);
        tee.answer(jobId, SALT, new bytes(8_193), result.attestation, quote);
        _answer(jobId, result.attestation, quote);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.ComplaintNotOpen.selector, jobId, Verdict.Accepted));
        _answer(jobId, result.attestation, quote);
    }

    function test_noAnswerRejects() public {
        (bytes32 jobId, Terms memory terms, TeeResult memory result, bytes memory quote) = _lied();
        _complain(jobId);
        vm.warp(block.timestamp + ANSWER);
        _needState(jobId, State.Rejected);
        // Nobody has shown a falsehood in time: the whole lock burns, also when somebody does later.
        _contradict(result.attestation, none, quote);
        vm.assertEq(tee.challengerOf(jobId), address(0));
        market.settle(jobId, terms);
        vm.assertEq(market.creditOf(REPORTER), 0);
        _needSettled(jobId, State.Rejected);
        vm.prank(CONSUMER);
        tee.collect(jobId);
        _needTeeSound(0);
    }

    /// A quote that was held back until the last second can still be disproved, after the window.
    function test_whatIsShownLateCanBeDisproved() public {
        (bytes32 jobId, Terms memory terms, TeeResult memory result, bytes memory quote) = _lied();
        vm.warp(block.timestamp + 1 days - 1);
        _complain(jobId);
        vm.warp(block.timestamp + ANSWER - 1);
        _answer(jobId, result.attestation, quote);
        vm.warp(block.timestamp + ANSWER - 1);
        _needState(jobId, State.Disputed);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.JobNotFinal.selector, jobId, State.Disputed));
        market.settle(jobId, terms);
        _contradict(result.attestation, result.signatures, quote);
        _needState(jobId, State.Rejected);
        vm.warp(block.timestamp + 10 days);
        _needState(jobId, State.Rejected);
        vm.assertEq(tee.challengerOf(jobId), REPORTER);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Rejected);
        // It answered: the deposit is its.
        vm.prank(ALICE);
        tee.collect(jobId);
        _needTeeSound(0);
    }

    function test_whatIsShownAndNotDisprovedStands() public {
        (bytes32 jobId, Terms memory terms, TeeResult memory result, bytes memory quote) = _lied();
        vm.warp(block.timestamp + 1 days - 1);
        _complain(jobId);
        _answer(jobId, result.attestation, quote);
        vm.warp(block.timestamp + ANSWER);
        _needState(jobId, State.Accepted);
        _contradict(result.attestation, result.signatures, quote);
        _needState(jobId, State.Accepted);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Accepted);
    }

    /// A disproof ends a complaint that waits: the consumer has its deposit back, and nobody answers any more.
    function test_aDisproofEndsAComplaint() public {
        (bytes32 jobId,, TeeResult memory result, bytes memory quote) = _lied();
        _complain(jobId);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.DepositNotDue.selector, jobId, Verdict.Disputed));
        vm.prank(CONSUMER);
        tee.collect(jobId);
        _contradict(result.attestation, none, quote);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.ComplaintNotOpen.selector, jobId, Verdict.Rejected));
        _answer(jobId, result.attestation, quote);
        vm.prank(CONSUMER);
        tee.collect(jobId);
        vm.warp(block.timestamp + 10 days);
        _needVerdict(jobId, Verdict.Rejected);
        vm.assertEq(tee.challengerOf(jobId), REPORTER);
        _needTeeSound(0);
    }

    function test_onlyTheConsumerComplainsWithinTheWindow() public {
        (bytes32 jobId,,,) = _handedIn();
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.NotConsumer.selector, jobId, CONSUMER, BOB));
        vm.prank(BOB);
        tee.complain(jobId);
        vm.warp(block.timestamp + 1 days);
        vm.expectRevert(_inState(jobId, State.Submitted, State.Accepted));
        _complain(jobId);
    }

    function test_aRejectedJobIsNotComplainedOf() public {
        (bytes32 jobId,, TeeResult memory result, bytes memory quote) = _lied();
        _contradict(result.attestation, none, quote);
        vm.expectRevert(_inState(jobId, State.Submitted, State.Rejected));
        _complain(jobId);
    }
}
