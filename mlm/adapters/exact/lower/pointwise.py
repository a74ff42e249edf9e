"""Functions of one tensor as tables; sums and products of two, or of one and a constant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlm.adapters.exact.lower.calibrate import Units
from mlm.adapters.exact.lower.context import HIGH, LOW, Context, rounded
from mlm.adapters.exact.lower.graph import Value
from mlm.adapters.exact.lower.layout import Layout, of_axes, row_major
from mlm.adapters.exact.lower.simplify import Step
from mlm.adapters.exact.lower.views import View
from mlm.core.exact.graph import EXACT_LIMIT, MAX_SHIFT
from mlm.core.exact.node import Op

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_FACTOR_ADD, _FACTOR_MUL = 1 << 15, 1 << 9  # at most, by Graph.check
_MAGNITUDE = 128


def unary(context: Context, step: Step) -> None:
    """A function of one tensor: a table of 256 entries, or nothing but another scale."""
    value = context.value(step)
    if "factor" in step.attributes:
        scaled = Value(value.node, value.view, value.scale * step.attributes["factor"], value.zero)
        return context.bind(step.output, scaled)
    units = context.units(step.output)
    return context.bind(step.output, tabled(context, value, step.attributes["function"], units))


def tabled(context: Context, value: Value, function: Any, units: Units) -> Value:
    """A function's values by a TABLE; where a view shows a part of a tensor only, it is cut out first."""
    import numpy as np

    inputs = (np.arange(LOW, HIGH + 1) - value.zero) * value.scale
    outputs = np.nan_to_num(function(inputs), nan=0.0) / units.scale + units.zero
    table = np.clip(np.rint(outputs), LOW, HIGH).astype(np.int8).reshape(1, 1, 1, -1)
    node, view = value.node, value.view
    if np.prod(context.nodes.shape(node)) > 2 * view.elements:
        layout = row_major(value.shape)
        node, view = context.nodes.place(value, layout, repeat=True), layout.view(len(value.shape))
    index = context.nodes.add(Op.TABLE, context.nodes.shape(node), [node, table])
    return Value(index, view, units.scale, units.zero)


def rescaled(context: Context, value: Value, scale: float) -> Value:
    """The same numbers under another scale."""
    return value if (value.scale, value.zero) == (scale, 0) else tabled(context, value, lambda x: x, Units(scale))


def add(context: Context, step: Step) -> None:
    """Add and Sub."""
    signs = (1, -1 if step.op == "Sub" else 1)
    first, second, layout, units = _operands(context, step)
    scales = [each.scale for each in units]
    middles = [-sign * each.scale * each.zero for sign, each in zip(signs, units, strict=True)]
    target = context.target(step, centre=sum(middles))
    ratios = [sign * scale / target.scale for sign, scale in zip(signs, scales, strict=True)]
    shift = MAX_SHIFT
    while shift > 0 and (
        sum(abs(ratio) for ratio in ratios) * 2.0**shift * _MAGNITUDE >= EXACT_LIMIT - 2 * _MAGNITUDE
        or max(abs(ratio) for ratio in ratios) * 2.0**shift > _FACTOR_ADD
    ):
        shift -= 1
    factors = [round(ratio * 2.0**shift) for ratio in ratios]
    if max(map(abs, factors)) > _FACTOR_ADD:
        raise step.fails("its operands are far larger than their sum: the calibration data does not show its range")
    index = context.nodes.add(Op.ADD, layout.shape, [first, second], (*factors, shift, *target.limits()))
    context.bind(target.name, Value(index, layout.view(len(context.shape(step))), target.scale, target.zero))


def multiply(context: Context, step: Step) -> None:
    """Mul of two tensors; the scale is made such that the factor is not rounded."""
    first, second, layout, units = _operands(context, step)
    if any(each.zero for each in units):
        raise step.fails("expected numbers without a zero point")
    scales, target = [each.scale for each in units], context.target(step, offset=False)
    ratio = scales[0] * scales[1] / target.scale
    shift = MAX_SHIFT
    while shift > 0 and ratio * 2.0**shift > _FACTOR_MUL:
        shift -= 1
    factor = min(max(round(ratio * 2.0**shift), 1), _FACTOR_MUL)
    scale = rounded(scales[0] * scales[1] * 2.0**shift / factor)
    index = context.nodes.add(Op.MUL, layout.shape, [first, second], (factor, shift, *target.limits(scale)))
    context.bind(target.name, Value(index, layout.view(len(context.shape(step))), scale))


def divide(context: Context, step: Step) -> None:
    """Div by a constant: a product with its inverse."""
    if not context.is_constant(step, 1):
        raise step.fails("expected a constant divisor: no exact operator divides by what is computed")
    inverse = f"{step.name}/inverse"
    context.source.constants[inverse] = 1 / context.source.constants[step.inputs[1]].astype("float64")  # type: ignore[index]
    multiply(context, Step("Mul", step.name, (step.inputs[0], inverse), step.outputs))


def _operands(context: Context, step: Step) -> tuple[Any, Any, Layout, tuple[Units, Units]]:
    """Both operands, as nodes or parameters, in the layout of the output; their units."""
    shape = context.shape(step)
    known = [None if context.is_constant(step, at) else context.value(step, at) for at in (0, 1)]
    whole = [value for value in known if value is not None and value.shape == shape]
    layout = context.nodes.layout(whole[0]) if whole else row_major(shape)
    made: list[int | Array] = []
    units: list[Units] = []
    for at, value in enumerate(known):
        if value is None:
            parameter, scale = quantised(context.source.constants[step.inputs[at]], shape, layout)
            made.append(parameter)
            own = Units(scale)
        else:
            aligned = value.seen(View(((),) * (len(shape) - len(value.shape)) + value.view.axes, value.view.offset))
            made.append(context.nodes.place(aligned, layout))
            own = Units(value.scale, value.zero)
        units.append(own)
    return made[0], made[1], layout, (units[0], units[1])


def quantised(constant: Array, shape: tuple[int, ...], layout: Layout) -> tuple[Array, float]:
    """A constant as an int8 parameter that broadcasts to a layout of tensors of this shape, and its scale."""
    import numpy as np

    values = np.asarray(constant, np.float64)
    values = values.reshape((1,) * (len(shape) - values.ndim) + values.shape)
    scale = rounded(float(np.abs(values).max()) / HIGH)
    numbers = np.clip(np.rint(values / scale), LOW, HIGH).astype(np.int8)
    groups = [[atom for atom in group if values.shape[atom.axis] > 1] for group in layout.groups]
    mixed = any(own and len(own) < len(group) for own, group in zip(groups, layout.groups, strict=True))
    if mixed:
        numbers = np.broadcast_to(numbers, shape)
        groups = [list(group) for group in layout.groups]
    pieces = sorted((atom for group in groups for atom in group), key=lambda atom: (atom.axis, atom.place))
    split = numbers.reshape([atom.size for atom in pieces])
    order = [pieces.index(atom) for group in groups for atom in group]
    sizes = [int(np.prod([atom.size for atom in group])) for group in groups]
    return np.ascontiguousarray(split.transpose(order)).reshape(sizes), scale


def affine(context: Context, step: Step) -> None:
    """BatchNormalization that no Conv precedes: a CONV of one weight for each channel."""
    import numpy as np

    gamma, beta, mean, variance = (context.constant(step, at) for at in range(1, 5))
    if gamma is None or beta is None or mean is None or variance is None:
        raise step.fails("expected constant parameters")
    factor = gamma / np.sqrt(variance + step.attributes.get("epsilon", 1e-5))
    value = context.value(step)
    rank, count = len(value.shape), len(factor)
    layout = of_axes(value.shape, [(0,), (*range(2, rank - 1),), (rank - 1,) if rank > 2 else (), (1,)])
    context.weighted(
        step,
        Op.CONV,
        value,
        context.nodes.place(value, layout),
        factor.reshape(count, 1, 1, 1),
        beta - mean * factor,
        layout.shape,
        layout.view(rank),
        (1, 1, 0, 0, 1, 1, count),
    )
