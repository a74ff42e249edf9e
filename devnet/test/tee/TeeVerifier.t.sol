// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {TeeParams, TeeVerifier} from "../../contracts/TeeVerifier.sol";
import {IPaymentErrors} from "../../contracts/errors/IPaymentErrors.sol";
import {ITeeVerifierErrors as Errors} from "../../contracts/errors/ITeeVerifierErrors.sol";
import {IAttesterSet} from "../../contracts/interfaces/IAttesterSet.sol";
import {IJobMarket, Request, Terms} from "../../contracts/interfaces/IJobMarket.sol";
import {Attestation, IQuoteProofs} from "../../contracts/interfaces/IQuoteProofs.sol";
import {ITeeVerifier, TeeResult} from "../../contracts/interfaces/ITeeVerifier.sol";
import {Claim, IVerifier} from "../../contracts/interfaces/IVerifier.sol";
import {State, Tier, Verdict} from "../../contracts/interfaces/Types.sol";
import {TeeBase} from "./TeeBase.sol";
import {Shipped} from "../Shipped.sol";

/// What is handed in, and all that is refused.
contract TeeVerifierTest is TeeBase {
    function _check(Claim memory claim, TeeResult memory result) private returns (Verdict verdict, bytes32 output) {
        vm.prank(address(market));
        return tee.check(claim, abi.encode(result));
    }

    function _refuse(Claim memory claim, TeeResult memory result, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(address(market));
        tee.check(claim, abi.encode(result));
    }

    /// @dev A claim, and a result that passes for it.
    function _pair() private view returns (Claim memory claim, TeeResult memory result) {
        claim = _claimOf("job");
        result = _result("job", _quoteOf(_reportData("job")));
    }

    /// @dev The result with its attestation signed anew.
    function _resigned(TeeResult memory result) private view returns (TeeResult memory) {
        result.signatures = _signed(result.attestation);
        return result;
    }

    // ---------------------------------------------------------------- a job's life

    function test_silenceAccepts() public {
        (bytes32 jobId, Terms memory terms, TeeResult memory result,) = _handedIn();
        bytes32 digest = tee.attestationDigest(result.attestation);
        vm.assertEq(tee.attestationOf(jobId), digest);
        _needState(jobId, State.Submitted);
        vm.assertEq(tee.judgedUntil(jobId), block.timestamp + 1 days);
        vm.warp(block.timestamp + 1 days);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Accepted);
    }

    function test_whatIsHandedInIsLogged() public {
        (bytes32 jobId, Terms memory terms) = _teeReady(POLICY);
        TeeResult memory result = _result(jobId, _quoteOf(_reportData(jobId)));
        vm.expectEmit(address(tee));
        emit ITeeVerifier.ResultAttested(
            jobId, versionId, ALICE, tee.attestationDigest(result.attestation), result.attestation, result.signatures
        );
        _submit(jobId, terms, result);
    }

    function test_theOutputsAreCommittedTo() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        (Verdict verdict, bytes32 output) = _check(claim, result);
        vm.assertEq(uint256(verdict), uint256(Verdict.Pending));
        vm.assertEq(output, keccak256(abi.encode(keccak256("mlm/out/1"), _root())));
    }

    // ---------------------------------------------------------------- who asks, and what for

    function test_onlyTheMarketHandsIn() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        vm.expectRevert(abi.encodeWithSelector(Errors.NotMarket.selector, address(market), ALICE));
        vm.prank(ALICE);
        tee.check(claim, abi.encode(result));
    }

    function test_otherTiersAndSchemesAreRefused() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        claim.tier = Tier.Zk;
        _refuse(claim, result, abi.encodeWithSelector(Errors.TierMismatch.selector, bytes32("job"), Tier.Tee, Tier.Zk));
        claim.tier = Tier.Tee;
        claim.scheme = 1;
        _refuse(claim, result, abi.encodeWithSelector(Errors.SchemeMismatch.selector, bytes32("job"), 2, 1));
    }

    function test_oneEncodingOnly() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        bytes memory evidence = abi.encode(result);
        bytes memory reason = abi.encodeWithSelector(Errors.EvidenceNotCanonical.selector, bytes32("job"));
        vm.startPrank(address(market));
        vm.expectRevert(reason);
        tee.check(claim, bytes.concat(evidence, bytes32(0)));
        vm.expectRevert(reason);
        tee.check(claim, bytes.concat(evidence, bytes1(0)));
        // A bit in the padding behind the first signature's 65 bytes: the language's decoder does not look there.
        bytes memory changed = abi.encode(result);
        uint256 last = changed.length - 1;
        changed[last] = 0x01;
        vm.expectRevert(reason);
        tee.check(claim, changed);
        vm.expectRevert();
        tee.check(claim, "");
        tee.check(claim, evidence);
        vm.stopPrank();
    }

    // ---------------------------------------------------------------- the version's key

    function test_anotherModelOrMeasurementListIsNotTheVersions() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        result.modelDigest = sha256("another");
        bytes32 key = _keyOf(result.modelDigest, result.measurements);
        _refuse(claim, result, abi.encodeWithSelector(Errors.KeyMismatch.selector, bytes32("job"), claim.key, key));
        result.modelDigest = MODEL;
        result.measurements = new bytes32[](1);
        result.measurements[0] = measurement;
        key = _keyOf(MODEL, result.measurements);
        _refuse(claim, result, abi.encodeWithSelector(Errors.KeyMismatch.selector, bytes32("job"), claim.key, key));
    }

    function test_measurementsAreSortedAndFew() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        (result.measurements[0], result.measurements[1]) = (result.measurements[1], result.measurements[0]);
        _refuse(claim, result, abi.encodeWithSelector(Errors.MeasurementsUnsorted.selector, 1));
        result.measurements[0] = result.measurements[1];
        _refuse(claim, result, abi.encodeWithSelector(Errors.MeasurementsUnsorted.selector, 1));
        result.measurements = new bytes32[](0);
        _refuse(claim, result, abi.encodeWithSelector(Errors.MeasurementCountOutOfBounds.selector, 0, 1, 16));
        result.measurements = new bytes32[](17);
        _refuse(claim, result, abi.encodeWithSelector(Errors.MeasurementCountOutOfBounds.selector, 17, 1, 16));
    }

    function test_sixteenMeasurements() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        result.measurements = new bytes32[](16);
        for (uint256 i = 0; i < 15; ++i) {
            result.measurements[i] = bytes32(i + 1);
        }
        result.measurements[15] = measurement;
        claim.key = _keyOf(MODEL, result.measurements);
        _check(claim, result);
    }

    function test_anEnclaveThatTheVersionDoesNotAllow() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        result.attestation.measurement = keccak256("another");
        _refuse(
            claim,
            _resigned(result),
            abi.encodeWithSelector(Errors.MeasurementMissing.selector, result.attestation.measurement)
        );
    }

    // ---------------------------------------------------------------- replays

    /// Another chain, market, job, provider, input, output, model or key in the report data: each is refused.
    function test_everyFieldOfTheReportDataCounts() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        bytes32 output = keccak256(abi.encode(keccak256("mlm/out/1"), _root()));
        bytes32 mine = _providerKey(ALICE, 0, 0);
        bytes32 domain = keccak256("mlm/tee/1");
        bytes32[8] memory others = [
            keccak256(abi.encode(keccak256("mlm/tee/2"), block.chainid, market, "job", MODEL, INPUT, output, mine)),
            keccak256(abi.encode(domain, block.chainid + 1, market, bytes32("job"), MODEL, INPUT, output, mine)),
            keccak256(abi.encode(domain, block.chainid, ALICE, bytes32("job"), MODEL, INPUT, output, mine)),
            keccak256(abi.encode(domain, block.chainid, market, bytes32("jobs"), MODEL, INPUT, output, mine)),
            keccak256(abi.encode(domain, block.chainid, market, bytes32("job"), INPUT, INPUT, output, mine)),
            keccak256(abi.encode(domain, block.chainid, market, bytes32("job"), MODEL, MODEL, output, mine)),
            keccak256(abi.encode(domain, block.chainid, market, bytes32("job"), MODEL, INPUT, INPUT, mine)),
            _reportData("job", _providerKey(BOB, 0, 0))
        ];
        bytes32 expected = _reportData("job");
        for (uint256 i = 0; i < 8; ++i) {
            result.attestation.reportData = others[i];
            _refuse(
                claim,
                _resigned(result),
                abi.encodeWithSelector(Errors.ReportDataMismatch.selector, expected, others[i])
            );
        }
        result.attestation.reportData = expected;
        _check(claim, _resigned(result));
    }

    function test_anotherJobsAttestationIsRefused() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        claim.jobId = "another";
        _refuse(
            claim,
            result,
            abi.encodeWithSelector(Errors.AttestationOfAnother.selector, bytes32("another"), bytes32("job"))
        );
    }

    /// A key in the report data that the evidence does not name, or names otherwise.
    function test_theEnclavesKeyIsInTheReportData() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        (result.x, result.y) = (1, 2);
        _refuse(
            claim,
            result,
            abi.encodeWithSelector(
                Errors.ReportDataMismatch.selector, _reportData("job", _providerKey(ALICE, 1, 2)), _reportData("job")
            )
        );
        result.attestation.reportData = _reportData("job", _providerKey(ALICE, 1, 2));
        _check(claim, _resigned(result));
    }

    /// What attesters signed for another verifier or on another chain is nobody's signature here.
    function test_aSignatureForAnotherDomainIsNobodys() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        uint256 here = block.chainid;
        vm.chainId(here + 1);
        bytes[] memory signatures = _signed(result.attestation);
        vm.chainId(here);
        result.signatures = signatures;
        vm.expectRevert();
        vm.prank(address(market));
        tee.check(claim, abi.encode(result));
        TeeVerifier other = Shipped.teeVerifier(token, market, attesters, proofs, TeeParams(DEPOSIT, ANSWER, BOND));
        for (uint256 i = 0; i < 2; ++i) {
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[i], other.attestationDigest(result.attestation));
            result.signatures[i] = abi.encodePacked(r, s, v);
        }
        vm.expectRevert();
        vm.prank(address(market));
        tee.check(claim, abi.encode(result));
    }

    // ---------------------------------------------------------------- policy

    function test_whichPoliciesArePossible() public {
        uint256[9] memory wrong = [
            uint256(0),
            1, // no kind
            1 << 8, // no status
            POLICY | (1 << 6), // Revoked
            POLICY | (1 << 7),
            POLICY | (1 << 12),
            POLICY | (1 << 14),
            POLICY | (1 << 48),
            POLICY | (1 << 255)
        ];
        for (uint256 i = 0; i < 9; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IVerifier.PolicyUnusable.selector, bytes32(wrong[i])));
            tee.checkPolicy(bytes32(wrong[i]));
        }
        tee.checkPolicy(bytes32(POLICY));
        tee.checkPolicy(bytes32(uint256(0x3f | 0xf00 | (1 << 15) | (uint256(type(uint32).max) << 16))));
    }

    /// A market posts nothing under a policy that its verifier refuses.
    function test_noJobUnderAPolicyThatIsNone() public {
        Request memory request = _teeRequest(0);
        vm.expectRevert(abi.encodeWithSelector(IVerifier.PolicyUnusable.selector, bytes32(0)));
        market.quote(request);
        vm.expectRevert(abi.encodeWithSelector(IVerifier.PolicyUnusable.selector, bytes32(0)));
        vm.prank(CONSUMER);
        market.post(request, 1);
    }

    function test_statusKindAndSimulatedAreThePolicys() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        result.attestation.status = 1;
        _refuse(claim, _resigned(result), abi.encodeWithSelector(Errors.StatusNotAccepted.selector, 1, bytes32(POLICY)));
        claim.policy = bytes32(POLICY | 2);
        _check(claim, _resigned(result));
        // Revoked, and what is no status, whatever a policy says.
        claim.policy = bytes32(type(uint256).max);
        for (uint256 status = 6; status < 256; status += 83) {
            result.attestation.status = uint8(status);
            _refuse(
                claim, _resigned(result), abi.encodeWithSelector(Errors.StatusNotAccepted.selector, status, bytes32(0))
            );
        }
        result.attestation.status = 0;
        result.attestation.kind = 5;
        _refuse(claim, _resigned(result), abi.encodeWithSelector(Errors.KindNotAccepted.selector, 5, bytes32(0)));
        result.attestation.kind = 0;
        _refuse(claim, _resigned(result), abi.encodeWithSelector(Errors.KindNotAccepted.selector, 0, bytes32(0)));
        claim.policy = bytes32(POLICY);
        result.attestation.kind = 2;
        _refuse(claim, _resigned(result), abi.encodeWithSelector(Errors.KindNotAccepted.selector, 2, bytes32(POLICY)));
        result.attestation.kind = 1;
        claim.policy = bytes32(uint256(1 | (1 << 8)));
        _refuse(claim, _resigned(result), abi.encodeWithSelector(Errors.SimulatedNotAccepted.selector, claim.policy));
    }

    function test_eachKindHasItsBit() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        for (uint8 kind = 1; kind <= 4; ++kind) {
            result.attestation.kind = kind;
            claim.policy = bytes32(uint256(1 | (uint256(1) << (7 + kind)) | (1 << 15)));
            _check(claim, _resigned(result));
        }
    }

    /// Where no simulated vendor is known, a policy cannot ask for it and no evidence of it passes.
    function test_withoutASimulatedRootNothingSimulatedPasses() public {
        vm.mockCall(address(proofs), abi.encodeCall(IQuoteProofs.rootKey, (true)), abi.encode(uint256(0), uint256(0)));
        vm.assertFalse(tee.simulatedAllowed(), "allowed");
        vm.expectRevert(abi.encodeWithSelector(IVerifier.PolicyUnusable.selector, bytes32(POLICY)));
        tee.checkPolicy(bytes32(POLICY));
        tee.checkPolicy(bytes32(uint256(1 | (1 << 8))));
        (Claim memory claim, TeeResult memory result) = _pair();
        _refuse(claim, result, abi.encodeWithSelector(Errors.SimulatedNotAccepted.selector, bytes32(0)));
        vm.clearMockedCalls();
    }

    function test_agesAreThePolicys() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        claim.policy = bytes32(POLICY | (600 << 16));
        uint256 checkedAt = block.timestamp;
        vm.warp(checkedAt + 601);
        _refuse(claim, result, abi.encodeWithSelector(Errors.AttestationTooOld.selector, checkedAt, checkedAt + 1));
        vm.warp(checkedAt - 1);
        _refuse(claim, result, abi.encodeWithSelector(Errors.CheckedInFuture.selector, checkedAt, checkedAt - 1));
        vm.warp(checkedAt + 600);
        _check(claim, result);
        // No limit.
        claim.policy = bytes32(POLICY);
        vm.warp(checkedAt + 365 days);
        _check(claim, result);
    }

    // ---------------------------------------------------------------- signatures

    function test_mDifferentMembersSign() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        bytes[] memory two = result.signatures;
        result.signatures = new bytes[](1);
        result.signatures[0] = two[0];
        _refuse(claim, result, abi.encodeWithSelector(Errors.SignatureCountOutOfBounds.selector, 1, 2, 32));
        result.signatures = new bytes[](33);
        _refuse(claim, result, abi.encodeWithSelector(Errors.SignatureCountOutOfBounds.selector, 33, 2, 32));
        result.signatures = new bytes[](2);
        result.signatures[0] = result.signatures[1] = two[0];
        _refuse(claim, result, abi.encodeWithSelector(Errors.SignersUnsorted.selector, 1, _attester(0), _attester(0)));
        (result.signatures[0], result.signatures[1]) = (two[1], two[0]);
        _refuse(claim, result, abi.encodeWithSelector(Errors.SignersUnsorted.selector, 1, _attester(1), _attester(0)));
        // More than m may sign.
        result.signatures = new bytes[](3);
        for (uint256 i = 0; i < 3; ++i) {
            result.signatures[i] = _sign(keys[i], result.attestation);
        }
        _check(claim, result);
    }

    function test_aStrangersSignatureDoesNotCount() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        uint256 stranger = 0x57;
        bool first = vm.addr(stranger) < _attester(1);
        result.signatures[first ? 0 : 1] = _sign(stranger, result.attestation);
        if (!first) result.signatures[0] = _sign(keys[1], result.attestation);
        _refuse(claim, result, abi.encodeWithSelector(Errors.SignerNotActive.selector, vm.addr(stranger)));
    }

    function test_signaturesHaveOneForm() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        bytes memory good = result.signatures[0];
        bytes memory reason = abi.encodeWithSelector(Errors.SignatureMalformed.selector, 0);
        // s of the upper half, with the other v: true for ecrecover.
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[0], tee.attestationDigest(result.attestation));
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        result.signatures[0] = abi.encodePacked(r, order - uint256(s), v == 27 ? uint8(28) : uint8(27));
        _refuse(claim, result, reason);
        // v of 0 or 1, the form of 64 bytes (EIP-2098), one byte more, none.
        result.signatures[0] = abi.encodePacked(r, s, v - 27);
        _refuse(claim, result, reason);
        result.signatures[0] = abi.encodePacked(r, bytes32(uint256(s) | (uint256(v - 27) << 255)));
        _refuse(claim, result, reason);
        result.signatures[0] = bytes.concat(good, bytes1(0));
        _refuse(claim, result, reason);
        result.signatures[0] = "";
        _refuse(claim, result, reason);
        result.signatures[0] = good;
        _check(claim, result);
    }

    function test_aRemovedMembersSignatureDoesNotCount() public {
        (Claim memory claim, TeeResult memory result) = _pair();
        vm.prank(GOVERNANCE);
        attesters.remove(_attester(0));
        _refuse(claim, result, abi.encodeWithSelector(Errors.SignerNotActive.selector, _attester(0)));
        vm.prank(_attester(1));
        attesters.leave();
        // One member is left, and two must sign: nothing is verified, and no job is posted.
        result.signatures = new bytes[](1);
        result.signatures[0] = _sign(keys[2], result.attestation);
        _refuse(claim, result, abi.encodeWithSelector(Errors.SignatureCountOutOfBounds.selector, 1, 2, 32));
        vm.expectRevert(abi.encodeWithSelector(Errors.AttestersMissing.selector, 2, 1));
        tee.checkPolicy(bytes32(POLICY));
    }

    function test_deploymentWithinBounds() public {
        TeeParams memory params = TeeParams(DEPOSIT, ANSWER, BOND);
        IJobMarket place = IJobMarket(address(market));
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "attesters"));
        Shipped.teeVerifier(token, place, IAttesterSet(address(0)), proofs, params);
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "proofs"));
        Shipped.teeVerifier(token, place, attesters, IQuoteProofs(address(0x1234)), params);
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "market"));
        Shipped.teeVerifier(token, IJobMarket(address(0)), attesters, proofs, params);
        params.bond = 0;
        vm.expectRevert(
            abi.encodeWithSelector(IPaymentErrors.ParameterOutOfBounds.selector, "bond", 0, 1, type(uint128).max)
        );
        Shipped.teeVerifier(token, place, attesters, proofs, params);
    }
}
