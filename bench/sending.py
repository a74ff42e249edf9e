"""Commands that send: what they take besides the chain's own time, which the node's answers tell."""

from __future__ import annotations

from functools import cache

from bench.benchmark import Benchmark, Figure
from bench.market import INPUT, MODEL, market

REPEAT = 5
# What each does again and again; {n} makes it new every time.
COMMANDS = {
    "stake deposit": ("compute-1", ["stake", "deposit", "1"]),
    "handle claim": ("watcher", ["handle", "claim", "bench-{n}"]),
    "price set": ("model-provider", ["price", "set", MODEL, "--use", "0.{n}"]),
    "job post": ("consumer", ["job", "post", MODEL, "-i", INPUT, "--max-price", "5"]),
}


@cache
def _times(name: str) -> list[float]:
    place = market()
    account, words = COMMANDS[name]
    found = []
    for n in range(REPEAT + 1):
        place.witness.forget()
        seconds = place.run(*(word.format(n=n + 1) for word in words), account=account)
        found.append(seconds - place.witness.seconds)
    return found[1:]  # the first warms up


BENCHMARKS = tuple(
    Benchmark(
        f"send: mlm {name}, besides the chain",
        "s",
        lambda name=name: Figure.best(_times(name)),
        most=1,
    )
    for name in COMMANDS
)
