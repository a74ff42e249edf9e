"""Proof files come from anybody: canonical both ways, and one clear refusal for everything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core.errors import InvalidData
from mlm.core.proof import FIELD, MAX_BYTES, MAX_INSTANCES, ProofFile

GOOD = ProofFile("ab" * 32, b'{"settings": 1}', b"\x01\x02", (0, 7, FIELD - 1))


def with_field(name: str, value: Any) -> bytes:
    return json.dumps({**json.loads(GOOD.to_bytes()), name: value}).encode()


@given(
    st.binary(min_size=32, max_size=32),
    st.text(max_size=50),
    st.binary(max_size=100),
    st.lists(st.integers(min_value=0, max_value=FIELD - 1), min_size=1, max_size=20),
)
def test_round_trip(model: bytes, settings: str, proof: bytes, instances: list[int]) -> None:
    settings_bytes = settings.encode("utf-8", "ignore")
    file = ProofFile(model.hex(), settings_bytes, proof, tuple(instances))
    assert ProofFile.from_bytes(file.to_bytes()) == file
    assert ProofFile.from_bytes(file.to_bytes()).to_bytes() == file.to_bytes()


@pytest.mark.parametrize(
    ("defect", "data"),
    [
        ("empty", b""),
        ("no JSON", b"\x00\x01"),
        ("cut", GOOD.to_bytes()[:-20]),
        ("no UTF-8", b'"\xff"'),
        ("a list", b"[]"),
        ("a number", b"1"),
        ("deep nesting", b"[" * 100_000),
        ("another format", with_field("format", "mlm/proof/2")),
        ("format of another type", with_field("format", ["mlm/proof/1"])),
        ("no proof", with_field("proof", None)),
        ("proof without 0x", with_field("proof", "0102")),
        ("odd hex", with_field("proof", "0x012")),
        ("no instances", with_field("instances", [])),
        ("instances of a number", with_field("instances", 3)),
        ("too many instances", with_field("instances", ["0x" + "00" * 32] * (MAX_INSTANCES + 1))),
        ("a short instance", with_field("instances", ["0x00"])),
        ("an instance that is a number", with_field("instances", [5])),
        ("an instance outside the field", with_field("instances", [f"0x{FIELD:064x}"])),
        ("a short digest", with_field("model", "ab" * 31)),
        ("a digest with 0x", with_field("model", "0x" + "ab" * 32)),
        ("settings of another type", with_field("settings", {"a": 1})),
        ("too large", b" " * (MAX_BYTES + 1)),
    ],
)
def test_refused(defect: str, data: bytes) -> None:
    with pytest.raises(InvalidData) as caught:
        ProofFile.from_bytes(data)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200, defect


@given(st.binary(max_size=300) | st.builds(with_field, st.sampled_from(["proof", "instances", "model"]), st.text()))
def test_never_anything_but_invalid_data(data: bytes) -> None:
    try:
        ProofFile.from_bytes(data)
    except InvalidData:
        pass
