"""The wheel and the source distribution: their contents, and that anybody builds the same bytes."""

from __future__ import annotations

import os
import tarfile
import zipfile
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from packaging.metadata import Metadata

from mlm import __version__
from tests.packages import ROOT, Built, build

MAX_BYTES = 4_000_000  # the SRS files are about 2 MB of it
NEEDED = {
    "mlm/__main__.py",
    "mlm/py.typed",
    "mlm/_data/circuits/srs.json",
    "mlm/_data/circuits/k13.srs",
    "mlm/_data/devnet/deployment.json",
    "mlm/_data/devnet/package-lock.json",
    "mlm/_data/devnet/artifacts/JobMarket.json",
    "mlm/_data/templates/digits-mlp/mlm.toml",
}


def test_wheel_holds_only_what_it_may(built: Built) -> None:
    allowed = [line for line in (ROOT / "tests" / "wheel_allow.txt").read_text().split("\n") if line and line[0] != "#"]
    names = zipfile.ZipFile(built.wheel).namelist()
    extra = [name for name in names if not any(fnmatchcase(name, pattern) for pattern in allowed)]
    print(f"{built.wheel.name}: {built.wheel.stat().st_size / 1e6:.1f} MB, {len(names)} files")
    assert not extra, f"not in tests/wheel_allow.txt: {extra}"
    assert not [name for name in names if "node_modules" in name or "__pycache__" in name]
    assert built.wheel.stat().st_size <= MAX_BYTES
    unused = [pattern for pattern in allowed if not any(fnmatchcase(name, pattern) for name in names)]
    assert not unused, f"tests/wheel_allow.txt allows what the wheel lacks: {unused}"


def test_wheel_holds_what_it_needs(built: Built) -> None:
    missing = NEEDED - set(zipfile.ZipFile(built.wheel).namelist())
    assert not missing


def test_wheel_says_what_it_is(built: Built) -> None:
    """Valid core metadata, the README as its page, the licence's text, one program, and the Pythons it is tested on."""
    with zipfile.ZipFile(built.wheel) as archive:
        about = f"mlm-{__version__}.dist-info"
        raw = archive.read(f"{about}/METADATA")
        assert archive.read(f"{about}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
        assert archive.read(f"{about}/entry_points.txt").split() == b"[console_scripts] mlm = mlm.__main__:main".split()
    found = Metadata.from_email(raw, validate=True)
    assert (found.name, str(found.version), found.license_expression) == ("mlm", __version__, "Apache-2.0")
    assert found.description_content_type == "text/markdown"
    assert raw.decode().partition("\n\n")[2].strip() == (ROOT / "README.md").read_text().strip()
    assert {"cpu", "gpu", "cuda", "zk"} <= set(found.provides_extra or ())
    assert {item.rpartition(" ")[2] for item in found.classifiers or () if ":: 3." in item} == {"3.11", "3.12", "3.13"}


def test_the_source_distribution_builds_the_same_wheel(built: Built, tmp_path: Path) -> None:
    """Byte for byte, from other files' times and another umask: whoever builds can compare hashes."""
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    for path in source.rglob("*"):
        os.utime(path, (10**9, 10**9))
    before = os.umask(0o077)
    try:
        again = build(source, tmp_path / "dist", "wheel")
    finally:
        os.umask(before)
    assert again.wheel.name == built.wheel.name
    assert again.wheel.read_bytes() == built.wheel.read_bytes()


@pytest.mark.parametrize("name", ["Makefile", "LICENSE", "CONTRIBUTING.md", "requirements/dev.txt", "docs/generate.py"])
def test_the_source_distribution_can_be_worked_on(built: Built, name: str) -> None:
    with tarfile.open(built.sdist) as archive:
        names = archive.getnames()
    assert f"mlm-{__version__}/{name}" in names
    assert not [name for name in names if "node_modules" in name or name.endswith(".pyc")]
