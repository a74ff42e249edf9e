"""Several batches of a model run as one, where nothing but their first axis tells them apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mlm.ports.runner import ModelInfo, Run, Runner

if TYPE_CHECKING:
    from mlm.ports.runner import Tensors

RELATIVE = 1e-3  # of the largest output: far above what another order of sums changes


def run_together(
    runner: Runner,
    onnx: bytes,
    batches: Sequence[Tensors],
    *,
    check: bool = True,
    mixes: Callable[[], None] = lambda: None,
) -> list[Run]:
    """What `runner.run` gives for each; one call where the model's first axis is the batch's. Raises as `run` does.

    That a first axis is free does not say that rows are independent: to `check` it the first batch also runs alone, and
    where that gives anything else all do, and `mixes` is called. Each takes its share of the seconds. Sums of floats
    may differ in their last bits from those of a run alone.
    """
    if len(batches) < 2 or not _stacks(runner.inspect(onnx), batches):
        return [runner.run(onnx, batch) for batch in batches]
    import numpy as np

    sizes = [len(next(iter(batch.values()))) for batch in batches]
    whole = runner.run(onnx, {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]})
    if any(not value.ndim or len(value) != sum(sizes) for value in whole.outputs.values()):
        return [runner.run(onnx, batch) for batch in batches]  # its signature does not say what it does
    ends = np.cumsum(sizes)
    parts = [
        replace(
            whole,
            outputs={name: value[end - size : end] for name, value in whole.outputs.items()},
            seconds=whole.seconds * size / sum(sizes),
        )
        for size, end in zip(sizes, ends, strict=True)
    ]
    if not check:
        return parts
    first = runner.run(onnx, batches[0])
    if not _alike(first, parts[0]):
        mixes()
        return [first, *(runner.run(onnx, batch) for batch in batches[1:])]
    return [first, *parts[1:]]


def _alike(one: Run, other: Run) -> bool:
    """Whether two runs gave the same outputs, but for the last bits of floats."""
    import numpy as np

    for name, value in one.outputs.items():
        found = other.outputs[name]
        if value.shape != found.shape or value.dtype != found.dtype:
            return False
        if value.dtype.kind != "f":
            same = np.array_equal(value, found)
        else:
            # One caller's NaN or infinity is an answer like another: it must not part all others for good.
            largest = float(np.abs(value[np.isfinite(value)]).max(initial=0.0))
            same = np.allclose(value, found, rtol=RELATIVE, atol=RELATIVE * largest, equal_nan=True)
        if not same:
            return False
    return True


def _stacks(info: ModelInfo, batches: Sequence[Tensors]) -> bool:
    """Whether one free axis comes first in every input and output, and the batches have all else in common."""
    first = {spec.shape[0] if spec.shape else 0 for spec in (*info.inputs, *info.outputs)}
    if len(first) != 1 or isinstance(next(iter(first)), int):
        return False
    shapes = {
        tuple(sorted((name, value.dtype.name, value.shape[1:]) for name, value in batch.items())) for batch in batches
    }
    lengths = all(len({value.shape[:1] for value in batch.values()}) == 1 for batch in batches)
    return len(shapes) == 1 and lengths
