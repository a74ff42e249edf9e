"""ONNX's own node tests, of the operators that have an exact node: attributes and data of theirs, as whole numbers.

Data are scaled to int8. Moving, choosing and comparing numbers commutes with rounding, so that there the test's own
expected output counts; sums and products are compared with what ONNX Runtime says of the test's model on the rounded
data. Every test of these operators is run here, or stands in SKIPPED with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from mlm.adapters.exact.model import ExactModel, Port
from mlm.adapters.exact.reference import NUMPY, requantise, run_graph
from mlm.adapters.exact.trace import Tracer
from mlm.core import merkle
from mlm.core.exact.graph import Graph, input_name
from mlm.core.exact.node import Node, Op, Operand
from mlm.core.exact.tensor import DType, TensorType, tensor_root
from mlm.ports.lowering import PROFILES
from tests.exact.backend import cases

Made = tuple[np.ndarray, np.ndarray]  # what the exact node gave, and what it should have given, both as int8

_MOVED = ("Slice", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Tile", "Split")
_MOVED += ("DepthToSpace", "SpaceToDepth", "Upsample", "Resize")
_OPERATORS = (
    *_MOVED,
    "Conv",
    "MaxPool",
    "Concat",
    "Pad",
    "Gather",
    "Add",
    "Sub",
    "Mul",
    "MatMul",
    "Gemm",
    "Relu",
    "Abs",
)
_OPERATORS += ("Neg", "Softmax", "LayerNormalization", "AveragePool", "GlobalAveragePool")

# The beginning of a name -> why. The longest that fits counts.
SKIPPED = {
    "test_maxpool_3d": "an image has two axes in an exact graph",
    "test_averagepool": "a mean is rounded: the lowering's own tests say by how much",
    "test_globalaveragepool": "a mean is rounded: the lowering's own tests say by how much",
    "test_softmax": "weights stand for the exponential: the lowering's own tests say how well",
    "test_layer_normalization": "rounded: the lowering's own tests say by how much",
    "test_resize": "it computes numbers between others, or crops to a part of a pixel",
    "test_edge_pad": "a PAD has one value",
    "test_reflect_pad": "a PAD has one value",
    "test_wrap_pad": "a PAD has one value",
    "test_gather_1": "a GATHER takes rows of its table: a VIEW before it would bring them there",
    "test_gather_2d_indices": "a GATHER takes rows of its table: a VIEW before it would bring them there",
    "test_matmul_bcast": "the first operand is repeated there: a VIEW before it would do so",
    "test_matmul_1d": "vectors have no rows and columns of their own",
    "test_matmul_4d_1d": "vectors have no rows and columns of their own",
    "test_gemm_alpha": "factors that are no whole numbers are the lowering's to fold into weights",
    "test_gemm_beta": "factors that are no whole numbers are the lowering's to fold into weights",
    "test_gemm_all_attributes": "factors that are no whole numbers are the lowering's to fold into weights",
    "test_gemm_default_matrix_bias": "a bias has one number a column: an ADD would follow",
    "test_split_zero_size_splits": "no tensor is empty",
    "test_slice_start_out_of_bounds": "no tensor is empty",
    "test_reshape_allowzero_reordered": "no tensor is empty",
    "test_tile": "a CONCAT of the tensor with itself along each axis, not one node",
    "test_depthtospace": "its places have six axes: two VIEWs and a CONCAT, not one node",
    "test_spacetodepth": "its places have six axes: two VIEWs and a CONCAT, not one node",
    **{
        f"test_{name}_{dtype}": "a type that the profile does not have"
        for name in ("add", "sub", "mul")
        for dtype in ("int16", "uint8", "uint16", "uint32", "uint64")
    },
}
# Only these of the resizes copy pixels from a grid of places.
_RESIZED = {
    "test_resize_upsample_scales_nearest",
    "test_resize_upsample_scales_nearest_axes_2_3",
    "test_resize_upsample_scales_nearest_axes_3_2",
}


def _skipped(name: str) -> str:
    """Why a test is not run; empty if it is."""
    fitting = [begin for begin in SKIPPED if name.startswith(begin)]
    return "" if name in _RESIZED or not fitting else SKIPPED[max(fitting, key=len)]


def test_every_reason_has_a_test() -> None:
    names = [case.name for operator in _OPERATORS for case in cases(operator)]
    used = {begin for name in names for begin in SKIPPED if name.startswith(begin) and name not in _RESIZED}
    assert used == set(SKIPPED)
    run = [name for name in names if not _skipped(name)]
    assert len(run) > 100 and set(run) >= _RESIZED


@pytest.mark.parametrize("operator", _OPERATORS)
def test_exact_nodes_agree_with_the_tests_of(operator: str) -> None:
    chosen = [case for case in cases(operator) if not _skipped(case.name)]
    for case in chosen:
        (node,) = case.model.graph.node
        inputs, expected = (list(map(np.asarray, values)) for values in case.data_sets[0])
        attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        convert = _CONVERTED["moved" if operator in _MOVED else operator]
        for found, wanted in convert(case.model, attributes, inputs, expected):
            np.testing.assert_array_equal(found.ravel(), wanted.ravel(), case.name, strict=True)
    if not chosen:
        pytest.skip(_skipped(cases(operator)[0].name))


def _four(shape: Sequence[int]) -> tuple[int, int, int, int]:
    """A shape with four axes: ones before it, or its first axes as one."""
    shape = tuple(shape)
    if len(shape) > 4:
        return (prod(shape[:-3]), *shape[-3:])  # type: ignore[return-value]
    return (*(1,) * (4 - len(shape)), *shape)  # type: ignore[return-value]


def _whole(value: np.ndarray, unit: float) -> np.ndarray:
    """As int8, symmetric, so that signs commute with it."""
    return np.clip(np.rint(value.astype(np.float64) / unit), -127, 127).astype(np.int8)


def _unit(*values: np.ndarray) -> float:
    """What 1 stands for: 1 itself where all are whole numbers of int8."""
    most = max(float(np.abs(value.astype(np.float64)).max()) for value in values)
    whole = all((np.rint(value) == value).all() for value in values)
    return 1.0 if whole and most <= 127 else most / 127


def _theirs(model: Any, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What ONNX Runtime says of the test's model, whose tensors of int8 are taken as floats."""
    copy = type(model)()
    copy.CopyFrom(model)
    for value in (*copy.graph.input, *copy.graph.output):
        if value.type.tensor_type.elem_type in (TensorProto.INT8, TensorProto.UINT8):
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    session = onnxruntime.InferenceSession(copy.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {spec.name: value for spec, value in zip(session.get_inputs(), inputs, strict=False)})


def _ours(
    op: Op, output: Sequence[int], operands: Sequence[np.ndarray], attributes: Sequence[int], fixed: int
) -> np.ndarray:
    """An exact node of these operands, the last `fixed` of which are parameters: the reference and ONNX agree on it,

    in each profile.
    """
    nodes, made, parameters, ports, inputs = [], [], {}, [], []
    for at, value in enumerate(operands):
        kind = TensorType(DType.I8 if value.dtype == np.int8 else DType.I32, value.shape)
        assert NUMPY[kind.dtype] == value.dtype.name
        if at >= len(operands) - fixed:
            root = tensor_root(kind, merkle.tree_over(value.tobytes()).root)
            parameters[root] = value
            made.append(Operand(kind, root))
            continue
        name = f"x{at}"
        made.append(Operand(kind, at))
        nodes.append(Node(Op.INPUT, kind, (), (input_name(name),)))
        ports.append(Port(name, kind.shape, dtype="float32" if kind.dtype is DType.I8 else "int32"))
        inputs.append(value)
    node = Node(op, TensorType(DType.I8, _four(output)), tuple(made), tuple(attributes))
    model = ExactModel(Graph((*nodes, node), 1), parameters, tuple(ports), (Port("y", node.output.shape),))
    expected = run_graph(model.graph, parameters, inputs)[-1]
    given = {port.name: value.astype(port.dtype) for port, value in zip(ports, inputs, strict=True)}
    for profile in PROFILES:
        tracer = Tracer(replace(model, profile=profile), threads=1)
        np.testing.assert_array_equal(tracer.execute(given)[-1], expected, profile, strict=True)
    return expected


def _row(values: np.ndarray, dtype: str) -> np.ndarray:
    return values.astype(dtype).reshape(1, 1, 1, -1)


def _shift(value: np.ndarray) -> int:
    """That brings it within int8."""
    return max(0, int(np.abs(value).max()).bit_length() - 7)


def _accumulated(total: np.ndarray) -> tuple[int, np.ndarray]:
    """A shift, and what it makes of ONNX Runtime's sums."""
    shift = _shift(total)
    return shift, requantise(np.rint(total).astype(np.int64), shift, -128, 127).astype(np.int8)


def _moved(model: Any, attributes: Any, inputs: list[Any], expected: list[np.ndarray]) -> list[Made]:
    """Where each number comes from, says ONNX Runtime of the flat indices; a VIEW of these places."""
    x, unit = inputs[0], _unit(inputs[0])
    places = _theirs(model, [np.arange(x.size, dtype=np.float32).reshape(x.shape), *inputs[1:]])
    made = []
    for place, wanted in zip(places, expected, strict=True):
        whole = place.astype(np.int64).reshape(_four(place.shape))
        steps, every = [], []
        for axis in range(4):
            along = whole.swapaxes(0, axis)[:, 0, 0, 0]
            turns = np.flatnonzero(np.diff(along))
            every.append(int(turns[0]) + 1 if turns.size else 1)
            steps.append(int(along[every[-1]] - along[0]) if turns.size else 0)
        data = _whole(x, unit).reshape(_four(x.shape))
        made.append(
            (_ours(Op.VIEW, place.shape, [data], (int(whole.flat[0]), *steps, *every), 0), _whole(wanted, unit))
        )
    return made


def _pads(attributes: Any, size: Sequence[int], kernel: Sequence[int], out: Sequence[int]) -> list[int]:
    """Rows and columns before the image."""
    automatic = attributes.get("auto_pad", b"NOTSET")
    if automatic in (b"NOTSET", b"VALID"):
        return list(attributes.get("pads", [0] * 2 * len(kernel)))[: len(kernel)]
    strides = attributes.get("strides", [1] * len(kernel))
    totals = [max((o - 1) * s + k - i, 0) for o, s, k, i in zip(out, strides, kernel, size, strict=True)]
    return [total // 2 if automatic == b"SAME_UPPER" else -(-total // 2) for total in totals]


def _window(attributes: Any, x: np.ndarray, kernel: Sequence[int], out: np.ndarray) -> list[int]:
    """Strides, padding and dilations along two axes, the first of which may be missing."""
    before = _pads(attributes, x.shape[2:], kernel, out.shape[2:])
    strides, dilations = (attributes.get(name, [1] * len(kernel)) for name in ("strides", "dilations"))
    missing = 2 - len(kernel)
    return [*[1] * missing, *strides, *[0] * missing, *before, *[1] * missing, *dilations]


def _image(x: np.ndarray) -> np.ndarray:
    """NCHW, or NCW, as NHWC."""
    x = x.reshape(*x.shape[:2], *(1,) * (4 - x.ndim), *x.shape[2:])
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def _maxpool(model: Any, attributes: Any, inputs: list[Any], expected: list[np.ndarray]) -> list[Made]:
    x, kernel, unit = inputs[0], attributes["kernel_shape"], _unit(inputs[0])
    wanted = _image(expected[0])
    window = _window(attributes, x, kernel, expected[0])
    taps = [*[1] * (2 - len(kernel)), *kernel]
    return [(_ours(Op.MAXPOOL, wanted.shape, [_image(_whole(x, unit))], [*taps, *window], 0), _whole(wanted, unit))]


def _conv(model: Any, attributes: Any, inputs: list[Any], expected: list[np.ndarray]) -> list[Made]:
    x, weights = (_whole(value, _unit(value)) for value in inputs)
    (total,) = _theirs(model, [x.astype(np.float32), weights.astype(np.float32)])
    assert _unit(*inputs) != 1 or (total == expected[0]).all()
    shift, wanted = _accumulated(_image(total))
    outputs = weights.shape[0]
    rest = [_row(np.zeros(outputs), "int32"), _row(np.full(outputs, shift), "int8")]
    window = _window(attributes, x, weights.shape[2:], total)
    operands = [_image(x), _image(weights), *rest]
    return [(_ours(Op.CONV, wanted.shape, operands, [*window, attributes.get("group", 1), -128, 127], 3), wanted)]


def _concat(model: Any, attributes: Any, inputs: list[Any], expected: list[np.ndarray]) -> list[Made]:
    unit, rank = _unit(*inputs), inputs[0].ndim
    operands = [_whole(value, unit).reshape(_four(value.shape)) for value in inputs]
    axis = attributes["axis"] % rank + 4 - rank
    return [(_ours(Op.CONCAT, expected[0].shape, operands, (axis,), 0), _whole(expected[0], unit))]


def _pad(model: Any, attributes: Any, inputs: list[Any], expected: list[np.ndarray]) -> list[Made]:
    x, pads, value, *axes = inputs
    unit, before = _unit(x, value), [0] * 4
    for axis, first in zip(axes[0] if axes else range(x.ndim), pads[: len(pads) // 2], strict=True):
        before[axis % x.ndim + 4 - x.ndim] = int(first)
    operand, fill = _whole(x, unit).reshape(_four(x.shape)), int(_whole(np.asarray(value), unit))
    return [(_ours(Op.PAD, expected[0].shape, [operand], (*before, fill), 0), _whole(expected[0], unit))]


def _gather(model: Any, attributes: Any, inputs: list[Any], expected: list[np.ndarray]) -> list[Made]:
    """Numbers below 0 count from the end in ONNX, which a GATHER does not know: a lowering says so beforehand."""
    data, numbers = inputs
    assert attributes["axis"] == 0 and numbers.ndim == 1
    unit, rows = _unit(data), data.shape[0]
    table = _whole(data, unit).reshape(1, 1, rows, -1)
    shape = (1, 1, numbers.size, table.shape[3])
    return [(_ours(Op.GATHER, shape, [table, _row(numbers % rows, "int32")], (), 0), _whole(expected[0], unit))]


def _binary(op: Op, factors: Sequence[int]) -> Callable[..., list[Made]]:
    def convert(model: Any, attributes: Any, inputs: list[Any], expected: list[np.ndarray]) -> list[Made]:
        whole = [_whole(value, _unit(*inputs)) for value in inputs]
        (total,) = _theirs(model, [value.astype(np.float32) for value in whole])
        shift, wanted = _accumulated(total)
        operands = [value.reshape(_four(value.shape)) for value in whole]
        return [(_ours(op, total.shape, operands, (*factors, shift, -128, 127), 0), wanted)]

    return convert


def _product(a: np.ndarray, b: np.ndarray, bias: np.ndarray, total: np.ndarray) -> list[Made]:
    shift, wanted = _accumulated(total)
    columns = b.shape[-2]
    operands = [a.reshape(_four(a.shape)), b.reshape(_four(b.shape))]
    operands += [_row(np.broadcast_to(bias, columns), "int32"), _row(np.full(columns, shift), "int8")]
    return [(_ours(Op.MATMUL, total.shape, [np.ascontiguousarray(o) for o in operands], (-128, 127), 2), wanted)]


def _matmul(model: Any, attributes: Any, inputs: list[Any], expected: list[np.ndarray]) -> list[Made]:
    a, b = (_whole(value, _unit(value)) for value in inputs)
    (total,) = _theirs(model, [a.astype(np.float32), b.astype(np.float32)])
    return _product(a, b.swapaxes(-1, -2), np.zeros(1), total)


def _gemm(model: Any, attributes: Any, inputs: list[Any], expected: list[np.ndarray]) -> list[Made]:
    a, b = (_whole(value, _unit(value)) for value in inputs[:2])
    bias = [np.asarray(np.rint(value * 1000), np.float32) for value in inputs[2:]]
    (total,) = _theirs(model, [a.astype(np.float32), b.astype(np.float32), *bias])
    a = a.T if attributes.get("transA") else a
    b = b if attributes.get("transB") else b.T
    return _product(a, b, bias[0].ravel() if bias else np.zeros(1), total)


def _unary(function: Callable[[np.ndarray], np.ndarray]) -> Callable[..., list[Made]]:
    def convert(model: Any, attributes: Any, inputs: list[Any], expected: list[np.ndarray]) -> list[Made]:
        (x,), unit = inputs, _unit(inputs[0])
        table = np.clip(function(np.arange(-128, 128)), -128, 127)
        operands = [_whole(x, unit).reshape(_four(x.shape)), _row(table, "int8")]
        return [(_ours(Op.TABLE, x.shape, operands, (), 1), _whole(expected[0], unit))]

    return convert


_CONVERTED: dict[str, Callable[..., list[Made]]] = {
    "moved": _moved,
    "MaxPool": _maxpool,
    "Conv": _conv,
    "Concat": _concat,
    "Pad": _pad,
    "Gather": _gather,
    "Add": _binary(Op.ADD, (1, 1)),
    "Sub": _binary(Op.ADD, (1, -1)),
    "Mul": _binary(Op.MUL, (1,)),
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Relu": _unary(lambda x: np.maximum(x, 0)),
    "Abs": _unary(np.abs),
    "Neg": _unary(np.negative),
}
