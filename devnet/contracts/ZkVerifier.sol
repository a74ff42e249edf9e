// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IZkVerifierErrors} from "./errors/IZkVerifierErrors.sol";
import {Claim, IVerifier} from "./interfaces/IVerifier.sol";
import {Tier, Verdict} from "./interfaces/Types.sol";
import {SCHEME_POSEIDON} from "./libraries/Limits.sol";

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

    /// The parts of the evidence.
    struct Evidence {
        bytes32[] vka;
        uint256 inputs;
        bytes proof;
        uint256[] instances;
    }

    IHalo2Verifier public immutable halo2;

    /// @dev Written in the constructor only: G2 and -tau*G2 of the deployment's reference string, as VKA words 16 to 23.
    /// Read only to answer or to name the word that differs: `check` compares their digest.
    uint256[8] private _srsPoints;
    bytes32 private immutable _srsDigest;

    constructor(address halo2_, uint256[8] memory srsPoints_) {
        if (halo2_.code.length == 0) revert AddressMissing("halo2");
        halo2 = IHalo2Verifier(halo2_);
        _srsPoints = srsPoints_;
        _srsDigest = keccak256(abi.encodePacked(srsPoints_));
    }

    /// @notice The points every verifying artefact must carry in words 16 to 23.
    function srsPoints() external view returns (uint256[8] memory) {
        return _srsPoints;
    }

    /// @inheritdoc IVerifier
    /// @dev evidence = abi.encode(uint256[] vka, uint256 inputs, bytes proof, uint256[] instances); the first `inputs`
    /// instances are the input's Poseidon hashes, the others the outputs.
    /// What `ProofAccepted` says of a job is the market's business only if the job's output commitment follows from it.
    function check(Claim calldata claim, bytes calldata evidence)
        external
        returns (Verdict verdict, bytes32 outputCommitment)
    {
        if (claim.tier != Tier.Zk) revert TierMismatch(claim.jobId, Tier.Zk, claim.tier);
        if (claim.scheme != SCHEME_POSEIDON) revert SchemeMismatch(claim.jobId, SCHEME_POSEIDON, claim.scheme);
        Evidence calldata e = _decoded(claim.jobId, evidence);
        bytes32[] calldata vka = e.vka;
        uint256[] calldata instances = e.instances;

        // (1) The artefact and its split of the instances are the version's own.
        bytes32 vkaDigest = keccak256(abi.encodePacked(vka));
        bytes32 key = keccak256(abi.encode(KEY_DOMAIN, vkaDigest, e.inputs));
        if (key != claim.key) revert KeyMismatch(claim.jobId, claim.key, key);

        // (2) It stands on the deployment's reference string.
        _checkSrs(claim.jobId, vka);

        // (3) The instances carry the input the consumer committed to.
        _checkInput(claim, uint256(vka[WORD_INSTANCES]), e.inputs, instances);

        // (4) One encoding only: the proof has its exact length and every instance lies in the field.
        uint256 expected = _proofLength(claim.jobId, vka);
        if (e.proof.length != expected) revert ProofLengthMismatch(claim.jobId, expected, e.proof.length);
        for (uint256 i = 0; i < instances.length; ++i) {
            if (instances[i] >= FIELD) revert InstanceOutOfField(claim.jobId, i, instances[i]);
        }

        // (5) The proof is true.
        _checkProof(claim.jobId, vkaDigest, e);

        // A submission can hide in another contract's call: the outputs stand in the log whoever called.
        emit ProofAccepted(claim.jobId, claim.versionId, claim.provider, e.inputs, instances);
        bytes32 root = keccak256(abi.encodePacked(instances[e.inputs:]));
        return (Verdict.Accepted, keccak256(abi.encode(OUTPUT_DOMAIN, root)));
    }

    /// @inheritdoc IVerifier
    function checkPolicy(bytes32 policy) external pure {
        if (policy != 0) revert PolicyUnusable(policy);
    }

    /// @inheritdoc IVerifier
    /// @dev `check` decides at once: no verdict of this tier is ever pending, and none is stored.
    function verdictOf(bytes32) external pure returns (Verdict) {
        return Verdict.Pending;
    }

    /// @inheritdoc IVerifier
    function challengerOf(bytes32) external pure returns (address) {
        return address(0);
    }

    /// @dev The evidence as it lies in the calldata: nothing is copied. One encoding only, each part right behind the one
    /// before: readers may be stricter than Solidity's decoder, and what is paid for, everybody can read.
    // slither-disable-next-line assembly
    function _decoded(bytes32 jobId, bytes calldata evidence) private pure returns (Evidence calldata e) {
        if (evidence.length < 128) revert EvidenceNotCanonical(jobId);
        // The language decodes bytes into memory only. This is a pointer: a struct's fields lie as abi.encode lays its
        // arguments, and each use of one checks that it ends within the calldata and is shorter than 2^64.
        assembly ("memory-safe") {
            e := evidence.offset
        }
        // SAFETY: the parts fill the evidence to its last byte, so none reaches beyond it into the rest of the calldata.
        uint256 proofAt = 160 + 32 * e.vka.length;
        uint256 proofEnd = proofAt + 32 + e.proof.length;
        uint256 instancesAt = (proofEnd + 31) & ~uint256(31); // to whole words
        if (
            _word(evidence, 0) != 128 || _word(evidence, 64) != proofAt || _word(evidence, 96) != instancesAt
                || evidence.length != instancesAt + 32 + 32 * e.instances.length
        ) revert EvidenceNotCanonical(jobId);
        // The bytes that fill the proof's last word are zeros.
        if (proofEnd % 32 != 0 && _word(evidence, instancesAt - 32) << 8 * (proofEnd % 32) != 0) {
            revert EvidenceNotCanonical(jobId);
        }
    }

    function _word(bytes calldata evidence, uint256 at) private pure returns (uint256) {
        return uint256(bytes32(evidence[at:at + 32]));
    }

    function _checkSrs(bytes32 jobId, bytes32[] calldata vka) private view {
        if (vka.length <= WORD_CHALLENGES) revert VerifyingKeyMalformed(jobId, vka.length);
        _checkWord(jobId, vka, WORD_G1, 1);
        _checkWord(jobId, vka, WORD_G1 + 1, 2);
        if (keccak256(abi.encodePacked(vka[WORD_SRS:WORD_SRS + 8])) == _srsDigest) return;
        for (uint256 i = 0; i < 8; ++i) {
            _checkWord(jobId, vka, WORD_SRS + i, _srsPoints[i]);
        }
    }

    function _checkWord(bytes32 jobId, bytes32[] calldata vka, uint256 word, uint256 expected) private pure {
        uint256 actual = uint256(vka[word]);
        if (actual != expected) revert SrsMismatch(jobId, word, expected, actual);
    }

    function _checkInput(Claim calldata claim, uint256 count, uint256 inputs, uint256[] calldata instances)
        private
        pure
    {
        if (instances.length != count) revert InstanceCountMismatch(claim.jobId, count, instances.length);
        if (inputs == 0 || inputs > count) revert InputCountOutOfBounds(claim.jobId, inputs, count);
        bytes32 root = keccak256(abi.encodePacked(instances[:inputs]));
        bytes32 commitment = keccak256(abi.encode(INPUT_DOMAIN, uint8(claim.tier), claim.scheme, claim.versionId, root));
        if (commitment != claim.inputCommitment) {
            revert InputMismatch(claim.jobId, claim.inputCommitment, commitment);
        }
    }

    /// @dev Bytes of a proof for this artefact: the points of each phase, the evaluations, and two opening points.
    /// The fixed verifier accepts trailing 32-byte padding, so the length must come from the artefact. Layout: the word holds
    /// its own count of words in the low byte, then pairs of (16-bit length of a phase's points, 8-bit number of challenges).
    function _proofLength(bytes32 jobId, bytes32[] calldata vka) private pure returns (uint256 length) {
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

    function _checkProof(bytes32 jobId, bytes32 vkaDigest, Evidence calldata e) private view {
        uint256 gasBefore = gasleft();
        try halo2.verifyProof(e.proof, e.instances, e.vka) returns (bool ok, bytes32 digest) {
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
}
