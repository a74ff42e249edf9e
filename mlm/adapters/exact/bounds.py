"""What must hold of a graph's parameters so that floats compute its cells exactly: checked before all else.

Every accumulator's terms, in absolute value, over the parameters as they are and activations of magnitude 128, sum to
less than 2^24 (docs/fault-proofs.md §1). The sum of absolute values bounds every partial sum, in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isqrt
from typing import TYPE_CHECKING, Any

from mlm.adapters.exact.reference import parameter
from mlm.core.errors import InvalidData
from mlm.core.exact.graph import EXACT_LIMIT, MAX_SHIFT, Graph
from mlm.core.exact.node import Node, Op
from mlm.core.exact.opening import most_bytes
from mlm.core.exact.tensor import LIMITS, DType

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

MAGNITUDE = -LIMITS[DType.I8][0]  # of an activation
INT32_LIMIT = 1 << 31  # a softmax computes in int32
ROOT_LIMIT = 1 << 52  # whole numbers below it have an exact integer square root in float64: operators.py, _layernorm

MAX_PROOF = 400_000  # bytes of calldata, at 40 gas 16 million (EIP-7623), of the 16.7 that EIP-7825 allows
MAX_TAPS = 5_000  # of a window: about 2,700 gas for each of a depthwise convolution's, 1,100 of a maximum's
MAX_ROW = 16_384  # about 430 gas for each number of a softmax's row: 7 million

Operands = Sequence["Array | None"]  # a parameter's elements, as int64 for a check; None for an activation


def check_bounds(graph: Graph, parameters: Mapping[bytes, Array]) -> None:
    """Raises InvalidData, naming the node and what was found, unless every operator computes exactly in ONNX:

    1. every parameter is there, of its type;
    2. shifts lie in 0 to 31;
    3. accumulators stay below 2^24;
    4. a softmax stays within int32 and divides by a positive number; a layer normalisation's variance is below 2^52.

    `graph` has passed `Graph.check`.
    """
    import numpy as np

    for at, node in enumerate(graph.nodes):
        try:
            operands: list[Array | None] = []
            for operand in node.operands:
                if isinstance(operand.source, bytes):
                    operands.append(parameter(parameters, operand.source, operand.kind))  # (1)
                else:
                    operands.append(None)
            if node.op in _CHECKS:
                _CHECKS[node.op](node, [None if known is None else known.astype(np.int64) for known in operands])
        except InvalidData as error:
            raise InvalidData(f"node {at} ({node.op.name}): {error}") from error


def check_provable(graph: Graph) -> None:
    """Raises InvalidData, naming the node, unless the proof of any cell fits into a transaction.

    A lie about a cell that nobody can prove would stand.
    """
    for at, node in enumerate(graph.nodes[graph.inputs :], graph.inputs):
        where, width = f"node {at} ({node.op.name})", node.output.shape[3]
        if (size := most_bytes(node)) > MAX_PROOF:
            raise InvalidData(f"{where}: expected cells that at most {MAX_PROOF} bytes prove, found one of {size}")
        if (taps := _taps(node)) > MAX_TAPS:
            raise InvalidData(f"{where}: expected windows of at most {MAX_TAPS} places, found {taps}")
        if node.op in (Op.SOFTMAX, Op.LAYERNORM) and width > MAX_ROW:
            raise InvalidData(f"{where}: expected rows of at most {MAX_ROW} numbers, found {width}")


def _taps(node: Node) -> int:
    """Places of the window that a cell looks at, if it does."""
    match node.op:
        case Op.CONV:
            _, rows, columns, _ = node.operands[1].kind.shape
        case Op.MAXPOOL:
            rows, columns = node.attribute("kernel_h"), node.attribute("kernel_w")
        case _:
            return 0
    return rows * columns


def _below(what: str, value: int, limit: int) -> None:
    if value >= limit:
        raise InvalidData(f"expected {what} below {limit}, found {value}")


def _known(operand: Array | None) -> Array:
    assert operand is not None, "Graph.check asks for a parameter here"
    return operand


def _columns(sums: Array, bias: Array | None, shifts: Array | None) -> None:
    """`sums` of absolute values of the weights of each column, or of one that stands for all."""
    import numpy as np

    shifts, bias = _known(shifts).ravel(), _known(bias).ravel()
    least, most = int(shifts.min()), int(shifts.max())
    if least < 0 or most > MAX_SHIFT:  # (2)
        raise InvalidData(f"expected shifts between 0 and {MAX_SHIFT}, found {least} to {most}")
    totals = sums * MAGNITUDE + np.abs(bias)
    worst = int(totals.argmax())
    _below(f"the accumulator of output channel {worst}", int(totals[worst]), EXACT_LIMIT)  # (3)


def _conv(node: Node, operands: Operands) -> None:
    import numpy as np

    _, weights, bias, shifts = operands
    _columns(np.abs(_known(weights)).sum(axis=(1, 2, 3)), bias, shifts)


def _matmul(node: Node, operands: Operands) -> None:
    import numpy as np

    a, b, bias, shifts = operands
    if b is not None:
        sums = np.abs(b).sum(axis=3).max(axis=(0, 1))
    elif a is not None:
        sums = np.abs(a).sum(axis=3).max()
    else:
        sums = np.int64(node.operands[0].kind.shape[3] * MAGNITUDE)
    _columns(np.asarray(sums), bias, shifts)


def _add(node: Node, operands: Operands) -> None:
    factors = abs(node.attribute("factor_a")) + abs(node.attribute("factor_b"))
    _below("the sum", factors * MAGNITUDE, EXACT_LIMIT)  # (3)


def _mul(node: Node, operands: Operands) -> None:
    _below("the product", abs(node.attribute("factor")) * MAGNITUDE * MAGNITUDE, EXACT_LIMIT)  # (3)


def _softmax(node: Node, operands: Operands) -> None:
    """The largest of a row weighs weights[0], so that a row's sum is positive and at most this one's."""
    weights = _known(operands[1]).ravel()
    if weights.min() < 0 or weights[0] < 1:
        raise InvalidData(
            f"expected weights of at least 0, the first of at least 1, found {int(weights.min())} and {int(weights[0])}"
        )
    most = int(weights.max())
    total = int(weights[0]) + (node.output.shape[3] - 1) * most
    _below("a row's rounded share", 2 * node.attribute("scale") * most + total, INT32_LIMIT)  # (4)
    _below("twice a row's sum", 2 * total, INT32_LIMIT)  # (4)


def _layernorm(node: Node, operands: Operands) -> None:
    """|C · x - S| is at most sqrt(C - 1) · sqrt(V), V = C · Q - S² (Samuelson's inequality), and isqrt(V) >

    sqrt(V) / 2. So what is scaled stays below 2 · ceil(sqrt(C)) · 2^bits, whatever the row.
    """
    import numpy as np

    width = node.output.shape[3]
    _below("the variance", (width * MAGNITUDE) ** 2 + node.attribute("epsilon"), ROOT_LIMIT)  # (4)
    most = 2 * (isqrt(width - 1) + 1) << node.attribute("bits")
    totals = np.abs(_known(operands[1])).ravel() * most + np.abs(_known(operands[2])).ravel()
    worst = int(totals.argmax())
    _below(f"the scaled value of channel {worst}", int(totals[worst]), EXACT_LIMIT)  # (3)


_CHECKS: dict[Op, Callable[[Node, Operands], None]] = {
    Op.CONV: _conv,
    Op.MATMUL: _matmul,
    Op.ADD: _add,
    Op.MUL: _mul,
    Op.SOFTMAX: _softmax,
    Op.LAYERNORM: _layernorm,
}
