"""The wheel: what is in it, and that it works from any folder without the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from mlm.adapters.devnet import engine
from mlm.adapters.devnet.supervisor import LocalDevnet

ROOT = Path(__file__).resolve().parent.parent
MAX_BYTES = 4_000_000  # the SRS files are about 2 MB of it
NEEDED = {
    "mlm/__main__.py",
    "mlm/_data/circuits/srs.json",
    "mlm/_data/circuits/k13.srs",
    "mlm/_data/devnet/deployment.json",
    "mlm/_data/devnet/package-lock.json",
    "mlm/_data/devnet/artifacts/JobMarket.json",
    "mlm/_data/templates/digits-mlp/mlm.toml",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from this checkout by the locked hatchling, without network or isolation."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked, as an installation would."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_wheel_holds_only_what_it_may(wheel: Path) -> None:
    allowed = [line for line in (ROOT / "tests" / "wheel_allow.txt").read_text().split("\n") if line and line[0] != "#"]
    names = zipfile.ZipFile(wheel).namelist()
    extra = [name for name in names if not any(fnmatchcase(name, pattern) for pattern in allowed)]
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, {len(names)} files")
    assert not extra, f"not in tests/wheel_allow.txt: {extra}"
    assert not [name for name in names if "node_modules" in name or "__pycache__" in name]
    assert wheel.stat().st_size <= MAX_BYTES


def test_wheel_holds_what_it_needs(wheel: Path) -> None:
    missing = NEEDED - set(zipfile.ZipFile(wheel).namelist())
    assert not missing


def test_wheel_works_outside_the_checkout(site: Path, tmp_path: Path) -> None:
    code = (
        "import mlm, mlm.resources as r; from pathlib import Path; here = Path(mlm.__file__).parent;"
        "assert all(r.path(name).is_relative_to(here / '_data') for name in r.NAMES); print(here)"
    )
    for command in (
        ["-c", code],
        ["-m", "mlm", "version", "--json"],
        ["-m", "mlm", "init", "--template", "digits-mlp"],
    ):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        assert str(ROOT) not in done.stdout
    assert (tmp_path / "mlm.toml").is_file()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """An MLM_HOME with the engine in its cache, as `mlm devnet install` leaves it; its devnet is stopped afterwards."""
    home = tmp_path / "home"
    here = engine.find(home / "cache").binary
    folder = engine.cache_folder(home / "cache")
    there = folder / here.relative_to(ROOT / "devnet")
    there.parent.mkdir(parents=True)
    shutil.copy2(here, there)
    (folder / ".lock-digest").write_text(engine.lock_digest())
    assert engine.find(home / "cache").binary == there
    yield home
    LocalDevnet(home / "devnet", home / "cache").stop()


def test_demo_runs_from_the_wheel(site: Path, home: Path, tmp_path: Path) -> None:
    """The whole market, outside the checkout: contracts, circuits and template come from the wheel."""
    done = subprocess.run(
        [sys.executable, "-m", "mlm", "demo", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site), "MLM_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    report = json.loads(done.stdout)
    assert len(report["checks"]) == 3 and all(check["passed"] for check in report["checks"])
