"""`mlm doctor`, `version` and `completion` as a user meets them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mlm import __version__


def mlm(*words: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlm", *words]
    full = {**os.environ, **(env or {})}
    return subprocess.run(command, cwd=cwd, env=full, capture_output=True, text=True, timeout=60, check=False)


def test_doctor_json_is_one_object(tmp_path: Path) -> None:
    done = mlm("doctor", "--json", cwd=tmp_path)
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["healthy"] else 1)
    found = {check["what"]: check for check in report["checks"]}
    assert found["srs"]["level"] == "ok", found["srs"]
    assert found["python"]["level"] == "ok"


def test_doctor_says_which_sandbox_there_is_and_what_it_leaves(tmp_path: Path) -> None:
    def sandbox(**env: str) -> dict[str, str]:
        report = json.loads(mlm("doctor", "--json", cwd=tmp_path, env=env).stdout)
        return next(check for check in report["checks"] if check["what"] == "sandbox")

    assert "what it does not stop: " in sandbox()["found"]
    off = sandbox(MLM_SANDBOX="none")
    assert off["level"] == "note" and "it can do whatever you can" in off["found"] and "auto" in off["remedy"]
    absent = sandbox(MLM_SANDBOX="bubblewrap", PATH="")
    assert absent["level"] == "problem" and absent["found"].startswith("the sandbox bubblewrap was asked for, but ")


def test_doctor_says_where_models_run(tmp_path: Path) -> None:
    def engine(**env: str) -> dict[str, str]:
        report = json.loads(mlm("doctor", "--json", cwd=tmp_path, env=env).stdout)
        return next(check for check in report["checks"] if check["what"] == "engine")

    assert engine()["found"].startswith("local: ")
    nowhere = engine(MLM_ENGINE="ray")
    assert nowhere["level"] == "problem" and "runner.ray_address: expected the HOST:PORT" in nowhere["found"]
    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{there.getsockname()[1]}"
        dead = engine(MLM_ENGINE="ray", MLM_RAY_ADDRESS=address)
        assert dead["level"] == "problem" and f"no Ray cluster answers at {address}" in dead["found"]
        there.listen()
        assert engine(MLM_ENGINE="ray", MLM_RAY_ADDRESS=address)["level"] == "ok"


def test_doctor_says_which_enclave_there_is_and_what_it_is_worth(tmp_path: Path) -> None:
    def enclave(**env: str) -> tuple[str, str]:
        report = json.loads(mlm("doctor", "--json", cwd=tmp_path, env=env).stdout)
        found = next(check for check in report["checks"] if check["what"] == "enclave")
        return found["level"], found["found"]

    level, found = enclave(MLM_TEE_REPORTS="none")
    assert level == "note" and found.startswith("simulated: its evidence convinces nobody")
    level, found = enclave(MLM_TEE_REPORTS="none", MLM_TEE_ENCLAVE="hardware")
    assert level == "problem" and found.startswith("none: there is no")
    (tmp_path / "report").mkdir()
    there = {"MLM_TEE_REPORTS": str(tmp_path / "report")}
    assert enclave(**there)[0] == "note" and "collateral is not named" in enclave(**there)[1]
    assert enclave(**there, MLM_TEE_COLLATERAL=str(tmp_path))[0] == "ok"


def test_who_asks_for_a_sandbox_that_is_not_there_is_given_no_other(tmp_path: Path, root: Path) -> None:
    digits = root / "templates" / "digits-mlp"
    command = ("run", str(digits / "model.onnx"), str(digits / "samples" / "test-images.npy"))
    done = mlm(*command, cwd=tmp_path, env={"MLM_SANDBOX": "bubblewrap", "PATH": "", "MLM_HOME": str(tmp_path)})
    assert done.returncode == 10 and "the sandbox bubblewrap was asked for, but " in done.stderr
    assert "runner.sandbox" in done.stderr


def test_doctor_exits_1_when_the_srs_is_not_what_it_should_be(tmp_path: Path, root: Path) -> None:
    folder = tmp_path / "srs"
    folder.mkdir()
    for source in (root / "circuits").glob("k*.srs"):
        shutil.copy(source, folder)
    with (folder / "k10.srs").open("r+b") as file:
        file.write(b"\0")
    done = mlm("doctor", "--json", cwd=tmp_path, env={"MLM_SRS": str(folder)})
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert not report["healthy"]
    (srs,) = [check for check in report["checks"] if check["what"] == "srs"]
    assert srs["level"] == "problem" and "k10.srs" in srs["found"]


@pytest.mark.parametrize("listing", ["", "[]", '{"files": 3}', '{"files": [{"file": "../k10.srs", "sha256": "ab"}]}'])
def test_doctor_refuses_a_damaged_listing(tmp_path: Path, listing: str) -> None:
    (tmp_path / "srs.json").write_text(listing)
    done = mlm("doctor", "--json", cwd=tmp_path, env={"MLM_SRS": str(tmp_path)})
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (4, "invalid_data"), done.stdout


def test_version(tmp_path: Path) -> None:
    assert json.loads(mlm("version", "--json", cwd=tmp_path).stdout)["mlm"] == __version__
    assert __version__ in mlm("version", cwd=tmp_path).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_valid(shell: str, tmp_path: Path) -> None:
    done = mlm("completion", shell, cwd=tmp_path)
    assert done.returncode == 0 and "_MLM_COMPLETE" in done.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=done.stdout, text=True, check=True, timeout=30)


@pytest.mark.parametrize(
    ("words", "expected"), [("mlm do", "doctor"), ("mlm completion z", "zsh"), ("mlm doctor --js", "--json")]
)
def test_bash_completion_answers(words: str, expected: str, tmp_path: Path) -> None:
    env = {"_MLM_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = mlm(cwd=tmp_path, env=env)
    assert expected in done.stdout.split(), done.stdout + done.stderr


def test_unknown_shell_is_a_usage_error(tmp_path: Path) -> None:
    done = mlm("completion", "cmd", cwd=tmp_path)
    assert done.returncode == 2 and "bash" in done.stderr
