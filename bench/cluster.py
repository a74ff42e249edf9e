"""Proofs a minute of the template's model: on this machine as every command makes them, and on one and two Ray nodes.

All nodes stand on this machine and share its processors: the figures show what the way over a cluster costs, and that
two nodes work at once; two machines have twice the processors besides.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from bench.benchmark import Benchmark, Figure
from bench.proving import TEMPLATE
from bench.timing import ROOT, by_turns, ratio
from mlm.ports.prover import Prover

PROOFS = 6  # at a time, two under way
REPEAT = 2


@cache
def _minutes() -> dict[str, list[float]]:
    """Proofs a minute, by turns: without Ray, by one node, by two."""
    import numpy as np

    from mlm.adapters.ezkl.prover import EzklProver
    from mlm.adapters.ray.prover import RayProver
    from tests.ray_cluster import started

    model, srs = (TEMPLATE / "model.onnx").read_bytes(), ROOT / "circuits"
    with tempfile.TemporaryDirectory() as name, started(Path(name), 1) as one, started(Path(name), 2) as two:
        local = EzklProver(cache_dir=Path(name) / "local", srs=srs)
        settings = local.settings(model, {"image": np.load(TEMPLATE / "samples" / "calibration.npy")})
        inputs = {"image": np.load(TEMPLATE / "samples" / "digit.npy")}

        def minute(prover: Prover) -> float:
            before = time.perf_counter()
            with ThreadPoolExecutor(2) as threads:
                list(threads.map(lambda _: prover.prove(model, settings, inputs), range(PROOFS)))
            return 60 * PROOFS / (time.perf_counter() - before)

        provers = (local, *(RayProver(cluster.nodes(), srs=srs) for cluster in (one, two)))
        calls = [lambda prover=prover: minute(prover) for prover in provers]
        return dict(zip(("local", "one", "two"), by_turns(REPEAT, *calls), strict=True))


BENCHMARKS = (
    Benchmark("prove on nodes: without Ray", "/min", lambda: Figure.of(_minutes()["local"])),
    Benchmark("prove on nodes: one Ray node", "/min", lambda: Figure.of(_minutes()["one"])),
    Benchmark("prove on nodes: two Ray nodes", "/min", lambda: Figure.of(_minutes()["two"])),
    Benchmark(
        "prove on nodes: two beside none",
        "x",
        lambda: ratio(_minutes()["two"], _minutes()["local"]),
        peer="without Ray",
    ),
)
