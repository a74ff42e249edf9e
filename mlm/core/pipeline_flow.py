"""What flows through a pipeline: which tensors a step takes, what leaves it, and how an ensemble is combined. Pure.

Arrays are numpy's, but nothing here imports it. Combining is exact and the same on every machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, prod
from typing import Any, TypeVar

from mlm.core.errors import UsageError
from mlm.core.job import Tier
from mlm.core.manifest import Signature
from mlm.core.pipeline import CombineStep, JobStep, Source

T = TypeVar("T")
MAX_ITEMS = 256  # jobs of one step
ZK_DTYPE = "float32"  # what a proof's outputs are dequantised to, whatever the model calls them


@dataclass(frozen=True)
class TensorType:
    """`dtype` is numpy's name."""

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)}"


@dataclass(frozen=True)
class Flow:
    """What leaves a step: `jobs` of them (0: it is computed here) give these tensors together."""

    jobs: int
    tensors: Mapping[str, TensorType]


def gather(
    step: JobStep, names: tuple[str, ...], tensors_of: Callable[[Source, tuple[str, ...]], Mapping[str, T]]
) -> dict[str, T]:
    """The tensors that a job takes by the model's `names`: of values or of their types, alike.

    `tensors_of` gives a source's tensors; an unnamed one in a file takes the only name it is given. Raises UsageError.
    """
    taken: dict[str, T] = {}
    for name, source in step.inputs:
        found = tensors_of(source, (name,) if name else names)
        if name or source.tensor or (len(names) == len(found) == 1):
            found = {name or names[0]: single(f"step.{step.name}", source, found)}
        taken.update(found)
    if set(taken) != set(names):
        raise UsageError(f"step.{step.name}: expected the inputs {sorted(names)}, found {sorted(taken)}")
    return taken


def single(where: str, source: Source, found: Mapping[str, T]) -> T:
    """The one tensor that a source names. Raises UsageError."""
    if source.tensor:
        if source.tensor not in found:
            raise UsageError(f"{where}: {source} is not there, expected one of {sorted(found)[:8]}")
        return found[source.tensor]
    if len(found) != 1:
        raise UsageError(f"{where}: {source} has {len(found)} tensors, expected one: {sorted(found)[:8]}")
    return next(iter(found.values()))


def job_flow(step: JobStep, signature: Signature, given: Mapping[str, TensorType]) -> Flow:
    """What leaves a job, or one for each item; raises UsageError where the inputs do not fit the model."""
    where, jobs = f"step.{step.name}", 1
    if step.each:
        lengths = {kind.shape[0] if kind.shape else 0 for kind in given.values()}
        jobs = min(lengths)
        if len(lengths) != 1 or not 1 <= jobs <= MAX_ITEMS:
            found = ", ".join(f"{name} {kind}" for name, kind in given.items())
            raise UsageError(f"{where}: each = true takes 1 to {MAX_ITEMS} items on one first axis, found {found:.200}")
        given = {name: TensorType(kind.dtype, (1, *kind.shape[1:])) for name, kind in given.items()}
    bound: dict[str, int] = {}
    for spec in signature.inputs:
        found_type = given[spec.name]
        sizes = found_type.shape
        fits = spec.dtype == found_type.dtype and len(spec.shape) == len(sizes)
        for axis, size in zip(spec.shape, sizes, strict=False):
            fits = fits and (axis if isinstance(axis, int) else bound.setdefault(axis, size)) == size
        if not fits:
            many = not step.each and len(sizes) == len(spec.shape) > 0 and spec.shape[0] == 1 < sizes[0]
            raise UsageError(
                f"{where}: {step.model} takes {spec.name!r} as {spec.dtype} {list(spec.shape)}, found {found_type}",
                hint="each = true posts a job for each item." if many else "",
            )
    return Flow(jobs, {spec.name: _output(where, step, spec, bound, jobs) for spec in signature.outputs})


def _output(where: str, step: JobStep, spec: Any, bound: Mapping[str, int], jobs: int) -> TensorType:
    shape = tuple(axis if isinstance(axis, int) else bound.get(axis) for axis in spec.shape)
    if None in shape or (step.each and (not shape or shape[0] != 1)):
        wanted = "whose first axis is 1" if step.each else "of a shape that follows from the inputs'"
        raise UsageError(f"{where}: expected an output {wanted}, {spec.name!r} is {list(spec.shape)}")
    sizes = tuple(size for size in shape if size is not None)
    dtype = ZK_DTYPE if step.tier is Tier.ZK else spec.dtype
    return TensorType(dtype, (jobs, *sizes[1:]) if step.each else sizes)


def combine_flow(step: CombineStep, given: Sequence[TensorType]) -> Flow:
    """What leaves a combination; raises UsageError for members that differ."""
    where, first = f"step.{step.name}", given[0]
    if any(kind != first for kind in given) or not first.shape or not prod(first.shape):
        kinds = ", ".join(map(str, dict.fromkeys(given)))
        raise UsageError(f"{where}: {step.combine} takes outputs of one type and at least one axis, found {kinds:.200}")
    if step.combine == "mean":
        if not first.dtype.startswith("float"):
            raise UsageError(f"{where}: mean takes numbers with a fraction, found {first}")
        return Flow(0, {"mean": first})
    return Flow(0, {step.combine: TensorType("int64", first.shape[:-1])})


def combine(how: str, arrays: Sequence[Any]) -> Any:
    """One array of several alike.

    mean: the exact sum of each place (Shewchuk 1997, as math.fsum has it), divided, and rounded to the arrays' type.
    argmax: the place of the largest along the last axis, the first of equals, int64.
    vote: the argmax that most members give; of equally many votes the lowest class.
    """
    if how == "mean":
        mean = arrays[0].copy()
        columns = zip(*(array.ravel().tolist() for array in arrays), strict=True)
        mean.flat = [fsum(column) / len(arrays) for column in columns]
        return mean
    classes = [array.argmax(axis=-1, keepdims=True).astype("int64").squeeze(-1) for array in arrays]
    if how == "argmax":
        return classes[0]
    voted = classes[0].copy()
    ballots = zip(*(each.ravel().tolist() for each in classes), strict=True)
    voted.flat = [min(_winners(ballot)) for ballot in ballots]
    return voted


def _winners(ballot: Sequence[int]) -> list[int]:
    votes = Counter(ballot)
    most = max(votes.values())
    return [choice for choice, count in votes.items() if count == most]
