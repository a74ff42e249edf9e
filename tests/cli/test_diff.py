"""`mlm diff` as a user runs it: the table, the JSON, exit codes, and what it loads."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx
import pytest

from tests.command_line import Person
from tests.test_layers import HEAVY, LOADED

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "templates" / "digits-mlp"


def mlm(folder: Path, *arguments: str, code: int = 0) -> str:
    """Run mlm in this process, and return what it prints."""
    ran = Person("", folder, folder.parent / "home").run(*arguments)
    assert ran.code == code, ran
    return ran.out


def alone(folder: Path, *arguments: str, may: str = "") -> str:
    """Run mlm in a process of its own, which fails when a heavy library but `may` was loaded; what it prints."""
    found = subprocess.run(
        [sys.executable, "-c", LOADED.format(heavy=HEAVY - {may}), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MLM_HOME": str(folder.parent / "home")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def value(folder: Path, *arguments: str, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(mlm(folder, *arguments, "--json", **options))
    return found


def safetensors(*numbers: float) -> bytes:
    header = {"w": {"dtype": "F32", "shape": [len(numbers)], "data_offsets": [0, 4 * len(numbers)]}}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + struct.pack(f"<{len(numbers)}f", *numbers)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the project and MLM_HOME. Its table is described and validated once: that takes seconds."""
    root = tmp_path_factory.mktemp("diff")
    folder = root / "work"
    folder.mkdir()
    (root / "home").mkdir()
    mlm(folder, "init")
    (folder / "mlm.toml").write_text('[asset]\nname = "thing"\nversion = "1.0.0"\nkind = "dataset"\n')
    (folder / "sub").mkdir()
    (folder / "sub" / "a.txt").write_text("one\ntwo\n")
    (folder / "rows.csv").write_text("id,name\n1,x\n")
    (folder / "m.safetensors").write_bytes(safetensors(3, 4))
    mlm(folder, "add", ".")
    mlm(folder, "commit", "-m", "first")
    return root


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    """A copy of it, of the test's own."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True, symlinks=True)
    return tmp_path / "work"


def test_every_kind_at_once(project: Path) -> None:
    (project / "sub" / "a.txt").write_text("one\n2\n")
    (project / "rows.csv").write_text("id,size\n1,0.5\n2,1\n")
    (project / "m.safetensors").write_bytes(safetensors(3, 4.5))
    found = value(project, "diff")
    assert (found["old"], found["new"]) == ("index", "working tree")
    assert [(change["what"], change["path"]) for change in found["files"]] == [
        ("modified", "m.safetensors"),
        ("modified", "rows.csv"),
        ("modified", "sub/a.txt"),
    ]
    assert found["lines"][-2:] == ["-two", "+2"]
    dataset = {"path": "rows.csv", "format": "csv", "rows_before": 1, "rows_after": 2}
    assert found["datasets"] == [dataset]
    assert [(c["column"], c["what"], c["before"], c["after"]) for c in found["columns"]] == [
        ("name", "removed", "VARCHAR", ""),
        ("size", "added", "", "DOUBLE"),
    ]
    (tensor,) = found["tensors"]
    assert (tensor["tensor"], tensor["largest"], tensor["relative"], tensor["share"]) == ("w", 0.5, 0.1, 0.5)
    shown = mlm(project, "diff")
    for words in ("m.safetensors", "0.5", "0.1", "rows before", "DOUBLE", "+2", "-two"):
        assert words in shown, shown
    stat = value(project, "diff", "--stat")
    assert stat["files"] == found["files"]
    assert not stat["lines"] and not stat["tensors"] and not stat["datasets"]


def test_paths_are_those_of_the_folder_one_stands_in(project: Path) -> None:
    (project / "sub" / "a.txt").write_text("x\n")
    (project / "rows.csv").write_text("id\n1\n")
    assert [change["path"] for change in value(project / "sub", "diff", "a.txt")["files"]] == ["sub/a.txt"]
    assert [change["path"] for change in value(project / "sub", "diff", "HEAD", "../rows.csv")["files"]] == ["rows.csv"]
    assert len(value(project / "sub", "diff", "..")["files"]) == 2


def test_exit_codes(project: Path) -> None:
    assert value(project, "diff", "--exit-code")["files"] == []
    (project / "sub" / "a.txt").write_text("x\n")
    mlm(project, "diff")
    mlm(project, "diff", "--exit-code", code=1)
    assert value(project, "diff", "--exit-code", "--stat", code=1)["files"]


def test_a_hostile_file_is_noted_and_the_rest_is_shown(project: Path) -> None:
    (project / "m.safetensors").write_bytes(b"\xff" * 64)
    (project / "rows.csv").write_bytes(bytes(range(256)))
    (project / "sub" / "a.txt").write_text("x\n")
    found = value(project, "diff")
    assert len(found["files"]) == 3 and found["lines"]
    notes = {note["path"]: note["why"] for note in found["notes"]}
    assert "found 18446744073709551615" in notes["m.safetensors"]
    assert "expected a file of csv" in notes["rows.csv"]
    assert "expected a file of csv" in mlm(project, "diff")


def test_names_of_tensors_are_data(project: Path) -> None:
    text = json.dumps({"\x1b[2J[red]w[/red]": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode()
    (project / "m.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + b"\0")
    shown = mlm(project, "diff")
    assert "\x1b" not in shown and "[red]w[/red]" in shown


@pytest.mark.parametrize("options", [[], ["--json"], ["HEAD"], ["--staged"], ["--stat"]], ids=" ".join)
def test_files_and_text_load_no_heavy_library(project: Path, options: list[str]) -> None:
    (project / "sub" / "a.txt").write_text("x\n")
    (project / "new.txt").write_text("x\n")
    if options == ["--staged"]:
        mlm(project, "add", ".")
    shown = alone(project, "diff", *options)
    assert "sub/a.txt" in shown


def test_files_alone_load_none_whatever_they_are(project: Path) -> None:
    (project / "m.safetensors").write_bytes(safetensors(1))
    (project / "rows.csv").write_text("id\n")
    shown = alone(project, "diff", "--stat")
    assert "rows.csv" in shown and "m.safetensors" in shown


def test_onnx_needs_no_package_onnx(project: Path) -> None:
    shutil.copy(MODELS / "model.onnx", project / "model.onnx")
    mlm(project, "add", ".")
    model = onnx.load(MODELS / "model.onnx")
    model.graph.initializer[0].raw_data = b"\0\0\0\0" + model.graph.initializer[0].raw_data[4:]
    onnx.save(model, project / "model.onnx")
    assert model.graph.initializer[0].name == "w1"
    assert "w1" in alone(project, "diff", "model.onnx", may="numpy")
