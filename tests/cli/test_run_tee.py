"""`mlm run --tee` and `mlm verify FILE.tee`, outside any project and without a chain."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.make_fixtures import tiny_input, tiny_model
from mlm.core.enclosed import EnclosedFile
from tests.command_line import Person, Ran

ELSEWHERE = {"MLM_NETWORK": "sepolia"}


@pytest.fixture
def person(tmp_path: Path) -> Person:
    (tmp_path / "model.onnx").write_bytes(tiny_model(1))
    (tmp_path / "other.onnx").write_bytes(tiny_model(2))
    np.savez(tmp_path / "in.npz", **tiny_input(3))
    return Person("", tmp_path, tmp_path / "home")


@pytest.fixture
def evidence(person: Person) -> Path:
    person.do("run", "model.onnx", "in.npz", "--tee", "-o", "out.json")
    return person.folder / "out.tee"


def failed(ran: Ran) -> list[int]:
    assert ran.code == 1, ran
    return [check["number"] for check in ran.value["checks"] if check["passed"] is False]


def test_a_run_leaves_outputs_and_evidence_and_says_that_it_is_simulated(person: Person) -> None:
    ran = person.do("run", "model.onnx", "in.npz", "--tee", "-o", "out.json")
    plain = person.do("run", "model.onnx", "in.npz")
    assert ran["outputs"] == plain["outputs"]
    assert (ran["simulated"], ran["enclave"], ran["platform"]) == (True, "simulated sgx quote", "UpToDate")
    assert ran["measurement"].startswith("sgx:") and (ran["written"], ran["evidence"]) == ("out.json", "out.tee")
    assert list(json.loads((person.folder / "out.json").read_text())) == ["y"]
    found = person.do("verify", "out.tee", "--model", "model.onnx")
    assert found["verified"] and not found["complete"], "no publisher has said which code is allowed"
    assert (found["tier"], found["kind"]) == ("tee", "simulated sgx quote") and "nobody" in found["trust"]
    assert [check["passed"] for check in found["checks"]] == [True] * 5 + [None, True]
    assert ran["measurement"] in found["checks"][5]["found"]
    assert "simulated" in person.run("run", "model.onnx", "in.npz", "--tee").out
    assert (person.folder / "run.tee").exists()


def test_without_a_model_that_check_is_left_out(person: Person, evidence: Path) -> None:
    found = person.do("verify", "out.tee")
    assert [check["passed"] for check in found["checks"]] == [True] * 4 + [None, None, True]


def test_another_model_is_not_the_one_that_ran(person: Person, evidence: Path) -> None:
    assert failed(person.run("verify", "out.tee", "--model", "other.onnx", "--json")) == [5]


def test_simulated_evidence_is_accepted_on_a_devnet_alone(person: Person, evidence: Path) -> None:
    elsewhere = replace(person, env=ELSEWHERE)
    ran = elsewhere.run("verify", "out.tee", "--json")
    assert failed(ran) == [3] and "simulated" in ran.value["checks"][2]["found"]


CHANGES: dict[str, tuple[Callable[[EnclosedFile], EnclosedFile], list[int]]] = {
    "outputs": (lambda it: replace(it, outputs=it.inputs), [4]),
    "inputs": (lambda it: replace(it, inputs=it.outputs), [4]),
    "model": (lambda it: replace(it, model=bytes(32)), [4]),
    "task": (lambda it: replace(it, task=replace(it.task, job_id="0x" + "11" * 32)), [4]),
    "vendor": (lambda it: replace(it, simulated=False), [1]),
    "time": (lambda it: replace(it, at=it.at - 40 * 86_400), [1]),
    "time to come": (lambda it: replace(it, at=it.at + 86_400), [7]),
    "quote": (lambda it: replace(it, quote=it.quote[:100] + bytes([it.quote[100] ^ 1]) + it.quote[101:]), [1]),
}


@pytest.mark.parametrize("what", CHANGES)
def test_evidence_that_was_changed(person: Person, evidence: Path, what: str) -> None:
    change, wanted = CHANGES[what]
    evidence.write_bytes(change(EnclosedFile.from_bytes(evidence.read_bytes())).to_bytes())
    assert failed(person.run("verify", "out.tee", "--json")) == wanted


def test_its_age_is_what_was_signed_and_not_what_the_file_says(person: Person, evidence: Path) -> None:
    """Whoever has the file writes its time; the simulated vendor dates what it signs a day back."""
    for most, fails in (("12h", [8]), ("2d", [])):
        (person.folder / "policy.toml").write_text(f'maximum_age = "{most}"\n')
        ran = person.run("verify", "out.tee", "--policy", "policy.toml", "--json")
        assert [check["number"] for check in ran.value["checks"] if check["passed"] is False] == fails, ran
    assert ran.value["evidence"]["made_at"] <= EnclosedFile.from_bytes(evidence.read_bytes()).at - 86_400


def test_whose_word_its_time_is(person: Person, evidence: Path) -> None:
    """Written back by half a day it verifies, for its collateral was good then too: it says that nobody signed that."""
    file = EnclosedFile.from_bytes(evidence.read_bytes())
    checks = person.do("verify", "out.tee")["checks"]
    assert checks[0]["check"].endswith(", the time that the file names")
    assert checks[6]["guaranteed_by"] == ["nobody"] and checks[6]["against"] == "the clock"
    evidence.write_bytes(replace(file, at=file.at - 3600 * 12).to_bytes())
    found = person.do("verify", "out.tee")["checks"][6]["found"]
    assert found.startswith("12 h") and "ago, by the word of whoever made the file alone" in found
    assert "the newest part of what its vendor signed is 1 d" in found


def test_it_is_verified_as_of_another_time(person: Person, evidence: Path) -> None:
    at = EnclosedFile.from_bytes(evidence.read_bytes()).at
    found = person.do("verify", "out.tee", "--at", str(at + 3600))
    assert found["checks"][0]["check"].endswith(", the time asked about")
    assert found["checks"][6]["found"].startswith("1 h ago") and found["evidence"]["now"] == at + 3600
    assert failed(person.run("verify", "out.tee", "--at", str(at + 40 * 86_400), "--json")) == [1]
    assert failed(person.run("verify", "out.tee", "--at", str(at - 3600), "--json")) == [7]
    for words in (("proof.json", "--at", "5"), ("out.tee", "--signature", "s", "--public-key", "k", "--at", "5")):
        assert "--at goes with --quote or a .tee file" in person.refused(2, "verify", *words)["message"]
    assert person.refused(2, "verify", "--at", "5")["message"] == "expected what is to be verified, found nothing"


def test_what_is_no_evidence(person: Person, evidence: Path) -> None:
    for data in (b"", b"\x00" * 50, evidence.read_bytes()[:-1], evidence.read_bytes() + b"\x00"):
        evidence.write_bytes(data)
        assert person.refused(4, "verify", "out.tee")["code"] == "invalid_data"


@pytest.mark.parametrize(
    ("words", "env", "code", "message"),
    [
        (["--evidence", "x.tee"], {}, 2, "--evidence goes with --tee"),
        (["--tee", "--remote", "http://127.0.0.1:9"], {}, 2, "exclude each other"),
        (["--tee", "-o", "out.npz", "--evidence", "out.npz"], {}, 2, "different files"),
        (["--tee"], {"MLM_TEE_ENCLAVE": "hardware", "MLM_TEE_REPORTS": "none"}, 10, "this machine is no enclave"),
        (["--tee"], {"MLM_TEE_REPORTS": "none", **ELSEWHERE}, 10, "this machine is no enclave"),
        (["--tee"], {"MLM_TEE_ENCLAVE": "real"}, 2, "tee.enclave must be one of auto, hardware, simulated"),
    ],
    ids=["no-tee", "remote", "one-file", "hardware", "another-chain", "setting"],
)
def test_what_is_refused(person: Person, words: list[str], env: dict[str, str], code: int, message: str) -> None:
    error = replace(person, env=env).refused(code, "run", "model.onnx", "in.npz", *words)
    assert message in error["message"], error
    assert not list(person.folder.glob("*.tee"))


def test_a_simulated_run_elsewhere_is_labelled_and_convinces_nobody(person: Person) -> None:
    chosen = replace(person, env={"MLM_TEE_ENCLAVE": "simulated", **ELSEWHERE})
    ran: dict[str, Any] = chosen.do("run", "model.onnx", "in.npz", "--tee")
    assert ran["simulated"] and failed(chosen.run("verify", "run.tee", "--json")) == [3]
