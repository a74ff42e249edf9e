"""A worker's inference beside plain ONNX Runtime, and how fast workers settle jobs on the devnet.

    python -m bench.workers [--jobs 24]

prints where a worker's time goes. Jobs of the tier none cost no proof: what is measured then is the market itself.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bench.benchmark import Benchmark, Figure

BATCH, REPEAT, CHANNELS, SIDE = 32, 7, 192, 32
WORKERS, JOBS = (1, 2, 8), 8


def cnn() -> bytes:
    """Three 3x3 convolutions over 32x32 pixels and 192 channels: 685 million multiply-accumulates a picture."""
    random = np.random.default_rng(0)
    nodes, weights, name, channels = [], [], "x", 3
    for layer in range(3):
        shape = (CHANNELS, channels, 3, 3)
        values = random.normal(size=shape, scale=(9 * channels) ** -0.5).astype(np.float32)
        weights.append(numpy_helper.from_array(values, f"w{layer}"))
        nodes.append(helper.make_node("Conv", [name, f"w{layer}"], [f"c{layer}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"]))
        name, channels = f"r{layer}", CHANNELS
    nodes.append(helper.make_node("GlobalAveragePool", [name], ["y"]))
    free = ["batch", 3, SIDE, SIDE], ["batch", CHANNELS, 1, 1]
    tensors = [
        helper.make_tensor_value_info(key, TensorProto.FLOAT, axes) for key, axes in zip("xy", free, strict=True)
    ]
    graph = helper.make_graph(nodes, "cnn", tensors[:1], tensors[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@cache
def _inference() -> list[float]:
    """Of 32 jobs of one picture each: plain ONNX Runtime's time for a batch of 32, over that of a worker's children."""
    import onnxruntime

    from mlm.adapters.onnx.confined import ConfinedRunner

    model = cnn()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    rows = np.random.default_rng(1).normal(size=(BATCH, 3, SIDE, SIDE)).astype(np.float32)
    single = [{"x": rows[n : n + 1]} for n in range(BATCH)]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        runner = ConfinedRunner(folder=Path(folder), provider="cpu", stay=1)
        runner.run_many(model, single)
        for _ in range(REPEAT):
            bare, ours = (
                _seconds(lambda: session.run(None, {"x": rows})),
                _seconds(lambda: runner.run_many(model, single)),
            )
            found.append(bare / ours)
        runner.close()
    return found


def _seconds(call: Any) -> float:
    """The best of three."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


@contextlib.contextmanager
def _market() -> Iterator[Any]:
    from tests.command_line import start, stop

    with tempfile.TemporaryDirectory(prefix="mlm-bench-workers-") as folder:
        root = Path(folder)
        try:
            yield start(root)
        finally:
            stop(root / "home")


@cache
def settled(workers: int, tier: str, jobs: int = JOBS) -> tuple[float, dict[str, int]]:
    """Results handed in each second while so many workers share `jobs`, and what the seconds of all of them went into.

    Workers have learned the model before. A zk job is settled with its result; one of the tier none after its window.
    """
    from tests.command_line import ROOT, Person

    with _market() as market:
        password = market.root / "password"
        password.write_text("a password of the benchmark\n")
        people = []
        for number in range(workers):
            folder = market.root / f"worker-{number}"
            folder.mkdir()
            person = Person(f"worker-{number}", folder, market.home, {"MLM_PASSWORD_FILE": str(password)})
            person.do("wallet", "new", person.account)
            person.do("wallet", "faucet", person.account, "--amount", "1000", "--coins", "1")
            person.do("stake", "deposit", "900")
            people.append(person)

        def post() -> None:
            market.consumer.job("--tier", tier, "--bidding", "3600", auction="fixed")

        def work(person: Person) -> subprocess.Popen[str]:
            share = str(-(-jobs // workers))
            return subprocess.Popen(
                [*(sys.executable, "-m", "mlm", "worker", "run", "--json", "--until-idle", "--jobs", share)]
                + ["--strategy", "margin", "--collect", "0"],
                cwd=person.folder,
                env={**person.environment, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )

        for person in people:  # each learns, with a job of its own
            post()
            process = work(person)
            _until_submitted(market, 1)
            process.terminate()
            process.wait()
        for _ in range(jobs):
            post()
        done = _submitted(market)
        started = time.perf_counter()
        processes = [work(person) for person in people]
        _until_submitted(market, done + jobs, exact=True)
        seconds = time.perf_counter() - started
        spent: dict[str, int] = {"seconds": 0, "looking": 0, "sending": 0}
        for process in processes:
            process.terminate()
            out = json.loads(process.communicate()[0])
            for part in spent:
                spent[part] += int(out[part])
        return jobs / seconds, spent


def _submitted(market: Any) -> int:
    market.consumer.do("sync")
    return int(market.consumer.do("sql", "select count(*) as n from submissions")["rows"][0]["n"])


def _until_submitted(market: Any, count: int, *, exact: bool = False) -> None:
    end = time.perf_counter() + 600
    before = 0 if exact else _submitted(market)
    while _submitted(market) < before + count:
        if time.perf_counter() > end:
            raise RuntimeError("workers hand nothing in")
        time.sleep(0.5)


def main() -> None:
    """Print where the time goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=JOBS)
    jobs = parser.parse_args().jobs
    print(f"{'tier':6} {'workers':>7} {'jobs/s':>7} {'looking':>8} {'sending':>8} {'else':>6}  of the workers' seconds")
    for tier in ("none", "zk"):
        for workers in WORKERS:
            rate, spent = settled(workers, tier, jobs)
            whole = spent["seconds"] or 1
            rest = whole - spent["looking"] - spent["sending"]
            parts = " ".join(f"{part / whole:8.0%}" for part in (spent["looking"], spent["sending"]))
            print(f"{tier:6} {workers:7} {rate:7.2f} {parts} {rest / whole:6.0%}")


BENCHMARKS = (
    Benchmark(
        f"worker: inference, {BATCH} jobs in a batch",
        "x",
        lambda: Figure.of(_inference()),
        peer="plain onnxruntime",
        least=0.95,
    ),
    *(
        Benchmark(
            f"worker: results a second, tier {tier}, {workers} worker{'s' * (workers > 1)}",
            "1/s",
            lambda tier=tier, workers=workers: Figure.exact(round(settled(workers, tier)[0], 3)),
        )
        for tier in ("none", "zk")
        for workers in WORKERS
    ),
)


if __name__ == "__main__":
    main()
