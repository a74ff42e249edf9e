"""`mlm run MODULE.wasm INPUT -o OUTPUT` as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests import wasm
from tests.command_line import Market

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


def test_a_published_algorithm_runs_by_its_name(market: Market) -> None:
    """Whoever runs it has none of its files: they come from the remote, block by block against the chain's CID."""
    author, user = market.person("compute-2", "plus-one"), market.person("watcher", "runner")
    author.folder.mkdir()
    user.folder.mkdir()
    author.do("init", ".", "--kind", "algorithm")
    (author.folder / "plus.wasm").write_bytes(wasm.binary(wasm.text()))
    author.do("add", ".")
    author.do("commit", "-m", "adds one")
    author.do("publish", "--handle", "algos")
    (user.folder / "in").write_bytes(b"HAL")
    found = user.do("run", "algos/plus-one@0.1.0", "in", "-o", "out")
    assert (user.folder / "out").read_bytes() == b"IBM"
    assert found["algorithm"] == "algos/plus-one@0.1.0" and found["fuel"] > 0
    (author.folder / "other.wasm").write_bytes(b"")
    toml = author.folder / "mlm.toml"
    toml.write_text(toml.read_text().replace('"0.1.0"', '"0.2.0"'))
    author.do("add", ".")
    author.do("commit", "-m", "two modules")
    author.do("publish", "--handle", "algos")
    refused = user.refused(4, "run", "algos/plus-one", "in")
    assert "one .wasm file in the algorithm plus-one@0.2.0, found other.wasm, plus.wasm" in refused["message"]
    assert user.do("run", "algos/plus-one@0.1.0", "in")["sha256"] == found["sha256"]
