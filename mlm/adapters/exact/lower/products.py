"""MatMul and Gemm: with constant weights, and of two activations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlm.adapters.exact.lower.context import Context
from mlm.adapters.exact.lower.graph import Value
from mlm.adapters.exact.lower.layout import Layout, last, natural, of_axes
from mlm.adapters.exact.lower.simplify import Step
from mlm.core.exact.graph import EXACT_LIMIT
from mlm.core.exact.node import Op

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


def gemm(context: Context, step: Step) -> None:
    """Gemm with constant weights; alpha and beta are folded into them."""
    weights, bias = context.constant(step, 1), context.constant(step, 2)
    if weights is None:
        raise step.fails("expected weights")
    if not step.attributes.get("transB", 0):
        weights = weights.T
    count = len(weights)
    if bias is not None:
        if bias.size not in (1, count):
            raise step.fails(f"expected a bias of {count} numbers, found {list(bias.shape)}")
        bias = step.attributes.get("beta", 1.0) * bias.ravel() + weights[:, 0] * 0
    value = context.value(step)
    if step.attributes.get("transA", 0):
        value = value.seen(value.view.transposed((1, 0)))
    _linear(context, step, value, 1, weights * step.attributes.get("alpha", 1.0), bias)


def matmul(context: Context, step: Step) -> None:
    """MatMul: constant weights on either side, or two activations."""
    for at, axis in ((1, -1), (0, -2)):
        if context.is_constant(step, at):
            weights = context.source.constants[step.inputs[at]]
            rank = len(context.value(step, 1 - at).shape)
            if weights.ndim > 2 and weights.size == weights.shape[-1] * weights.shape[-2]:
                weights = weights.reshape(weights.shape[-2:])
            if weights.ndim != 2 or rank < 2:
                raise step.fails(f"expected constant weights of two axes, found {list(weights.shape)}")
            weights = weights.T if at else weights
            value = context.value(step, 1 - at)
            return _linear(context, step, value, axis % rank, weights, step.attributes.get("bias"), at=1 - at)
    return _activations(context, step)


def _linear(
    context: Context, step: Step, value: Value, axis: int, weights: Array, bias: Array | None, at: int = 0
) -> None:
    """The product along one axis of input `at` with weights [P, K]; the axis then has P numbers."""
    count, depth = weights.shape
    rank = len(value.shape)
    layout = natural(value.view, context.nodes.shape(value.node))
    means = None if step.attributes.get("transA", 0) else context.mean(step.inputs[at], axis)
    inner = layout and [atom for atom in layout.atoms if atom.axis == axis]
    if layout and inner and len(layout.atoms) == len(inner) and layout.shape[0] == 1 and max(layout.shape[1:3]) > 1:
        # Everything there is, as where a Flatten follows on an image: a window as large as it.
        base = layout.shape
        shaped = _permuted(weights, layout, axis).reshape(count, *base[1:])
        own = None if means is None else _permuted(means[None], layout, axis)
        view = Layout(((), (), (), ())).with_last(axis, count).view(rank)
        return context.weighted(
            step, Op.CONV, value, value.node, shaped, bias, (1, 1, 1, count), view, (1, 1, 0, 0, 1, 1, 1), own
        )
    if layout and inner and all(atom.axis == axis for atom in layout.groups[3]) and len(layout.groups[3]) == len(inner):
        weights = _permuted(weights, layout, axis)
        means = None if means is None else _permuted(means[None], layout, axis)[0]
        node = value.node
    else:
        layout = last(value.shape, axis)
        node = context.nodes.place(value, layout)
    made = layout.with_last(axis, count)
    return context.weighted(
        step,
        Op.MATMUL,
        value,
        node,
        weights.reshape(1, 1, count, depth),
        bias,
        made.shape,
        made.view(rank),
        means=None if means is None else means[None],
    )


def _permuted(weights: Array, layout: Layout, axis: int) -> Array:
    """Weights [P, K] with K in the order in which the axis' pieces lie."""
    import numpy as np

    lying = [atom for atom in layout.atoms if atom.axis == axis]
    logical = sorted(lying, key=lambda atom: atom.place)
    split = weights.reshape(len(weights), *(atom.size for atom in logical))
    return np.ascontiguousarray(split.transpose(0, *(atom.place + 1 for atom in lying))).reshape(weights.shape)


def _activations(context: Context, step: Step) -> None:
    """The product of two activations; its scale is that of the factors times a power of two."""
    import numpy as np

    a, b, out = context.value(step, 0), context.value(step, 1), context.shape(step)
    if a.zero or b.zero:
        raise step.fails("expected numbers without a zero point")
    if len(a.shape) < 2 or len(b.shape) < 2 or len(a.shape) < len(b.shape):
        raise step.fails(f"expected two matrices, found {list(a.shape)} and {list(b.shape)}")
    if tuple(out[:-2]) != tuple(a.shape[:-2]):
        raise step.fails(f"expected a first operand that is not repeated, found {list(a.shape)} and {list(b.shape)}")
    depth = a.shape[-1]
    if depth * 128 * 128 >= EXACT_LIMIT:
        raise step.fails(f"a product over {depth} numbers of 8 bits passes the accumulator's 24 bits")
    rank, missing = len(a.shape), len(a.shape) - len(b.shape)
    lead_a = list(range(rank - 2))
    lead_b = [axis - missing for axis in lead_a if axis >= missing]
    if len(lead_a) > 2 and a.shape[:-2] != b.shape[:-2]:
        raise step.fails(f"expected the same first axes, found {list(a.shape)} and {list(b.shape)}")
    first = of_axes(a.shape, [lead_a[:-1], lead_a[-1:], (rank - 2,), (rank - 1,)])
    turned = len(b.shape)
    second = of_axes(b.shape, [lead_b[:-1], lead_b[-1:], (turned - 1,), (turned - 2,)])
    left, right = context.nodes.place(a, first), context.nodes.place(b, second)
    made = of_axes(out, [lead_a[:-1], lead_a[-1:], (rank - 2,), (rank - 1,)])
    target, unit = context.target(step, offset=False), a.scale * b.scale
    shift = int(np.clip(np.rint(np.log2(target.scale / unit)), 0, 31))
    row = (1, 1, 1, made.shape[3])
    index = context.nodes.add(
        Op.MATMUL,
        made.shape,
        [left, right, np.zeros(row, np.int32), np.full(row, shift, np.int8)],
        target.limits(unit * 2.0**shift),
    )
    context.largest = max(context.largest, depth * 128 * 128)
    context.bind(target.name, Value(index, made.view(rank), unit * 2.0**shift))
