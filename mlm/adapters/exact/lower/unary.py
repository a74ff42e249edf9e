"""The pass that turns chains of elementwise operators over one tensor into single functions: later, one table each.

A chain is whatever follows from one tensor elementwise and through scalar constants, branches included: x · sigmoid(x),
hard-swish from Add, Clip, Mul and Div, GELU from Erf or Tanh.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlm.adapters.exact.lower.evaluate import part, without_dead
from mlm.adapters.exact.lower.simplify import Source, Step

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_FUNCTIONS = frozenset(
    ("Abs", "Acos", "Asin", "Atan", "Cast", "Ceil", "Celu", "Clip", "Cos", "Elu", "Erf", "Exp", "Floor", "Gelu")
    + ("HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Relu", "Round")
    + ("Selu", "Sigmoid", "Sign", "Sin", "Softplus", "Softsign", "Sqrt", "Swish", "Tanh", "ThresholdedRelu")
)
_WITH_SCALARS = frozenset(("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "PRelu"))
ELEMENTWISE = _FUNCTIONS | _WITH_SCALARS


def fuse(source: Source) -> Source:
    """Steps `Unary`, whose attribute `function` maps a vector of floats; `clip` or `factor` where it is no more.

    `clip` (low, high): what a requantisation can do by itself. `factor` above 0: only a scale, which costs nothing.
    """
    chains: dict[str, tuple[str, tuple[Step, ...]]] = {}  # tensor -> (root, steps from it)
    for step in source.steps:
        moving = [name for name in step.inputs if name and name not in source.constants]
        if not _elementwise(source, step, moving):
            continue
        roots = {chains[name][0] if name in chains else name for name in moving}
        if len(roots) == 1:
            before = {id(s): s for name in moving if name in chains for s in chains[name][1]}
            chains[step.output] = roots.pop(), (*before.values(), step)
    made: list[Step] = []
    for step in source.steps:
        if step.output not in chains:
            made.append(step)
            continue
        root, steps = chains[step.output]
        made.append(Step("Unary", step.name, (root,), (step.output,), {"steps": steps}))
    kept = without_dead(source, made)
    return kept.with_steps(_described(source, step) if step.op == "Unary" else step for step in kept.steps)


def _elementwise(source: Source, step: Step, moving: list[str]) -> bool:
    if step.op not in ELEMENTWISE or not moving or set(moving) & source.integers:
        return False
    if step.op in _FUNCTIONS and step.inputs[0] in source.constants:
        return False
    if step.op == "PRelu" and step.inputs[0] in source.constants:
        return False
    shapes = {source.shapes[name] for name in (*moving, step.output)}
    return len(shapes) == 1 and all(
        source.constants[name].size == 1 for name in step.inputs if name in source.constants
    )


def _described(source: Source, step: Step) -> Step:
    import numpy as np

    far = np.geomspace(64, 1e9, 64, dtype=np.float32)
    grid = np.concatenate([-far[::-1], np.linspace(-64, 64, 257, dtype=np.float32), far])
    compute = part(source, step.attributes["steps"], step.inputs[0], step.output, scalars=True)

    def function(values: Array) -> Array:
        """Of any number of values, in float64."""
        with np.errstate(all="ignore"):
            return compute(values.ravel()).reshape(values.shape).astype(np.float64)

    described: dict[str, Any] = {"function": function}
    shown = function(grid)
    low, high = float(shown.min()), float(shown.max())
    if low < high and np.array_equal(shown, np.clip(grid, low, high)):
        described["clip"] = (low if low > grid[0] else -np.inf, high if high < grid[-1] else np.inf)
    elif shown[-1] > 0 and np.allclose(shown / shown[-1], grid / grid[-1], rtol=1e-5, atol=1e-7):
        described["factor"] = float(shown[-1] / grid[-1])
    return Step(step.op, step.name, step.inputs, step.outputs, described)
