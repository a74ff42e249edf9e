"""Layouts: which pieces of a logical ONNX tensor's axes make up each of the four axes of an exact tensor. Pure.

Images are NHWC and sequences [1, batch, time, channels] in exact graphs, whatever their order in ONNX.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from mlm.adapters.exact.lower.views import Factor, Factors, View, carve, merged

Shape4 = tuple[int, int, int, int]


@dataclass(frozen=True)
class Atom:
    """A piece of a logical axis: its `place` among the axis' pieces, the slowest first, and its size, above 1."""

    axis: int
    place: int
    size: int


@dataclass(frozen=True)
class Layout:
    """The atoms of each exact axis, the slowest first."""

    groups: tuple[tuple[Atom, ...], tuple[Atom, ...], tuple[Atom, ...], tuple[Atom, ...]]

    @property
    def shape(self) -> Shape4:
        a, b, c, d = (prod(atom.size for atom in group) for group in self.groups)
        return a, b, c, d

    @property
    def atoms(self) -> tuple[Atom, ...]:
        return tuple(atom for group in self.groups for atom in group)

    def view(self, rank: int) -> View:
        """Of a tensor of `rank` logical axes that lies so, row-major."""
        step, found = prod(self.shape), []
        for atom in self.atoms:
            step //= atom.size
            found.append((atom, Factor(atom.size, step)))
        return View(
            tuple(
                tuple(factor for _, factor in sorted(((a.place, f) for a, f in found if a.axis == axis), key=_place))
                for axis in range(rank)
            )
        )

    def with_last(self, axis: int, size: int) -> Layout:
        """The last exact axis is logical axis `axis`, now of this size."""
        return Layout((*self.groups[:3], (Atom(axis, 0, size),) if size > 1 else ()))


def _place(pair: tuple[int, Factor]) -> int:
    return pair[0]


def of_axes(shape: Sequence[int], axes: Sequence[Sequence[int]]) -> Layout:
    """The layout whose exact axes are these logical ones."""
    a, b, c, d = (tuple(Atom(axis, 0, shape[axis]) for axis in group if shape[axis] > 1) for group in axes)
    return Layout((a, b, c, d))


def row_major(shape: Sequence[int]) -> Layout:
    """Logical axes in their order, aligned at the end; beyond four, the first ones together."""
    rank = len(shape)
    first = list(range(max(rank - 3, 0)))
    rest = [[axis] for axis in range(max(rank - 3, 0), rank)]
    return of_axes(shape, [first, *[[]] * (3 - len(rest)), *rest])


def last(shape: Sequence[int], axis: int) -> Layout:
    """Logical axes in their order but for `axis`, which comes last."""
    others = [i for i in range(len(shape)) if i != axis]
    return of_axes(shape, [others[:-2], others[-2:-1], others[-1:], [axis]])


def images(shape: Sequence[int]) -> Layout:
    """NHWC of an ONNX tensor [N, C, H, W] or [N, C, L]."""
    return of_axes(shape, [(0,), (2,), (3,), (1,)] if len(shape) == 4 else [(0,), (), (2,), (1,)])


def natural(view: View, base: Shape4) -> Layout | None:
    """The layout in which a view's numbers lie in its whole base, row-major; None where they do not."""
    if view.offset or view.elements != prod(base):
        return None
    found = [(factor, axis, place) for axis, factors in enumerate(view.axes) for place, factor in enumerate(factors)]
    found.sort(key=lambda item: item[0].step)  # what comes first in the base comes last here
    step = prod(base)
    for factor, _, _ in reversed(found):
        if factor.every > 1 or factor.step * factor.size != step:
            return None
        step = factor.step
    groups: list[list[tuple[int, int, int, int]]] = []  # axis, place, piece of the factor, size
    pieces = [(axis, place, 0, factor.size) for factor, axis, place in found]
    for size in base:
        groups.append([])
        while size > 1 and pieces:
            axis, place, piece, whole = pieces.pop()
            own = whole if size % whole == 0 else size
            if whole % own:
                return None
            groups[-1].append((axis, place, piece, own))
            size //= own
            if whole > own:
                pieces.append((axis, place, piece + 1, whole // own))
    order = sorted(piece[:3] for group in groups for piece in group)
    first = {axis: min(at for at, piece in enumerate(order) if piece[0] == axis) for axis, _, _ in order}
    a, b, c, d = (
        tuple(Atom(axis, order.index((axis, place, piece)) - first[axis], own) for axis, place, piece, own in group)
        for group in groups
    )
    return Layout((a, b, c, d))


def placed(view: View, layout: Layout) -> tuple[Factors, Factors, Factors, Factors] | None:
    """The view's factors along each exact axis of a layout; an axis of size 1 is repeated, as numpy does.

    An exact axis along which the view only repeats has no factors: operators with two operands repeat it themselves.
    None where the layout divides an axis otherwise than the view can.
    """
    pieces: dict[tuple[int, int], Factors] = {}
    for axis, factors in enumerate(view.axes):
        atoms = sorted((atom for atom in layout.atoms if atom.axis == axis), key=lambda atom: atom.place)
        if not factors:
            continue
        carved = carve(factors, [atom.size for atom in atoms])
        if carved is None:
            return None
        pieces |= {(axis, atom.place): piece for atom, piece in zip(atoms, carved, strict=True)}
    made = []
    for group in layout.groups:
        own = [f for atom in group for f in pieces.get((atom.axis, atom.place), (Factor(atom.size, 0),))]
        made.append(merged(own) if any(factor.step for factor in own) else ())
    a, b, c, d = made
    return a, b, c, d


def moved(view: View, layout: Layout) -> Layout | None:
    """A layout that one VIEW can give and in which one more pair of pieces lies as `layout` wants it.

    A run of pieces that already lie so moves to behind the one that it is to follow: what lies before, between and
    after stays, so that there are at most four blocks. None where pieces repeat, or do not lie densely.
    """
    atoms: list[tuple[Atom, Factor]] = []
    for group in layout.groups:
        for atom in group:
            own = sorted((other for other in layout.atoms if other.axis == atom.axis), key=lambda other: other.place)
            carved = carve(view.axes[atom.axis], [other.size for other in own])
            if carved is None:
                return None
            at = own.index(atom)
            first = sum(len(piece) for piece in carved[:at])
            atoms += [(Atom(atom.axis, first + i, factor.size), factor) for i, factor in enumerate(carved[at])]
    lying = sorted(atoms, key=lambda item: -item[1].step)
    if any(factor.every > 1 or not factor.step for _, factor in atoms):
        return None
    for at in range(len(atoms) - 1):
        if _behind(lying, atoms[at], atoms[at + 1]):
            continue
        run = [atoms[at + 1]]
        while at + 1 + len(run) < len(atoms) and _behind(lying, run[-1], atoms[at + 1 + len(run)]):
            run.append(atoms[at + 1 + len(run)])
        rest = [item for item in lying if item not in run]
        place = rest.index(atoms[at]) + 1
        ordered = rest[:place] + run + rest[place:]
        groups: list[list[tuple[Atom, Factor]]] = []
        for item in ordered:
            if groups and _behind(lying, groups[-1][-1], item):
                groups[-1].append(item)
            else:
                groups.append([item])
        if len(groups) > 4:
            return None
        blocks: list[tuple[Atom, ...]] = [()] * (4 - len(groups))
        blocks += [tuple(atom for atom, _ in group) for group in groups]
        return Layout((blocks[0], blocks[1], blocks[2], blocks[3]))
    return None


def _behind(lying: list[tuple[Atom, Factor]], first: tuple[Atom, Factor], second: tuple[Atom, Factor]) -> bool:
    """Whether `second` lies right behind `first`, with nothing in between."""
    near = lying.index(second) == lying.index(first) + 1
    return near and first[1].step == second[1].size * second[1].step
