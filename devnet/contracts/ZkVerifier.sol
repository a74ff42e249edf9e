// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IZkVerifierErrors} from "./errors/IZkVerifierErrors.sol";
import {Claim, IVerifier} from "./interfaces/IVerifier.sol";
import {Tier, Verdict} from "./interfaces/Types.sol";

/// The fixed reusable verifier that ezkl generates (circuits/Halo2Verifier.sol). Its third output is malformed ABI: not declared.
/// It is not marked `view` but writes nothing; declared so, the compiler calls it by STATICCALL.
interface IHalo2Verifier {
    /// @notice Reverts without data unless the proof is true. `vka` must be registered there (anybody can).
    function verifyProof(bytes calldata proof, uint256[] calldata instances, bytes32[] calldata vka)
        external
        view
        returns (bool, bytes32);
}

/// @title The zk tier: an ezkl (Halo2/KZG) proof, decided at once
/// @notice Stateless: a verdict depends on the claim and the evidence alone, so anybody may call `check`; nothing is
/// stored, and the market settles a job once and only for its lease holder. Two jobs on one model and input have one true
/// answer, so a proof made for the first serves the second: documented, and no loss to the consumer.
/// TRUST: a verifying artefact (VKA) is a program for the fixed verifier, and its publisher wrote it: one of 43 words accepts
/// any proof (test/ZkHostile.t.sol). What is checked here is that it is the version's; that it is the model's, consumer,
/// bidder and watcher check by recomputing it from the manifest before they deal.
contract ZkVerifier is IVerifier, IZkVerifierErrors {
    bytes32 private constant KEY_DOMAIN = keccak256("mlm/zk-key/1");
    bytes32 private constant INPUT_DOMAIN = keccak256("mlm/in/1");
    bytes32 private constant OUTPUT_DOMAIN = keccak256("mlm/out/1");

    /// BN254's scalar field.
    uint256 private constant FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint8 private constant SCHEME_POSEIDON = 1;

    // Positions in the VKA, in words (ezkl 23.0.5's reusable verifier).
    uint256 private constant WORD_INSTANCES = 2;
    uint256 private constant WORD_EVALUATIONS = 3;
    uint256 private constant WORD_G1 = 14;
    uint256 private constant WORD_SRS = 16;
    uint256 private constant WORD_CHALLENGES = 33;

    /// @notice A proof was true. `instances`: the first `inputs` are the input's hashes, the others the outputs.
    event ProofAccepted(
        bytes32 indexed jobId, bytes32 indexed versionId, address indexed provider, uint256 inputs, uint256[] instances
    );

    IHalo2Verifier public immutable halo2;

    /// @dev Written in the constructor only: G2 and -tau*G2 of the deployment's reference string, as VKA words 16 to 23.
    uint256[8] private _srsPoints;

    constructor(address halo2_, uint256[8] memory srsPoints_) {
        if (halo2_.code.length == 0) revert AddressMissing("halo2");
        halo2 = IHalo2Verifier(halo2_);
        _srsPoints = srsPoints_;
    }

    /// @notice The points every verifying artefact must carry in words 16 to 23.
    function srsPoints() external view returns (uint256[8] memory) {
        return _srsPoints;
    }

    /// @inheritdoc IVerifier
    /// @dev evidence = abi.encode(uint256[] vka, uint256 inputs, bytes proof, uint256[] instances); the first `inputs`
    /// instances are the input's Poseidon hashes, the others the outputs. Bytes that do not decode revert without data.
    /// What `ProofAccepted` says of a job is the market's business only if the job's output commitment follows from it.
    function check(Claim calldata claim, bytes calldata evidence)
        external
        returns (Verdict verdict, bytes32 outputCommitment)
    {
        if (claim.tier != Tier.Zk) revert TierMismatch(claim.jobId, Tier.Zk, claim.tier);
        if (claim.scheme != SCHEME_POSEIDON) revert SchemeMismatch(claim.jobId, SCHEME_POSEIDON, claim.scheme);
        (bytes32[] memory vka, uint256 inputs, bytes memory proof, uint256[] memory instances) =
            abi.decode(evidence, (bytes32[], uint256, bytes, uint256[]));
        // Readers of the evidence may be stricter than the decoder: what is paid for, everybody can read.
        if (keccak256(abi.encode(vka, inputs, proof, instances)) != keccak256(evidence)) {
            revert EvidenceNotCanonical(claim.jobId);
        }

        // (1) The artefact and its split of the instances are the version's own.
        bytes32 vkaDigest = keccak256(abi.encodePacked(vka));
        bytes32 key = keccak256(abi.encode(KEY_DOMAIN, vkaDigest, inputs));
        if (key != claim.key) revert KeyMismatch(claim.jobId, claim.key, key);

        // (2) It stands on the deployment's reference string.
        _checkSrs(claim.jobId, vka);

        // (3) The instances carry the input the consumer committed to.
        _checkInput(claim, uint256(vka[WORD_INSTANCES]), inputs, instances);

        // (4) One encoding only: the proof has its exact length and every instance lies in the field.
        uint256 expected = _proofLength(claim.jobId, vka);
        if (proof.length != expected) revert ProofLengthMismatch(claim.jobId, expected, proof.length);
        for (uint256 i = 0; i < instances.length; ++i) {
            if (instances[i] >= FIELD) revert InstanceOutOfField(claim.jobId, i, instances[i]);
        }

        // (5) The proof is true.
        _checkProof(claim.jobId, vkaDigest, proof, instances, vka);

        // A submission can hide in another contract's call: the outputs stand in the log whoever called.
        emit ProofAccepted(claim.jobId, claim.versionId, claim.provider, inputs, instances);
        return
            (Verdict.Accepted, keccak256(abi.encode(OUTPUT_DOMAIN, _digestFrom(instances, inputs, instances.length))));
    }

    /// @inheritdoc IVerifier
    /// @dev `check` decides at once: no verdict of this tier is ever pending, and none is stored.
    function verdictOf(bytes32) external pure returns (Verdict) {
        return Verdict.Pending;
    }

    function _checkSrs(bytes32 jobId, bytes32[] memory vka) private view {
        if (vka.length <= WORD_CHALLENGES) revert VerifyingKeyMalformed(jobId, vka.length);
        _checkWord(jobId, vka, WORD_G1, 1);
        _checkWord(jobId, vka, WORD_G1 + 1, 2);
        for (uint256 i = 0; i < 8; ++i) {
            _checkWord(jobId, vka, WORD_SRS + i, _srsPoints[i]);
        }
    }

    function _checkWord(bytes32 jobId, bytes32[] memory vka, uint256 word, uint256 expected) private pure {
        uint256 actual = uint256(vka[word]);
        if (actual != expected) revert SrsMismatch(jobId, word, expected, actual);
    }

    function _checkInput(Claim calldata claim, uint256 count, uint256 inputs, uint256[] memory instances) private pure {
        if (instances.length != count) revert InstanceCountMismatch(claim.jobId, count, instances.length);
        if (inputs == 0 || inputs > count) revert InputCountOutOfBounds(claim.jobId, inputs, count);
        bytes32 root = _digestFrom(instances, 0, inputs);
        bytes32 commitment = keccak256(abi.encode(INPUT_DOMAIN, uint8(claim.tier), claim.scheme, claim.versionId, root));
        if (commitment != claim.inputCommitment) {
            revert InputMismatch(claim.jobId, claim.inputCommitment, commitment);
        }
    }

    /// @dev Bytes of a proof for this artefact: the points of each phase, the evaluations, and two opening points.
    /// The fixed verifier accepts trailing 32-byte padding, so the length must come from the artefact. Layout: the word holds
    /// its own count of words in the low byte, then pairs of (16-bit length of a phase's points, 8-bit number of challenges).
    function _proofLength(bytes32 jobId, bytes32[] memory vka) private pure returns (uint256 length) {
        uint256 word = uint256(vka[WORD_CHALLENGES]);
        uint256 words = word & 0xff;
        word >>= 8;
        if (vka.length <= WORD_CHALLENGES + words) revert VerifyingKeyMalformed(jobId, vka.length);
        for (uint256 i = 0; i < words; ++i) {
            for (; word != 0; word >>= 24) {
                length += word & 0xffff;
            }
            word = uint256(vka[WORD_CHALLENGES + 1 + i]);
        }
        // SAFETY: the artefact is the publisher's; a count that overflows reverts.
        length += uint256(vka[WORD_EVALUATIONS]) * 32 + 128;
    }

    function _checkProof(
        bytes32 jobId,
        bytes32 vkaDigest,
        bytes memory proof,
        uint256[] memory instances,
        bytes32[] memory vka
    ) private view {
        uint256 gasBefore = gasleft();
        try halo2.verifyProof(proof, instances, vka) returns (bool ok, bytes32 digest) {
            if (!ok || digest != vkaDigest) revert ProofRejected(jobId);
        } catch (bytes memory reason) {
            // A false proof reverts without data; only an unregistered artefact says a word.
            if (reason.length != 0) revert VerifyingKeyUnregistered(jobId, vkaDigest);
            // A call may take all but a 64th of the gas (EIP-150), and so may the precompile in it: less than two of them
            // are left only if the gas ran out, which says nothing about the proof.
            if (gasleft() < gasBefore / 32) revert ProofOutOfGas(jobId, gasBefore);
            revert ProofRejected(jobId);
        }
    }

    /// @dev keccak256 of words [from, to), where they lie: the language cannot slice an array in memory.
    // slither-disable-next-line assembly
    function _digestFrom(uint256[] memory words, uint256 from, uint256 to) private pure returns (bytes32 digest) {
        // SAFETY: callers hold from <= to <= words.length.
        assembly ("memory-safe") {
            digest := keccak256(add(add(words, 0x20), shl(5, from)), shl(5, sub(to, from)))
        }
    }
}
