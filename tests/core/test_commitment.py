"""Digests and commitments: known answers, the vectors that forge runs too, and hostile evidence."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from mlm.core import digest as module
from mlm.core.commitment import (
    SCHEME_POSEIDON,
    ZK_TIER,
    Evidence,
    commit_outputs,
    decode_evidence,
    encode_evidence,
    input_commitment,
    input_root,
    output_commitment,
    tensors_root,
    unverified_input_commitment,
    vka_digest,
    zk_input_commitment,
    zk_key,
)
from mlm.core.digest import keccak256, word
from mlm.core.errors import InvalidData

UINT = st.integers(0, (1 << 256) - 1)
EVIDENCE = st.builds(
    Evidence,
    st.lists(UINT, max_size=8).map(tuple),
    UINT,
    st.binary(max_size=100),
    st.lists(UINT, max_size=8).map(tuple),
)


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        (b"transfer(address,uint256)", "a9059cbb2ab09eb219583f4a59a5d0623ade346d962bcd4e46b11da047c9049b"),
    ],
)
def test_keccak256_known_answers(data: bytes, digest: str) -> None:
    assert keccak256(data).hex() == digest


@pytest.mark.parametrize("size", [0, 1, 135, 136, 137, 1000])
def test_keccak256_is_the_same_where_pysha3_is_not(size: int) -> None:
    data = bytes(range(256)) * 4
    expected = keccak256(data[:size])
    module._keccak.cache_clear()
    try:
        with mock.patch.dict("sys.modules", {"sha3": None}):
            assert keccak256(data[:size]) == expected
    finally:
        module._keccak.cache_clear()


@pytest.mark.parametrize("value", [-1, 1 << 256, b"", bytes(31), bytes(33)])
def test_a_word_is_32_bytes(value: int | bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes|uint256"):
        word(value)


def _int(text: str) -> int:
    return int(text, 16)


def test_the_shared_vectors(root: Path) -> None:
    fixtures = json.loads((root / "devnet" / "test" / "fixtures" / "zk.json").read_text())["cases"]
    vectors = json.loads((root / "tests" / "vectors" / "commitment.json").read_text())
    assert vectors["format"] == "mlm/vectors/commitment/1"
    for vector in vectors["cases"]:
        case = fixtures[vector["case"]]
        instances, inputs = [_int(value) for value in case["instances"]], case["inputs"]
        digest = vka_digest([_int(value) for value in case["vka"]])
        root_ = input_root(instances[:inputs])
        version = bytes.fromhex(vector["versionId"][2:])
        found = {
            "case": vector["case"],
            "vkaDigest": "0x" + digest.hex(),
            "zkKey": "0x" + zk_key(digest, inputs).hex(),
            "inputRoot": "0x" + root_.hex(),
            "versionId": vector["versionId"],
            "inputCommitment": "0x" + input_commitment(ZK_TIER, SCHEME_POSEIDON, version, root_).hex(),
            "outputCommitment": "0x" + output_commitment(instances[inputs:]).hex(),
        }
        assert found == vector
        assert zk_input_commitment(version, instances[:inputs]).hex() == vector["inputCommitment"][2:]
    tensors = {name: bytes.fromhex(value[2:]) for name, value in vectors["tensors"].items()}
    assert tensors_root(tensors["salt"], tensors["block"]) == tensors["root"]
    assert unverified_input_commitment(tensors["versionId"], tensors["root"]) == tensors["inputCommitment"]
    assert commit_outputs(tensors["root"]) == tensors["outputCommitment"]


@given(UINT, st.integers(0, 255), st.integers(0, 255), st.binary(min_size=32, max_size=32))
def test_digests_are_those_of_the_abi(number: int, tier: int, scheme: int, version: bytes) -> None:
    """Held against eth_abi's encoder, which shares no code with ours."""
    root = keccak256(number.to_bytes(32, "big"))
    assert input_root([number]) == root
    types = ["bytes32", "uint8", "uint8", "bytes32", "bytes32"]
    expected = keccak256(encode(types, [keccak256(b"mlm/in/1"), tier, scheme, version, root]))
    assert input_commitment(tier, scheme, version, root) == expected
    key = encode(["bytes32", "bytes32", "uint256"], [keccak256(b"mlm/zk-key/1"), version, number])
    assert zk_key(version, number) == keccak256(key)
    out = encode(["bytes32", "bytes32"], [keccak256(b"mlm/out/1"), root])
    assert output_commitment([number]) == keccak256(out)


def test_a_commitment_depends_on_every_field() -> None:
    version, root = bytes(32), bytes([1]) * 32
    digests = {
        input_commitment(1, 1, version, root),
        input_commitment(2, 1, version, root),
        input_commitment(1, 2, version, root),
        input_commitment(1, 1, root, root),
        input_commitment(1, 1, version, version),
    }
    assert len(digests) == 5
    with pytest.raises(ValueError, match="uint8"):
        input_commitment(256, 1, version, root)


@given(EVIDENCE)
def test_evidence_is_the_abi_encoding_and_comes_back(evidence: Evidence) -> None:
    data = encode_evidence(evidence)
    values = [evidence.vka, evidence.inputs, evidence.proof, evidence.instances]
    assert data == encode(["uint256[]", "uint256", "bytes", "uint256[]"], values)
    assert decode_evidence(data) == evidence


@given(EVIDENCE, st.data())
def test_damaged_evidence_is_refused_or_other(evidence: Evidence, data: st.DataObject) -> None:
    encoded = bytearray(encode_evidence(evidence))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= data.draw(st.integers(1, 255))
    try:
        assert decode_evidence(bytes(encoded)) != evidence
    except InvalidData:
        pass
    with pytest.raises(InvalidData):
        decode_evidence(encode_evidence(evidence) + bytes(32))
    with pytest.raises(InvalidData):
        decode_evidence(encode_evidence(evidence)[:-1])


@given(st.binary(max_size=400))
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidData):
        decode_evidence(data)
