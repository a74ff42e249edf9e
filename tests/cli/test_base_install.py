"""mlm without its extras: what the base promises works, and what it cannot do names the extra that can.

A real environment stands behind it, made of links into this one: only mlm's own dependencies, and what they require.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.command_line import MODEL, ROOT, Market

RUN = f"run {MODEL} samples/digit.npy"
PROVE = f"prove {MODEL} samples/digit.npy -o nothing.json"


def required(texts: list[str], found: dict[str, Distribution]) -> dict[str, Distribution]:
    """The installed distributions that these requirements need, by name."""
    for text in texts:
        wanted = Requirement(text)
        extras = wanted.extras or {""}
        if wanted.name in found or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        found[wanted.name] = distribution(wanted.name)
        for extra in extras:
            inner = [Requirement(item) for item in found[wanted.name].requires or ()]
            kept = [item for item in inner if not item.marker or item.marker.evaluate({"extra": extra})]
            required([f"{item.name}[{','.join(item.extras)}]" for item in kept], found)
    return found


@dataclass(frozen=True)
class Installation:
    """An environment's folder."""

    folder: Path

    @property
    def site(self) -> Path:
        """Where its packages stand."""
        (site,) = self.folder.glob("lib/python3.*/site-packages")
        return site

    def mlm(self, market: Market, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run mlm there, as the consumer."""
        person = market.consumer
        return subprocess.run(
            [self.folder / "bin" / "python", "-m", "mlm", *arguments, "--json"],
            cwd=person.folder,
            env={**person.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def refused(self, market: Market, *arguments: str) -> dict[str, str]:
        """The error of a command that lacks a package."""
        done = self.mlm(market, *arguments)
        assert done.returncode == 10 and not done.stderr, f"{arguments}: {done}"
        error: dict[str, str] = json.loads(done.stdout)["error"]
        assert error["code"] == "tool_missing" and "bug" not in error["message"]
        return error


def linked(folder: Path, wanted: list[str]) -> Installation:
    """Links to every file that these requirements need; mlm itself comes from the checkout."""
    made = Installation(folder)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made.folder], check=True, timeout=60)
    for found in required(wanted, {}).values():
        for file in found.files or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not (made.site / top).exists():
                (made.site / top).symlink_to(Path(str(found.locate_file(top))))
    (made.site / "checkout.pth").write_text(f"{ROOT}\n")
    return made


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """`pip install mlm`."""
    return linked(tmp_path_factory.mktemp("base") / "venv", PROJECT["dependencies"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """`pip install 'mlm[cpu,zk]'`."""
    wanted = PROJECT["dependencies"] + EXTRAS["cpu"] + EXTRAS["zk"]
    return linked(tmp_path_factory.mktemp("whole") / "venv", wanted)


@pytest.mark.parametrize(
    "line",
    ["sync", "search", "sql 'select 1'", f"asset show {MODEL}", f"asset versions {MODEL}", "job list", "whoami"]
    + ["stake show", "handle show alice", "wallet list", "op log", "doctor", "sync --rebuild --yes"],
)
def test_what_needs_no_extra_works(base: Installation, market: Market, line: str) -> None:
    done = base.mlm(market, *shlex.split(line))
    assert done.returncode == 0, done


def test_money_moves_without_extras(base: Installation, market: Market) -> None:
    done = base.mlm(market, "stake", "deposit", "1", "--dry-run")
    assert done.returncode == 0, done
    assert json.loads(done.stdout)


@pytest.mark.parametrize(
    ("line", "package", "extra"),
    [
        (RUN, "onnx", "mlm[cpu]"),
        (PROVE, "ezkl", "mlm[zk]"),
        (f"job post {MODEL} -i samples/digit.npy --max-price 5", "ezkl", "mlm[zk]"),
    ],
)
def test_what_needs_an_extra_names_it(base: Installation, market: Market, line: str, package: str, extra: str) -> None:
    error = base.refused(market, *line.split())
    assert package in error["message"].lower() and f"pip install '{extra}'" in error["hint"], error


def test_signing_names_its_extra(base: Installation, market: Market) -> None:
    (market.consumer.folder / "key.pem").write_text("a key that nobody gets to read")
    words = ("-C", str(market.provider.folder), "sign", "--key", "key.pem", "-o", "never.sig")
    error = base.refused(market, *words)
    assert "model_signing" in error["message"] and "pip install 'mlm[sign]'" in error["hint"], error


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("orjson", RUN),
        ("duckdb", RUN),
        ("onnx", RUN),
        ("onnxruntime", RUN),
        ("ezkl", PROVE),
    ],
)
def test_a_package_that_cannot_be_loaded_is_no_bug(whole: Installation, market: Market, name: str, line: str) -> None:
    """It is there, and its import fails: a shared library is missing, or is another system's."""
    there = whole.site / name
    origin = there.readlink()
    there.unlink()
    there.mkdir()
    (there / "__init__.py").write_text("raise ImportError('libfoo.so.1: cannot open shared object file')\n")
    try:
        error = whole.refused(market, *line.split())
    finally:
        shutil.rmtree(there)
        there.symlink_to(origin)
    assert "libfoo.so.1" in error["message"] and "pip install --force-reinstall" in error["hint"], error
