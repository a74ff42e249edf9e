"""The tier tee's words and digests: the vectors that forge runs too, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.adapters.chain import typed
from mlm.core import attesting, tee
from mlm.core.attestation import REGISTERS, STATUSES, Attested
from mlm.core.attesting import Attestation, TeeResult
from mlm.core.commitment import commit_outputs
from mlm.core.errors import InvalidData, UsageError, VerificationFailed
from mlm.core.tee import KINDS, MAX_AGE, Policy, SessionKey, Statement, Task

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent.parent / "vectors" / "tee.json").read_text())
ANY = st.builds(
    Policy,
    st.sets(st.sampled_from(STATUSES[:-1]), min_size=1).map(frozenset),
    st.sets(st.sampled_from(sorted(KINDS)), min_size=1).map(frozenset),
    st.booleans(),
    st.integers(0, MAX_AGE),
)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _result(case: dict[str, Any]) -> TeeResult:
    return TeeResult(
        Attestation.from_json(case["attestation"]),
        _bytes(VECTORS["modelDigest"]),
        tuple(map(_bytes, case["measurements"])),
        int(case["x"], 16),
        int(case["y"], 16),
        _bytes(case["root"]),
        tuple(map(_bytes, case["signatures"])),
    )


@pytest.mark.parametrize("case", VECTORS["policies"], ids=lambda case: case["word"][-12:])
def test_policy_words(case: dict[str, Any]) -> None:
    policy = Policy(frozenset(case["statuses"]), frozenset(case["kinds"]), case["simulated"], case["maxAge"])
    assert "0x" + policy.encode().hex() == case["word"]
    assert Policy.decode(_bytes(case["word"])) == policy


@pytest.mark.parametrize("case", VECTORS["badPolicies"], ids=lambda case: case["case"])
def test_words_that_are_no_policy(case: dict[str, Any]) -> None:
    with pytest.raises(InvalidData, match=r"the tee policy 0x.*: expected"):
        Policy.decode(_bytes(case["word"]))


@given(ANY)
def test_a_policy_survives_its_word(policy: Policy) -> None:
    assert Policy.decode(policy.encode()) == policy


def test_a_policy_is_made_of_known_words() -> None:
    good = Policy(frozenset({"UpToDate"}), frozenset({"sgx"}))
    for wrong, found in (
        ({"statuses": frozenset()}, "statuses.*found none"),
        ({"statuses": frozenset({"Revoked"})}, "found Revoked"),
        ({"kinds": frozenset({"sgx", "sev"})}, "kinds.*found sev"),
        ({"max_age": MAX_AGE + 1}, "found 4294967296"),
    ):
        with pytest.raises(UsageError, match=found):
            replace(good, **wrong)
    with pytest.raises(InvalidData, match="expected 32 bytes, found 31"):
        Policy.decode(bytes(31))
    said = Policy(frozenset({"OutOfDate", "UpToDate"}), frozenset({"tdx", "sgx"}), True, 60).words()
    assert said == "UpToDate, OutOfDate; sgx, tdx; at most 60 s old; simulated evidence too"


@pytest.mark.parametrize("case", VECTORS["measurements"], ids=lambda case: case["kind"])
def test_measurements(case: dict[str, Any]) -> None:
    kind, registers = case["kind"], [_bytes(value) for value in case["registers"]]
    named = dict(zip((name for name in REGISTERS[kind]), registers, strict=True))
    assert tee.measurement_of(kind, named | {"mr_config_id": b"left out"}) == _bytes(case["digest"])
    spelt = tee.spell_measurement(kind, named)
    assert tee.parse_measurement(spelt) == tee.parse_measurement(f" {spelt.upper()} ") == (kind, _bytes(case["digest"]))
    for name in named:
        for value in (b"", named[name][1:], named[name] + b"\0"):
            with pytest.raises(InvalidData, match=f"{name}: expected"):
                tee.measurement_of(kind, named | {name: value})
    for wrong in (spelt.rpartition(":")[0], spelt + ":00", spelt[:-1], spelt[:-2] + "zz", "sev:00", ""):
        with pytest.raises(InvalidData, match="measurement|expected"):
            tee.parse_measurement(wrong)


@pytest.mark.parametrize("case", VECTORS["results"], ids=lambda case: case["case"])
def test_results(case: dict[str, Any]) -> None:
    result = _result(case)
    chain, verifier = VECTORS["chainId"], VECTORS["verifier"]
    root = result.root
    assert tee.tee_input_commitment(_bytes(VECTORS["versionId"]), root) == _bytes(case["inputCommitment"])
    assert commit_outputs(root) == _bytes(case["outputCommitment"])
    assert tee.tee_key(result.model, reversed(result.measurements)) == _bytes(case["key"])
    statement = Statement(
        chain,
        VECTORS["market"],
        VECTORS["jobId"],
        result.model,
        _bytes(case["inputCommitment"]),
        _bytes(case["outputCommitment"]),
        VECTORS["provider"],
        result.x,
        result.y,
    )
    assert statement.provider_key == _bytes(case["providerKey"])
    assert statement.report_data == _bytes(case["reportData"])
    said = result.attestation
    assert said.digest(chain, verifier) == _bytes(case["digest"])
    assert said.digest(chain, verifier) == typed.digest(
        attesting.eip712_domain(chain, verifier), attesting.TYPES, said.message
    )
    assert Attestation.from_json(said.to_json()) == said
    assert result.encode() == _bytes(case["evidence"])
    assert TeeResult.decode(_bytes(case["evidence"])) == result


@pytest.mark.parametrize("case", VECTORS["sessions"], ids=lambda case: case["case"])
def test_session_keys(case: dict[str, Any]) -> None:
    key = SessionKey(
        VECTORS["chainId"],
        VECTORS["market"],
        VECTORS["provider"],
        _bytes(VECTORS["modelDigest"]),
        case["expiresAt"],
        int(case["x"], 16),
        int(case["y"], 16),
    )
    assert key.report_data == _bytes(case["reportData"])
    assert key.as_args() == (key.provider, key.model, key.x, key.y, key.expires_at)
    changed = (
        replace(key, chain_id=1),
        replace(key, market="0x" + "12" * 20),
        replace(key, provider="0x" + "34" * 20),
        replace(key, model=b"n" * 32),
        replace(key, expires_at=key.expires_at + 1),
        replace(key, x=1),
        replace(key, y=1),
    )
    assert len({each.report_data for each in (key, *changed)}) == len(changed) + 1


def test_what_a_session_key_signs() -> None:
    market, provider = "0x" + "ab" * 20, "0x" + "cd" * 20
    key = SessionKey(1, market, provider, b"m" * 32, 9, 1, 2)
    task = Task(1, market.upper().replace("X", "x"), provider, "0x" + "22" * 32, "0x" + "33" * 32)
    assert key.signs(replace(task, provider="0x" + "CD" * 20), b"m" * 32)
    for wrong in (replace(task, chain_id=2), replace(task, market=provider), replace(task, provider=market)):
        assert not key.signs(wrong, b"m" * 32)
    assert not key.signs(task, b"n" * 32)


def test_each_part_of_a_statement_changes_the_report_data() -> None:
    statement = Statement(1, "0x" + "11" * 20, "0x" + "22" * 32, b"m" * 32, b"i" * 32, b"o" * 32, "0x" + "33" * 20)
    changed = (
        replace(statement, chain_id=2),
        replace(statement, market="0x" + "12" * 20),
        replace(statement, job_id="0x" + "23" * 32),
        replace(statement, model=b"n" * 32),
        replace(statement, input_commitment=b"j" * 32),
        replace(statement, output_commitment=b"p" * 32),
        replace(statement, provider="0x" + "34" * 20),
        replace(statement, x=1),
        replace(statement, y=1),
    )
    assert len({each.report_data for each in (statement, *changed)}) == len(changed) + 1


def test_a_quote_signs_the_statement_and_nothing_behind_it() -> None:
    statement = Statement(1, "0x" + "11" * 20, "0x" + "22" * 32, b"m" * 32, b"i" * 32, b"o" * 32, "0x" + "33" * 20)
    found = Attested("sgx", "UpToDate", (), {}, statement.report_data + bytes(32), 0, 1)
    assert tee.check_bound(found, statement) == "0x" + statement.report_data.hex()
    for data in (statement.report_data + bytes(31) + b"\1", bytes(64)):
        with pytest.raises(VerificationFailed, match="report data: expected 0x"):
            tee.check_bound(replace(found, report_data=data), statement)


def test_keys_hold_1_to_16_measurements_each_once() -> None:
    some = [bytes([at]) * 32 for at in range(17)]
    assert tee.tee_key(b"m" * 32, some[:16]) == tee.tee_key(b"m" * 32, reversed(some[:16]))
    assert tee.tee_key(b"m" * 32, some[:16]) != tee.tee_key(b"m" * 32, some[:15])
    for wrong in ([], some, [some[0], some[0]]):
        with pytest.raises(InvalidData, match="1 to 16 measurements, each once"):
            tee.tee_key(b"m" * 32, wrong)


def test_what_a_policy_accepts() -> None:
    policy = Policy(frozenset({"UpToDate"}), frozenset({"sgx"}), max_age=60)
    said = Attestation("0x" + "22" * 32, b"d" * 32, b"q" * 32, b"m" * 32, "sgx", "UpToDate", False, 1000)
    assert attesting.check_accepted(policy, said, 1060) == "UpToDate, sgx"
    for wrong, now, why in (
        (replace(said, status="OutOfDate"), 1000, "word on the platform.*found OutOfDate"),
        (replace(said, kind="tdx"), 1000, "kind of enclave.*found tdx"),
        (replace(said, simulated=True), 1000, "simulated"),
        (said, 1061, "61 s old.*at most 60 s"),
    ):
        with pytest.raises(VerificationFailed, match=why):
            attesting.check_accepted(policy, wrong, now)
    accepting = replace(policy, simulated=True, max_age=0)
    assert attesting.check_accepted(accepting, replace(said, simulated=True), 10**9) == "UpToDate, sgx, simulated"


@given(st.data())
def test_evidence_that_is_not_canonical_is_refused(data: st.DataObject) -> None:
    evidence = _bytes(data.draw(st.sampled_from(VECTORS["results"]))["evidence"])
    at = data.draw(st.integers(0, len(evidence) - 1))
    spoilt = evidence[:at] + bytes([evidence[at] ^ data.draw(st.integers(1, 255))]) + evidence[at + 1 :]
    for wrong in (spoilt, evidence[:at], evidence + bytes(32)):
        try:
            found = TeeResult.decode(wrong)
        except InvalidData:
            continue
        assert found.encode() == wrong and wrong != evidence


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("jobId", "0x12"),
        ("jobId", 5),
        ("reportData", "0x" + "zz" * 32),
        ("kind", 0),
        ("kind", True),
        ("kind", 5),
        ("status", 7),
        ("status", -1),
        ("simulated", 1),
        ("checkedAt", 1 << 64),
        ("checkedAt", "5"),
    ],
)
def test_attestations_of_anybody(field: str, value: Any) -> None:
    good = VECTORS["results"][0]["attestation"]
    with pytest.raises(InvalidData, match="attestation"):
        Attestation.from_json(good | {field: value})
    with pytest.raises(InvalidData, match="with the fields"):
        Attestation.from_json({name: each for name, each in good.items() if name != field})
