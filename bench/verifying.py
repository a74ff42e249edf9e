"""`mlm verify` of an accepted job, tier beside tier: the same model, digit and market, each job in its own tier.

    python -m bench.verifying

prints processor and wall seconds of the command, and the gas of the job's transactions from its posting to its
settlement, by their receipts (docs/gas.md has them step by step). A new tier is a row of TIERS. In the tier optimistic
the model is the same one in whole numbers, and is run again; in zk the proof is checked twice, here and on chain.
"""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bench.benchmark import Benchmark, Figure
from bench.timing import MLM, Took, by_turns, command, cpu, ratio

if TYPE_CHECKING:
    from tests.command_line import Market

REPEAT = 5
BASE = "none"  # what the others are compared with
WINDOW = "1h"  # after which every result here is accepted


def _plain(market: Market, *options: str) -> str:
    """A job of the published model that compute-1 has won and handed in."""
    job = market.consumer.job(*options, auction="fixed")
    market.first.do("bid", job, "--price", "5", "--stake")
    market.first.do("lease", "fulfil", job)
    return job


def _traced(market: Market) -> str:
    from tests.disputing import lowered, submitted

    lowered(market)
    return submitted(market)


def _replicated(market: Market) -> str:
    from tests.replicating import replicated

    return replicated(market)


# How a job of each tier comes to a result that is handed in; `mlm verify` and its settlement do the rest.
TIERS: dict[str, Callable[[Market], str]] = {
    "zk": lambda market: _plain(market, "--tier", "zk"),
    "optimistic": _traced,
    "tee": lambda market: _plain(market, "--tier", "tee"),  # in the simulated vendor's enclave, with its attesters
    "redundant": _replicated,
    "none": lambda market: _plain(market, "--tier", "none"),
}


@dataclass(frozen=True)
class Measured:
    """Of a tier: what `mlm verify` took each time, and the gas of its job, all transactions together."""

    took: list[Took]
    gas: int


@cache
def measured() -> dict[str, Measured]:
    """Every tier, by turns, on one market."""
    from tests.enclaves import attested_market

    keep = tempfile.TemporaryDirectory(prefix="mlm-bench-verifying-")
    atexit.register(keep.cleanup)
    root = Path(keep.name)
    with attested_market(root) as attesters:
        market = attesters.market
        jobs = {tier: make(market) for tier, make in TIERS.items()}
        market.advance(WINDOW)
        person = market.consumer
        for tier, job in jobs.items():
            if tier != "zk":  # which is settled with its proof
                person.do("job", "settle", job)
        calls = [
            lambda job=job: command([*MLM, "verify", job], person.folder, person.environment) for job in jobs.values()
        ]
        times = by_turns(REPEAT, *calls)
        return {tier: Measured(took, _gas(market, jobs[tier])) for tier, took in zip(jobs, times, strict=True)}


def _gas(market: Market, job: str) -> int:
    """Of all transactions whose events name the job."""
    from mlm.adapters.chain.rpc import Rpc, quantity

    asked = f"select distinct tx_hash from events where args::varchar like '%{job}%'"
    rows = market.consumer.do("sql", asked)["rows"]
    rpc = Rpc(market.consumer.do("devnet", "status")["url"])
    try:
        receipts = [rpc.call("eth_getTransactionReceipt", row["tx_hash"]) for row in rows]
        return sum(quantity(receipt["gasUsed"], "gas") for receipt in receipts)
    finally:
        rpc.close()


def _rows(tier: str) -> tuple[Benchmark, ...]:
    seconds = Benchmark(f"verify: {tier}", "s", lambda: Figure.best(cpu(measured()[tier].took)))
    gas = Benchmark(f"verify: {tier}, gas of the job", "gas", lambda: Figure.exact(measured()[tier].gas))
    if tier == BASE:
        return seconds, gas
    beside = Benchmark(
        f"verify: {tier}, ratio",
        "x",
        lambda: ratio(cpu(measured()[tier].took), cpu(measured()[BASE].took)),
        peer=f"mlm verify: the same in the tier {BASE}",
    )
    return seconds, beside, gas


BENCHMARKS = tuple(benchmark for tier in TIERS for benchmark in _rows(tier))


def main() -> None:
    """Measure and print."""
    print(f"{'tier':<12} {'cpu s':>8} {'wall s':>8} {'gas':>12}")
    for tier, found in measured().items():
        wall = min(took.wall for took in found.took)
        print(f"{tier:<12} {min(cpu(found.took)):8.2f} {wall:8.2f} {found.gas:12,}")


if __name__ == "__main__":
    main()
