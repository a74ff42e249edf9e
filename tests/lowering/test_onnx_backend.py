"""ONNX's own node tests, lowered: calibrated on its own inputs, an exact model is compared with what the test expects.

What an operator reads beside its first input is constant, but for operators of two tensors. What is refused says why.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import numpy_helper

from mlm.adapters.exact.emit import to_onnx
from mlm.adapters.exact.lower.lower import HANDLERS, lower, prepare
from mlm.adapters.exact.lower.simplify import session
from mlm.adapters.exact.lower.unary import ELEMENTWISE
from mlm.core.errors import InvalidData
from tests.exact.backend import cases

# Made by passes of the lowering; and tests of types alone, that a model of floats does not have.
NOT_ONNX = {"Unary", "LayerNorm", "Embedding"}
NO_FLOATS = {"Cast"}
OPERATORS = sorted((set(HANDLERS) | ELEMENTWISE) - NOT_ONNX - NO_FLOATS)
PAIRS = {"Add", "Sub", "Mul", "Div", "MatMul", "Concat", "Max", "Min", "Pow"}
EXTRA = ("Mean", "InvStdDev")  # outputs of a LayerNormalization that models do not read

LEAST = 36  # decibels of signal over noise, where nothing else is said
# Steps of an eighth of a bit decide on which side of a step of the function a number lies, or a range is wide.
LESS = {
    "test_ceil": 6,
    "test_floor": 5,
    "test_round": 15,
    "test_log": 28,  # of numbers near 0
    "test_matmul_2d": 19,  # its scale is that of the operands times a power of two
    "test_softmax_large_number": 3,  # 0 to 3 beside 10,000
}
_KINDS = r"only tables take them|cannot load"
# The beginning of a name -> what the error must say. The longest that fits counts.
REFUSED = {
    **{f"test_{name}_{kind}": _KINDS for name in ("add", "sub", "mul", "div") for kind in ("int", "uint")},
    "test_averagepool_2d_ceil": "expected count_include_pad=1",
    "test_averagepool_2d_pads": "expected count_include_pad=1",
    "test_averagepool_2d_precomputed_pads": "expected count_include_pad=1",
    "test_averagepool_2d_precomputed_same_upper": "expected count_include_pad=1",
    "test_averagepool_2d_same": "expected count_include_pad=1",
    "test_averagepool_3d": "expected one or two spatial axes",
    "test_batchnorm_epsilon_training_mode": "its output 'output_mean'",
    "test_batchnorm_example_training_mode": "its output 'output_mean'",
    "test_clip_default_int8": _KINDS,
    "test_convtranspose": "so that windows do not overlap|constant weights of two spatial axes, in one group",
    "test_div": "expected a constant divisor",
    "test_dropout_default_mask": "its output 'z'",
    "test_edge_pad": _KINDS,
    "test_gemm_default_matrix_bias": "expected a bias of 4 numbers",
    "test_identity_opt": "cannot load",
    "test_identity_sequence": "cannot load",
    "test_layer_normalization_2d_axis0": "expected the last axis alone",
    "test_layer_normalization_2d_axis_negative_2": "expected the last axis alone",
    "test_layer_normalization_3d_axis": "expected the last axis alone",
    "test_layer_normalization_4d_axis": "expected the last axis alone",
    "test_matmul_1d": "expected two matrices",
    "test_matmul_4d_1d": "expected two matrices",
    "test_matmul_bcast": "expected a first operand that is not repeated",
    "test_max_": f"not among those that can be lowered|{_KINDS}",
    "test_maxpool_2d_uint8": _KINDS,
    "test_maxpool_3d": "expected one or two spatial axes, and no indices",
    "test_maxpool_with_argmax": "expected one or two spatial axes, and no indices",
    "test_min_": f"not among those that can be lowered|{_KINDS}",
    "test_pow": f"not among those that can be lowered|{_KINDS}",
    "test_prelu": "not among those that can be lowered",
    "test_reflect_pad": _KINDS,
    "test_reduce_max_bool_inputs": _KINDS,
    "test_reduce_max_empty_set": "is free along axis 1",
    "test_reduce_sum_empty_set": "is free along axis 1",
    "test_reshape_allowzero_reordered": "expected tensors that hold something",
    "test_resize": "expected nearest neighbours|expected a whole number of times along axis",
    "test_slice_start_out_of_bounds": "expected tensors that hold something",
    "test_split_zero_size": "cannot load",
    "test_training_dropout": "expected a model for inference",
    "test_wrap_pad": _KINDS,
}
# Longer than a beginning in REFUSED, and lowered all the same.
LOWERED = {
    "test_averagepool_2d_ceil_last_window_starts_on_pad",
    "test_averagepool_2d_pads_count_include_pad",
    "test_averagepool_2d_precomputed_pads_count_include_pad",
    "test_layer_normalization_3d_axis2_epsilon",
    "test_layer_normalization_3d_axis_negative_1_epsilon",
    "test_layer_normalization_4d_axis3",
    "test_layer_normalization_4d_axis_negative_1",
    "test_max_one_input",
    "test_min_one_input",
    "test_resize_upsample_scales_nearest",
    "test_resize_upsample_scales_nearest_axes_2_3",
    "test_resize_upsample_scales_nearest_axes_3_2",
    "test_resize_upsample_sizes_nearest_not_smaller",
}
SKIPPED = {"test_celu_bfloat16": "numpy has no bfloat16"}


def _longest(name: str, table: dict[str, Any], default: Any) -> Any:
    """By the longest beginning of a name."""
    fitting = [begin for begin in table if name.startswith(begin)]
    return table[max(fitting, key=len)] if fitting else default


def _reason(name: str) -> str:
    """What the error must say; empty for what is lowered."""
    return "" if name in LOWERED else _longest(name, REFUSED, "")


def _prepared(case: Any) -> tuple[bytes, dict[str, np.ndarray]]:
    """The test's model, in which all but what it computes from are constants; and its inputs."""
    model = type(case.model)()
    model.CopyFrom(case.model)
    (node,) = model.graph.node
    values = dict(zip([value.name for value in model.graph.input], case.data_sets[0][0], strict=True))
    for value in [] if node.op_type in PAIRS else list(model.graph.input)[1:]:
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(values.pop(value.name)), value.name))
        model.graph.input.remove(value)
    for value in [value for value in model.graph.output if value.name in EXTRA]:
        model.graph.output.remove(value)
    return model.SerializeToString(), {name: np.asarray(value) for name, value in values.items()}


@pytest.mark.parametrize("operator", OPERATORS)
def test_node_tests_are_lowered_or_refused_with_the_reason(operator: str, tmp_path: Path) -> None:
    for case in cases(operator):
        if case.name in SKIPPED:
            continue
        model, inputs = _prepared(case)
        if reason := _reason(case.name):
            with pytest.raises(InvalidData) as caught:
                lower(prepare(model, tmp_path), inputs)
            assert re.search(reason, str(caught.value)), f"{case.name}: {caught.value}"
            assert re.search("node '|input '|cannot load", str(caught.value)), f"{case.name}: {caught.value}"
            continue
        exact = lower(prepare(model, tmp_path), inputs).model
        found = session(to_onnx(exact)).run(
            None, {port.name: inputs[port.name].astype(port.dtype) for port in exact.inputs}
        )
        for ours, theirs in zip(found, case.data_sets[0][1], strict=False):
            expected = np.asarray(theirs).astype(float)
            assert ours.shape == expected.shape, case.name
            noise = np.square(ours - expected).sum()
            decibels = 10 * np.log10(np.square(expected).sum() / noise) if noise else np.inf
            assert decibels >= _longest(case.name, LESS, LEAST), f"{case.name}: {decibels:.1f} dB"


def test_every_exception_has_a_test() -> None:
    names = [case.name for operator in OPERATORS for case in cases(operator)]
    assert {name for name in names if name in LOWERED} == LOWERED
    assert {name for name in names if name in SKIPPED} == set(SKIPPED)
    for table in (REFUSED, LESS):
        used = {
            max(fitting, key=len) for name in names if (fitting := [begin for begin in table if name.startswith(begin)])
        }
        assert used == set(table)
    lowered = [name for name in names if not _reason(name)]
    assert len(lowered) > 220 and len({re.sub(r"_.*", "", name[5:]) for name in lowered}) > 40
