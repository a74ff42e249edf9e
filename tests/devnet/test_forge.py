"""The contracts' own tests, run by forge, among them the random markets that Python has played."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterator

import pytest

from tests.auctions.random_cases import FOLDER, KINDS, write
from tests.forge import COUNT, DEVNET, FORGE, SEED, build, play, run

DIFFERENTIAL = "test/*/*Differential.t.sol"
MARKETS = "test/auctions/Differential.t.sol"


def test_contracts() -> None:
    """Unit, fuzz and invariant tests; what Python plays too is in tests of its own."""
    output = play("--no-match-path", DIFFERENTIAL, seconds=900)
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
    for kind in KINDS:
        shutil.rmtree(FOLDER / str(kind))


@pytest.mark.hypothesis
@pytest.mark.usefixtures("_written")
def test_random_markets_end_the_same_in_python_and_solidity() -> None:
    """Same refusals by name, winners, prices, locks, free stake, refunds and credits, to the unit."""
    begun = time.monotonic()
    output = play("--match-path", MARKETS, seconds=COUNT / 10)
    assert re.search(rf"{len(KINDS)} tests passed, 0 failed, 0 skipped", output), output[-2000:]
    print(f"{COUNT:,} markets of {len(KINDS)} kinds, played again by forge in {time.monotonic() - begun:.0f} s")


def test_a_long_run_lengthens_what_is_annotated() -> None:
    """A test's own lines beat foundry.toml, in every profile: who says how short it is says how long it can be."""
    lines = "".join(path.read_text() for path in (DEVNET / "test").rglob("*.sol"))
    settings = re.findall(r"((?:^ *///? forge-config: .*\n)+)", lines, re.MULTILINE)
    assert len(settings) > 10
    for block in settings:
        given = dict(re.findall(r"forge-config: ([a-z.]+) = (\d+)", block))
        short = {name.removeprefix("default."): int(n) for name, n in given.items() if name.startswith("default.")}
        long = {name.removeprefix("fuzz."): int(n) for name, n in given.items() if name.startswith("fuzz.")}
        assert short.keys() == long.keys() and len(short) + len(long) == len(given), block
        assert all(long[name] >= (2 if name.endswith("depth") else 5) * short[name] for name in short), block


def test_a_long_run_is_one() -> None:
    """By the counts that forge prints: of a test that says nothing of its length, and of one that does."""
    runs = tomllib.loads((DEVNET / "foundry.toml").read_text())["profile"]["fuzz"]["fuzz"]["runs"]
    build()
    printed = run(
        "env",
        "FOUNDRY_PROFILE=fuzz",
        str(FORGE),
        "test",
        "--match-test",
        "^test(Fuzz_sharesSumToTheFee|_theAddress)",
        seconds=300,
    )
    assert dict(re.findall(r"^\[PASS\] (\w+)\(.*\(runs: (\d+),", printed, re.MULTILINE)) == {
        "testFuzz_sharesSumToTheFee": str(runs),
        "test_theAddressFollowsFromAccountAndNameAlone": "5000",
    }, printed
    assert "FOUNDRY_PROFILE=fuzz $(FORGE_RUN) test\n" in (DEVNET.parent / "Makefile").read_text()


def test_a_failure_of_forge_is_one_here() -> None:
    """Who runs the tests of the contracts must hear of a failure."""
    done = subprocess.run((str(FORGE), "no-such-command"), cwd=DEVNET, capture_output=True, timeout=60, check=False)
    assert done.returncode != 0


def test_contracts_are_formatted() -> None:
    run(str(FORGE), "fmt", "--check", seconds=60)
