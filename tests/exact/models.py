"""Exact models for tests: one of a single random node, and small networks in which all operators occur."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np

from bench.exact_models import Network
from mlm.adapters.exact.model import ExactModel, Port, image_shape
from mlm.adapters.exact.reference import NUMPY
from mlm.core.exact.node import Op
from mlm.core.exact.tensor import DType, TensorType
from mlm.ports.lowering import PROFILES
from tests.exact.sampling import Sample
from tests.exact.test_graph import graph_of


def arrays(made: Sample) -> list[np.ndarray]:
    """The operands of a sample, as arrays of their types."""
    return [
        np.array(values, NUMPY[operand.kind.dtype]).reshape(operand.kind.shape)
        for operand, values in zip(made.node.operands, made.data, strict=True)
    ]


def model_of(made: Sample, random: Random, profile: str = PROFILES[0]) -> tuple[ExactModel, list[np.ndarray]]:
    """A model of one node whose ports are of any kind, and its inputs as they are in the graph."""
    parameters, inputs, ports = {}, [], []
    for operand, value in zip(made.node.operands, arrays(made), strict=True):
        if isinstance(operand.source, bytes):
            parameters[operand.source] = value
            continue
        name = f"x{len(inputs)}"
        if operand.kind.dtype is DType.I32:
            first = random.random() < 0.5
            shape = image_shape(value.shape) if first else value.shape
            ports.append(Port(name, shape, channels_first=first, dtype=random.choice(("int32", "int64"))))
        elif random.random() < 0.5:
            ports.append(Port(name, image_shape(value.shape), random.choice((1.0, 0.5)), channels_first=True))
        else:
            ports.append(Port(name, (value.size,), random.choice((1.0, 0.25))))
        inputs.append(value)
    shape = made.node.output.shape
    output = random.choice((Port("y", shape, 0.5), Port("y", image_shape(shape), 2.0, channels_first=True)))
    return ExactModel(graph_of(made), parameters, tuple(ports), (output,), profile), inputs


def feed(model: ExactModel, inputs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Exact inputs as a user would hand them in."""
    made = {}
    for port, value in zip(model.inputs, inputs, strict=True):
        value = value.transpose(0, 3, 1, 2) if port.channels_first else value
        made[port.name] = (value.reshape(port.shape) * port.scale).astype(port.dtype)
    return made


def random_inputs(model: ExactModel, seed: int) -> list[np.ndarray]:
    """Exact inputs over the whole of their types."""
    rng = np.random.default_rng(seed)
    kinds = [node.output for node in model.graph.nodes[: model.graph.inputs]]
    return [
        rng.integers(-128, 128, kind.shape, np.int8)
        if kind.dtype is DType.I8
        else rng.integers(0, 40, kind.shape, np.int32)
        for kind in kinds
    ]


def transformer(words: int = 12, width: int = 32, heads: int = 2) -> ExactModel:
    """Token numbers, embedding, one block of attention and a feed-forward one, the mean over time: all of it exact."""
    net = Network("words", TensorType(DType.I32, (1, 1, 1, words)), 7)
    rng = net.rng

    def whole(low: int, high: int, shape: tuple[int, ...], dtype: str = "int8") -> np.ndarray:
        return rng.integers(low, high, shape).astype(dtype)

    def dense(source: int, outputs: int, low: int = -128) -> int:
        *rest, inputs = net.nodes[source].output.shape
        row = (1, 1, 1, outputs)
        parts = (whole(-40, 41, (1, 1, outputs, inputs)), whole(-900, 900, row, "int32"), whole(6, 9, row))
        return net.node(Op.MATMUL, (*rest, outputs), [net.output(source), *map(net.parameter, parts)], (low, 127))

    def normal(source: int) -> int:
        row = (1, 1, 1, width)
        parts = (whole(20, 90, row), whole(-2000, 2000, row, "int32"))
        operands = [net.output(source), *map(net.parameter, parts)]
        return net.node(Op.LAYERNORM, net.nodes[source].output.shape, operands, (width, 8, 9, -128, 127))

    def view(source: int, shape: Sequence[int], steps: Sequence[int]) -> int:
        return net.node(Op.VIEW, shape, [net.output(source)], (0, *steps, 1, 1, 1, 1))

    def product(a: int, b: int, shift: int) -> int:
        outputs = net.nodes[b].output.shape[2]
        row = (1, 1, 1, outputs)
        rest = (np.zeros(row, np.int32), np.full(row, shift, np.int8))
        shape = (*net.nodes[a].output.shape[:3], outputs)
        return net.node(Op.MATMUL, shape, [net.output(a), net.output(b), *map(net.parameter, rest)], (-128, 127))

    def add(a: int, b: int) -> int:
        return net.node(Op.ADD, net.nodes[a].output.shape, [net.output(a), net.output(b)], (1, 1, 0, -128, 127))

    size = width // heads
    table = net.parameter(whole(-100, 101, (1, 1, 40, width)))
    x = net.node(Op.GATHER, (1, 1, words, width), [table, net.output(0)])
    first = normal(x)
    query, key, value = (dense(first, width) for _ in range(3))
    query, key = (view(each, (1, heads, words, size), (0, size, width, 1)) for each in (query, key))
    value = view(value, (1, heads, size, words), (0, size, 1, width))
    falling = (65535 * np.exp2(-np.arange(256) / 16)).astype(np.int32).reshape(1, 1, 1, 256)
    shares = net.node(
        Op.SOFTMAX, (1, heads, words, words), [net.output(product(query, key, 10)), net.parameter(falling)], (127,)
    )
    merged = view(product(shares, value, 7), (1, words, heads, size), (0, size, words * size, 1))
    merged = view(merged, (1, 1, words, width), (0, 0, width, 1))
    x = add(x, dense(merged, width))
    curve = net.parameter(np.arange(-128, 128).clip(-9, 90).astype(np.int8).reshape(1, 1, 1, 256))
    hidden = dense(normal(x), 2 * width)
    hidden = net.node(Op.TABLE, net.nodes[hidden].output.shape, [net.output(hidden), curve])
    half = [
        net.node(Op.VIEW, (1, 1, words, width), [net.output(hidden)], (start, 0, 0, 2 * width, 1, 1, 1, 1, 1))
        for start in (0, width)
    ]
    gated = net.node(Op.MUL, (1, 1, words, width), [net.output(i) for i in half], (1, 5, -128, 127))
    x = add(x, dense(gated, width))
    last = view(x, (1, 1, 1, width), (0, 0, width, 1))
    padded = net.node(Op.PAD, (1, 1, 2, width), [net.output(last)], (0, 0, 1, 0, 3))
    both = net.node(Op.CONCAT, (1, 1, words + 2, width), [net.output(padded), net.output(x)], (2,))
    dense(view(both, (1, 1, 1, width), (0, 0, width, 1)), 5)
    model = net.model(Port("words", (1, words), dtype="int64"), Port("scores", (5,), 0.125))
    model.check()
    return model
