"""Small float ONNX models with one operator, or a few, each: what `mlm lower` must carry over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper, shape_inference

Array = np.ndarray


@dataclass
class Maker:
    """Collects operators; `shape` is the input's, whose name is x."""

    shape: tuple[int, ...]
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(3))

    def __call__(self, op: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """An operator; arrays among its inputs become constants. Its output's name, or names."""
        names = [self.constant(each) if isinstance(each, np.ndarray) else each for each in inputs]
        made = [f"{op}_{len(self.nodes)}_{at}" for at in range(outputs)]
        self.nodes.append(helper.make_node(op, names, made, name=f"{op}_{len(self.nodes)}", **attributes))
        return made[0] if outputs == 1 else made

    def constant(self, value: Array) -> str:
        """A stored tensor."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def normal(self, *shape: int, scale: float = 1.0) -> Array:
        """Random weights."""
        return self.random.normal(0, scale, shape).astype(np.float32)

    def model(self, output: str, opset: int = 17) -> bytes:
        """The file."""
        graph = helper.make_graph(
            self.nodes,
            "small",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(self.shape))],
            [helper.make_empty_tensor_value_info(output)],
            self.constants,
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        return bytes(shape_inference.infer_shapes(made, data_prop=True).SerializeToString())


IMAGE, SEQUENCE = (1, 6, 9, 7), (1, 10, 12)


def whole(*numbers: int) -> Array:
    """Indices, shapes."""
    return np.array(numbers, np.int64)


def one(number: float) -> Array:
    """A scalar."""
    return np.array(number, np.float32)


def _conv(m: Maker, shape: tuple[int, ...], bias: bool = True, **attributes: Any) -> str:
    inputs = [m.normal(*shape, scale=0.3)] + ([m.normal(shape[0])] if bias else [])
    return m("Conv", "x", *inputs, **attributes)


def _attention(m: Maker) -> str:
    q, k, v = (
        m("Reshape", m("Add", m("MatMul", "x", m.normal(12, 12, scale=0.3)), m.normal(12)), whole(1, 10, 3, 4))
        for _ in range(3)
    )
    scores = m("MatMul", m("Transpose", q, perm=[0, 2, 1, 3]), m("Transpose", k, perm=[0, 2, 3, 1]))
    shares = m("Softmax", m("Mul", scores, one(0.5)), axis=-1)
    mixed = m("MatMul", shares, m("Transpose", v, perm=[0, 2, 1, 3]))
    return m("Reshape", m("Transpose", mixed, perm=[0, 2, 1, 3]), whole(1, 10, 12))


def _packed(m: Maker) -> str:
    """Queries, keys and values in one product, taken apart along a fifth axis."""
    three = m("Reshape", m("MatMul", "x", m.normal(12, 36, scale=0.3)), whole(1, 10, 3, 3, 4))
    turned = m("Transpose", three, perm=[2, 0, 3, 1, 4])
    q, k, v = (m("Gather", turned, np.array(at, np.int64), axis=0) for at in range(3))
    shares = m("Softmax", m("MatMul", q, m("Transpose", k, perm=[0, 1, 3, 2])), axis=-1)
    return m("MatMul", shares, v)


def _norm(m: Maker, axis: int = -1) -> str:
    """As PyTorch's exporter writes it."""
    centred = m("Sub", "x", m("ReduceMean", "x", axes=[axis]))
    squared = m("ReduceMean", m("Mul", centred, centred), axes=[axis])
    scaled = m("Div", centred, m("Sqrt", m("Add", squared, one(1e-5))))
    return m("Add", m("Mul", scaled, m.normal(12) + 2), m.normal(12))


def _flax_norm(m: Maker) -> str:
    """As JAX's: by the mean of the squares, and a product with the inverse root."""
    mean, squares = m("ReduceMean", "x", axes=[-1]), m("ReduceMean", m("Mul", "x", "x"), axes=[-1])
    variance = m("Max", m("Sub", squares, m("Mul", mean, mean)), one(0))
    inverse = m("Reciprocal", m("Sqrt", m("Add", variance, one(1e-6))))
    return m("Add", m("Mul", m("Sub", "x", mean), m("Mul", inverse, m.normal(12) + 2)), m.normal(12))


def _gelu(m: Maker) -> str:
    error = m("Erf", m("Div", "x", one(2**0.5)))
    return m("Mul", m("Mul", "x", m("Add", error, one(1))), one(0.5))


def _excitation(m: Maker) -> str:
    pooled = m("GlobalAveragePool", "x")
    gate = m("HardSigmoid", m("Conv", pooled, m.normal(6, 6, 1, 1), m.normal(6)))
    return m("Mul", "x", gate)


def _residual(m: Maker) -> str:
    y = m("Relu", _conv(m, (6, 6, 3, 3), pads=[1] * 4))
    return m("Relu", m("Add", y, "x"))


def _flattened(m: Maker) -> str:
    y = m("Flatten", m("Relu", _conv(m, (4, 6, 3, 3))))
    return m("Gemm", y, m.normal(5, 4 * 7 * 5, scale=0.1), m.normal(5), transB=1)


def _split(m: Maker) -> str:
    first, second = m("Split", "x", whole(2, 4), outputs=2, axis=1)
    return m("Concat", second, m("Sigmoid", first), second, axis=1)


def _one(op: str, *inputs: Array, **attributes: Any) -> Callable[[Maker], str]:
    return lambda m: m(op, "x", *inputs, **attributes)


_f = np.float32
# Name -> shape of x, what makes the model, least signal-to-noise ratio in decibels.
CASES: dict[str, tuple[tuple[int, ...], Callable[[Maker], str], float]] = {
    "conv": (IMAGE, lambda m: _conv(m, (8, 6, 3, 3), pads=[1, 1, 1, 1]), 30),
    "conv strided, dilated, uneven": (
        IMAGE,
        lambda m: _conv(m, (5, 6, 3, 2), strides=[2, 1], dilations=[1, 2], pads=[1, 0, 0, 2], bias=False),
        30,
    ),
    "conv same upper": (IMAGE, lambda m: _conv(m, (5, 6, 4, 3), auto_pad="SAME_UPPER", strides=[2, 2]), 30),
    "conv same lower": (IMAGE, lambda m: _conv(m, (5, 6, 2, 2), auto_pad="SAME_LOWER"), 30),
    "conv in groups": (IMAGE, lambda m: _conv(m, (4, 3, 3, 3), group=2), 30),
    "conv of each channel": (IMAGE, lambda m: _conv(m, (6, 1, 3, 3), group=6, pads=[1] * 4), 30),
    "conv of one axis": ((1, 6, 20), lambda m: _conv(m, (4, 6, 5), pads=[2, 2], strides=[2]), 30),
    "conv transposed": (IMAGE, lambda m: m("ConvTranspose", "x", m.normal(6, 3, 2, 2), strides=[2, 2]), 30),
    "conv, clip": (IMAGE, lambda m: m("Clip", _conv(m, (8, 6, 3, 3)), one(0), one(1.5)), 30),
    "conv, clip far out": (
        IMAGE,
        lambda m: m("Clip", m("Conv", "x", m.normal(8, 6, 3, 3, scale=60)), one(-10), one(100)),
        28,
    ),
    "conv, hard-swish": (IMAGE, lambda m: m("HardSwish", _conv(m, (8, 6, 3, 3))), 30),
    "batch normalisation first": (
        IMAGE,
        lambda m: m("BatchNormalization", "x", m.normal(6), m.normal(6), m.normal(6), abs(m.normal(6)) + _f(0.5)),
        30,
    ),
    "residual": (IMAGE, _residual, 28),
    "squeeze and excitation": (IMAGE, _excitation, 30),
    "flattened": (IMAGE, _flattened, 26),
    "maxpool": (IMAGE, _one("MaxPool", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1]), 30),
    "maxpool, ceil": (IMAGE, _one("MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1), 30),
    "maximum of all": (IMAGE, _one("GlobalMaxPool"), 30),
    "average": (IMAGE, _one("AveragePool", kernel_shape=[3, 3], strides=[2, 2]), 28),
    "average with padding": (IMAGE, _one("AveragePool", kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=1), 28),
    "average of all": (IMAGE, _one("GlobalAveragePool"), 28),
    "mean over channels": (IMAGE, _one("ReduceMean", axes=[1], keepdims=0), 28),
    "mean over time": (SEQUENCE, _one("ReduceMean", axes=[1], keepdims=1), 28),
    "sum over time": (SEQUENCE, _one("ReduceSum", whole(1), keepdims=0), 28),
    "maximum over time": (SEQUENCE, _one("ReduceMax", axes=[1], keepdims=0), 30),
    "matmul": (SEQUENCE, lambda m: m("Add", m.normal(7), m("MatMul", "x", m.normal(12, 7))), 30),
    "matmul from the left": ((1, 4, 10, 12), lambda m: m("MatMul", m.normal(5, 10), "x"), 30),
    "gemm, transposed": ((4, 6), lambda m: m("Gemm", "x", m.normal(4, 5), m.normal(5), transA=1, alpha=0.5), 30),
    "attention": (SEQUENCE, _attention, 20),
    "attention, packed": (SEQUENCE, _packed, 20),
    "softmax over channels": (IMAGE, _one("Softmax", axis=1), 28),
    "layer normalisation": (SEQUENCE, lambda m: m("LayerNormalization", "x", m.normal(12), m.normal(12)), 28),
    "layer normalisation of PyTorch": (SEQUENCE, _norm, 28),
    "layer normalisation of JAX": (SEQUENCE, _flax_norm, 28),
    "leaky relu": (IMAGE, _one("LeakyRelu", alpha=0.1), 30),
    "gelu": (IMAGE, _gelu, 30),
    "silu": (IMAGE, lambda m: m("Mul", "x", m("Sigmoid", "x")), 30),
    "tanh of a square": (IMAGE, lambda m: m("Tanh", m("Mul", "x", "x")), 28),
    "a scale alone": (IMAGE, _one("Div", one(3)), 30),
    "a negative scale": (IMAGE, _one("Mul", one(-0.5)), 30),
    "a constant for each channel": (IMAGE, lambda m: m("Add", "x", m.normal(6, 1, 1)), 30),
    "a constant at each place": (SEQUENCE, lambda m: m("Sub", "x", m.normal(10, 12)), 30),
    "a factor for each channel": (IMAGE, lambda m: m("Mul", "x", m.normal(6, 1, 1)), 30),
    "divided by constants": (IMAGE, lambda m: m("Div", "x", abs(m.normal(6, 1, 1)) + _f(1)), 30),
    "outer sum": (
        SEQUENCE,
        lambda m: m("Add", m("ReduceMax", "x", axes=[1]), m("ReduceMax", "x", axes=[2])),
        28,
    ),
    "reshape, transpose": (IMAGE, lambda m: m("Transpose", m("Reshape", "x", whole(2, 27, 7)), perm=[2, 0, 1]), 30),
    "channels shuffled": (
        IMAGE,
        lambda m: m(
            "Reshape", m("Transpose", m("Reshape", "x", whole(1, 2, 3, 9, 7)), perm=[0, 2, 1, 3, 4]), whole(1, 6, 9, 7)
        ),
        30,
    ),
    "slices": (IMAGE, _one("Slice", whole(1, 7), whole(5, -10), whole(1, 2), whole(2, -3)), 30),
    "split, concatenated": (IMAGE, _split, 28),
    "gather": (IMAGE, _one("Gather", whole(0, 2, 4, 1), axis=1), 30),
    "padded": (IMAGE, _one("Pad", whole(0, 1, 2, 0, 0, 0, 1, 3), one(0.5)), 30),
    "expanded": ((1, 6, 1, 1), _one("Expand", whole(1, 6, 3, 2)), 30),
    "upsampled": (
        IMAGE,
        _one("Resize", np.array([], _f), np.array([1, 1, 2, 3], _f), mode="nearest",
             coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        30,
    ),
    "space to depth": ((1, 3, 8, 6), _one("SpaceToDepth", blocksize=2), 30),
    "depth to space": ((1, 12, 4, 3), _one("DepthToSpace", blocksize=2), 30),
    "conv after a transpose": (
        SEQUENCE,
        lambda m: m("Conv", m("Transpose", "x", perm=[0, 2, 1]), m.normal(4, 12, 3, scale=0.3), pads=[1, 1]),
        30,
    ),
}  # fmt: skip

# Name -> shape of x, what makes the model, what the error must say.
REFUSED: dict[str, tuple[tuple[int, ...], Callable[[Maker], str], str]] = {
    "lstm": (
        (4, 1, 3),
        lambda m: m("LSTM", "x", m.normal(1, 8, 3), m.normal(1, 8, 2), hidden_size=2, outputs=1),
        r"node 'LSTM_0' \(LSTM\): this operator is not among those that can be lowered",
    ),
    "linear resize": (
        IMAGE,
        _one("Resize", np.array([], _f), np.array([1, 1, 2, 2], _f), mode="linear"),
        r"\(Resize\): expected nearest neighbours",
    ),
    "overlapping transposed conv": (
        IMAGE,
        lambda m: m("ConvTranspose", "x", m.normal(6, 3, 3, 3), strides=[2, 2]),
        r"\(ConvTranspose\): expected strides of \[3, 3\]",
    ),
    "division by what is computed": (
        SEQUENCE,
        lambda m: m("Div", "x", m("Add", m("ReduceMax", m("Abs", "x"), axes=[2]), one(1))),
        r"\(Div\): expected a constant divisor",
    ),
    "average without padding": (
        IMAGE,
        _one("AveragePool", kernel_shape=[3, 3], pads=[1] * 4),
        r"\(AveragePool\): expected count_include_pad=1",
    ),
    "long product": (
        (1, 2, 1100),
        lambda m: m("MatMul", "x", m("Transpose", m("Tanh", "x"), perm=[0, 2, 1])),
        r"\(MatMul\): a product over 1100 numbers of 8 bits passes the accumulator's 24 bits",
    ),
}  # fmt: skip
