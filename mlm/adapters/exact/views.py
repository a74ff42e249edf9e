"""VIEW as ONNX: Reshape, Slice, Transpose and repeats where its places form a grid, else a Gather of elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlm.adapters.exact.builder import Builder, kind_of
from mlm.core.exact.node import Node
from mlm.core.exact.tensor import AXES


@dataclass(frozen=True)
class Grid:
    """Flat elements seen as axes `extents`, of which a view takes `sizes` from `starts`; `order` are its own axes.

    `order[i]` is the axis of the grid that the i-th of the view's axes with a step lies along.
    """

    extents: tuple[int, ...]
    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    order: tuple[int, ...]


def grid(elements: int, offset: int, axes: Sequence[tuple[int, int]]) -> Grid | None:
    """The grid of a view whose axes have (size > 1, step); None if its places are none: steps that run backwards,

    overlap, or are no multiples of one another.
    """
    descending = sorted(range(len(axes)), key=lambda axis: -axes[axis][1])
    extents, starts, sizes = [], [], []
    left, rest = elements, offset
    for axis in descending:
        size, step = axes[axis]
        if step < 1 or left % step:
            return None
        start, rest = divmod(rest, step)
        if start + size > left // step:
            return None
        extents.append(left // step)
        starts.append(start)
        sizes.append(size)
        left = step
    # What is left lies within the smallest step: one place of it.
    return Grid((*extents, left), (*starts, rest), (*sizes, 1), tuple(descending.index(i) for i in range(len(axes))))


def view(builder: Builder, node: Node, name: str) -> None:
    """Add the operators of a VIEW."""
    steps = [node.attribute(f"step_{axis}") for axis in range(AXES)]
    every = [node.attribute(f"every_{axis}") for axis in range(AXES)]
    # An axis without a step repeats its only place all along, as does one that is never as long as `every`.
    every = [
        min(count, size) if step else size for count, step, size in zip(every, steps, node.output.shape, strict=True)
    ]
    sizes = [-(-size // count) for size, count in zip(node.output.shape, every, strict=True)]
    stepped = [axis for axis in range(AXES) if sizes[axis] > 1]
    elements = kind_of(node, 0).elements
    found = grid(elements, node.attribute("offset"), [(sizes[axis], steps[axis]) for axis in stepped])
    tensor = builder.operand(node, 0)
    if found is None:
        places = builder.constant(node.attribute("offset"), "int64")
        for axis in stepped:
            along = builder.steps(node.output.shape[axis], every[axis])
            along = builder.add("Mul", [along, builder.constant(steps[axis], "int64")])
            along = builder.reshaped(along, [node.output.shape[axis] if a == axis else 1 for a in range(AXES)])
            places = builder.add("Add", [places, along])
        places = builder.add("Expand", [places, builder.constant(list(node.output.shape), "int64")])
        builder.looked_up(builder.reshaped(tensor, [elements]), places, node.output.shape, name)
        return
    tensor = builder.reshaped(tensor, found.extents)
    if found.sizes != found.extents:
        ends = [start + size for start, size in zip(found.starts, found.sizes, strict=True)]
        bounds = [builder.constant(list(values), "int64") for values in (found.starts, ends, range(len(ends)))]
        tensor = builder.add("Slice", [tensor, *bounds])
    order = (*found.order, len(found.order))
    if order != tuple(range(len(order))):
        tensor = builder.add("Transpose", [tensor], perm=list(order))
    repeats = [axis for axis in range(AXES) if every[axis] > 1]
    tensor = builder.reshaped(tensor, sizes, "" if repeats else name)
    for axis in repeats:
        along = builder.steps(node.output.shape[axis], every[axis])
        tensor = builder.add("Gather", [tensor, along], name if axis == repeats[-1] else "", axis=axis)
