"""Static bounds: the worst that parameters allow is found, named, and one less is taken."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from mlm.adapters.exact.bounds import check_bounds, check_provable
from mlm.adapters.exact.reference import run_node
from mlm.core import merkle
from mlm.core.errors import InvalidData
from mlm.core.exact.graph import EXACT_LIMIT, Graph, input_name
from mlm.core.exact.node import Node, Op, Operand
from mlm.core.exact.tensor import DType, TensorType, tensor_root
from tests.exact.models import model_of
from tests.exact.sampling import sample
from tests.exact.test_graph import OPERATORS

Made = tuple[Graph, dict[bytes, np.ndarray]]


def graph(op: Op, output: tuple[int, ...], operands: list[object], attributes: tuple[int, ...]) -> Made:
    """A graph of one node; operands are arrays of parameters, or shapes of inputs."""
    nodes, made, parameters = [], [], {}
    for operand in operands:
        if isinstance(operand, np.ndarray):
            kind = TensorType(DType.I8 if operand.dtype == np.int8 else DType.I32, operand.shape)
            root = tensor_root(kind, merkle.tree_over(operand.tobytes()).root)
            parameters[root] = operand
            made.append(Operand(kind, root))
        else:
            kind = TensorType(DType.I8, operand)  # type: ignore[arg-type]
            made.append(Operand(kind, len(nodes)))
            nodes.append(Node(Op.INPUT, kind, (), (input_name(f"x{len(nodes)}"),)))
    node = Node(op, TensorType(DType.I8, output), tuple(made), attributes)  # type: ignore[arg-type]
    result = Graph((*nodes, node), 1)
    result.check()
    return result, parameters


def row(*values: int, dtype: str = "int32") -> np.ndarray:
    return np.array(values, dtype).reshape(1, 1, 1, len(values))


def conv(weight: int, bias: int, shift: int = 0, count: int = 1032) -> Made:
    """One channel of `count` equal weights."""
    weights = np.full((2, 1, 1, count), [[[[0]]], [[[weight]]]], np.int8)
    operands = [(1, 1, 1, count), weights, row(0, bias), row(0, shift, dtype="int8")]
    return graph(Op.CONV, (1, 1, 1, 2), operands, (1, 1, 0, 0, 1, 1, 1, -128, 127))


def matmul(first: object, second: object, columns: int, bias: int) -> Made:
    rest = [row(*[bias] * columns), row(*[0] * columns, dtype="int8")]
    shape = first.shape if isinstance(first, np.ndarray) else first
    return graph(Op.MATMUL, (*shape[:3], columns), [first, second, *rest], (-128, 127))  # type: ignore[index]


def softmax(weights: np.ndarray, width: int, scale: int) -> Made:
    return graph(Op.SOFTMAX, (1, 1, 1, width), [(1, 1, 1, width), weights], (scale,))


def falling(first: int, others: int) -> np.ndarray:
    return row(first, *[others] * 255)


def layernorm(width: int, gamma: int, beta: int, bits: int, epsilon: int = 1) -> Made:
    shape = (1, 1, 1, width)
    operands = [shape, np.full(shape, gamma, np.int8), np.full(shape, beta, np.int32)]
    return graph(Op.LAYERNORM, shape, operands, (epsilon, bits, 4, -128, 127))


MOST = EXACT_LIMIT - 1
# 1032 weights of 127 times 128 are 16,776,192, which leaves 1,023.
KEPT = {
    "conv": conv(127, 1023),
    "conv below": conv(-127, -1023),
    "shift of 31": conv(1, 0, 31),
    "matmul by weights": matmul((1, 1, 1, 1032), np.full((1, 1, 1, 1032), 127, np.int8), 1, 1023),
    "matmul of weights": matmul(np.full((1, 1, 1, 1032), 127, np.int8), (1, 1, 1, 1032), 1, -1023),
    "matmul of two activations": matmul((1, 1, 1, 1023), (1, 1, 1, 1023), 1, MOST - 1023 * 128 * 128),
    "softmax": softmax(falling(1, (1 << 31) // 255), 2, 127),
    "layernorm": layernorm(4, 127, MOST - 127 * 4, 0),
    "layernorm wide": layernorm(65536, 127, 0, 7),
}
REFUSED: dict[str, tuple[Made, str]] = {
    "conv": (conv(127, 1024), f"CONV.*output channel 1 below {EXACT_LIMIT}, found {EXACT_LIMIT}"),
    "conv below": (conv(-127, -1024), f"found {EXACT_LIMIT}"),
    "bias alone": (conv(0, -(1 << 31)), f"found {1 << 31}"),
    "weights of -128": (conv(-128, 0, count=1024), f"found {EXACT_LIMIT}"),
    "shift of 32": (conv(1, 0, 32), "shifts between 0 and 31, found 0 to 32"),
    "shift below 0": (conv(1, 0, -1), "shifts between 0 and 31, found -1"),
    "matmul by weights": (matmul((1, 1, 1, 1032), np.full((1, 1, 1, 1032), 127, np.int8), 1, 1024), "MATMUL"),
    "matmul of weights": (matmul(np.full((1, 1, 1, 1032), 127, np.int8), (1, 1, 1, 1032), 1, 1024), "MATMUL"),
    "matmul of two activations": (matmul((1, 1, 1, 1024), (1, 1, 1, 1024), 1, 0), f"found {EXACT_LIMIT}"),
    "softmax divides by 0": (softmax(falling(0, 1), 2, 127), "the first of at least 1, found 0 and 0"),
    "softmax below 0": (softmax(falling(1, -1), 2, 127), "at least 0"),
    "softmax share": (softmax(falling(1, (1 << 31) // 255 + 1), 2, 127), "share"),
    "softmax sum": (softmax(falling(1 << 20, 1 << 20), 1024, 1), "sum"),
    "layernorm": (layernorm(4, 127, MOST - 127 * 4 + 1, 0), "LAYERNORM.*channel 0 below"),
    "layernorm bits": (layernorm(65536, 127, 0, 9), "scaled value"),
    "layernorm variance": (layernorm(1 << 19, 1, 0, 0), "variance"),
}


@pytest.mark.parametrize("name", KEPT)
def test_the_worst_that_is_exact_is_taken(name: str) -> None:
    check_bounds(*KEPT[name])


@pytest.mark.parametrize("name", REFUSED)
def test_what_floats_could_round_is_refused(name: str) -> None:
    made, words = REFUSED[name]
    with pytest.raises(InvalidData, match=words):
        check_bounds(*made)


def test_parameters_are_of_their_types() -> None:
    made, parameters = KEPT["conv"]
    root = next(iter(parameters))
    for value in (parameters[root].astype(np.int16), parameters[root].reshape(1, 2, 1, -1)):
        with pytest.raises(InvalidData, match="parameter .*: expected int8"):
            check_bounds(made, {**parameters, root: value})
    with pytest.raises(InvalidData, match="found none"):
        check_bounds(made, {})


def test_a_layer_normalisation_stays_within_its_bound() -> None:
    """Rows that come as close as any: one number apart from all others, and of a deviation of 1 to 3."""
    for width in (2, 3, 5, 17, 64, 300):
        made, parameters = layernorm(width, 1, 0, 0)
        node = replace(made.nodes[-1], attributes=(1, 12, 0, -128, 127))
        limit = 2 * int(np.ceil(np.sqrt(width))) << 12
        for low, high in ((-128, 127), (0, 1), (126, 127)):
            for at in (0, width - 1):
                x = np.full((1, 1, 1, width), low, np.int64)
                x[..., at] = high
                total, squares = int(x.sum()), int((x * x).sum())
                root = int(np.floor(np.sqrt(width * squares - total**2 + 1)))
                scaled = np.abs((width * x - total) << 12) // root
                assert scaled.max() < limit
                result = run_node(node, [x.astype(np.int8), *parameters.values()])
                assert np.abs(result).max() <= 128


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_random_nodes_keep_the_bounds(op: Op) -> None:
    """Those of sampling.py are meant to: what the Solidity is tested with is what is dealt with."""
    random = Random(op + 600)
    for _ in range(20):
        model, _ = model_of(sample(op, random), random)
        check_bounds(model.graph, model.parameters)


def test_a_cell_that_no_transaction_could_prove_is_refused() -> None:
    """A lie about it would stand: nobody could show it."""

    def pooled(side: int, channels: int) -> Graph:
        """Each tap in a leaf of its own, with more channels farther from the others."""
        window = (side, side, 1, 1, 0, 0, 1, 1)
        return graph(Op.MAXPOOL, (1, 1, 1, channels), [(1, side, side, channels)], window)[0]

    check_provable(pooled(26, 512))
    # 729 taps of 544 bytes, the 295 other leaves of the tree, and the leaf of the output.
    size = 729 * 544 + 295 * 32 + 544
    with pytest.raises(InvalidData, match=rf"node 1 \(MAXPOOL\): expected cells that at most 400000 bytes .* {size}"):
        check_provable(pooled(27, 512))
    check_provable(pooled(23, 2048))
    with pytest.raises(InvalidData, match="at most 400000 bytes"):
        check_provable(pooled(25, 2048))


@pytest.mark.parametrize("op", [Op.MAXPOOL, Op.CONV])
def test_a_window_that_takes_too_much_gas_is_refused(op: Op) -> None:
    """Its places fit into few leaves, but each is looked at by itself."""

    def whole(side: int) -> Graph:
        image, window = (1, side, side, 2), (1, 1, 0, 0, 1, 1)
        if op is Op.MAXPOOL:
            return graph(op, (1, 1, 1, 2), [image], (side, side, *window))[0]
        weights = np.zeros((2, side, side, 1), np.int8)
        operands = [image, weights, row(0, 0), row(0, 0, dtype="int8")]
        return graph(op, (1, 1, 1, 2), operands, (*window, 2, -128, 127))[0]

    check_provable(whole(70))
    with pytest.raises(InvalidData, match=rf"\({op.name}\): expected windows of at most 5000 places, found 5041"):
        check_provable(whole(71))


def test_a_row_that_takes_too_much_gas_is_refused() -> None:
    def rows(width: int) -> Graph:
        weights = row(*range(256, 0, -1))
        return graph(Op.SOFTMAX, (1, 1, 1, width), [(1, 1, 1, width), weights], (1,))[0]

    check_provable(rows(16_384))
    with pytest.raises(InvalidData, match="rows of at most 16384 numbers, found 16385"):
        check_provable(rows(16_385))
