"""Floats or 8-bit integers: `python -m bench.profiles` prints the tables of decision 29; `kernels` the first alone.

The first: one operator of each kind that could compute a graph's cells, its time, and how many of its numbers differ
from what the cells are. Under an emulator of another processor the second column is what counts. The second: models in
both profiles, plain and committed to, one thread, in processor time; and the memory that a plain session takes.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from bench.exact_models import Network, classifier, large, session, small
from bench.leaves import best
from mlm.adapters.exact.emit import to_onnx
from mlm.adapters.exact.model import ExactModel, Port
from mlm.adapters.exact.reference import requantise
from mlm.adapters.exact.trace import Tracer
from mlm.core.exact.node import Op
from mlm.core.exact.tensor import DType, TensorType
from mlm.ports.lowering import PROFILES

Array = np.ndarray[Any, np.dtype[Any]]

CHANNELS, SIDE = 64, 16
MIDDLE = 128  # the zero point of unsigned numbers


def _run(nodes: list[Any], inputs: dict[str, Array], constants: dict[str, Array]) -> tuple[float, Array]:
    """Milliseconds, and the output y."""
    from onnx import helper, numpy_helper

    def value(name: str, array: Array, shape: Any) -> Any:
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), shape)

    output = next(iter(inputs.values()))
    stored = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    given = [value(name, array, array.shape) for name, array in inputs.items()]
    graph = helper.make_graph(nodes, "kernel", given, [value("y", output, None)], stored)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    running = session(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    return best(lambda: running.run(None, inputs)), running.run(None, inputs)[0]


def _conv(image: Array, weights: Array, bias: Array, shifts: Array, types: tuple[str, str]) -> tuple[float, Array]:
    """A convolution by QLinearConv of these element types, or by Conv and a requantisation of floats."""
    from onnx import helper

    units = np.exp2(-shifts).astype(np.float32)
    window = {"pads": [1] * 4, "kernel_shape": [3, 3]}
    if types[0] == "float32":
        nodes = [
            helper.make_node("Conv", ["x", "w", "b"], ["a"], **window),
            helper.make_node("Clip", ["a", "low", "high"], ["c"]),
            helper.make_node("Round", ["c"], ["y"]),
        ]
        scaled = (weights * units[:, None, None, None]).astype(np.float32)
        constants = {"w": scaled, "b": (bias * units).astype(np.float32)}
        limits = {"low": np.array(-128, np.float32), "high": np.array(127, np.float32)}
        return _run(nodes, {"x": image.astype(np.float32)}, constants | limits)
    zeros = [np.array(MIDDLE if dtype == "uint8" else 0, dtype) for dtype in types]
    x, w = ((value + zero.astype(int)).astype(zero.dtype) for value, zero in zip((image, weights), zeros, strict=True))
    operands = ["x", "one", "zx", "w", "units", "zw", "one", "zx", "b"]
    constants = {"one": np.array(1, np.float32), "zx": zeros[0], "w": w, "units": units, "zw": zeros[1], "b": bias}
    took, found = _run([helper.make_node("QLinearConv", operands, ["y"], **window)], {"x": x}, constants)
    return took, found.astype(int) - zeros[0].astype(int)


def kernels() -> None:
    """Print milliseconds and numbers that differ, for each kind of operator."""
    from onnx import helper

    rng = np.random.default_rng(0)
    image = rng.integers(-128, 128, (1, CHANNELS, SIDE, SIDE))
    weights = rng.integers(-128, 128, (CHANNELS, CHANNELS, 3, 3))
    bias, shifts = rng.integers(-1000, 1000, CHANNELS).astype(np.int32), rng.integers(12, 16, CHANNELS)
    padded = np.pad(image, [(0, 0), (0, 0), (1, 1), (1, 1)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))  # type: ignore[call-overload]
    total = np.einsum("ncyxij,ocij->noyx", windows, weights, optimize=True) + bias[:, None, None]
    expected = requantise(total, shifts[:, None, None], -128, 127)
    for title, types in (
        ("Conv, float32", ("float32", "float32")),
        ("QLinearConv, int8 x int8", ("int8", "int8")),
        ("QLinearConv, uint8 x int8", ("uint8", "int8")),
        ("QLinearConv, uint8 x uint8", ("uint8", "uint8")),
    ):
        took, found = _conv(image, weights, bias, shifts, types)
        print(title, f"{took:.3f} ms", f"{np.count_nonzero(found != expected):,} of {expected.size:,}", sep="\t")
    a, b = (each.astype(np.int8) for each in np.indices((256, 256)) - 128)
    nodes = [helper.make_node("QLinearAdd", [*"aszbsztz"], ["y"], domain="com.microsoft")]
    scales = {"s": np.array(1, np.float32), "t": np.array(2, np.float32), "z": np.array(0, np.int8)}
    took, found = _run(nodes, {"a": a, "b": b}, scales)
    expected = requantise(a.astype(np.int64) + b, 1, -128, 127)
    print("QLinearAdd, int8", f"{took:.3f} ms", f"{np.count_nonzero(found != expected):,} of {a.size:,}", sep="\t")


def perceptron(rows: int, width: int = 1024, layers: int = 3) -> ExactModel:
    """Layers of `width` numbers, over `rows` samples."""
    net = Network("x", TensorType(DType.I8, (1, 1, rows, width)), 3)
    row = (1, 1, 1, width)
    for layer in range(layers):
        parts = (
            net.rng.integers(-16, 17, (1, 1, width, width)).astype(np.int8),
            np.zeros(row, np.int32),
            np.full(row, 8, np.int8),
        )
        operands = [net.output(layer), *map(net.parameter, parts)]
        net.node(Op.MATMUL, (1, 1, rows, width), operands, (0, 127))
    return net.model(Port("x", (rows, width), 1 / 64), Port("y", (rows, width), 1 / 64))


MODELS: dict[str, Callable[[], ExactModel]] = {
    "CNN of 27M MACs": lambda: classifier(small()),
    "CNN of 645M MACs": lambda: classifier(large()),
    "perceptron, 1 row": lambda: perceptron(1),
    "perceptron, 64 rows": lambda: perceptron(64),
}


def _resident(path: str) -> int:
    """Bytes by which a process grows when it loads a file and has run it once: at its most."""
    model = Path(path).read_bytes()
    session(to_onnx(perceptron(1, 8, 1)))  # the library itself
    before = _most()
    running = session(model)
    running.run(None, {each.name: np.zeros(each.shape, np.float32) for each in running.get_inputs()})
    return _most() - before


def _most() -> int:
    """The most memory that this process has had so far."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) << 10


def _measured(model: ExactModel) -> tuple[list[float], float]:
    """Milliseconds of a plain run, of one with all tensors and of a committed one, and megabytes."""
    (port,) = model.inputs
    given = {port.name: np.random.default_rng(0).normal(size=port.shape).astype(np.float32)}
    onnx, tracer = to_onnx(model), Tracer(model, threads=1)
    plain = session(onnx)
    times = [best(lambda: plain.run(None, given)), best(lambda: tracer.execute(given)), best(lambda: tracer.run(given))]
    with tempfile.NamedTemporaryFile() as file, ProcessPoolExecutor(1, get_context("spawn")) as pool:
        file.write(onnx)
        file.flush()
        return times, pool.submit(_resident, file.name).result() / 1e6


def models() -> None:
    """Print what each model takes in each profile."""
    for name, make in MODELS.items():
        for profile in PROFILES:
            times, memory = _measured(replace(make(), profile=profile))
            print(name, profile, *(f"{took:.2f} ms" for took in times), f"{memory:.1f} MB", sep="\t")


if __name__ == "__main__":
    kernels()
    if sys.argv[1:] != ["kernels"]:
        models()
