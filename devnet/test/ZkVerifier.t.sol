// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ZkVerifier} from "../contracts/ZkVerifier.sol";
import {IZkVerifierErrors} from "../contracts/errors/IZkVerifierErrors.sol";
import {Claim} from "../contracts/interfaces/IVerifier.sol";
import {Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {Shipped} from "./Shipped.sol";
import {ZkFixtures} from "./ZkFixtures.sol";

/// Real proofs (circuits/make_fixtures.py) against the real fixed verifier: what holds, and everything that must not.
contract ZkVerifierTest is ZkFixtures {
    bytes32 private constant VERSION = keccak256("version");
    bytes32 private constant JOB = keccak256("job");

    ZkVerifier private verifier;
    Proof private good;

    function setUp() public {
        verifier = _deployZk();
        good = _load("good");
        _register(good.vka);
    }

    function _claim(Proof memory proof) private view returns (Claim memory) {
        return Claim({
            jobId: JOB,
            versionId: VERSION,
            key: _keyOf(proof),
            inputCommitment: _inputCommitmentOf(proof, VERSION),
            provider: address(this),
            tier: Tier.Zk,
            scheme: 1,
            policy: 0
        });
    }

    function _refuse(Claim memory claim, Proof memory proof, bytes memory reason) private {
        bytes memory evidence = _evidence(proof);
        vm.expectRevert(reason);
        verifier.check(claim, evidence);
    }

    function test_trueProof() public {
        (Verdict verdict, bytes32 output) = verifier.check(_claim(good), _evidence(good));
        vm.assertEq(uint256(verdict), uint256(Verdict.Accepted));
        vm.assertEq(output, _outputCommitmentOf(good));
    }

    function test_deploymentCarriesTheFixturesReferenceString() public view {
        string memory json = vm.readFile("test/fixtures/zk.json");
        uint256[] memory points = vm.parseJsonUintArray(json, ".srsPoints");
        uint256[8] memory held = verifier.srsPoints();
        for (uint256 i = 0; i < 8; ++i) {
            vm.assertEq(points[i], held[i]);
        }
    }

    function test_verdictOfIsNeverDecided() public view {
        vm.assertEq(uint256(verifier.verdictOf(JOB)), uint256(Verdict.Pending));
    }

    function test_proofOfAnotherInput() public {
        Proof memory other = _load("otherInput");
        _refuse(
            _claim(good),
            other,
            abi.encodeWithSelector(
                IZkVerifierErrors.InputMismatch.selector,
                JOB,
                _inputCommitmentOf(good, VERSION),
                _inputCommitmentOf(other, VERSION)
            )
        );
    }

    function test_proofOfAnotherInputUnderTheRightInstances() public {
        Proof memory forged = _load("otherInput");
        forged.instances = good.instances;
        _refuse(_claim(good), forged, _rejected());
    }

    function test_proofOfAnotherModel() public {
        Proof memory other = _load("otherModel");
        _register(other.vka);
        _refuse(
            _claim(good),
            other,
            abi.encodeWithSelector(IZkVerifierErrors.KeyMismatch.selector, JOB, _keyOf(good), _keyOf(other))
        );
    }

    function test_proofOfAnotherModelUnderTheRightArtefact() public {
        Proof memory forged = _load("otherModel");
        forged.vka = good.vka;
        // The same input under another model has the same input hash, so all but the proof fits.
        vm.assertEq(forged.instances[0], good.instances[0]);
        _refuse(_claim(good), forged, _rejected());
    }

    function test_ownReferenceString() public {
        Proof memory own = _load("ownSrs");
        _register(own.vka);
        // The publisher registered it: the key fits, the proof is true under its own secret, and still it is refused.
        uint256 word = 16;
        while (own.vka[word] == good.vka[word]) ++word;
        _refuse(
            _claim(own),
            own,
            abi.encodeWithSelector(IZkVerifierErrors.SrsMismatch.selector, JOB, word, good.vka[word], own.vka[word])
        );
    }

    function test_ownReferenceStringIsOtherwiseTrue() public {
        Proof memory own = _load("ownSrs");
        _register(own.vka);
        (bool ok,) = halo2.verifyProof(own.proof, own.instances, _words(own.vka));
        vm.assertTrue(ok);
    }

    function test_anotherGenerator() public {
        Proof memory own = good;
        own.vka[14] = 3;
        _refuse(_claim(own), own, abi.encodeWithSelector(IZkVerifierErrors.SrsMismatch.selector, JOB, 14, 1, 3));
    }

    function test_paddedProof() public {
        uint256 length = good.proof.length;
        Proof memory padded = good;
        padded.proof = abi.encodePacked(good.proof, bytes32(0));
        // The fixed verifier accepts it: the length check is ours.
        (bool ok,) = halo2.verifyProof(padded.proof, padded.instances, _words(padded.vka));
        vm.assertTrue(ok);
        _refuse(_claim(padded), padded, _wrongLength(length, length + 32));
        padded.proof = abi.encodePacked(_load("good").proof, bytes1(0));
        _refuse(_claim(padded), padded, _wrongLength(length, length + 1));
    }

    function test_shortProof() public {
        uint256 length = good.proof.length;
        Proof memory short = good;
        bytes memory proof = short.proof;
        assembly ("memory-safe") {
            mstore(proof, sub(length, 32))
        }
        _refuse(_claim(short), short, _wrongLength(length, length - 32));
    }

    function test_instanceOutOfField() public {
        Proof memory forged = good;
        uint256 value = forged.instances[1] + FIELD;
        forged.instances[1] = value;
        _refuse(
            _claim(forged), forged, abi.encodeWithSelector(IZkVerifierErrors.InstanceOutOfField.selector, JOB, 1, value)
        );
    }

    function test_instanceCount() public {
        Proof memory forged = good;
        uint256 count = forged.instances.length;
        uint256[] memory more = new uint256[](count + 1);
        for (uint256 i = 0; i < count; ++i) {
            more[i] = forged.instances[i];
        }
        forged.instances = more;
        _refuse(
            _claim(forged),
            forged,
            abi.encodeWithSelector(IZkVerifierErrors.InstanceCountMismatch.selector, JOB, count, count + 1)
        );
    }

    function test_inputCountOutOfBounds() public {
        Proof memory forged = good;
        uint256 count = forged.instances.length;
        forged.inputs = 0;
        _refuse(
            _claim(forged),
            forged,
            abi.encodeWithSelector(IZkVerifierErrors.InputCountOutOfBounds.selector, JOB, 0, count)
        );
        forged.inputs = count + 1;
        Claim memory claim = _claim(good);
        claim.key = _keyOf(forged);
        _refuse(
            claim,
            forged,
            abi.encodeWithSelector(IZkVerifierErrors.InputCountOutOfBounds.selector, JOB, count + 1, count)
        );
    }

    function test_anotherSplitOfTheInstances() public {
        // Calling an output an input would hide it from the output commitment: the split is part of the key.
        Proof memory forged = good;
        bytes32 key = _keyOf(good);
        forged.inputs = good.inputs + 1;
        Claim memory claim = _claim(forged);
        claim.key = key;
        _refuse(claim, forged, abi.encodeWithSelector(IZkVerifierErrors.KeyMismatch.selector, JOB, key, _keyOf(forged)));
    }

    function test_unregisteredArtefact() public {
        Proof memory other = _load("otherModel");
        _refuse(
            _claim(other),
            other,
            abi.encodeWithSelector(IZkVerifierErrors.VerifyingKeyUnregistered.selector, JOB, _vkaDigestOf(other))
        );
    }

    function test_shortArtefact() public {
        Proof memory tiny = good;
        tiny.vka = new uint256[](33);
        _refuse(_claim(tiny), tiny, abi.encodeWithSelector(IZkVerifierErrors.VerifyingKeyMalformed.selector, JOB, 33));
    }

    function test_anotherTierOrScheme() public {
        Claim memory claim = _claim(good);
        claim.tier = Tier.Tee;
        _refuse(claim, good, abi.encodeWithSelector(IZkVerifierErrors.TierMismatch.selector, JOB, Tier.Zk, Tier.Tee));
        claim = _claim(good);
        claim.scheme = 2;
        _refuse(claim, good, abi.encodeWithSelector(IZkVerifierErrors.SchemeMismatch.selector, JOB, 1, 2));
    }

    function testFuzz_anotherVersion(bytes32 version) public {
        vm.assume(version != VERSION);
        Claim memory claim = _claim(good);
        claim.versionId = version;
        _refuse(
            claim,
            good,
            abi.encodeWithSelector(
                IZkVerifierErrors.InputMismatch.selector,
                JOB,
                _inputCommitmentOf(good, VERSION),
                _inputCommitmentOf(good, version)
            )
        );
    }

    /// forge-config: default.fuzz.runs = 24
    /// forge-config: fuzz.fuzz.runs = 2000
    function testFuzz_flippedBitOfTheProof(uint256 at) public {
        Proof memory forged = good;
        at = _within(at, 0, forged.proof.length * 8 - 1);
        forged.proof[at / 8] = bytes1(uint8(forged.proof[at / 8]) ^ uint8(1 << (at % 8)));
        _refuse(_claim(good), forged, _rejected());
    }

    /// forge-config: default.fuzz.runs = 24
    /// forge-config: fuzz.fuzz.runs = 2000
    function testFuzz_anotherOutput(uint256 at, uint256 value) public {
        Proof memory forged = good;
        at = _within(at, forged.inputs, forged.instances.length - 1);
        value = _within(value, 0, FIELD - 1);
        vm.assume(value != forged.instances[at]);
        forged.instances[at] = value;
        _refuse(_claim(good), forged, _rejected());
    }

    /// forge-config: default.fuzz.runs = 64
    /// forge-config: fuzz.fuzz.runs = 5000
    function testFuzz_nonsense(bytes calldata evidence) public {
        Claim memory claim = _claim(good);
        vm.expectRevert();
        verifier.check(claim, evidence);
    }

    function test_constructorNeedsTheFixedVerifier() public {
        uint256[8] memory points = verifier.srsPoints();
        vm.expectRevert(abi.encodeWithSelector(IZkVerifierErrors.AddressMissing.selector, "halo2"));
        Shipped.zkVerifier(address(0), points);
    }

    function _rejected() private pure returns (bytes memory) {
        return abi.encodeWithSelector(IZkVerifierErrors.ProofRejected.selector, JOB);
    }

    function _wrongLength(uint256 expected, uint256 actual) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IZkVerifierErrors.ProofLengthMismatch.selector, JOB, expected, actual);
    }
}
