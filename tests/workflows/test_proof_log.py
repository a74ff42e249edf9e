"""Outputs from the verifier's log: found among decoys, and only those that the market committed to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_abi import encode

from mlm.core.commitment import output_commitment
from mlm.core.digest import keccak256
from mlm.core.errors import InvalidData
from mlm.ports.chain import Log
from mlm.workflows.proof_log import PROOF_ACCEPTED, proven

VERIFIER, JOB = "0x" + "ab" * 20, "0x" + "07" * 32
TOPIC = "0x" + keccak256(b"ProofAccepted(bytes32,bytes32,address,uint256,uint256[])").hex()
COMMITMENT = output_commitment((8, 9))


def _log(instances: tuple[int, ...], address: str = VERIFIER, job: str = JOB, tail: bytes = b"") -> Log:
    data = encode(["uint256", "uint256[]"], [1, instances]) + tail
    topics = (TOPIC, job, "0x" + "00" * 32, "0x" + "00" * 32)
    return Log(address, topics, data, 1, "0x" + "01" * 32, "0x" + "02" * 32, 0)


def test_the_declaration_is_the_contracts() -> None:
    path = Path(__file__).parents[2] / "devnet" / "artifacts" / "ZkVerifier.json"
    event = next(entry for entry in json.loads(path.read_text())["abi"] if entry["type"] == "event")
    assert (event["name"], len(event["inputs"])) == (PROOF_ACCEPTED.name, len(PROOF_ACCEPTED.fields))
    for found, field in zip(event["inputs"], PROOF_ACCEPTED.fields, strict=True):
        assert (found["name"], found["type"], found["indexed"]) == (field.name, field.type.name, field.indexed)


def test_found_among_decoys() -> None:
    decoys = [
        _log((5, 8, 9), address="0x" + "cd" * 20),  # another contract says so
        _log((5, 8, 9), job="0x" + "06" * 32),  # of another job
        _log((5, 8, 7)),  # a true proof of something else under this job's id
    ]
    assert proven([*decoys, _log((6, 8, 9))], VERIFIER.upper().replace("0X", "0x"), JOB, COMMITMENT) == (6, 8, 9)
    assert proven(decoys, VERIFIER, JOB, COMMITMENT) is None


def test_bytes_too_many() -> None:
    with pytest.raises(InvalidData, match="expected 192 bytes"):
        proven([_log((5, 8, 9), tail=bytes(32))], VERIFIER, JOB, COMMITMENT)
