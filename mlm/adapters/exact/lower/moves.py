"""Operators that only move numbers: most change a view and emit nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlm.adapters.exact.lower.context import HIGH, LOW, Context
from mlm.adapters.exact.lower.evaluate import part
from mlm.adapters.exact.lower.graph import Value
from mlm.adapters.exact.lower.layout import Atom, Layout, natural, row_major
from mlm.adapters.exact.lower.pointwise import quantised, rescaled
from mlm.adapters.exact.lower.simplify import Step
from mlm.adapters.exact.lower.views import View
from mlm.core.exact.node import MAX_OPERANDS, Op

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_TO_END = 1 << 30


def _whole(context: Context, value: Value) -> Value:
    """The tensor row-major in a node of its own."""
    layout = row_major(value.shape)
    return Value(
        context.nodes.place(value, layout, repeat=True), layout.view(len(value.shape)), value.scale, value.zero
    )


def reshape(context: Context, step: Step) -> None:
    """Reshape, Flatten, Squeeze, Unsqueeze."""
    value, shape = context.value(step), context.shape(step)
    view = value.view.reshaped(shape)
    if view is None:
        value = _whole(context, value)
        view = value.view.reshaped(shape)
    assert view is not None, "row-major numbers have any shape"
    context.bind(step.output, value.seen(view))


def alias(context: Context, step: Step) -> None:
    """Identity, Dropout that drops nothing, Cast between floats."""
    if step.op == "Dropout" and len(step.inputs) > 2 and bool(context.constant(step, 2)):
        raise step.fails("expected a model for inference, found one that drops numbers at random")
    context.bind(step.output, context.value(step))


def transpose(context: Context, step: Step) -> None:
    """Transpose."""
    value = context.value(step)
    order = step.attributes.get("perm") or range(len(value.shape))[::-1]
    context.bind(step.output, value.seen(value.view.transposed(list(order))))


def slice_(context: Context, step: Step) -> None:
    """Slice, forwards or backwards, by constants."""
    value = context.value(step)
    starts, ends, axes, steps = _bounds(context, step)
    for axis, start, end, by in zip(axes, starts, ends, steps, strict=True):
        size = value.shape[axis]
        indices = range(size)[slice(start, end if abs(end) < _TO_END or by > 0 else None, by)]
        value = _sliced(context, step, value, axis, indices)
    context.bind(step.output, value)


def _bounds(context: Context, step: Step) -> tuple[list[int], list[int], list[int], list[int]]:
    if "starts" in step.attributes:
        starts, ends = list(step.attributes["starts"]), list(step.attributes["ends"])
        axes, steps = step.attributes.get("axes"), None
    else:
        found = [context.constant(step, at) for at in range(1, 5)]
        if found[0] is None or found[1] is None:
            raise step.fails("expected constant bounds")
        starts, ends = found[0].ravel().tolist(), found[1].ravel().tolist()
        axes, steps = (None if each is None else each.ravel().tolist() for each in found[2:])
    rank = len(context.value(step).shape)
    axes = [axis % rank for axis in (axes if axes is not None else range(len(starts)))]
    return starts, ends, axes, steps or [1] * len(starts)


def _sliced(context: Context, step: Step, value: Value, axis: int, indices: range) -> Value:
    if not indices:
        raise step.fails("it keeps nothing")
    view = value.view.sliced(axis, indices[0], len(indices), indices.step)
    if view is None:
        value = _whole(context, value)
        view = value.view.sliced(axis, indices[0], len(indices), indices.step)
    assert view is not None, "an axis of a row-major tensor is one piece"
    return value.seen(view)


def split(context: Context, step: Step) -> None:
    """Split into constant sizes."""
    value, axis = context.value(step), int(step.attributes.get("axis", 0))
    axis, start = axis % len(value.shape), 0
    for name in step.outputs:
        size = context.source.shapes[name][axis]
        context.bind(name, _sliced(context, step, value, axis, range(start, start + size)))
        start += size


def expand(context: Context, step: Step) -> None:
    """Expand: repetition along axes of size 1."""
    value = context.value(step)
    context.bind(step.output, value.seen(value.view.expanded(context.shape(step))))


def gather(context: Context, step: Step) -> None:
    """Gather of constant indices: slices of those that are evenly spaced, one after the other."""
    value, given = context.value(step), context.constant(step, 1)
    axis = int(step.attributes.get("axis", 0)) % len(value.shape)
    assert given is not None, "lower.py sends the others to `embedding`"
    indices = [int(index) % value.shape[axis] for index in given.ravel()]
    parts = [_sliced(context, step, value, axis, run) for run in _runs(indices)]
    found = parts[0] if len(parts) == 1 else _concatenated(context, step, list(parts), axis, value.scale)
    view = found.view.reshaped(context.shape(step))
    context.bind(step.output, found.seen(view) if view else _whole(context, found))


def _runs(indices: list[int]) -> list[range]:
    """Indices as evenly spaced runs."""
    made: list[range] = []
    while indices:
        by = indices[1] - indices[0] if len(indices) > 1 and indices[1] != indices[0] else 1
        count = 1
        while count < len(indices) and indices[count] == indices[0] + count * by:
            count += 1
        made.append(range(indices[0], indices[0] + count * by, by))
        indices = indices[count:]
    return made


def resize(context: Context, step: Step) -> None:
    """Resize and Upsample that repeat every number a whole number of times along an axis."""
    import numpy as np

    value, shape = context.value(step), context.shape(step)
    numbers = np.arange(value.view.elements, dtype=np.float32).reshape(value.shape)
    expected = numbers
    for axis, (before, after) in enumerate(zip(value.shape, shape, strict=True)):
        if after % before:
            raise step.fails(f"expected a whole number of times along axis {axis}, found {before} to {after}")
        expected = expected.repeat(after // before, axis=axis)
    if not np.array_equal(part(context.source, [step], step.inputs[0], step.output)(numbers), expected):
        raise step.fails("expected nearest neighbours; other interpolation is not among the exact operators")
    for axis, (before, after) in enumerate(zip(value.shape, shape, strict=True)):
        if after > before:
            view = value.view.repeated(axis, after // before)
            if view is None:
                value = _whole(context, value)
                view = value.view.repeated(axis, after // before)
            assert view is not None, "an axis of a row-major tensor is one piece"
            value = value.seen(view)
    context.bind(step.output, value)


def _alone(layout: Layout | None, axes: Sequence[int]) -> bool:
    """Whether each of these axes is an exact axis of its own."""
    if layout is None:
        return False
    own = [atom for atom in layout.atoms if atom.axis in axes]
    return all((atom,) in layout.groups for atom in own) and len({atom.axis for atom in own}) == len(own)


def _resized(layout: Layout, axis: int, size: int, within: int) -> Layout:
    """A layout whose exact axis `within` is logical axis `axis`, now of this size."""
    groups = list(layout.groups)
    groups[within] = (Atom(axis, 0, size),) if size > 1 else ()
    return Layout((groups[0], groups[1], groups[2], groups[3]))


def _axis_of(layout: Layout, axis: int, rank: int, plain: bool) -> int:
    """The exact axis that a logical one is; one of size 1 takes an exact axis that is free."""
    for at, group in enumerate(layout.groups):
        if any(atom.axis == axis for atom in group):
            return at
    return 4 - rank + axis if plain else next(at for at in (1, 2, 3, 0) if not layout.groups[at])


def pad(context: Context, step: Step) -> None:
    """Pad with a constant, by constant amounts."""
    value, mode = context.value(step), step.attributes.get("mode", b"constant")
    if mode not in (b"constant", "constant"):
        raise step.fails(f"expected a constant around, found {mode!r}")
    given, constant = context.constant(step, 1), context.constant(step, 2)
    amounts = list(step.attributes["pads"]) if given is None else given.ravel().tolist()
    rank, axes = len(value.shape), context.constant(step, 3)
    chosen = list(range(rank)) if axes is None else [int(axis) % rank for axis in axes.ravel()]
    before, after = amounts[: len(chosen)], amounts[len(chosen) :]
    number = float(step.attributes.get("value", 0.0) if constant is None else constant.ravel()[0])
    fill = min(max(round(number / value.scale + value.zero), LOW), HIGH)
    for axis, first, behind in zip(chosen, before, after, strict=True):
        if first or behind:
            value = _padded(context, step, value, axis, first, behind, fill)
    context.bind(step.output, value)


def _padded(context: Context, step: Step, value: Value, axis: int, first: int, behind: int, fill: int) -> Value:
    if first < 0 or behind < 0:
        start, stop = max(-first, 0), value.shape[axis] - max(-behind, 0)
        value = _sliced(context, step, value, axis, range(start, stop))
        first, behind = max(first, 0), max(behind, 0)
    layout = natural(value.view, context.nodes.shape(value.node))
    plain = not _alone(layout, [axis]) or value.shape[axis] == 1
    used = row_major(value.shape) if plain or layout is None else layout
    if plain and len(value.shape) > 4:
        raise step.fails(f"expected at most four axes, found {len(value.shape)}")
    node = context.nodes.place(value, used, repeat=True)
    at = _axis_of(used, axis, len(value.shape), plain)
    made = _resized(used, axis, value.shape[axis] + first + behind, at)
    index = context.nodes.add(Op.PAD, made.shape, [node], (*(first if i == at else 0 for i in range(4)), fill))
    return Value(index, made.view(len(value.shape)), value.scale, value.zero)


def concat(context: Context, step: Step) -> None:
    """Concat of tensors and constants, all under one scale."""
    axis = int(step.attributes["axis"]) % len(context.shape(step))
    values = [None if context.is_constant(step, at) else context.value(step, at) for at in range(len(step.inputs))]
    scale = context.units(step.output, offset=False).scale
    context.bind(step.output, _concatenated(context, step, values, axis, scale))


def _concatenated(context: Context, step: Step, values: Sequence[Value | None], axis: int, scale: float) -> Value:
    """Values, or the step's constants where they are None, one after the other along an axis, under one scale."""
    if len(values) > MAX_OPERANDS:
        raise step.fails(f"expected at most {MAX_OPERANDS} tensors, found {len(values)}")
    known = max((value for value in values if value is not None), key=lambda value: value.view.elements)
    rank, layout = len(known.shape), natural(known.view, context.nodes.shape(known.node))
    plain = not _alone(layout, [axis]) or known.shape[axis] == 1
    used = row_major(known.shape) if plain or layout is None else layout
    if plain and rank > 4:
        raise step.fails(f"expected at most four axes, found {rank}")
    at, total = _axis_of(used, axis, rank, plain), 0
    operands: list[Any] = []
    for place, value in enumerate(values):
        size = context.source.shapes[step.inputs[place]] if value is None else value.shape
        own = _resized(used, axis, size[axis], at)
        total += size[axis]
        if value is None:
            numbers, unit = quantised(context.source.constants[step.inputs[place]], size, own)
            operands.append(_under(numbers, unit, scale))
        else:
            operands.append(context.nodes.place(rescaled(context, value, scale), own, repeat=True))
    made = _resized(used, axis, total, at)
    if len(operands) == 1:
        return Value(operands[0], made.view(rank), scale)
    return Value(context.nodes.add(Op.CONCAT, made.shape, operands, (at,)), made.view(rank), scale)


def _under(numbers: Array, unit: float, scale: float) -> Array:
    """A parameter's numbers under another scale."""
    import numpy as np

    return np.clip(np.rint(numbers * (unit / scale)), LOW, HIGH).astype(np.int8)


def _by_depth(step: Step) -> bool:
    """Whether the places of a block come before the channels that they are divided into: DCR, not CRD."""
    return step.attributes.get("mode", b"DCR") in (b"DCR", "DCR")


def depth_to_space(context: Context, step: Step) -> None:
    """DepthToSpace and SpaceToDepth: axes divided, moved and merged."""
    value, block = context.value(step), int(step.attributes["blocksize"])
    n, c, h, w = value.shape
    if step.op == "SpaceToDepth":
        shape = (n, c, h // block, block, w // block, block)
        order = (0, 3, 5, 1, 2, 4) if _by_depth(step) else (0, 1, 3, 5, 2, 4)
    elif _by_depth(step):
        shape, order = (n, block, block, c // block**2, h, w), (0, 3, 4, 1, 5, 2)
    else:
        shape, order = (n, c // block**2, block, block, h, w), (0, 1, 4, 2, 5, 3)
    view = value.view.reshaped(shape)
    value = value if view else _whole(context, value)
    view = view or value.view.reshaped(shape)
    assert view is not None, "row-major numbers have any shape"
    turned = View(view.axes, view.offset).transposed(order)
    merged = [turned.axes[0], *([()] * 3)]
    pieces = turned.axes[1:]
    if step.op == "SpaceToDepth":
        merged[1:] = [pieces[0] + pieces[1] + pieces[2], pieces[3], pieces[4]]
    else:
        merged[1:] = [pieces[0], pieces[1] + pieces[2], pieces[3] + pieces[4]]
    context.bind(step.output, value.seen(View(tuple(merged), turned.offset)))
