"""The locks hold what pyproject.toml and the .in files ask for, with hashes and no address. Needs no network."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
LOCKS = ["cpu", "gpu", "build", "dev", "ray"]
EXTRAS = {"cpu": ["cpu", "zk"], "gpu": ["gpu", "cuda", "zk"], "ray": ["ray"]}


def _read(lock: str) -> dict[str, set[str]]:
    """Pinned versions by name; a package can be pinned twice, for two ranges of Python versions."""
    pins: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([A-Za-z0-9._-]+)==([^ \\;]+)", (REQUIREMENTS / f"{lock}.txt").read_text(), re.MULTILINE
    ):
        pins.setdefault(canonicalize_name(name), set()).add(version)
    return pins


def _wanted(lock: str) -> list[Requirement]:
    """What the lock was compiled from."""
    if lock not in EXTRAS:
        lines = (REQUIREMENTS / f"{lock}.in").read_text().splitlines()
        return [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = list(project["dependencies"])
    for extra in EXTRAS[lock]:
        texts += project["optional-dependencies"][extra]
    return [wanted for wanted in map(Requirement, texts) if wanted.name != "mlm"]


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_satisfies_what_is_asked_for(lock: str) -> None:
    pins = _read(lock)
    for wanted in _wanted(lock):
        versions = pins.get(canonicalize_name(wanted.name))
        assert versions, f"{lock}.txt does not pin {wanted.name}: run `make locks`"
        assert all(wanted.specifier.contains(version) for version in versions), (
            f"{lock}.txt pins {wanted.name} {versions}, expected {wanted}"
        )


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_was_compiled_from_exactly_this(lock: str) -> None:
    """uv notes who asked for a package: nothing asked for has been removed since."""
    text = (REQUIREMENTS / f"{lock}.txt").read_text()
    origin = "mlm (pyproject.toml)" if lock in EXTRAS else f"-r requirements/{lock}.in"
    asked, name = set(), ""
    for line in text.splitlines():
        if found := re.match(r"([A-Za-z0-9._-]+)==", line):
            name = canonicalize_name(found[1])
        elif line.startswith("    #") and origin in line:
            asked.add(name)
    assert asked == {canonicalize_name(wanted.name) for wanted in _wanted(lock)}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes_and_no_address(lock: str) -> None:
    text = (REQUIREMENTS / f"{lock}.txt").read_text()
    blocks = re.split(r"^(?=\S)", re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)
    blocks = [block for block in blocks if block.strip()]
    assert blocks and all(re.match(r"[A-Za-z0-9._-]+==", block) for block in blocks)
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"://|@ |--(extra-)?index|find-links|(^|\s)/", text, re.MULTILINE)


def test_locks_agree() -> None:
    """cpu, build, dev and ray are installed into one environment; gpu's is the same but for ONNX Runtime."""
    pins = {lock: _read(lock) for lock in LOCKS}
    for name in {name for lock in pins.values() for name in lock}:
        found = {lock: frozenset(pins[lock][name]) for lock in LOCKS if name in pins[lock]}
        assert len(set(found.values())) == 1, f"{name}: {found}"


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("lock", LOCKS)
def test_every_python_finds_one_version_of_each(lock: str, python: str) -> None:
    """One lock serves all: for each Python exactly one pin of a package applies, and nothing asked for is left out."""
    here = {
        "python_version": python, "python_full_version": f"{python}.1", "implementation_name": "cpython",
        "sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix",
        "platform_python_implementation": "CPython", "extra": "",
    }  # fmt: skip
    text = (REQUIREMENTS / f"{lock}.txt").read_text()
    pins = [Requirement(line.rstrip(" \\")) for line in text.splitlines() if re.match(r"[A-Za-z0-9._-]+==", line)]
    applying = [canonicalize_name(pin.name) for pin in pins if not pin.marker or pin.marker.evaluate(here)]
    assert len(applying) == len(set(applying))
    assert {canonicalize_name(wanted.name) for wanted in _wanted(lock)} <= set(applying)


def test_nothing_heavy_came_in() -> None:
    for lock in ("cpu", "dev", "ray"):
        assert not {"torch", "pyarrow", "tensorflow", "onnxruntime-gpu"} & set(_read(lock))
    assert "onnxruntime" not in _read("gpu"), "cpu and gpu exclude each other"


@pytest.mark.parametrize("folder", ["devnet", "tests/ipfs", "bench/load"])
def test_npm_lock_is_complete_and_has_no_address(folder: str) -> None:
    """`npm ci` refuses a lock that lacks an optional package of another platform."""
    package = json.loads((ROOT / folder / "package.json").read_text())
    text = (ROOT / folder / "package-lock.json").read_text()
    tree = json.loads(text)["packages"]
    assert "://" not in re.sub(r'"(url|funding)": *"[^"]*"', "", text)
    for kind in ("dependencies", "devDependencies"):
        assert tree[""].get(kind, {}) == package.get(kind, {}), f"package-lock.json's {kind} are stale"
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in package.get(kind, {}).values())
    for name, entry in tree.items():
        for wanted in {**entry.get("dependencies", {}), **entry.get("optionalDependencies", {})}:
            assert f"node_modules/{wanted}" in tree, f"{name or 'package.json'} wants {wanted}, which the lock lacks"
        assert not name or entry.get("optional") or "integrity" in entry, f"{name} has no integrity"
    assert folder != "devnet" or "integrity" in tree["node_modules/@foundry-rs/anvil-linux-amd64"]


def test_what_a_user_installs_has_a_licence_that_permits_it() -> None:
    """CONTRIBUTING.md says so, and names the one package that has none."""
    from importlib import metadata

    silent = set()
    for name in {*_read("cpu"), *_read("build")}:
        try:
            about = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue  # for another platform
        words = [about.get("License-Expression") or "", about.get("License") or ""]
        words += [item for item in about.get_all("Classifier") or [] if item.startswith("License")]
        text = " ".join(words)
        assert not re.search(r"GPL|General Public", text), f"{name}: {text[:80]}"
        if not text.strip():
            silent.add(name)
    assert silent == {"ezkl", "pyrage"}
    (text,) = (file.read_text() for file in metadata.files("pyrage") or () if file.name == "LICENSE")
    assert "Permission is hereby granted, free of charge" in text  # MIT, in a file that its metadata does not describe
