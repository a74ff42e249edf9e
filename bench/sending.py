"""Commands that send: what they take besides the chain's own time, which the node's answers tell."""

from __future__ import annotations

from functools import cache

from bench.benchmark import Benchmark, Figure
from bench.market import INPUT, MODEL, OWN, market
from bench.timing import Took, cpu

REPEAT = 6
# What each does again and again; {n} makes it new every time.
COMMANDS = {
    "stake deposit": ("compute-1", ["stake", "deposit", "1"]),
    "stake deposit, keystore file": (OWN, ["stake", "deposit", "1"]),
    "handle claim": ("watcher", ["handle", "claim", "bench-{n}"]),
    "price set": ("model-provider", ["price", "set", MODEL, "--use", "0.{n}"]),
    "job post": ("consumer", ["job", "post", MODEL, "-i", INPUT, "--max-price", "5"]),
}


@cache
def _times(name: str) -> tuple[list[Took], list[float]]:
    """What each run took, and how long it took besides the node's answers."""
    place = market()
    account, words = COMMANDS[name]
    runs, besides = [], []
    for n in range(REPEAT + 1):
        place.witness.forget()
        took = place.run(*(word.format(n=n + 1) for word in words), account=account)
        runs.append(took)
        besides.append(took.wall - place.witness.seconds)
    return runs[1:], besides[1:]  # the first warms up


BENCHMARKS = tuple(
    benchmark
    for name in COMMANDS
    for benchmark in (
        Benchmark(f"send: mlm {name}", "s", lambda name=name: Figure.best(cpu(_times(name)[0])), most=1),
        Benchmark(
            f"send: mlm {name}, on the wall besides the chain",
            "s",
            lambda name=name: Figure.best(_times(name)[1]),
            most=1,
        ),
    )
)
