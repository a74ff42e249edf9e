"""Differential tests of the auctions: markets that Python plays, and the contracts after it."""

from __future__ import annotations

import re
import shutil
import subprocess
import time

from bench.benchmark import Benchmark, Figure
from bench.timing import ROOT, clean
from tests.auctions.random_cases import FOLDER, KINDS, write

DEVNET = ROOT / "devnet"
COUNT = 2_000  # markets of each kind
TRANSACTION_GAS = 16_777_216  # what one may use at most (EIP-7825)


def _played() -> float:
    """Seconds for which forge plays all markets that lie in FOLDER, without compiling."""
    done = _forge("--match-path", "test/auctions/Differential.t.sol")
    found = re.search(rf"{len(KINDS)} passed; 0 failed; 0 skipped; finished in ([\d.]+)(m?s)", done)
    if found is None:
        raise RuntimeError(f"forge did not play the markets:\n{done[-2000:]}")
    return float(found[1]) / (1000 if found[2] == "ms" else 1)


def differential() -> Figure:
    """Markets that are drawn, played by mlm/core/auctions, written, played by JobMarket and compared, in a second."""
    rates = []
    try:
        for seed in range(3):
            started = time.perf_counter()
            for kind in KINDS:
                write(kind, seed, COUNT)
            drawn = time.perf_counter() - started
            rates.append(len(KINDS) * COUNT / (drawn + _played()))
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
    return Figure.of(rates)


def clearing() -> Figure:
    """Gas of clearing a batch of 10,000 offers and 5,000 jobs over the 256 ticks, its storage cold."""
    done = _forge("--match-test", "test_tenThousandOffersClearInOneTransaction", "-vv")
    found = re.search(r"gas of clearing 10,000 offers: (\d+)", done)
    if found is None:
        raise RuntimeError(f"forge told no gas:\n{done[-2000:]}")
    return Figure.exact(int(found[1]))


def _forge(*arguments: str) -> str:
    """What `forge test` prints."""
    forge = next((DEVNET / "node_modules" / "@foundry-rs").glob("forge-*/bin/forge"))
    command = (str(forge), "test", *arguments)
    return subprocess.run(command, cwd=DEVNET, env=clean({}), capture_output=True, text=True, check=True).stdout


BENCHMARKS = (
    Benchmark("auctions: clearing 10,000 offers of a batch", "gas", clearing, most=TRANSACTION_GAS),
    Benchmark("auctions: differential tests, Python and contracts", "markets/s", differential, least=250),
)
