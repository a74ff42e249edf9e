"""Operators along rows of numbers: softmax and layer normalisation; and rows looked up by number."""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING, Any

from mlm.adapters.exact.lower.context import HIGH, LOW, Context, rounded
from mlm.adapters.exact.lower.graph import Value
from mlm.adapters.exact.lower.layout import Atom, Layout, last, natural, row_major
from mlm.adapters.exact.lower.simplify import Step
from mlm.core.exact.graph import EXACT_LIMIT, MAX_SHIFT
from mlm.core.exact.node import Op

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_INT32 = (1 << 31) - 1
_MOST_BITS = 12
_MOST_EPSILON = 1 << 40


def _rows(context: Context, value: Value, axis: int) -> tuple[int, Layout]:
    """The value with `axis` along the last exact axis, alone."""
    layout = natural(value.view, context.nodes.shape(value.node))
    if layout is None or [atom.axis for atom in layout.groups[3]] != [axis] or layout.shape[3] != value.shape[axis]:
        layout = last(value.shape, axis)
    return context.nodes.place(value, layout, repeat=True), layout


def softmax(context: Context, step: Step) -> None:
    """Softmax along one axis: weights round(A · exp(-d · scale)) for d below the row's largest, A as int32 allows."""
    import numpy as np

    value = context.value(step)
    axis = int(step.attributes.get("axis", -1)) % len(value.shape)
    if value.shape[axis + 1 :] != (1,) * (len(value.shape) - axis - 1) and _opset(context) < 13:
        raise step.fails(f"before opset 13 it goes over all axes from {axis} on")
    node, layout = _rows(context, value, axis)
    scale = HIGH  # a share of 1 is 127
    most = min(_INT32 // (2 * scale + 2 * value.shape[axis]), 1 << 22)
    weights = np.rint(most * np.exp(-np.arange(256) * value.scale)).astype(np.int32).reshape(1, 1, 1, -1)
    index = context.nodes.add(Op.SOFTMAX, layout.shape, [node, weights], (scale,))
    context.bind(step.output, Value(index, layout.view(len(value.shape)), rounded(1 / scale)))


def _opset(context: Context) -> int:
    found = [entry.version for entry in context.source.model.opset_import if entry.domain in ("", "ai.onnx")]
    return max(found, default=13)


def layernorm(context: Context, step: Step) -> None:
    """Layer normalisation along one axis, ONNX's or a recognised one."""
    import numpy as np

    value = context.value(step)
    axis = int(step.attributes.get("axis", -1)) % len(value.shape)
    width = value.shape[axis]
    if step.op == "LayerNormalization":
        if value.shape[axis + 1 :]:
            raise step.fails("expected the last axis alone")
        scale, offset = context.constant(step, 1), context.constant(step, 2)
        gamma = np.ones(width) if scale is None else scale.astype(np.float64).ravel()
        beta = np.zeros(width) if offset is None else offset.astype(np.float64).ravel()
        epsilon = float(step.attributes.get("epsilon", 1e-5))
    else:
        gamma, beta, epsilon = (step.attributes[name] for name in ("gamma", "beta", "epsilon"))
    node, layout = _rows(context, value, axis)
    units = context.units(step.output)
    gamma, beta = gamma / units.scale, beta / units.scale + units.zero
    largest = max(float(np.abs(gamma).max()), 1e-9)
    extra = int(np.floor(np.log2((HIGH + 0.499) / largest)))  # shift - bits
    bits = min(_MOST_BITS, MAX_SHIFT - max(extra, 0))
    while bits > 0:
        numbers = np.rint(gamma * 2.0**extra)
        offsets = np.rint(beta * 2.0 ** (extra + bits))
        reach = np.abs(numbers) * (2 * (isqrt(width - 1) + 1) << bits) + np.abs(offsets)
        if reach.max() < EXACT_LIMIT:
            break
        bits -= 1
    if extra + bits < 0 or not bits:
        raise step.fails("its weights leave no bits to normalise with")
    least = round(epsilon * (width / value.scale) ** 2)
    row = (1, 1, 1, width)
    index = context.nodes.add(
        Op.LAYERNORM,
        layout.shape,
        [node, numbers.astype(np.int8).reshape(row), offsets.astype(np.int32).reshape(row)],
        (min(max(least, 1), _MOST_EPSILON), bits, extra + bits, LOW, HIGH),
    )
    context.bind(step.output, Value(index, layout.view(len(value.shape)), units.scale, units.zero))


def embedding(context: Context, step: Step) -> None:
    """Rows of a table by token number: Gather of an input, or what was recognised as that."""
    import numpy as np

    name = step.inputs[-1]
    table = step.attributes.get("table")
    if table is None:
        table = context.constant(step, 0)
    if table is None or table.ndim != 2 or name not in context.source.integers or step.attributes.get("axis", 0):
        raise step.fails("expected rows of a constant table, by numbers that are an input")
    numbers = context.values[name]
    first, *rest = row_major(numbers.shape).groups
    if first:
        raise step.fails(f"expected numbers of at most three axes, found {list(numbers.shape)}")
    depth = table.shape[1]
    units = context.units(step.output)
    rows = np.clip(np.rint(table / units.scale + units.zero), LOW, HIGH).astype(np.int8)[None, None]
    tail = (Atom(len(numbers.shape), 0, depth),) if depth > 1 else ()
    layout = Layout((rest[0], rest[1], rest[2], tail))
    index = context.nodes.add(Op.GATHER, layout.shape, [np.ascontiguousarray(rows), numbers.node])
    context.bind(step.output, Value(index, layout.view(len(numbers.shape) + 1), units.scale, units.zero))
