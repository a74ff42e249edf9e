"""Python interpreters on this machine, one of each version that mlm supports.

python -m tests.interpreters     prints VERSION and PATH of each one that is found (make pythons)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13")
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


def find(version: str) -> Path | None:
    """An interpreter of this version that can make environments: the running one, on the path, or pyenv's newest."""
    return next((path for path in _candidates(version) if _serves(path, version)), None)


def _candidates(version: str) -> Iterator[Path]:
    if version == RUNNING:
        yield Path(sys.executable)
    if on_path := shutil.which(f"python{version}"):
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [path for path in pyenv.glob(f"versions/{version}.*/bin/python{version}") if path.parts[-3].count(".") == 2]
    yield from sorted(found, key=lambda path: [int(part) for part in path.parts[-3].split(".") if part.isdigit()])[::-1]


def _serves(path: Path, version: str) -> bool:
    code = "import sys, ensurepip, venv; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([path, "-I", "-c", code], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() == version


if __name__ == "__main__":
    for wanted in sorted({*VERSIONS} - {RUNNING}):
        if interpreter := find(wanted):
            print(wanted, interpreter)
        else:
            print(f"no Python {wanted} here", file=sys.stderr)
