"""What travels in the tier tee off the chain: it comes from anybody, and is read field by field."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core import dagcbor
from mlm.core.attest_request import AttestRequest, KeyRequest, Signed
from mlm.core.enclosed import EnclosedFile
from mlm.core.errors import InvalidData
from mlm.core.tee import NO_JOB, NOBODYS, Task
from mlm.core.tee_files import MAX_EVIDENCE, Evidence, Handed, KeySigned

TASK = Task(31337, "0x" + "11" * 20, "0x" + "22" * 32, "0x" + "33" * 32, "0x" + "44" * 20, b"i" * 32, b"o" * 32)
FILE = EnclosedFile(TASK, b"m" * 32, b"inputs", b"outputs", b"quote", b"{}", True, 1_790_000_000)
ASKED = AttestRequest("0x" + "11" * 32, b"m" * 32, (b"a" * 32, b"b" * 32), b"r" * 32, 1, 2, 5, False, b"quote", b"{}")
HANDED = Handed(b"quote", b"{}", b"outputs")
EVIDENCE = Evidence(b"quote", b"{}", True, 5, b"s" * 32)
BY_KEY = replace(EVIDENCE, signed=KeySigned(b"d" * 32, 1, 1 << 255, b"r" * 64))
KEY = KeyRequest("0x" + "44" * 20, b"m" * 32, 9, 1, 2, 5, True, b"quote", b"{}")


def test_each_survives_its_bytes() -> None:
    assert EnclosedFile.from_bytes(FILE.to_bytes()) == FILE
    assert EnclosedFile.from_bytes(replace(FILE, task=NOBODYS, simulated=False).to_bytes()).task == NOBODYS
    assert Handed.from_block(HANDED.to_block()) == HANDED
    for evidence in (EVIDENCE, replace(EVIDENCE, salt=b"", simulated=False)):
        assert Evidence.from_bytes(evidence.to_bytes()) == evidence
    assert Evidence.from_bytes(BY_KEY.to_bytes()) == BY_KEY
    assert AttestRequest.from_json(ASKED.to_json()) == ASKED
    assert KeyRequest.from_json(KEY.to_json()) == KEY and KEY.job_id == NO_JOB


def test_neither_request_reads_as_the_other() -> None:
    for read, wrong in ((AttestRequest, KEY), (KeyRequest, ASKED)):
        with pytest.raises(InvalidData, match="with the fields"):
            read.from_json(wrong.to_json())


READERS: dict[str, tuple[Callable[[bytes], Any], bytes]] = {
    "evidence of a run": (EnclosedFile.from_bytes, FILE.to_bytes()),
    "result": (Handed.from_block, HANDED.to_block()),
    "kept": (Evidence.from_bytes, EVIDENCE.to_bytes()),
    "kept, of a key": (Evidence.from_bytes, BY_KEY.to_bytes()),
    "request": (AttestRequest.from_json, ASKED.to_json()),
    "request for a key": (KeyRequest.from_json, KEY.to_json()),
}


@pytest.mark.parametrize("what", READERS)
@given(st.data())
def test_what_is_damaged_is_refused_or_reads_as_written(what: str, data: st.DataObject) -> None:
    read, whole = READERS[what]
    at = data.draw(st.integers(0, len(whole) - 1))
    for wrong in (whole[:at], whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 :]):
        try:
            found = read(wrong)
        except InvalidData:
            continue
        if not what.startswith("request"):  # JSON has many spellings
            assert (found.to_block if what == "result" else found.to_bytes)() == wrong


@pytest.mark.parametrize("what", ["evidence of a run", "result", "kept", "kept, of a key"])
def test_a_field_too_many_or_too_few(what: str) -> None:
    read, whole = READERS[what]
    value: Any = dagcbor.decode(whole)
    for wrong in (
        value | {"more": 1},
        {name: each for name, each in value.items() if name != "quote"},
        value | {"format": "mlm/other/1"},
        value | {"quote": "text"},
        [],
    ):
        with pytest.raises(InvalidData):
            read(dagcbor.encode(wrong))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("job", "0x12"),
        ("job", 5),
        ("model", "zz"),
        ("measurements", []),
        ("measurements", ["0x" + "11" * 32] * 17),
        ("measurements", "0x" + "11" * 32),
        ("root", None),
        ("x", "-0x1"),
        ("x", "0x1" + "0" * 64),
        ("y", 1),
        ("checkedAt", -1),
        ("checkedAt", True),
        ("checkedAt", 1 << 63),
        ("simulated", "yes"),
        ("quote", "!"),
        ("quote", 5),
        ("collateral", "A" * (2 * MAX_EVIDENCE + 1)),
    ],
)
def test_requests_of_anybody(field: str, value: Any) -> None:
    with pytest.raises(InvalidData):
        AttestRequest.from_json(json.dumps(json.loads(ASKED.to_json()) | {field: value}).encode())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("provider", "0x" + "44" * 19),
        ("provider", "44" * 21),
        ("provider", 5),
        ("model", "0x" + "44" * 20),
        ("expiresAt", "9"),
        ("expiresAt", True),
        ("expiresAt", -1),
        ("expiresAt", 1 << 48),
        ("x", 1),
        ("checkedAt", None),
        ("simulated", 0),
        ("quote", None),
        ("job", "0x" + "00" * 32),
    ],
)
def test_requests_for_keys_of_anybody(field: str, value: Any) -> None:
    with pytest.raises(InvalidData):
        KeyRequest.from_json(json.dumps(json.loads(KEY.to_json()) | {field: value}).encode())


def test_answers_of_anybody() -> None:
    for wrong in (b"", b"{}", b"[]", b'{"attestation": {}, "signature": "0x"}', b"[" * 10_000):
        with pytest.raises(InvalidData):
            Signed.from_json(wrong)
