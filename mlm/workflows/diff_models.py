"""What differs between two versions of a model: which tensors and by how much, and what computes with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlm.core.unixfs import CHUNK
from mlm.core.weights import Model, Part, Weight
from mlm.ports.meter import ITEM_BYTES, Meter
from mlm.workflows.repository import shown_path

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
PIECE = CHUNK  # bytes of the wider of two tensors that are held at once


@dataclass(frozen=True)
class ModelChange:
    """How many tensors and parameters (elements) are the same, changed, added and removed."""

    path: str
    same: int
    changed: int
    added: int
    removed: int
    parameters_before: int
    parameters_after: int


@dataclass(frozen=True)
class TensorChange:
    """A tensor that differs. `largest` is the largest absolute difference of an element, `relative` the L2 norm of the

    difference in that of the old tensor, `share` the part of the elements that differ, `apart` how many of them differ
    by no finite number (NaN, infinity). They are null where nothing can be computed: the shape changed, the elements
    have fewer than 8 bits or are no real numbers; `relative` also where the old tensor is zero.
    """

    path: str
    tensor: str
    what: str
    before: str
    after: str
    largest: float | None = None
    relative: float | None = None
    share: float | None = None
    apart: int | None = None


@dataclass(frozen=True)
class PartChange:
    """A difference in what is no tensor: an operator of the graph (`node`), an input, an opset, metadata."""

    path: str
    kind: str
    name: str
    what: str
    before: str
    after: str


def compare_weights(
    path: str, old: Model, new: Model, meter: Callable[[], Meter], tell: Callable[[int, str], None]
) -> tuple[ModelChange, tuple[TensorChange, ...]]:
    """Tensors by name. Those that are the same are not measured, and not even read where their leaves are the same."""
    found: list[TensorChange] = []
    same = 0
    for name in {**old.weights, **new.weights}:
        before, after = old.weights.get(name), new.weights.get(name)
        tell(after.end - after.begin if after is not None else 0, path)
        if before is not None and after is not None:
            if is_same(before, after):
                same += 1
            else:
                found.append(_changed(path, before, after, meter))
        elif before is not None:
            found.append(TensorChange(path, _shown(name), REMOVED, before.type, ""))
        elif after is not None:
            found.append(TensorChange(path, _shown(name), ADDED, "", after.type))
    changed, added, removed = (sum(change.what == what for change in found) for what in (CHANGED, ADDED, REMOVED))
    return ModelChange(path, same, changed, added, removed, _parameters(old), _parameters(new)), tuple(found)


def compare_parts(path: str, old: Model, new: Model) -> tuple[PartChange, ...]:
    """Operators, inputs, outputs, opsets and whatever else the files say, by kind and name."""
    changes = []
    for key in {**old.parts, **new.parts}:
        before, after = old.parts.get(key), new.parts.get(key)
        if before != after:
            what = ADDED if before is None else REMOVED if after is None else CHANGED
            changes.append(PartChange(path, key[0], _shown(key[1]), what, _said(before), _said(after)))
    order = [[key for key in model.parts if key in old.parts and key in new.parts] for model in (old, new)]
    if order[0] != order[1]:
        changes.append(PartChange(path, "other", "order of the graph's parts", CHANGED, "", ""))
    return tuple(changes)


def is_same(old: Weight, new: Weight) -> bool:
    """Whether two tensors have the same type and bytes."""
    if (old.dtype, old.shape, old.plain) != (new.dtype, new.shape, new.plain):
        return False
    length = old.end - old.begin
    if length != new.end - new.begin:
        return False
    if old.content.same(old.begin, new.content, new.begin, length):
        return True
    return all(before == after for before, after in _pieces(old, new, 1, 1))


def _changed(path: str, old: Weight, new: Weight, meter: Callable[[], Meter]) -> TensorChange:
    change = (path, _shown(old.name), CHANGED, old.type, new.type)
    measured = old.dtype in ITEM_BYTES and new.dtype in ITEM_BYTES and old.plain and new.plain
    if not measured or old.shape != new.shape:
        return TensorChange(*change)
    sizes = ITEM_BYTES[old.dtype], ITEM_BYTES[new.dtype]
    distance = meter().measure(old.dtype, new.dtype, _pieces(old, new, *sizes))
    share = distance.changed / distance.elements if distance.elements else 0.0
    if distance.changed and distance.changed == distance.apart:  # by NaN and infinity alone: no number says how far
        return TensorChange(*change, None, None, share, distance.apart)
    return TensorChange(*change, distance.largest, distance.relative, share, distance.apart)


def _pieces(old: Weight, new: Weight, size: int, other: int) -> Iterator[tuple[bytes, bytes]]:
    """The bytes of both, in pieces of as many elements of `size` and `other` bytes.

    The first piece ends where a chunk of the old file does, so that the others are whole chunks and are not copied.
    """
    count = PIECE // max(size, other)  # elements
    to_border = -old.begin % PIECE
    head = to_border // size if to_border % size == 0 else 0
    head = head if head <= count else 0
    before = old.content.pieces(old.begin, old.end, count * size, head * size)
    after = new.content.pieces(new.begin, new.end, count * other, head * other)
    return zip(before, after, strict=True)


def _parameters(model: Model) -> int:
    return sum(weight.elements for weight in model.weights.values())


def _shown(name: str) -> str:
    return shown_path(name[:200])


def _said(part: Part | None) -> str:
    return "" if part is None else shown_path(part.text[:200])
