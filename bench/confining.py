"""What the sandbox adds to a confined child: a small model run in each tier, and without a sandbox."""

from __future__ import annotations

import tempfile
import time
from functools import cache
from pathlib import Path

from bench.benchmark import Benchmark, Figure
from bench.timing import by_turns, ratio
from circuits.make_fixtures import tiny_input, tiny_model
from mlm.adapters.onnx.confined import ConfinedRunner

TIERS = ("landlock", "bubblewrap")
REPEAT = 40


@cache
def _seconds() -> dict[str, list[float]]:
    """On the wall, start and end of the child included, by tier. Raises ToolMissing where one is not there.

    A processor's seconds would be better on a busy machine, but bubblewrap hands those of its child to nobody.
    """
    model, inputs, tiers = tiny_model(1), tiny_input(1), ("none", *TIERS)
    with tempfile.TemporaryDirectory() as folder:

        def run(tier: str) -> float:
            runner = ConfinedRunner(folder=Path(folder), provider="cpu", threads=1, sandbox=tier)
            started = time.perf_counter()
            runner.run(model, inputs)
            return time.perf_counter() - started

        took = by_turns(REPEAT, *(lambda tier=tier: run(tier) for tier in tiers))
    return dict(zip(tiers, took, strict=True))


def _added(tier: str) -> Figure:
    """The difference of the shortest times, since whatever else the machine did only made them longer."""
    return Figure.of([1000 * (min(_seconds()[tier]) - min(_seconds()["none"]))])


BENCHMARKS = tuple(
    benchmark
    for tier in TIERS
    for benchmark in (
        Benchmark(
            f"confine: run a small model, {tier}",
            "x",
            lambda tier=tier: ratio(_seconds()[tier], _seconds()["none"]),
            peer="the same child without a sandbox",
        ),
        Benchmark(f"confine: what {tier} adds", "ms", lambda tier=tier: _added(tier)),
    )
)
