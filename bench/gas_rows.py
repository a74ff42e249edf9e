"""Gas of every step of a job's life, as devnet/test/gas.json has it; a test measures it again (bench/gas.py)."""

from __future__ import annotations

from bench import gas
from bench.benchmark import Benchmark, Figure

BENCHMARKS = tuple(
    Benchmark(
        f"gas: {step}",
        "gas",
        lambda now=entry["now"]: Figure.exact(now),
        peer=f"before: {entry['before']:,}",
        most=gas.most(step, entry["before"]),
    )
    for step, entry in gas.read().items()
)
