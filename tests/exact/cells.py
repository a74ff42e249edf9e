"""Random cells of every operator with what numpy computes for whole operands (mlm/adapters/exact/reference.py): forge

judges them by FaultProofs (devnet/test/exact/ProofDifferential.t.sol). Their expected numbers do not come from cell.py.
`python -m tests.exact.cells` writes them and says what is among them.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np

from mlm.adapters.exact.reference import run_node
from mlm.core.exact.node import Node, Op
from tests.exact.calldata import cell_call, refusal
from tests.exact.fitting import Fitted, fitted, shifts, sums
from tests.exact.models import arrays
from tests.exact.proofs import FOLDER, OPERATORS, Case, put, world_of
from tests.exact.sampling import Sample

Array = np.ndarray
CELLS = 16  # at most of one node
ROUNDED = (Op.CONV, Op.MATMUL, Op.ADD, Op.MUL, Op.LAYERNORM)

# Other ways to round value / 2^shift, each of which the cells must tell from halves to the even.
WRONG: dict[str, Callable[[Array, Array], Array]] = {
    "half up": lambda value, shift: (2 * value + (1 << shift)) >> (shift + 1),
    "half down": lambda value, shift: -((-2 * value + (1 << shift)) >> (shift + 1)),
    "half away from 0": lambda value, shift: np.sign(value) * ((2 * np.abs(value) + (1 << shift)) >> (shift + 1)),
    "floor": lambda value, shift: value >> shift,
    "towards 0": lambda value, shift: np.sign(value) * (np.abs(value) >> shift),
}


# What of `marks` must be seen of an operator. A softmax's shares are within its limits by themselves.
_CLIPS = ("low", "high")
EXPECTED: dict[Op, tuple[str, ...]] = {
    **dict.fromkeys(ROUNDED, ("half", *_CLIPS, *WRONG)),
    Op.CONV: ("half", *_CLIPS, *WRONG, "absent"),
    Op.MAXPOOL: ("absent",),
    Op.PAD: ("absent",),
    Op.GATHER: _CLIPS,
    Op.SOFTMAX: ("half", "half to the even", "floor"),
}


def cells(op: Op, seed: int, count: int, seen: Counter[str]) -> Iterator[Case]:
    """Proofs about cells of a trace most of which is false. `seen` counts what is among them, by `marks`' names."""
    random = Random(f"mlm/exact/cells/{op}/{seed}")
    while count > 0:
        made = fitted(op, random)
        world = world_of(made.sample, random)
        world.graph.check()
        right = run_node(made.sample.node, arrays(made.sample))
        found = {name: values.ravel() for name, values in marks(made.sample, right).items()}
        claimed = right.tobytes()
        lie = bytes(value ^ random.choice((0, random.randint(1, 255))) for value in claimed)
        prover = world.prover(lie)
        for index in _chosen(made, random)[:count]:
            call = cell_call(prover.committed, prover.cell(world.node, index))
            number = int(right.flat[index])
            if lie[index] == claimed[index]:
                answer = refusal("CellConsistent", world.node, index, number)
            else:
                told = int.from_bytes(lie[index : index + 1], "big", signed=True)
                answer = b"".join(value.to_bytes(32, "big", signed=True) for value in (number, told))
            seen["cells"] += 1
            seen.update(name for name, values in found.items() if values[index])
            yield Case(call, answer, lie[index] != claimed[index])
            count -= 1


def _chosen(made: Fitted, random: Random) -> list[int]:
    """Half of them are those that were made to end in a half, where there are as many."""
    halves = random.sample(made.halves, min(len(made.halves), CELLS // 2))
    every = range(made.sample.node.output.elements)
    return list({*halves, *random.sample(every, min(len(every), CELLS - len(halves)))})


def marks(made: Sample, right: Array) -> dict[str, Array]:
    """What there is about each cell of a node whose output is `right`: booleans of the output's shape, by name.

    `half`: it is rounded from the middle between two numbers that both lie within the limits. `low`, `high`: it is
    clipped. `absent`: padding is among what it is computed from. The others name a rounding that would give another.
    """
    node = made.node
    if node.op in ROUNDED:
        found = _rounded(made, right)
        return {**found, "absent": _absent(node)} if node.op is Op.CONV else found
    match node.op:
        case Op.MAXPOOL:
            return {"absent": _absent(node)}
        case Op.PAD:
            beyond = np.ones(node.output.shape, bool)
            shape = node.operands[0].kind.shape
            beyond[tuple(slice(at, at + size) for at, size in zip(node.attributes, shape, strict=False))] = False
            return {"absent": beyond}
        case Op.GATHER:
            numbers = np.broadcast_to(arrays(made)[1].reshape(*node.output.shape[:3], 1), node.output.shape)
            return {"low": numbers < 0, "high": numbers >= node.operands[0].kind.shape[2]}
        case Op.SOFTMAX:
            x, weights = (values.astype(np.int64) for values in arrays(made))
            own = weights.ravel()[x.max(axis=-1, keepdims=True) - x]
            twice = 2 * own.sum(axis=-1, keepdims=True)
            share = 2 * node.attribute("scale") * own
            half = share % twice == twice // 2
            return {"half": half, "half to the even": half & (right % 2 == 1), "floor": share // twice != right}
        case _:
            return {}


def _rounded(made: Sample, right: Array) -> dict[str, Array]:
    low, high = (made.node.attribute(name) for name in ("low", "high"))
    total, shift = sums(made), shifts(made)
    below = total >> shift
    twice, unit = 2 * (total - (below << shift)), np.int64(1) << shift
    found = {
        "half": (twice == unit) & (below >= low) & (below < high),
        "low": 2 * total < (2 * low - 1) << shift,
        "high": 2 * total > (2 * high + 1) << shift,
    }
    return found | {name: np.clip(other(total, shift), low, high) != right for name, other in WRONG.items()}


def _absent(node: Node) -> Array:
    """Where windows reach beyond the image."""
    _, height, width, _ = node.operands[0].kind.shape
    kernel = node.operands[1].kind.shape[1:3] if node.op is Op.CONV else node.attributes[:2]
    beyond = []
    for axis, size, out, taps, before in (
        ("h", height, node.output.shape[1], kernel[0], "pad_top"),
        ("w", width, node.output.shape[2], kernel[1], "pad_left"),
    ):
        first = np.arange(out) * node.attribute(f"stride_{axis}") - node.attribute(before)
        beyond.append((first < 0) | (first + (taps - 1) * node.attribute(f"dilation_{axis}") >= size))
    return np.broadcast_to((beyond[0][:, None] | beyond[1])[None, :, :, None], node.output.shape)


def write(op: Op, seed: int, count: int, folder: Path = FOLDER) -> Counter[str]:
    """Write an operator's cells for forge; what is among them, `cells` in all."""
    seen = Counter[str]()
    put(folder / op.name, cells(op, seed, count, seen))
    return seen


def main() -> None:
    """Write the cells of these operators, or of all, for forge."""
    parser = argparse.ArgumentParser(prog="python -m tests.exact.cells", description=__doc__)
    parser.add_argument("ops", nargs="*", metavar="OP", help="operators by name; all of them where none is named")
    parser.add_argument("--count", type=int, default=1_000, help="of each operator")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for name in options.ops or [op.name for op in OPERATORS]:
        print(name, dict(write(Op[name], options.seed, options.count)))


if __name__ == "__main__":
    main()
