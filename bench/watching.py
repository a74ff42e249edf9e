"""What a watcher does about a result: the input as the graph takes it, a run with every tensor committed to, the roots
compared. Beside it the same inputs in a plain session, one thread each, on the wall, for the watcher's child is another
process. Fetching and the chain are left out: they do not depend on the model. The child has run it once before.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from bench import exact_models
from bench.benchmark import Benchmark, Figure
from bench.timing import ROOT, by_turns, ratio

REPEAT, RESULTS = 9, 16  # turns, and results in each
PEER = "onnxruntime: the same file and inputs, its outputs only"


def digits() -> bytes:
    """The template's CNN for handwritten digits, in whole numbers."""
    from mlm.adapters.exact.lower.report import lowered
    from mlm.ports.lowering import Samples

    template = ROOT / "templates" / "digits-cnn"
    calibration = np.load(template / "samples" / "calibration.npy")
    source = (template / "model.onnx").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        return lowered(source, Samples({"": calibration}), Path(folder)).onnx


def resnet() -> bytes:
    """The CNN of exact_models with 14 convolutions, of random whole numbers."""
    from mlm.adapters.exact.emit import to_onnx

    return to_onnx(exact_models.classifier(exact_models.small()))


MODELS: dict[str, Callable[[], bytes]] = {"digits CNN": digits, "CNN of 27M MACs": resnet}


@cache
def _seconds(name: str) -> list[list[float]]:
    """Of a check and of a plain run, by turns."""
    from mlm.adapters.exact.confined import ConfinedExact
    from mlm.adapters.exact.read import from_onnx
    from mlm.core.dispute.challenge import first_difference

    onnx = MODELS[name]()
    (port,) = from_onnx(onnx).inputs
    random, plain = np.random.default_rng(0), exact_models.session(onnx)
    given = [{port.name: random.normal(size=port.shape).astype(np.float32)} for _ in range(RESULTS)]
    with tempfile.TemporaryDirectory() as folder:
        watcher = ConfinedExact(folder=Path(folder), threads=1, sandbox="auto")
        claimed = [watcher.run(onnx, each).trace.roots for each in given]

        def check() -> None:
            for inputs, roots in zip(given, claimed, strict=True):
                made = watcher.inputs(onnx, inputs)
                own = watcher.run(onnx, inputs).trace
                if made[0].root != roots[0] or first_difference(own.graph, own.roots, roots) is not None:
                    raise RuntimeError("a true result was found false")

        def run() -> None:
            for inputs in given:
                plain.run(None, inputs)

        def timed(call: Callable[[], None]) -> float:
            started = time.perf_counter()
            call()
            return (time.perf_counter() - started) / RESULTS

        try:
            return by_turns(REPEAT, lambda: timed(check), lambda: timed(run))
        finally:
            watcher.close()


def _both(name: str, least: float | None) -> tuple[Benchmark, Benchmark]:
    def speed() -> Figure:
        checks, plain = _seconds(name)
        return ratio(plain, checks)

    def rate() -> Figure:
        return Figure.of([60 / seconds for seconds in _seconds(name)[0]])

    title = f"watch: {name}"
    return (
        Benchmark(f"{title}, results checked", "x", speed, peer=PEER, least=least),
        Benchmark(f"{title}, results checked a minute", "/min", rate),
    )


BENCHMARKS = (*_both("digits CNN", None), *_both("CNN of 27M MACs", 0.2))
