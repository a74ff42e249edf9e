"""The commands of the local history, run as a user runs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests import forked

HEAVY = ("numpy", "duckdb", "onnx", "onnxruntime", "web3", "ezkl", "eth_account", "eth_abi")


def mlm(folder: Path, *arguments: str, code: int = 0) -> Any:
    """Run `mlm … --json` in a process of its own and return its object."""
    found = forked.run([*arguments, "--json"], cwd=folder, env=os.environ, timeout=60)
    assert found.returncode == code, found.stdout + found.stderr
    return json.loads(found.stdout)


def begun(root: Path) -> Path:
    """A project in `root`, with nothing staged."""
    made = mlm(root, "init", "my data")
    assert made["files"] == [".mlmignore", "mlm.toml"]
    folder = root / "my data"
    (folder / "mlm.toml").write_text('[asset]\nname = "my-data"\nversion = "1.0.0"\nkind = "dataset"\n')
    (folder / "rows").mkdir()
    (folder / "rows" / "a.csv").write_text("x\n1\n")
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return begun(tmp_path)


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one commit. Its table is described and validated once: that takes seconds."""
    root = tmp_path_factory.mktemp("committed")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLM_HOME", str(root / "home"))
        folder = begun(root)
        mlm(folder, "add", ".")
        mlm(folder, "commit", "-m", "first")
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
def test_local_commands_load_no_heavy_library(committed: Path, tmp_path: Path, command: str) -> None:
    project = tmp_path / "my data"
    shutil.copytree(committed, project, symlinks=True)
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


def test_fsck_names_what_is_damaged_and_exits_1(project: Path) -> None:
    mlm(project, "add", ".")
    made = mlm(project, "commit", "-m", "first")["result"]
    assert mlm(project, "fsck")["sound"]
    for pack in (project / ".mlm" / "objects").glob("*.car"):
        pack.write_bytes(pack.read_bytes().replace(b"x\n1\n", b"x\n2\n"))
    found = mlm(project, "fsck", code=1)
    (fault,) = found["faults"]
    assert (fault["what"], fault["needed_by"], fault["path"]) == ("damaged", made["commit"], "rows/a.csv")
    assert not found["sound"] and "mlm fsck --repair" in found["advice"][0]
    shown = subprocess.run(
        [sys.executable, "-m", "mlm", "fsck"],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert shown.returncode == 1 and "rows/a.csv" in shown.stdout
    assert shown.stderr.startswith(
        f"error: 1 fault: {fault['name']} is damaged, needed by {made['commit']} rows/a.csv\n"
    )
    assert mlm(project, "fsck", "--repair", code=1)["dropped"] == 1
    # The file is still here: it is stored again.
    mlm(project, "rm", "--cached", "rows/a.csv")
    mlm(project, "add", "rows/a.csv")
    assert mlm(project, "fsck")["sound"] and mlm(project, "status")["clean"]


def test_show_prints_a_file_of_a_commit_byte_for_byte(project: Path, tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    (project / "data.bin").write_bytes(data)
    mlm(project, "add", ".")
    mlm(project, "commit", "-m", "first")
    (project / "data.bin").write_bytes(b"other")
    run = [sys.executable, "-m", "mlm", "show", "HEAD:data.bin"]
    done = subprocess.run(run, cwd=project, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, data), done.stderr
    found = mlm(project, "show", "HEAD:data.bin", "-o", "old.bin")
    assert (found["size"], (project / "old.bin").read_bytes()) == (len(data), data)
    for end in ("HEAD:nothing", "HEAD:", "nothing:data.bin"):
        done = subprocess.run([*run[:-1], end], cwd=project, capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (3, b""), done.stderr
    # At a terminal nothing of it is shown.
    leader, follower = os.openpty()
    done = subprocess.run(run, cwd=project, stdout=follower, stderr=subprocess.PIPE, check=False)
    os.close(follower)
    assert done.returncode == 2, done.stderr
    assert b"not shown on a terminal" in done.stderr
    with suppress(OSError):
        assert os.read(leader, 10) == b""
    os.close(leader)


def test_moving_about_from_a_folder_below(project: Path) -> None:
    mlm(project, "add", ".")
    mlm(project, "commit", "-m", "first")
    assert mlm(project, "checkout", "-b", "exp")["branch"] == "exp"
    rows = project / "rows"
    (rows / "a.csv").write_text("x\n2\n")
    assert mlm(rows, "restore", "a.csv")["restored"] == ["rows/a.csv"]
    (rows / "b.csv").write_text("y\n")
    mlm(rows, "add", ".")
    mlm(project, "commit", "-m", "second")
    assert [entry["message"] for entry in mlm(rows, "log", "--path", "b.csv")["commits"]] == ["second"]
    found = mlm(project, "log", "--graph")
    assert [line.split()[0] for line in found["graph"]] == ["*", "*"]
    assert found["commits"][0]["parents"] == [found["commits"][1]["commit"]]
    assert mlm(project, "checkout", "main")["removed"] == ["rows/b.csv"]
    assert mlm(rows, "rm", "a.csv")["removed"] == ["rows/a.csv"]
    assert mlm(project, "branch", "--delete", "exp", "--force")["done"].startswith("deleted exp")
    assert mlm(project, "gc", "--prune", "now")["removed_blocks"] > 0
