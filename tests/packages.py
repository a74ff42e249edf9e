"""The wheel and the source distribution of this checkout, built once, and environments to install them into."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EPOCH = "1700000000"  # SOURCE_DATE_EPOCH: the time that the builds write into their archives


@dataclass(frozen=True)
class Built:
    """Paths of the two archives."""

    wheel: Path
    sdist: Path


def build(source: Path, out: Path, *targets: str) -> Built:
    """Build with the locked hatchling of this environment, without network or isolation."""
    options = [word for target in targets for word in ("-t", target)]
    command = [sys.executable, "-m", "hatchling", "build", *options, "-d", str(out)]
    env = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
    done = subprocess.run(command, cwd=source, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return Built(*(next(iter(out.glob(pattern)), Path()) for pattern in ("*.whl", "*.tar.gz")))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built from this checkout."""
    return build(ROOT, tmp_path_factory.mktemp("dist"), "sdist", "wheel")


@dataclass(frozen=True)
class Environment:
    """A virtual environment outside the checkout, and an MLM_HOME of its own."""

    folder: Path
    home: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def mlm(self) -> Path:
        """The script that the wheel's entry point became."""
        return self.folder / "bin" / "mlm"

    def run(self, *command: str | Path, timeout: float = 300.0, **env: str) -> subprocess.CompletedProcess[str]:
        """Run in an empty folder, with nothing of the checkout or of this process's Python in the environment."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MLM_", "VIRTUAL"))}
        work = self.folder.parent / "work"
        work.mkdir(exist_ok=True)
        return subprocess.run(
            [str(word) for word in command],
            cwd=work,
            env={**kept, "MLM_HOME": str(self.home), **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def does(self, *command: str | Path, timeout: float = 300.0, **env: str) -> str:
        """The standard output of a command that must end with 0."""
        done = self.run(*command, timeout=timeout, **env)
        assert done.returncode == 0, f"{command} -> {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def pip(self, *arguments: str | Path) -> str:
        """Run its pip."""
        return self.does(self.python, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments)


def environment(python: Path, folder: Path) -> Environment:
    """A new, empty one of this interpreter."""
    made = Environment(folder / "venv", folder / "home")
    subprocess.run([python, "-m", "venv", made.folder], check=True, capture_output=True, timeout=120)
    return made
