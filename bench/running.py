"""The runner beside plain ONNX Runtime on the CPU; bench/throughput.py knows CUDA. What mlm adds to a run is checks."""

from __future__ import annotations

from functools import cache

from bench.benchmark import Benchmark, Figure
from bench.throughput import BATCHES, compared

SECONDS, REPEAT = 1.0, 5


@cache
def _ratios(batch: int) -> list[float]:
    return [ours / bare for bare, ours in (compared("cpu", batch, SECONDS) or (1.0, 0.0) for _ in range(REPEAT))]


BENCHMARKS = tuple(
    Benchmark(
        f"run: rows a second, batch {batch}",
        "x",
        lambda batch=batch: Figure.of(_ratios(batch)),
        peer="plain onnxruntime",
    )
    for batch in BATCHES
)
