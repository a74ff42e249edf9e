"""mlm as a user gets it: the wheel and the lock in an empty environment outside the checkout, on every Python found.

pip and npm fetch from their registries here, as in `make setup`; `-m 'not registry'` leaves these tests out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from mlm import __version__
from tests import interpreters
from tests.command_line import stop
from tests.packages import ROOT, Built, Environment, environment

MAX_BYTES = 350_000_000  # mlm[cpu,zk] and what Python put there; pip, which only installs, apart
INSTALLERS = ("pip", "setuptools", "pkg_resources")  # the last is a part of setuptools
LOCK = ROOT / "requirements" / "cpu.txt"

pytestmark = pytest.mark.registry


@pytest.fixture(scope="module", params=interpreters.VERSIONS)
def installed(request: pytest.FixtureRequest, built: Built, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """What `pip install mlm.whl[cpu,zk]` gives, at the lock's versions and hashes."""
    python = interpreters.find(request.param)
    if python is None:
        pytest.skip(f"no Python {request.param} on the path or among pyenv's versions")
    made = environment(python, tmp_path_factory.mktemp(f"python{request.param}-"))
    made.pip("install", "--quiet", "--no-compile", "--require-hashes", "--only-binary", ":all:", "-r", LOCK)
    made.pip("install", "--quiet", "--no-compile", "--no-deps", "--no-index", built.wheel)
    return made


@pytest.fixture(scope="module")
def engine(installed: Environment) -> Iterator[Path]:
    """The devnet's engine as the installed product fetches it; whatever it runs is stopped afterwards."""
    try:
        yield Path(json.loads(installed.does(installed.mlm, "devnet", "install", "--json"))["engine"])
    finally:
        stop(installed.home)


def test_the_lock_is_all_that_the_wheel_asks_for(installed: Environment) -> None:
    assert "No broken requirements" in installed.pip("check")
    wanted = {"mlm[cpu]", "mlm[zk]"}
    for extra in wanted:  # already satisfied: nothing may be looked up
        installed.pip("install", "--quiet", "--no-index", extra)


def test_the_environment_is_small(installed: Environment) -> None:
    files = [path for path in installed.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    sizes = [path.stat().st_size for path in files if not any(part.startswith(INSTALLERS) for part in path.parts)]
    print(f"{sum(sizes) / 1e6:.0f} MB in {len(sizes)} files")
    assert sum(sizes) <= MAX_BYTES


def test_it_runs_from_its_own_files(installed: Environment) -> None:
    code = (
        "import mlm, mlm.resources as r; from pathlib import Path; here = Path(mlm.__file__).parent;"
        "assert all(r.path(name).is_relative_to(here / '_data') for name in r.NAMES); print(here)"
    )
    assert installed.does(installed.python, "-c", code).startswith(str(installed.folder))
    assert json.loads(installed.does(installed.mlm, "version", "--json"))["mlm"] == __version__


def test_the_demo_runs(installed: Environment, engine: Path) -> None:
    """The whole market, with the engine that mlm installed; a deprecated call, also of a library, ends it."""
    assert engine.is_relative_to(installed.home / "cache")
    report = json.loads(installed.does(installed.mlm, "demo", "--json", PYTHONWARNINGS="error::DeprecationWarning"))
    assert len(report["checks"]) == 3 and all(check["passed"] for check in report["checks"])
    assert json.loads(installed.does(installed.mlm, "doctor", "--json"))["healthy"]


def test_both_onnx_runtimes_at_once_are_found_out(installed: Environment, tmp_path: Path) -> None:
    """pip installs the two side by side without a word, and the one hides the other."""
    wheel = tmp_path / "onnxruntime_gpu-1.0-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:  # its name is what matters; the real one has 300 MB
        about = "onnxruntime_gpu-1.0.dist-info"
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", f"{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n")
    installed.pip("install", "--quiet", "--no-index", wheel)
    try:
        done = installed.run(installed.mlm, "doctor", "--json")
    finally:
        installed.pip("uninstall", "--quiet", "-y", "onnxruntime-gpu")
    found = {check["what"]: check for check in json.loads(done.stdout)["checks"]}["onnxruntime"]
    assert done.returncode == 1 and found["level"] == "problem"
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in found["remedy"]
