"""The pass that gives a constant added to a Conv or MatMul to its bias, also with shape changes in between."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlm.adapters.exact.lower.evaluate import without_dead
from mlm.adapters.exact.lower.simplify import Source, Step

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_IN_ORDER = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"}


def absorb(source: Source) -> Source:
    """Steps Conv and MatMul with an attribute `bias`; `like` names the tensor that their numbers then are those of."""
    producers = {name: step for step in source.steps for name in step.outputs}
    uses = source.uses()
    changed: dict[int, Step | None] = {}
    for step in source.steps:
        if step.op != "Add" or (side := _constant(source, step)) is None:
            continue
        chain, maker = _chain(source, producers, uses, step.inputs[1 - side])
        if maker is None or id(maker) in changed:
            continue
        bias = _bias(source, source.constants[step.inputs[side]], step, maker)
        if bias is None:
            continue
        # The chain's last tensor now is the sum; the maker's own is like it, though shaped otherwise.
        inner = f"{maker.output}/biased" if chain else step.output
        attributes = {**maker.attributes, "bias": bias, **({"like": step.output} if chain else {})}
        changed[id(maker)] = replace(maker, outputs=(inner,), attributes=attributes)
        source.shapes[inner] = source.shapes[maker.output]  # type: ignore[index]
        changed[id(step)] = None
        for at, link in enumerate(chain):
            output = step.output if at == len(chain) - 1 else f"{link.output}/biased"
            source.shapes[output] = source.shapes[link.output]  # type: ignore[index]
            changed[id(link)] = replace(link, inputs=(inner, *link.inputs[1:]), outputs=(output,))
            inner = output
    made = [changed.get(id(step), step) for step in source.steps]
    return without_dead(source, [step for step in made if step is not None])


def _constant(source: Source, step: Step) -> int | None:
    """Which operand is the constant one."""
    found = [at for at, name in enumerate(step.inputs) if name in source.constants]
    return found[0] if len(found) == 1 else None


def _chain(
    source: Source, producers: dict[str, Step], uses: dict[str, list[Step]], name: str
) -> tuple[list[Step], Step | None]:
    """The shape changes from a Conv or MatMul of constant weights to a tensor, none of which anything else reads."""
    chain: list[Step] = []
    while name in producers and len(uses[name]) == 1:
        step = producers[name]
        if step.op in ("Conv", "MatMul") and len(step.inputs) > 1 and step.inputs[1] in source.constants:
            return chain[::-1], step
        whole = step.op == "Slice" and source.shapes[step.inputs[0]] == source.shapes[name]
        if step.op not in _IN_ORDER and not whole:
            break
        chain.append(step)
        name = step.inputs[0]
    return chain, None


def _bias(source: Source, constant: Array, add: Step, maker: Step) -> Array | None:
    """The constant as one number for each output channel of the maker; None where it is no such thing."""
    import numpy as np

    shape, out = source.shapes[maker.output], source.shapes[add.output]
    if np.prod(shape) != np.prod(out):
        return None
    axis = 1 if maker.op == "Conv" else len(shape) - 1
    whole = np.broadcast_to(constant, out).reshape(shape)
    rows = np.moveaxis(whole, axis, 0).reshape(shape[axis], -1)
    if np.ptp(rows, axis=1).any():
        return None
    before = maker.attributes.get("bias", 0)
    return np.asarray(rows[:, 0], np.float64) + before
