"""The pass that recognises what exporters have taken apart: layer normalisation, softmax, embeddings by one-hot.

A region is whatever lies between one tensor and another. It is recognised by what it computes on random inputs, not by
how it is written: exporters write layer normalisation in a dozen ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlm.adapters.exact.lower.evaluate import part, without_dead
from mlm.adapters.exact.lower.simplify import Source, Step

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_MOST_STEPS = 40
_ROOTS = {"Sqrt", "Pow"}
_REDUCTIONS = {"ReduceMean", "ReduceSum", "ReduceMax"}
_SHAPES = {"Reshape", "Squeeze", "Unsqueeze", "Expand", "Identity", "Cast"}
_ARITHMETIC = {"Add", "Sub", "Mul", "Div", "Max", "Min", "Reciprocal", "Exp", "Erf", "Tanh", "Sigmoid", "Relu", "Clip"}
_LOOKUPS = {"Equal", "MatMul", "Gather", "OneHot", "Gemm", "Where"}
_TOLERANCE = 2e-3
_TRIES = 6


def recognise(source: Source) -> Source:
    """Steps `LayerNorm` (axis, gamma, beta, epsilon), `Softmax` (axis), `Embedding` (table) for what computes them."""
    order = {id(step): at for at, step in enumerate(source.steps)}
    producers = {name: step for step in source.steps for name in step.outputs}
    replaced: dict[int, Step] = {}
    swallowed: set[int] = set()
    for end in reversed(source.steps):
        if id(end) in swallowed:
            continue
        for root, steps in _regions(source, producers, order, end):
            if (made := _recognised(source, root, steps, end)) is None:
                continue
            replaced[id(end)] = made
            swallowed |= {id(step) for step in steps}
            if made.op != "Softmax":  # which may begin with what changes nothing, as x - max(x)
                break
    return without_dead(source, [replaced.get(id(step), step) for step in source.steps])


def _regions(
    source: Source, producers: dict[str, Step], order: dict[int, int], end: Step
) -> Iterator[tuple[str, list[Step]]]:
    """What lies between `end` and ever earlier single tensors."""
    frontier, steps = {end.output}, []  # type: set[str], list[Step]
    allowed = _ROOTS | _REDUCTIONS | _SHAPES | _ARITHMETIC | _LOOKUPS
    while frontier and len(steps) < _MOST_STEPS:
        latest = max(frontier, key=lambda name: order[id(producers[name])] if name in producers else -1)
        step = producers.get(latest)
        if step is None or step.op not in allowed:
            return
        frontier -= set(step.outputs)
        frontier |= {name for name in step.inputs if name and name not in source.constants}
        steps.append(step)
        if len(frontier) == 1:
            yield next(iter(frontier)), steps[::-1]


def _recognised(source: Source, root: str, steps: list[Step], end: Step) -> Step | None:
    used = {step.op for step in steps}
    if root in source.integers:
        return _embedding(source, root, steps, end) if used & {"Equal", "Gather", "OneHot"} else None
    if source.shapes[root] != source.shapes[end.output] or not used & _REDUCTIONS or used & _LOOKUPS:
        return None
    axes = {_axis(source, step) for step in steps if step.op in _REDUCTIONS}
    if len(axes) != 1 or (axis := axes.pop()) is None:
        return None
    if "Exp" in used and end.op in ("Div", "Mul"):
        return _softmax(source, root, steps, end, axis)
    if used & _ROOTS and end.op in ("Add", "Mul", "Div"):
        return _layernorm(source, root, steps, end, axis)
    return None


def _axis(source: Source, step: Step) -> int | None:
    """The only axis that a reduction goes along, counted from the end: keepdims may be off on the way."""
    axes = step.attributes.get("axes")
    if axes is None and len(step.inputs) > 1 and step.inputs[1] in source.constants:
        axes = source.constants[step.inputs[1]].ravel().tolist()
    if axes is None or len(axes) != 1:
        return None
    return int(axes[0]) % len(source.shapes[step.inputs[0]])


def _softmax(source: Source, root: str, steps: list[Step], end: Step, axis: int) -> Step | None:
    import numpy as np

    x = np.random.default_rng(1).normal(0, 3, source.shapes[root]).astype(np.float32)
    weights = np.exp(x - x.max(axis=axis, keepdims=True))
    expected = weights / weights.sum(axis=axis, keepdims=True)
    if not np.allclose(part(source, steps, root, end.output)(x), expected, atol=1e-5):
        return None
    return Step("Softmax", end.name, (root,), (end.output,), {"axis": axis})


def _layernorm(source: Source, root: str, steps: list[Step], end: Step, axis: int) -> Step | None:
    """Fits y = gamma · (x - mean) / sqrt(variance + epsilon) + beta, each along the axis, to random inputs."""
    import numpy as np

    shape, random = source.shapes[root], np.random.default_rng(1)
    compute = part(source, steps, root, end.output)

    def rows(values: Array) -> Array:
        return np.moveaxis(values, axis, -1).reshape(-1, shape[axis]).astype(np.float64)

    def normalised(values: Array) -> Array:
        return (values - values.mean(axis=1, keepdims=True)) / np.sqrt(values.var(axis=1, keepdims=True))

    drawn = [random.normal(0.5, 2, shape).astype(np.float32) for _ in range(_TRIES)]
    x = normalised(np.concatenate([rows(each) for each in drawn]))
    y = np.concatenate([rows(compute(each)) for each in drawn])
    if not np.isfinite(y).all():
        return None
    centred = x - x.mean(axis=0)
    gamma = (centred * y).sum(axis=0) / np.maximum((centred * centred).sum(axis=0), 1e-12)
    beta = y.mean(axis=0) - gamma * x.mean(axis=0)
    if np.abs(gamma * x + beta - y).max() > _TOLERANCE * max(float(np.abs(y).max()), 1e-9):
        return None
    small = (drawn[0] - 0.5) * 1e-3
    flat, widest = rows(small), int(np.abs(gamma).argmax())
    seen = (rows(compute(small))[:, widest] - beta[widest]) / (gamma[widest] * normalised(flat)[:, widest])
    seen = np.clip(np.median(np.abs(seen)), 1e-3, 1)
    epsilon = float(np.median(flat.var(axis=1)) * (1 / seen**2 - 1))
    attributes = {"axis": axis, "gamma": gamma, "beta": beta, "epsilon": max(epsilon, 0.0)}
    return Step("LayerNorm", end.name, (root,), (end.output,), attributes)


def _embedding(source: Source, root: str, steps: list[Step], end: Step) -> Step | None:
    """Rows by number, if every position's row follows from its own number alone."""
    import numpy as np

    shape, out = source.shapes[root], source.shapes[end.output]
    if out[:-1] != shape:
        return None
    rows = max(
        (
            source.constants[name].shape[-1 if step.op == "Equal" else 0]
            for step in steps
            if step.op in ("Equal", "Gather", "MatMul")
            for name in step.inputs
            if name in source.constants and source.constants[name].ndim
        ),
        default=0,
    )
    count, compute = int(np.prod(shape)), part(source, steps, root, end.output)
    kind = np.int64 if _is_int64(source, root) else np.int32
    table = np.zeros((rows, out[-1]), np.float32)
    for start in range(0, rows, count):
        numbers = np.arange(start, start + count).clip(max=rows - 1)
        own = compute(numbers.astype(kind).reshape(shape)).reshape(count, -1)
        table[start : start + count] = own[: rows - start]
    drawn = np.random.default_rng(1).integers(0, rows, shape).astype(kind)
    if not rows or not np.allclose(compute(drawn), table[drawn], atol=1e-5):
        return None
    return Step("Embedding", end.name, (root,), (end.output,), {"table": table})


def _is_int64(source: Source, name: str) -> bool:
    import onnx

    return any(
        value.name == name and value.type.tensor_type.elem_type == onnx.TensorProto.INT64
        for value in source.model.graph.input
    )
