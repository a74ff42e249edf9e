"""Parts of the float model evaluated, and the pass that removes what nothing needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlm.adapters.exact.lower.simplify import Source, Step

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


def part(
    source: Source, steps: Sequence[Step], root: str, output: str, *, scalars: bool = False
) -> Callable[[Array], Array]:
    """The function from tensor `root` to tensor `output` that these original steps compute, by ONNX's own reference.

    With `scalars` constants of one element have no axes, so that elementwise steps take a vector of any length.
    """
    from onnx import helper, numpy_helper
    from onnx.reference import ReferenceEvaluator

    wanted = {name for step in steps for name in step.outputs}
    nodes = [node for node in source.model.graph.node if node.output[0] in wanted]
    used = sorted({name for node in nodes for name in node.input if name in source.constants})
    constants = {name: source.constants[name] for name in used}
    if scalars:
        constants = {name: value.reshape(()) if value.size == 1 else value for name, value in constants.items()}
    graph = helper.make_graph(
        nodes,
        "part",
        [helper.make_empty_tensor_value_info(root)],
        [helper.make_empty_tensor_value_info(output)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=source.model.opset_import, ir_version=source.model.ir_version)
    running = ReferenceEvaluator(made)

    def run(values: Array) -> Array:
        given = values if root in source.integers else values.astype("float32")
        results: Any = running.run([output], {root: given})
        found: Array = results[0]
        return found

    return run


def without_dead(source: Source, steps: Iterable[Step]) -> Source:
    """The steps that an output needs, in topological order."""
    order = list(steps)
    producers = {name: step for step in order for name in step.outputs}
    alive: set[int] = set()
    stack = list(source.outputs)
    while stack:
        step = producers.get(stack.pop())
        if step is not None and id(step) not in alive:
            alive.add(id(step))
            stack.extend(step.inputs)
    return source.with_steps(_sorted([step for step in order if id(step) in alive], producers))


def _sorted(steps: Sequence[Step], producers: Mapping[str, Step]) -> list[Step]:
    """Depth first, in the order given where that is free."""
    done: dict[int, Step] = {}
    for first in steps:
        stack = [(first, False)]
        while stack:
            step, ready = stack.pop()
            if id(step) in done:
                continue
            if ready:
                done[id(step)] = step
                continue
            stack.append((step, True))
            stack.extend(
                (producers[name], False)
                for name in reversed(step.inputs)
                if name in producers and id(producers[name]) not in done
            )
    return list(done.values())
