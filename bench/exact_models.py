"""Exact models made of random whole numbers, the same each time: ResNet-style CNNs to measure traces with."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2, prod
from typing import Any

import numpy as np

from mlm.adapters.exact.model import ExactModel, Port
from mlm.core import merkle
from mlm.core.exact.graph import Graph, input_name
from mlm.core.exact.node import Node, Op, Operand
from mlm.core.exact.tensor import DType, TensorType, tensor_root

Array = np.ndarray[Any, np.dtype[Any]]
DTYPES = {"int8": DType.I8, "int32": DType.I32}


class Network:
    """A graph as it grows; each method adds a node and returns its index."""

    def __init__(self, name: str, kind: TensorType, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes = [Node(Op.INPUT, kind, (), (input_name(name),))]
        self.parameters: dict[bytes, Array] = {}
        self.macs = 0

    def parameter(self, values: Array) -> Operand:
        """An operand of these elements, of four axes."""
        kind = TensorType(DTYPES[values.dtype.name], values.shape)
        root = tensor_root(kind, merkle.tree_over(values.tobytes()).root)
        self.parameters[root] = values
        return Operand(kind, root)

    def output(self, source: int) -> Operand:
        """A node's output as an operand."""
        return Operand(self.nodes[source].output, source)

    def node(self, op: Op, shape: Sequence[int], operands: Sequence[Operand], attributes: Sequence[int] = ()) -> int:
        """A node of any operator."""
        a, b, c, d = shape
        self.nodes.append(Node(op, TensorType(DType.I8, (a, b, c, d)), tuple(operands), tuple(attributes)))
        return len(self.nodes) - 1

    def conv(self, source: int, outputs: int, kernel: int, stride: int = 1, low: int = 0) -> int:
        """A convolution with padding that keeps the size, over the stride."""
        n, height, width, channels = self.nodes[source].output.shape
        weights = self.rng.integers(-16, 17, (outputs, kernel, kernel, channels)).astype(np.int8)
        taps = kernel * kernel * channels
        shift = round(log2(taps**0.5 * 9.5 * 30 / 50))
        columns = (1, 1, 1, outputs)
        bias = self.rng.integers(-(1 << shift), (1 << shift) + 1, columns).astype(np.int32)
        operands = [
            self.output(source),
            *(self.parameter(values) for values in (weights, bias, np.full(columns, shift, np.int8))),
        ]
        shape = n, -(-height // stride), -(-width // stride), outputs
        self.macs += prod(shape) * taps
        pad = kernel // 2
        return self.node(Op.CONV, shape, operands, (stride, stride, pad, pad, 1, 1, 1, low, 127))

    def add(self, a: int, b: int) -> int:
        """relu((a + b) / 2)."""
        operands = [self.output(a), self.output(b)]
        return self.node(Op.ADD, self.nodes[a].output.shape, operands, (1, 1, 1, 0, 127))

    def pool(self, source: int) -> int:
        """The largest of each 3 x 3, every second."""
        n, height, width, channels = self.nodes[source].output.shape
        shape = n, -(-height // 2), -(-width // 2), channels
        return self.node(Op.MAXPOOL, shape, [self.output(source)], (3, 3, 2, 2, 1, 1, 1, 1))

    def classes(self, source: int, count: int) -> int:
        """Global average, as a convolution over the whole image in groups of one channel, then a MATMUL."""
        n, height, width, channels = self.nodes[source].output.shape
        columns = (1, 1, 1, channels)
        mean: list[Array] = [np.ones((channels, height, width, 1), np.int8), np.zeros(columns, np.int32)]
        mean.append(np.full(columns, round(log2(height * width)), np.int8))
        operands = [self.output(source), *(self.parameter(values) for values in mean)]
        attributes = (1, 1, 0, 0, 1, 1, channels, -128, 127)
        pooled = self.node(Op.CONV, (n, 1, 1, channels), operands, attributes)
        weights = self.rng.integers(-32, 33, (1, 1, count, channels)).astype(np.int8)
        row = (1, 1, 1, count)
        rest: list[Array] = [weights, np.zeros(row, np.int32), np.full(row, 6, np.int8)]
        operands = [self.output(pooled), *(self.parameter(values) for values in rest)]
        self.macs += n * count * channels
        return self.node(Op.MATMUL, (n, 1, 1, count), operands, (-128, 127))

    def model(self, source: Port, target: Port) -> ExactModel:
        """The model whose output is the last node."""
        return ExactModel(Graph(tuple(self.nodes), 1), self.parameters, (source,), (target,))


def resnet(side: int, widths: Sequence[int], *, stem: int, blocks: int = 2, batch: int = 1, seed: int = 1) -> Network:
    """Stages of `blocks` residual blocks; `stem` is the first convolution's kernel, with a pool after a large one."""
    net = Network("image", TensorType(DType.I8, (batch, side, side, 3)), seed)
    x = net.conv(0, widths[0], stem, 2 if stem > 3 else 1)
    if stem > 3:
        x = net.pool(x)
    for stage, width in enumerate(widths):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            y = net.conv(net.conv(x, width, 3, stride), width, 3, low=-128)
            if stride > 1:
                x = net.conv(x, width, 1, stride, low=-128)
            x = net.add(x, y)
    net.classes(x, 10)
    return net


def classifier(network: Network) -> ExactModel:
    """A network of images as a model: NCHW floats in, scores out."""
    n, height, width, channels = network.nodes[0].output.shape
    image = Port("image", (n, channels, height, width), 1 / 64, channels_first=True)
    return network.model(image, Port("scores", (n, network.nodes[-1].output.shape[3]), 1 / 16))


def small() -> Network:
    """About 25 million multiplications: a CNN for images of 32 x 32."""
    return resnet(32, (16, 32, 64), stem=3)


def wide() -> Network:
    """About 25 million multiplications, most of them where a tensor is large: a CNN for images of 224 x 224."""
    net = Network("image", TensorType(DType.I8, (1, 224, 224, 3)), 1)
    x = net.conv(0, 64, 3, 2)
    for _ in range(3):
        x = net.pool(x)
    net.classes(net.conv(x, 24, 3), 10)
    return net


def large() -> Network:
    """About 650 million: much like ResNet-18, for images of 128 x 128."""
    return resnet(128, (64, 144, 272, 512), stem=7)


def session(onnx: bytes, threads: int = 1) -> Any:
    """ONNX Runtime as anybody uses it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(onnx, sess_options=options, providers=["CPUExecutionProvider"])
