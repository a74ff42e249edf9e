"""Paid serving beside free serving of the same model, in one run, by a real load generator (autocannon, bench/load).

    python -m bench.serving [--calls 2000] [--model large]

Two servers of one published model run at once, one free and one paid; loads go to them by turns. Each paid call has a
voucher of its own, signed before. Needs `npm ci --prefix bench/load`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.benchmark import Benchmark, Figure
from bench.timing import ROOT

LOAD = ROOT / "bench" / "load"
CONNECTIONS = (1, 8, 64)
ROUNDS = 5
CALLS = {"tiny": 1000, "cnn": 1000, "large": 300, "huge": 150}  # of one load, unless its connections need more
A_CONNECTION = (
    16  # calls at least: until all connections have theirs answered once, and while the last end, few share a batch
)
PRICE = "0.2"
SIDE = 32
# 30, 304 and 1,797 million multiply-accumulates; MobileNetV2 takes 300, ResNet-18 1,800
CHANNELS = {"cnn": 56, "large": 180, "huge": 440}
MODELS = {
    "tiny": "a model of 0.1 ms",
    "cnn": "a CNN of 30M MACs",
    "large": "a CNN of 300M MACs",
    "huge": "a CNN of 1800M MACs",
}


def cnn(wide: int) -> bytes:
    """Two 3x3 convolutions over 32x32 pixels, with `wide` channels each."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    nodes, weights, name, channels = [], [], "x", 3
    for layer in range(2):
        values = random.normal(size=(wide, channels, 3, 3), scale=(9 * channels) ** -0.5).astype(np.float32)
        weights.append(numpy_helper.from_array(values, f"w{layer}"))
        nodes.append(helper.make_node("Conv", [name, f"w{layer}"], [f"c{layer}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"]))
        name, channels = f"r{layer}", wide
    nodes.append(helper.make_node("GlobalAveragePool", [name], ["y"]))
    free: tuple[list[str | int | None], ...] = (["batch", 3, SIDE, SIDE], ["batch", wide, 1, 1])
    tensors = [
        helper.make_tensor_value_info(key, TensorProto.FLOAT, axes) for key, axes in zip("xy", free, strict=True)
    ]
    graph = helper.make_graph(nodes, "cnn", tensors[:1], tensors[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


class Took(NamedTuple):
    """One load: calls a second on the wall, the 99th percentile in ms, the server's processor seconds for a call, and
    how many calls ran together on average."""

    rate: float
    p99: float
    cpu: float
    batch: float


@dataclass
class Loaded:
    """What loads of one model and one number of connections gave, round by round."""

    free: list[Took] = field(default_factory=list)
    paid: list[Took] = field(default_factory=list)

    def cpu(self) -> Figure:
        """Calls for a processor second, paid, as a part of free ones: the rate of a server that has its core alone."""
        return Figure.of([free.cpu / paid.cpu for paid, free in zip(self.paid, self.free, strict=True)])

    def rate(self) -> Figure:
        """Paid calls a second, as a part of free ones."""
        return Figure.of([paid.rate / free.rate for paid, free in zip(self.paid, self.free, strict=True)])

    def p99(self) -> Figure:
        """The paid p99, as a part of the free one."""
        return Figure.of([paid.p99 / free.p99 for paid, free in zip(self.paid, self.free, strict=True)])


@contextlib.contextmanager
def _servers(model: str) -> Iterator[tuple[Any, Any, Any]]:
    """A market with both servers of a model."""
    from tests.command_line import MODEL, Market, start, stop
    from tests.serving import conftest

    with tempfile.TemporaryDirectory(prefix="mlm-bench-serving-") as folder:
        root = Path(folder)
        servers = []
        try:
            market: Market = start(root)
            name = MODEL if model == "tiny" else _publish(market, CHANNELS[model])
            env = {"MLM_ACCOUNT": "compute-1", "MLM_SERVE_CLAIM": "1000000", "MLM_RUNNER_TIMEOUT": "900"}
            for arguments in (("--free", "--name", "free"), ("--price", PRICE, "--name", "paid")):
                servers.append(conftest.start(market.first.folder, market.home, name, *arguments, env=env))
            yield market, servers[0], servers[1]
        finally:
            for server in servers:
                conftest.stop(server)
            stop(root / "home")


def _publish(market: Any, wide: int) -> str:
    """A convolutional model, as an asset of the market's provider."""
    person = market.person("model-provider", "cnn")
    person.folder.mkdir()
    person.do("init")
    (person.folder / "model.onnx").write_bytes(cnn(wide))
    text = (
        '[asset]\nname = "cnn"\nversion = "1.0.0"\nkind = "model"\nlicence = "Apache-2.0"\n'
        'description = "Two layers"\n\n[model]\nfile = "model.onnx"\n\n'
        '[price]\nuse = "0.1"\n\n[privacy]\npersonal_data = false\n'
    )
    (person.folder / "mlm.toml").write_text(text)
    person.do("add", ".")
    person.do("commit", "-m", "first")
    person.do("publish", "--handle", "alice")
    return "alice/cnn"


def _body(model: str, folder: Path) -> tuple[Path, int, dict[str, np.ndarray]]:
    """A request in Triton's binary extension: its file, the JSON's length, and its tensors."""
    from mlm.core.inference import NAMES
    from mlm.resources import path as resource

    if model == "tiny":
        sample = np.load(resource("templates") / "digits-mlp" / "samples" / "digit.npy")
        inputs = {"image": sample.astype(np.float32)}
    else:
        inputs = {"x": np.random.default_rng(1).normal(size=(1, 3, SIDE, SIDE)).astype(np.float32)}
    ((name, array),) = inputs.items()
    tensor = {
        "name": name,
        "datatype": NAMES[array.dtype.name],
        "shape": list(array.shape),
        "parameters": {"binary_data_size": array.nbytes},
    }
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    path = folder / "body"
    path.write_bytes(head + array.tobytes())
    return path, len(head), inputs


def _load(server: Any, connections: int, calls: int, body: Path, head: int, vouchers: Path | None) -> Took:
    command = ["node", "load.mjs", server.url + server.infer, str(connections), str(calls), str(body), str(head)]
    command += [str(vouchers)] if vouchers else []
    before, batched = _processor(server.process.pid), _batched(server)
    done = subprocess.run(command, cwd=LOAD, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"autocannon: {done.stderr[-500:]}")
    found = json.loads(done.stdout)
    if found["statuses"] != {"200": calls}:
        raise RuntimeError(f"expected {calls} answers of status 200, found {found['statuses']}: {found['refusal']}")
    cpu = (_processor(server.process.pid) - before) / calls
    many, batches = (now - then for now, then in zip(_batched(server), batched, strict=True))
    return Took(calls / found["seconds"], found["p99"], cpu, many / batches)


def _batched(server: Any) -> tuple[float, float]:
    """Calls that a server has run so far, and in how many batches."""
    from tests.serving.clients import request

    text = request(server.url, "GET", "/metrics").body.decode()
    found = dict(line.split(" ") for line in text.splitlines() if not line.startswith("#") and "{" not in line)
    calls, batches = (float(value) for end in ("_batched_calls_total", "_batches_total")
                      for name, value in found.items() if name.endswith(end))  # fmt: skip
    return calls, batches


def _processor(pid: int) -> float:
    """Processor seconds that a process and those it has started have used so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")  # user, system, and of children that have ended
    children = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _read(task / "children").split()
    ]
    return own + sum(map(_processor, children))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:  # the thread has ended
        return ""


@cache
def measured(model: str, calls: int = 0, rounds: int = ROUNDS) -> dict[int, Loaded]:
    """Both servers under load by turns, for each number of connections."""
    if not (LOAD / "node_modules" / "autocannon").is_dir() or not shutil.which("node"):
        raise RuntimeError("autocannon is not here: run `npm ci --prefix bench/load`")
    from mlm.core.channel import encode_header
    from tests.serving.payers import Chain, Payer, terms_of

    found = {connections: Loaded() for connections in CONNECTIONS}
    with _servers(model) as (market, free, paid), tempfile.TemporaryDirectory() as folder:
        body, head, inputs = _body(model, Path(folder))
        warm = max(CONNECTIONS)
        amounts = {connections: max(calls or CALLS[model], A_CONNECTION * connections) for connections in CONNECTIONS}
        total = sum(warm + rounds * amount for amount in amounts.values())
        payer = Payer.open(Chain.of(market, "consumer"), terms_of(paid), 1, calls=total)
        signed = iter(range(1, total + 1))

        def vouchers(count: int) -> Path:
            path = Path(folder) / "vouchers"
            lines = [encode_header(payer.voucher(next(signed), inputs)) for _ in range(count)]
            path.write_text("\n".join(lines) + "\n")
            return path

        for connections, loaded in found.items():
            _load(free, connections, warm, body, head, None)
            _load(paid, connections, warm, body, head, vouchers(warm))
            for _ in range(rounds):
                amount = amounts[connections]
                prepared = vouchers(amount)
                loaded.free.append(_load(free, connections, amount, body, head, None))
                loaded.paid.append(_load(paid, connections, amount, body, head, prepared))
    return found


def main() -> None:
    """Print both sides."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=0, help="of one load; 0: as many as for the table")
    parser.add_argument("--model", choices=list(MODELS))
    options = parser.parse_args()
    print(
        f"{'model':5} {'conns':>5} {'free/s':>8} {'paid/s':>8} {'ratio':>6} {'free p99':>9} {'paid p99':>9} ms", end=""
    )
    print(f"{'free cpu':>9} {'paid cpu':>9} ms a call, {'free':>5} {'paid':>5} calls a batch")
    for model in [options.model] if options.model else MODELS:
        for connections, loaded in measured(model, options.calls).items():
            for free, paid in zip(loaded.free, loaded.paid, strict=True):
                print(
                    f"{model:5} {connections:5} {free.rate:8.0f} {paid.rate:8.0f} {paid.rate / free.rate:6.2f} "
                    f"{free.p99:9.2f} {paid.p99:9.2f}   {free.cpu * 1000:9.2f} {paid.cpu * 1000:9.2f}"
                    f"            {free.batch:5.2f} {paid.batch:5.2f}",
                    flush=True,
                )


def _rows(model: str, connections: int) -> tuple[Benchmark, ...]:
    label = f"serve: paid, {MODELS[model]}, {connections} connection{'s' * (connections > 1)}"
    peer = "free serving of the same model"
    return (
        Benchmark(f"{label}: calls a second", "x", lambda: measured(model)[connections].rate(), peer, least=0.9),
        Benchmark(f"{label}: for a processor second", "x", lambda: measured(model)[connections].cpu(), peer, least=0.9),
        Benchmark(f"{label}: p99", "x", lambda: measured(model)[connections].p99(), peer, most=1.11),
    )


BENCHMARKS = tuple(row for model in MODELS for connections in CONNECTIONS for row in _rows(model, connections))


if __name__ == "__main__":
    main()
