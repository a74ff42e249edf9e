"""The size of a clean environment with the extras cpu and zk."""

from __future__ import annotations

from bench.benchmark import Benchmark, Figure
from bench.sizes import distributions

BENCHMARKS = (
    Benchmark("size: mlm[cpu,zk]", "MB", lambda: Figure.exact(round(sum(distributions().values()) / 1e6)), most=350),
)
