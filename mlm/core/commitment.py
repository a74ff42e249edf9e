"""What binds a job: the version's key, the commitments to input and output, and the evidence. Pure.

The same formulas stand in devnet/contracts/ZkVerifier.sol and Unverified.sol; tests/vectors/commitment.json holds both
to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlm.core.digest import domain, keccak256, word, words
from mlm.core.errors import InvalidData

ZK_TIER = 1  # Tier.Zk of Types.sol
NO_TIER = 0  # Tier.None
SCHEME_POSEIDON = 1  # scheme: the input root is over Poseidon hashes
SCHEME_KECCAK = 2  # scheme: the input root is over the block of the input's tensors
NO_SALT = bytes(32)  # of tensors that anybody may see
MAX_EVIDENCE_BYTES = 1 << 20


@dataclass(frozen=True)
class Evidence:
    """What a provider submits for a zk job; `inputs` leading instances are input hashes, the others output values."""

    vka: tuple[int, ...]
    inputs: int
    proof: bytes
    instances: tuple[int, ...]


def vka_digest(vka: Sequence[int]) -> bytes:
    """keccak256 of the artefact's words, as the reusable verifier computes it."""
    return keccak256(words(vka))


def zk_key(digest: bytes, inputs: int) -> bytes:
    """The key a version registers: keccak256(abi.encode(H("mlm/zk-key/1"), vkaDigest, inputs))."""
    return keccak256(words((domain("mlm/zk-key/1"), digest, inputs)))


def input_root(input_hashes: Sequence[int]) -> bytes:
    """keccak256(abi.encodePacked(uint256[])) of the Poseidon hash of each input tensor, in the model's order."""
    return keccak256(words(input_hashes))


def input_commitment(tier: int, scheme: int, version_id: bytes, root: bytes) -> bytes:
    """keccak256(abi.encode(H("mlm/in/1"), uint8 tier, uint8 scheme, versionId, root)). ValueError out of range."""
    if not 0 <= tier < 256 or not 0 <= scheme < 256:
        raise ValueError(f"tier and scheme are uint8, found {tier} and {scheme}")
    return keccak256(words((domain("mlm/in/1"), tier, scheme, version_id, root)))


def zk_input_commitment(version_id: bytes, input_hashes: Sequence[int]) -> bytes:
    """The commitment of a zk job."""
    return input_commitment(ZK_TIER, SCHEME_POSEIDON, version_id, input_root(input_hashes))


def tensors_root(salt: bytes, block: bytes) -> bytes:
    """keccak256(abi.encode(H("mlm/tensors-root/1"), salt, keccak256(block))) of a DAG-CBOR block `mlm/tensors/1`."""
    return keccak256(words((domain("mlm/tensors-root/1"), salt, keccak256(block))))


def unverified_input_commitment(version_id: bytes, root: bytes) -> bytes:
    """The commitment of a job of the tier none."""
    return input_commitment(NO_TIER, SCHEME_KECCAK, version_id, root)


def output_commitment(outputs: Sequence[int]) -> bytes:
    """The commitment to a proof's output instances: its root is keccak256(abi.encodePacked(uint256[] outputs))."""
    return commit_outputs(keccak256(words(outputs)))


def commit_outputs(root: bytes) -> bytes:
    """keccak256(abi.encode(H("mlm/out/1"), root))."""
    return keccak256(words((domain("mlm/out/1"), root)))


def encode_evidence(evidence: Evidence) -> bytes:
    """abi.encode(uint256[] vka, uint256 inputs, bytes proof, uint256[] instances)."""
    parts = (_array(evidence.vka), _bytes(evidence.proof), _array(evidence.instances))
    first = 4 * 32
    second = first + len(parts[0])
    third = second + len(parts[1])
    return words((first, evidence.inputs, second, third)) + b"".join(parts)


def decode_evidence(data: bytes) -> Evidence:
    """The inverse of `encode_evidence`; raises InvalidData for any other encoding, however lenient the contract is."""
    if len(data) > MAX_EVIDENCE_BYTES:
        raise InvalidData(f"evidence of {len(data)} bytes, more than the limit of {MAX_EVIDENCE_BYTES}")
    evidence = Evidence(
        vka=_read_array(data, _read(data, 0)),
        inputs=_read(data, 32),
        proof=_read_bytes(data, _read(data, 64)),
        instances=_read_array(data, _read(data, 96)),
    )
    if encode_evidence(evidence) != data:
        raise InvalidData("evidence is not in its canonical ABI encoding")
    return evidence


def _array(values: Sequence[int]) -> bytes:
    return word(len(values)) + words(values)


def _bytes(value: bytes) -> bytes:
    return word(len(value)) + value + bytes(-len(value) % 32)


def _read(data: bytes, at: int) -> int:
    if at + 32 > len(data):
        raise InvalidData(f"evidence ends at byte {len(data)}, expected a word at {at}")
    return int.from_bytes(data[at : at + 32], "big")


def _read_bytes(data: bytes, at: int) -> bytes:
    length = _read(data, at)
    if length > len(data) - at - 32:
        raise InvalidData(f"evidence ends at byte {len(data)}, expected {length} bytes at {at + 32}")
    return data[at + 32 : at + 32 + length]


def _read_array(data: bytes, at: int) -> tuple[int, ...]:
    length = _read(data, at)
    if length * 32 > len(data) - at - 32:
        raise InvalidData(f"evidence ends at byte {len(data)}, expected {length} words at {at + 32}")
    return tuple(_read(data, at + 32 + 32 * i) for i in range(length))
