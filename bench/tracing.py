"""A run with every tensor committed to, beside the same file's plain inference, one thread each, in processor time."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

from bench import exact_models
from bench.benchmark import Benchmark, Figure
from bench.timing import by_turns, ratio

REPEAT, CALLS = 15, 10  # turns, and runs in each, for which caches are warm
PEER = "onnxruntime: the same file, its outputs only"
NETWORKS: dict[str, Callable[[], exact_models.Network]] = {
    "27M MACs": exact_models.small,
    "645M MACs": exact_models.large,
}


@cache
def _times(name: str) -> list[list[float]]:
    """Processor seconds of a committed run and of a plain one, by turns."""
    import numpy as np

    from mlm.adapters.exact.emit import to_onnx
    from mlm.adapters.exact.trace import Tracer

    model = exact_models.classifier(NETWORKS[name]())
    given = {"image": np.random.default_rng(0).normal(size=model.inputs[0].shape).astype(np.float32)}
    tracer, plain = Tracer(model, threads=1), exact_models.session(to_onnx(model))

    def timed(call: Callable[[], Any]) -> float:
        started = time.process_time()
        for _ in range(CALLS):
            call()
        return (time.process_time() - started) / CALLS

    ours, theirs = lambda: tracer.run(given).trace.root, lambda: plain.run(None, given)
    return by_turns(REPEAT, lambda: timed(ours), lambda: timed(theirs))


def _both(name: str, most: float) -> tuple[Benchmark, Benchmark]:
    title = f"trace: CNN of {name}, committed"
    return (
        Benchmark(title, "x", lambda: ratio(*_times(name)), peer=PEER, most=most),
        Benchmark(f"{title}, seconds", "s", lambda: Figure.best(_times(name)[0])),
    )


BENCHMARKS = (*_both("27M MACs", 2), *_both("645M MACs", 1.3))
