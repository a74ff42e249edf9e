"""The commands of the local history, run as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HEAVY = ("numpy", "duckdb", "onnx", "onnxruntime", "web3", "ezkl", "eth_account", "eth_abi")


def mlm(folder: Path, *arguments: str, code: int = 0) -> Any:
    """Run `mlm … --json` and return its object."""
    found = subprocess.run(
        [sys.executable, "-m", "mlm", *arguments, "--json"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == code, found.stdout + found.stderr
    return json.loads(found.stdout)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = mlm(tmp_path, "init", "my data")
    assert made["files"] == [".mlmignore", "mlm.toml"]
    folder = tmp_path / "my data"
    (folder / "mlm.toml").write_text('[asset]\nname = "my-data"\nversion = "1.0.0"\nkind = "dataset"\n')
    (folder / "rows").mkdir()
    (folder / "rows" / "a.csv").write_text("x\n1\n")
    return folder


def test_a_first_history(project: Path) -> None:
    assert [change["path"] for change in mlm(project, "status")["untracked"]] == [".mlmignore", "mlm.toml", "rows/"]
    # Paths are those of the folder one stands in.
    assert mlm(project / "rows", "add", "a.csv", "../mlm.toml")["staged"] == ["mlm.toml", "rows/a.csv"]
    made = mlm(project, "commit", "-m", "first")["result"]
    assert made["asset"] == "my-data@1.0.0"
    assert made["commit"].startswith("bafyrei")
    entries = mlm(project, "log")["commits"]
    assert [entry["message"] for entry in entries] == ["first"]
    shown = mlm(project, "show", made["commit"][:16])
    assert shown["commit"] == made["commit"]
    assert {file["path"] for file in shown["files"]} == {"mlm.toml", "rows/a.csv"}
    assert mlm(project, "status")["branch"] == "main"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["add", "missing"], 3, "no such file"),
        (["add", "/etc/passwd"], 2, "outside the project"),
        (["commit", "-m", "x"], 12, "nothing is staged"),
        (["log"], 12, "no commit"),
        (["show", "nothing"], 3, "nothing"),
        (["init", "mlm.toml"], 2, "is a file"),
        (["init", "new", "--template", "nothing"], 3, "no template"),
    ],
)
def test_failures_have_their_codes(project: Path, arguments: list[str], code: int, message: str) -> None:
    error = mlm(project, *arguments, code=code)["error"]
    assert message in error["message"]
    assert error["hint"] or code == 2


def test_outside_a_project(tmp_path: Path) -> None:
    assert "mlm init" in mlm(tmp_path, "status", code=12)["error"]["hint"]


@pytest.mark.parametrize(
    "command",
    ["status", "log", "log --graph", "show", "add .", "branch x", "tag x", "checkout -b x", "rm -r rows", "restore ."]
    + ["gc", "fsck"],
)
def test_local_commands_load_no_heavy_library(project: Path, command: str) -> None:
    mlm(project, "add", ".")
    mlm(project, "commit", "-m", "first")
    script = (
        "import sys; from mlm.cli.app import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print(sorted(set({HEAVY!r}) & sys.modules.keys()), file=sys.stderr)"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, *command.split()],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.stderr.splitlines()[-1:] == ["[]"], found.stderr
