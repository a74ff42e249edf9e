"""Throughput of mlm's runner beside plain ONNX Runtime, on the CPU and, where there is one, on a CUDA device.

    python -m bench.throughput [--seconds 2]

What mlm adds to a run is checking: names, dtypes, shapes, finite values, and the model's digest.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH, BATCHES = 1024, (1, 64, 1024)


@cache
def mlp(width: int) -> bytes:
    """Three dense layers of `width`, the batch axis free: about 3 * width^2 multiply-accumulates a row."""
    random = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array((random.normal(size=(width, width)) / width**0.5).astype(np.float32), f"w{i}")
        for i in range(3)
    ]
    nodes, name = [], "x"
    for i in range(3):
        nodes += [
            helper.make_node("MatMul", [name, f"w{i}"], [f"m{i}"]),
            helper.make_node("Relu", [f"m{i}"], [f"r{i}"]),
        ]
        name = f"r{i}"
    tensors = [helper.make_tensor_value_info(key, TensorProto.FLOAT, ["batch", width]) for key in ("x", name)]
    graph = helper.make_graph(nodes, "mlp", tensors[:1], tensors[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def rate(call: Callable[[], object], rows: int, seconds: float) -> float:
    """Rows a second, after one call to warm up."""
    call()
    done, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        call()
        done += rows
    return done / passed


@cache
def _session(provider: str) -> Any:
    """ONNX Runtime's own session on a provider; None when it is not there."""
    from mlm.adapters.onnx.run import CPU, CUDA, NO_TELEMETRY

    os.putenv(*NO_TELEMETRY)
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    name = CUDA if provider == "cuda" else CPU
    options: list[object] = [(CUDA, {"use_tf32": "0"}), CPU] if name == CUDA else [CPU]
    if name not in onnxruntime.get_available_providers():
        return None
    session = onnxruntime.InferenceSession(mlp(WIDTH), providers=options)
    return session if session.get_providers()[0] == name else None


def compared(provider: str, batch: int, seconds: float) -> tuple[float, float] | None:
    """Rows a second of plain ONNX Runtime and of mlm's runner; None when the provider is not there."""
    plain = _session(provider)
    if plain is None:
        return None
    from mlm.adapters.onnx.run import OnnxRunner

    model, runner = mlp(WIDTH), OnnxRunner(provider=provider)
    rows = np.random.default_rng(1).normal(size=(batch, WIDTH)).astype(np.float32)
    bare = rate(lambda: plain.run(None, {"x": rows}), batch, seconds)
    return bare, rate(lambda: runner.run(model, {"x": rows}), batch, seconds)


def main() -> int:
    """Print a table; CUDA's rows say why they are missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement")
    seconds = parser.parse_args().seconds
    print(f"{3 * WIDTH * WIDTH / 1e6:.1f} M multiply-accumulates a row; rows a second")
    print(f"{'provider':24} {'batch':>6} {'onnxruntime':>12} {'mlm':>12} {'ratio':>6}")
    for provider in ("cpu", "cuda"):
        for batch in BATCHES:
            found = compared(provider, batch, seconds)
            if found is None:
                print(f"{provider:24} skipped: no CUDA device, or onnxruntime-gpu is not installed")
                break
            bare, ours = found
            print(f"{provider:24} {batch:6} {bare:12.0f} {ours:12.0f} {ours / bare:6.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
