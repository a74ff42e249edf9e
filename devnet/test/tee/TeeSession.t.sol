// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ITeeVerifierErrors as Errors} from "../../contracts/errors/ITeeVerifierErrors.sol";
import {Terms} from "../../contracts/interfaces/IJobMarket.sol";
import {Attestation} from "../../contracts/interfaces/IQuoteProofs.sol";
import {ITeeVerifier, SessionKey, TeeResult} from "../../contracts/interfaces/ITeeVerifier.sol";
import {Claim} from "../../contracts/interfaces/IVerifier.sol";
import {State, Verdict} from "../../contracts/interfaces/Types.sol";
import {TeeBase} from "./TeeBase.sol";

/// A key that an enclave made signs results: once registered, and until it expires.
contract TeeSessionTest is TeeBase {
    uint256 private constant SECRET = 0x5E55107;
    bytes[] private none;

    function _key() private view returns (SessionKey memory key) {
        (uint256 x, uint256 y) = vm.publicKeyP256(SECRET);
        key = SessionKey(ALICE, MODEL, x, y, uint48(block.timestamp + 7 days));
    }

    function _grant(SessionKey memory key) private view returns (Attestation memory a, bytes memory quote) {
        quote = _quoteOf(_sessionData(key));
        a = _attestationOf(0, _sessionData(key), quote);
    }

    function _registered() private returns (SessionKey memory key, Attestation memory a, bytes memory quote) {
        key = _key();
        (a, quote) = _grant(key);
        tee.registerKey(key, a, _signed(a));
    }

    /// @dev What the key signs for a job.
    function _resultBy(bytes32 jobId, SessionKey memory key, Attestation memory a)
        private
        view
        returns (TeeResult memory result)
    {
        result.attestation = a;
        result.modelDigest = MODEL;
        result.measurements = _measurements();
        (result.x, result.y) = (key.x, key.y);
        result.root = _root();
        result.signatures = new bytes[](1);
        result.signatures[0] = _signP256(SECRET, _reportData(jobId, _providerKey(ALICE, key.x, key.y)));
    }

    function _refuse(Claim memory claim, TeeResult memory result, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(address(market));
        tee.check(claim, abi.encode(result));
    }

    // ---------------------------------------------------------------- registration

    function test_aKeyIsRegisteredOnce() public {
        SessionKey memory key = _key();
        (Attestation memory a,) = _grant(key);
        bytes32 digest = tee.attestationDigest(a);
        bytes[] memory signatures = _signed(a);
        vm.expectEmit(address(tee));
        emit ITeeVerifier.SessionKeyRegistered(digest, ALICE, key, a, signatures);
        vm.assertEq(tee.registerKey(key, a, signatures), digest);
        vm.assertEq(tee.sessionOf(digest), key.expiresAt);
        vm.expectRevert(abi.encodeWithSelector(Errors.SessionKeyAlreadyRegistered.selector, digest));
        tee.registerKey(key, a, signatures);
    }

    /// Whatever of the key is another than the enclave's word is refused.
    function test_everyFieldOfAKeyCounts() public {
        SessionKey memory key = _key();
        (Attestation memory a,) = _grant(key);
        bytes[] memory signatures = _signed(a);
        (uint256 x, uint256 y) = vm.publicKeyP256(7);
        SessionKey[4] memory others = [_key(), _key(), _key(), _key()];
        others[0].provider = BOB;
        others[1].modelDigest = sha256("another");
        (others[2].x, others[2].y) = (x, y);
        others[3].expiresAt += 1;
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(Errors.ReportDataMismatch.selector, _sessionData(others[i]), a.reportData)
            );
            tee.registerKey(others[i], a, signatures);
        }
    }

    function test_whatIsNoKeyIsRefused() public {
        SessionKey memory key = _key();
        key.y += 1;
        (Attestation memory a,) = _grant(key);
        bytes[] memory signatures = _signed(a);
        vm.expectRevert(abi.encodeWithSelector(Errors.SessionKeyMalformed.selector, key.x, key.y));
        tee.registerKey(key, a, signatures);
        (key.x, key.y) = (0, 0);
        vm.expectRevert(abi.encodeWithSelector(Errors.SessionKeyMalformed.selector, 0, 0));
        tee.registerKey(key, a, signatures);
    }

    function test_aKeyLivesForAWhile() public {
        SessionKey memory key = _key();
        uint256 now_ = block.timestamp;
        uint48[2] memory wrong = [uint48(now_), uint48(now_ + 14 days + 1)];
        for (uint256 i = 0; i < 2; ++i) {
            key.expiresAt = wrong[i];
            (Attestation memory a,) = _grant(key);
            bytes[] memory signatures = _signed(a);
            vm.expectRevert(
                abi.encodeWithSelector(Errors.SessionOutOfBounds.selector, wrong[i], now_ + 1, now_ + 14 days)
            );
            tee.registerKey(key, a, signatures);
        }
        key.expiresAt = uint48(now_ + 14 days);
        (Attestation memory b,) = _grant(key);
        tee.registerKey(key, b, _signed(b));
    }

    function test_aRegistrationNeedsMOfN() public {
        SessionKey memory key = _key();
        (Attestation memory a,) = _grant(key);
        vm.expectRevert(abi.encodeWithSelector(Errors.SignatureCountOutOfBounds.selector, 0, 2, 32));
        tee.registerKey(key, a, none);
        bytes[] memory signatures = _signed(a);
        vm.prank(GOVERNANCE);
        attesters.remove(_attester(1));
        vm.expectRevert(abi.encodeWithSelector(Errors.SignerNotActive.selector, _attester(1)));
        tee.registerKey(key, a, signatures);
    }

    /// A job's attestation registers nothing, nor does one that is revoked, of the future or disproved.
    function test_whichAttestationsRegisterNothing() public {
        SessionKey memory key = _key();
        (Attestation memory a, bytes memory quote) = _grant(key);
        a.jobId = "job";
        bytes[] memory signatures = _signed(a);
        vm.expectRevert(abi.encodeWithSelector(Errors.AttestationOfAnother.selector, bytes32(0), bytes32("job")));
        tee.registerKey(key, a, signatures);
        a.jobId = 0;
        a.status = 6;
        signatures = _signed(a);
        vm.expectRevert(abi.encodeWithSelector(Errors.StatusNotAccepted.selector, 6, bytes32(0)));
        tee.registerKey(key, a, signatures);
        a.status = 0;
        a.checkedAt = uint64(block.timestamp + 1);
        signatures = _signed(a);
        vm.expectRevert(abi.encodeWithSelector(Errors.CheckedInFuture.selector, block.timestamp + 1, block.timestamp));
        tee.registerKey(key, a, signatures);
        a.checkedAt = uint64(block.timestamp);
        a.measurement = "another";
        _contradict(a, none, quote);
        signatures = _signed(a);
        vm.expectRevert(abi.encodeWithSelector(Errors.AttestationFalse.selector, tee.attestationDigest(a)));
        tee.registerKey(key, a, signatures);
    }

    // ---------------------------------------------------------------- results

    function test_aKeySignsResults() public {
        (SessionKey memory key, Attestation memory a,) = _registered();
        for (uint256 i = 0; i < 2; ++i) {
            (bytes32 jobId, Terms memory terms) = _teeReady(POLICY);
            _submit(jobId, terms, _resultBy(jobId, key, a));
            vm.assertEq(tee.attestationOf(jobId), tee.attestationDigest(a));
            vm.warp(block.timestamp + 1 days);
            _needState(jobId, State.Accepted);
            market.settle(jobId, terms);
        }
        _needTeeSound(0);
    }

    /// Attesters may be gone by then: what they signed was registered.
    function test_aKeyOutlivesAMembership() public {
        (SessionKey memory key, Attestation memory a,) = _registered();
        vm.prank(GOVERNANCE);
        attesters.remove(_attester(0));
        (bytes32 jobId, Terms memory terms) = _teeReady(POLICY);
        _submit(jobId, terms, _resultBy(jobId, key, a));
        _needState(jobId, State.Submitted);
    }

    function test_aKeyThatIsMissingOrExpiredSignsNothing() public {
        SessionKey memory key = _key();
        (Attestation memory a,) = _grant(key);
        Claim memory claim = _claimOf("job");
        TeeResult memory result = _resultBy("job", key, a);
        bytes32 digest = tee.attestationDigest(a);
        _refuse(claim, result, abi.encodeWithSelector(Errors.SessionKeyMissing.selector, digest));
        tee.registerKey(key, a, _signed(a));
        vm.warp(key.expiresAt);
        _refuse(claim, result, abi.encodeWithSelector(Errors.SessionKeyExpired.selector, key.expiresAt));
        vm.warp(key.expiresAt - 1);
        vm.prank(address(market));
        tee.check(claim, abi.encode(result));
    }

    /// Of another provider, model or key: the registration says another thing.
    function test_aKeySignsForItsProviderAndModelOnly() public {
        (SessionKey memory key, Attestation memory a,) = _registered();
        Claim memory claim = _claimOf("job");
        TeeResult memory result = _resultBy("job", key, a);
        claim.provider = BOB;
        SessionKey memory other = _key();
        other.provider = BOB;
        _refuse(
            claim, result, abi.encodeWithSelector(Errors.ReportDataMismatch.selector, _sessionData(other), a.reportData)
        );
        claim.provider = ALICE;
        result.modelDigest = sha256("another");
        claim.key = _keyOf(result.modelDigest, result.measurements);
        other = _key();
        other.modelDigest = result.modelDigest;
        _refuse(
            claim, result, abi.encodeWithSelector(Errors.ReportDataMismatch.selector, _sessionData(other), a.reportData)
        );
        // An enclave of another version's: its measurement is not among these.
        claim = _claimOf("job");
        result = _resultBy("job", key, a);
        result.measurements = new bytes32[](1);
        result.measurements[0] = "another";
        claim.key = _keyOf(MODEL, result.measurements);
        _refuse(claim, result, abi.encodeWithSelector(Errors.MeasurementMissing.selector, measurement));
    }

    function test_signaturesOfTheKeyHaveOneForm() public {
        (SessionKey memory key, Attestation memory a,) = _registered();
        Claim memory claim = _claimOf("job");
        bytes32 data = _reportData("job", _providerKey(ALICE, key.x, key.y));
        bytes memory reason = abi.encodeWithSelector(Errors.SessionSignatureFalse.selector, data);
        TeeResult memory result = _resultBy("job", key, a);
        bytes memory good = result.signatures[0];
        (bytes32 r, bytes32 s) = abi.decode(good, (bytes32, bytes32));
        result.signatures[0] = abi.encodePacked(r, ORDER - uint256(s));
        _refuse(claim, result, reason);
        result.signatures[0] = bytes.concat(good, bytes1(0));
        _refuse(claim, result, reason);
        result.signatures[0] = "";
        _refuse(claim, result, reason);
        result.signatures[0] = new bytes(64);
        _refuse(claim, result, reason);
        // By another key, and over another job's report data.
        result.signatures[0] = _signP256(7, data);
        _refuse(claim, result, reason);
        result.signatures[0] = _signP256(SECRET, _reportData("another", _providerKey(ALICE, key.x, key.y)));
        _refuse(claim, result, reason);
        result.signatures = new bytes[](2);
        (result.signatures[0], result.signatures[1]) = (good, good);
        _refuse(claim, result, abi.encodeWithSelector(Errors.SignatureCountOutOfBounds.selector, 2, 1, 1));
    }

    /// How old the key's attestation may be is the consumer's word too.
    function test_thePolicyHoldsForKeys() public {
        (SessionKey memory key, Attestation memory a,) = _registered();
        Claim memory claim = _claimOf("job");
        claim.policy = bytes32(POLICY | (3600 << 16));
        TeeResult memory result = _resultBy("job", key, a);
        vm.warp(block.timestamp + 3601);
        _refuse(
            claim,
            result,
            abi.encodeWithSelector(Errors.AttestationTooOld.selector, a.checkedAt, block.timestamp - 3600)
        );
    }

    /// One false registration: every result that rests on it and can be judged is rejected, and the key is at its end.
    function test_aFalseRegistrationRejectsItsResults() public {
        SessionKey memory key = _key();
        bytes memory quote = _quoteOf("another");
        Attestation memory a = _attestationOf(0, _sessionData(key), quote);
        tee.registerKey(key, a, _signed(a));
        bytes32[3] memory jobs;
        for (uint256 i = 0; i < 3; ++i) {
            Terms memory terms;
            (jobs[i], terms) = _teeReady(POLICY);
            _submit(jobs[i], terms, _resultBy(jobs[i], key, a));
            if (i == 0) vm.warp(block.timestamp + 1 days);
        }
        // The first one's window is over.
        _contradict(a, _signed(a), quote);
        _needState(jobs[0], State.Accepted);
        _needState(jobs[1], State.Rejected);
        _needState(jobs[2], State.Rejected);
        vm.assertEq(tee.challengerOf(jobs[2]), REPORTER);
        vm.assertEq(_stakeAt(0) + _stakeAt(1), 0);
        _refuse(
            _claimOf("job"),
            _resultBy("job", key, a),
            abi.encodeWithSelector(Errors.AttestationFalse.selector, tee.attestationDigest(a))
        );
    }

    /// A complaint shows the quote of the registration.
    function test_anAnswerShowsTheRegistrationsQuote() public {
        (SessionKey memory key, Attestation memory a, bytes memory quote) = _registered();
        (bytes32 jobId, Terms memory terms) = _teeReady(POLICY);
        _submit(jobId, terms, _resultBy(jobId, key, a));
        vm.prank(CONSUMER);
        tee.complain(jobId);
        vm.prank(ALICE);
        tee.answer(jobId, SALT, OUTPUTS, a, quote);
        vm.assertEq(uint256(tee.verdictOf(jobId)), uint256(Verdict.Disputed));
    }

    /// The last result of a key that its attester registered just before it left: the stake is there until it is judged.
    function test_theStakeOutlivesTheLastVerdict() public {
        SessionKey memory key = _key();
        key.expiresAt = uint48(block.timestamp + 14 days);
        bytes memory quote = _quoteOf("another");
        Attestation memory a = _attestationOf(0, _sessionData(key), quote);
        tee.registerKey(key, a, _signed(a));
        vm.prank(_attester(0));
        attesters.leave();
        vm.warp(key.expiresAt - 1);
        // The longest windows: 7 days, a complaint in its last second, an answer in its own, and the doubt.
        uint256 last = block.timestamp + 7 days + 2 days;
        vm.assertLe(last, attesters.attesterOf(_attester(0)).releaseAt);
    }
}
