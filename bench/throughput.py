"""Throughput of mlm's runner beside plain ONNX Runtime, on the CPU and, where there is one, on a CUDA device.

    python bench/throughput.py [--seconds 2]

What mlm adds to a run is checking: names, dtypes, shapes, finite values, and the model's digest.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parent.parent
WIDTH, BATCHES = 1024, (1, 64, 1024)


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


def main() -> int:
    """Print a table; CUDA's rows say why they are missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement")
    seconds = parser.parse_args().seconds
    sys.path.insert(0, str(ROOT))
    from mlm.adapters.onnx.run import CPU, CUDA, NO_TELEMETRY, OnnxRunner

    os.putenv(*NO_TELEMETRY)
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    model = mlp(WIDTH)
    print(f"{3 * WIDTH * WIDTH / 1e6:.1f} M multiply-accumulates a row; rows a second")
    print(f"{'provider':24} {'batch':>6} {'onnxruntime':>12} {'mlm':>12} {'ratio':>6}")
    for provider, name in (("cpu", CPU), ("cuda", CUDA)):
        options: list[object] = [(CUDA, {"use_tf32": "0"}), CPU] if name == CUDA else [CPU]
        available = name in onnxruntime.get_available_providers()
        plain = onnxruntime.InferenceSession(model, providers=options) if available else None
        if plain is None or plain.get_providers()[0] != name:
            print(f"{name:24} skipped: no CUDA device, or onnxruntime-gpu is not installed")
            continue
        runner = OnnxRunner(provider=provider)
        for batch in BATCHES:
            rows = np.random.default_rng(1).normal(size=(batch, WIDTH)).astype(np.float32)
            bare = rate(lambda rows=rows, plain=plain: plain.run(None, {"x": rows}), batch, seconds)
            ours = rate(lambda rows=rows, runner=runner: runner.run(model, {"x": rows}), batch, seconds)
            print(f"{name:24} {batch:6} {bare:12.0f} {ours:12.0f} {ours / bare:6.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
