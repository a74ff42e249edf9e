// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ZkVerifier} from "../contracts/ZkVerifier.sol";
import {IZkVerifierErrors} from "../contracts/errors/IZkVerifierErrors.sol";
import {Claim} from "../contracts/interfaces/IVerifier.sol";
import {Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {Shipped} from "./Shipped.sol";
import {ZkFixtures} from "./ZkFixtures.sol";

/// Answers every call with the bytes it was told.
contract FalseHalo2 {
    bytes private _data;

    function say(bytes calldata data) external {
        _data = data;
    }

    fallback() external {
        bytes memory data = _data;
        assembly ("memory-safe") {
            return(add(data, 0x20), mload(data))
        }
    }
}

/// What somebody can do to the verifier who writes its bytes himself: evidence, artefact and gas.
contract ZkHostileTest is ZkFixtures {
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

    function _notCanonical() private pure returns (bytes memory) {
        return abi.encodeWithSelector(IZkVerifierErrors.EvidenceNotCanonical.selector, JOB);
    }

    // ---------------------------------------------------------------- evidence

    /// A strict reader (mlm/core/commitment.py) refuses these, the decoder does not: paid for, they would hide the output.
    function test_trailingBytes() public {
        bytes memory evidence = abi.encodePacked(_evidence(good), bytes32(0));
        vm.expectRevert(_notCanonical());
        verifier.check(_claim(good), evidence);
    }

    function test_swappedTails() public {
        // The arrays in another order behind a head that points to them.
        bytes memory proof = _padded(good.proof);
        bytes memory vka = abi.encodePacked(good.vka.length, good.vka);
        bytes memory instances = abi.encodePacked(good.instances.length, good.instances);
        uint256 atVka = 128 + proof.length;
        bytes memory evidence =
            abi.encodePacked(atVka, good.inputs, uint256(128), atVka + vka.length, proof, vka, instances);
        vm.expectRevert(_notCanonical());
        verifier.check(_claim(good), evidence);
        // In the order of the specification the same pieces are the encoding.
        evidence = abi.encodePacked(
            uint256(128),
            good.inputs,
            128 + vka.length,
            128 + vka.length + proof.length,
            abi.encodePacked(vka, proof, instances)
        );
        vm.assertEq(keccak256(evidence), keccak256(_evidence(good)));
        verifier.check(_claim(good), evidence);
    }

    /// forge-config: default.fuzz.runs = 64
    /// forge-config: fuzz.fuzz.runs = 5000
    function testFuzz_anyChangedHeadOrPaddingIsRefused(uint256 at, uint8 mask) public {
        bytes memory evidence = _evidence(good);
        at = _within(at, 0, evidence.length - 1);
        vm.assume(mask != 0);
        evidence[at] = bytes1(uint8(evidence[at]) ^ mask);
        Claim memory claim = _claim(good);
        vm.expectRevert();
        verifier.check(claim, evidence);
    }

    /// Lengths and pointers that overflow, point into other calldata, or beyond all of it.
    function test_headsAndLengthsThatCannotBe() public {
        Claim memory claim = _claim(good);
        bytes memory true_ = _evidence(good);
        uint256 atProof = 160 + 32 * good.vka.length;
        uint256 atInstances = atProof + 32 + good.proof.length;
        uint256[6] memory places = [0, 64, 96, 128, atProof, atInstances];
        uint256 size = true_.length;
        uint256[12] memory values =
            [0, 1, 31, 32, 128, size - 32, size, size + 32, 1 << 64, 1 << 250, 1 << 255, type(uint256).max - 31];
        for (uint256 i = 0; i < places.length; ++i) {
            for (uint256 j = 0; j < values.length; ++j) {
                bytes memory evidence = bytes.concat(true_);
                uint256 place = places[i];
                uint256 value = values[j];
                if (place == 0 && value == 128) continue; // the first pointer as it must be
                assembly ("memory-safe") {
                    mstore(add(add(evidence, 0x20), place), value)
                }
                (bool ok,) = address(verifier).call(abi.encodeCall(verifier.check, (claim, evidence)));
                vm.assertFalse(ok, "a head that cannot be was accepted");
            }
        }
        verifier.check(claim, true_);
    }

    /// The calldata behind the evidence is no part of it, even where it continues what the evidence begins.
    function test_evidenceThatContinuesBehindItsEnd() public {
        Claim memory claim = _claim(good);
        bytes memory whole = abi.encodeCall(verifier.check, (claim, _evidence(good)));
        // The evidence's length stands behind selector, claim (8 words) and pointer.
        for (uint256 missing = 1; missing <= 8; ++missing) {
            uint256 length = _evidence(good).length - 32 * missing;
            assembly ("memory-safe") {
                mstore(add(add(whole, 0x20), 292), length)
            }
            (bool ok, bytes memory reason) = address(verifier).call(whole);
            vm.assertFalse(ok, "evidence that ends early was accepted");
            vm.assertEq(keccak256(reason), keccak256(_notCanonical()));
        }
        for (uint256 length = 0; length < 192; length += 17) {
            assembly ("memory-safe") {
                mstore(add(add(whole, 0x20), 292), length)
            }
            (bool ok,) = address(verifier).call(whole);
            vm.assertFalse(ok, "evidence without a head was accepted");
        }
    }

    /// A proof that does not fill its last word: the bytes behind it are zeros, or the evidence is refused.
    function testFuzz_theFillingIsZero(uint256 length, uint256 at, uint8 mask) public {
        Proof memory odd = good;
        odd.proof = new bytes(_within(length, 1, 31));
        Claim memory claim = _claim(odd);
        bytes memory evidence = _evidence(odd);
        vm.expectRevert(
            abi.encodeWithSelector(
                IZkVerifierErrors.ProofLengthMismatch.selector, JOB, good.proof.length, odd.proof.length
            )
        );
        verifier.check(claim, evidence);
        vm.assume(mask != 0);
        uint256 filling = 160 + 32 * good.vka.length + 32 + odd.proof.length;
        at = filling + _within(at, 0, 31 - odd.proof.length);
        evidence[at] = bytes1(mask);
        vm.expectRevert(_notCanonical());
        verifier.check(claim, evidence);
    }

    function _padded(bytes memory data) private pure returns (bytes memory) {
        return abi.encodePacked(data.length, data, new bytes((32 - data.length % 32) % 32));
    }

    // ---------------------------------------------------------------- the artefact is a program

    /// The deployment's SRS, a registered key, and yet "true" for any output: reads beyond the calldata give zeros, with which
    /// the last pairing compares nothing with nothing. No check on chain can tell such a program from a circuit: whoever
    /// deals recomputes the artefact from the model (docs/contracts.md, docs/commitments.md).
    function testFuzz_aCraftedArtefactAcceptsAnything(uint256 input, uint256 output) public {
        Proof memory forged;
        forged.inputs = 1;
        forged.instances = new uint256[](2);
        forged.instances[0] = _within(input, 0, FIELD - 1);
        forged.instances[1] = _within(output, 0, FIELD - 1);
        forged.proof = abi.encode(1, 2, 1, 2); // the generator, twice
        forged.vka = _acceptsAnything();
        _register(forged.vka);
        (Verdict verdict, bytes32 commitment) = verifier.check(_claim(forged), _evidence(forged));
        vm.assertEq(uint256(verdict), uint256(Verdict.Accepted));
        vm.assertEq(commitment, _outputCommitmentOf(forged));
        // It is no artefact of the honest model: under that version's key it is worth nothing.
        Claim memory claim = _claim(forged);
        claim.key = _keyOf(good);
        bytes memory evidence = _evidence(forged);
        vm.expectRevert(
            abi.encodeWithSelector(IZkVerifierErrors.KeyMismatch.selector, JOB, _keyOf(good), _keyOf(forged))
        );
        verifier.check(claim, evidence);
    }

    /// @dev Word i lies at 0xa0 + 32 i of the fixed verifier's memory; 0xffe0 is beyond every calldata here.
    function _acceptsAnything() private view returns (uint256[] memory vka) {
        vka = new uint256[](43);
        vka[1] = 0x2000; // challenges lie this far behind the artefact,
        vka[2] = 2; // instances
        vka[4] = 0x200; // and the evaluations this far behind those
        for (uint256 i = 14; i < 24; ++i) {
            vka[i] = good.vka[i]; // the generator and the SRS points
        }
        vka[24] = vka[25] = 0xffe0; // the quotient's commitments: none
        vka[26] = vka[27] = vka[28] = 0xa0 + 32 * 34; // gates, permutations, lookups: none
        vka[29] = 0xa0 + 32 * 36; // the opening's program
        vka[30] = 0xffff; // rescaling: none
        vka[40] = 0x3000_1000_0100; // its evaluation: a zero
        // One set of commitments, one word long; both opening points and the set's only one are read from beyond the calldata.
        vka[41] = 1 | (0xffe0_ffe0_3000_ffe0_ffe0 << 24) | (0x20 << 104);
        vka[42] = 0xffe0_ffe0;
    }

    /// An artefact that announces more words of phases than it has.
    function test_anArtefactThatEndsEarly() public {
        Proof memory short = good;
        short.vka = _acceptsAnything();
        short.vka[2] = good.instances.length;
        short.vka[33] = 0xff;
        bytes memory evidence = _evidence(short);
        Claim memory claim = _claim(short);
        vm.expectRevert(abi.encodeWithSelector(IZkVerifierErrors.VerifyingKeyMalformed.selector, JOB, 43));
        verifier.check(claim, evidence);
    }

    /// Sizes that overflow are an arithmetic panic, not a short proof.
    function test_anArtefactWithTooManyEvaluations() public {
        Proof memory vast = good;
        vast.vka = _acceptsAnything();
        vast.vka[2] = good.instances.length;
        vast.vka[3] = type(uint256).max / 32 + 1; // times 32: 0
        bytes memory evidence = _evidence(vast);
        Claim memory claim = _claim(vast);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        verifier.check(claim, evidence);
    }

    /// Whatever the fixed verifier answers, only `true` with the artefact's own digest is a verdict.
    function test_answersOfTheFixedVerifier() public {
        FalseHalo2 answers = new FalseHalo2();
        verifier = Shipped.zkVerifier(address(answers), verifier.srsPoints());
        bytes32 digest = _vkaDigestOf(good);
        _answer(answers, abi.encode(false, digest), _rejected());
        _answer(answers, abi.encode(true, keccak256("another artefact")), _rejected());
        _answer(answers, "", "");
        _answer(answers, abi.encode(true), "");
        _answer(answers, abi.encode(2, digest), "");
        answers.say(abi.encodePacked(abi.encode(true, digest), new bytes(100_000)));
        verifier.check(_claim(good), _evidence(good));
    }

    function _answer(FalseHalo2 answers, bytes memory data, bytes memory reason) private {
        answers.say(data);
        Claim memory claim = _claim(good);
        bytes memory evidence = _evidence(good);
        vm.expectRevert(reason);
        verifier.check(claim, evidence);
    }

    function _rejected() private pure returns (bytes memory) {
        return abi.encodeWithSelector(IZkVerifierErrors.ProofRejected.selector, JOB);
    }

    // ---------------------------------------------------------------- gas

    /// With too little gas a true proof is never called false: the error says what was missing, or there is none.
    function test_tooLittleGasIsNotAFalseProof() public {
        Claim memory claim = _claim(good);
        bytes memory evidence = _evidence(good);
        uint256 outOfGas = 0;
        uint256 gas = 100_000;
        for (; gas < 3_000_000; gas += 7_919) {
            try verifier.check{gas: gas}(claim, evidence) {
                break;
            } catch (bytes memory reason) {
                if (reason.length == 0) continue;
                vm.assertEq(bytes32(bytes4(reason)), bytes32(IZkVerifierErrors.ProofOutOfGas.selector));
                ++outOfGas;
            }
        }
        vm.assertTrue(gas < 3_000_000, "the proof is true");
        vm.assertTrue(outOfGas > 10, "and gas was what it missed");
    }

    function test_theFixedVerifierMustExist() public {
        uint256[8] memory points = verifier.srsPoints();
        vm.expectRevert(abi.encodeWithSelector(IZkVerifierErrors.AddressMissing.selector, "halo2"));
        Shipped.zkVerifier(address(0xbeef), points);
    }
}
