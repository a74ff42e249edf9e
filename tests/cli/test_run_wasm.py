"""`mlm run MODULE.wasm INPUT -o OUTPUT` as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests import wasm

pytest.importorskip("wasmtime", reason="the extra wasm is not installed")


def run(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlm", "run", *words]
    full = {"MLM_HOME": str(folder / "home"), "LC_ALL": "C.UTF-8", **env}
    return subprocess.run(command, cwd=folder, env=full, capture_output=True, text=True, timeout=60, check=False)


def test_a_module_runs_on_a_file(tmp_path: Path) -> None:
    (tmp_path / "plus.wasm").write_bytes(wasm.binary(wasm.text()))
    (tmp_path / "in").write_bytes(b"HAL")
    done = run(tmp_path, "plus.wasm", "in", "-o", "out", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (tmp_path / "out").read_bytes() == b"IBM"
    assert report["sha256"] == sha256(b"IBM").hexdigest() and report["bytes"] == 3 and report["written"] == "out"
    assert "IBM" not in run(tmp_path, "plus.wasm", "in").stdout, "an output may hold what a terminal would obey"


def test_a_module_that_passes_its_fuel_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "loop.wasm").write_bytes(wasm.binary(wasm.ENDLESS["loop"]))
    (tmp_path / "in").write_bytes(b"")
    done = run(tmp_path, "loop.wasm", "in", "-o", "out", MLM_FUEL="3")
    assert done.returncode == 4 and "used up its fuel of 3,000,000 instructions" in done.stderr
    assert not (tmp_path / "out").exists()


def test_what_is_no_module_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "no.wasm").write_bytes(b"(module)")
    (tmp_path / "in").write_bytes(b"")
    assert run(tmp_path, "no.wasm", "in").returncode == 4
    assert run(tmp_path, "gone.wasm", "in").returncode == 3
    assert run(tmp_path, "no.wasm", "gone").returncode == 3
