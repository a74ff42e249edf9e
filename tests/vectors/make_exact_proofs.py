"""Writes exact_proofs.json: fault proofs as calls of FaultProofs. `python -m tests.vectors.make_exact_proofs`.

For each operator the proof of one cell in an honest trace and in a lying one, the smallest of a few draws; and proofs
of a padding and of a header, each of an honest trace and of a lying one. Whoever changes a proof does not change the
trace: no proof of an honest one convicts.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random

from mlm.core import merkle
from mlm.core.exact.node import Op
from mlm.core.exact.opening import Prover
from mlm.core.exact.tensor import TensorType
from mlm.core.exact.trace import tensor_of
from tests.exact.calldata import cell_call, header_call, padding_call
from tests.exact.proofs import FEW, OPERATORS, World, world_of
from tests.exact.sampling import sample

HERE = Path(__file__).resolve().parent
DRAWS = 40


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]


def of_operator(op: Op) -> dict[str, object]:
    """The call of an honest trace, that of a lying one, the cell, and what follows and is claimed there."""
    random = Random(f"mlm/exact-proofs/{op}")
    best: dict[str, object] = {}
    for _ in range(DRAWS):
        world = world_of(sample(op, random), random, 1)
        size = world.sample.node.output.elements
        if size > FEW:
            continue
        honest, index = world.honest(), random.randrange(size)
        calls = []
        for data in (honest, flipped(honest, index)):
            prover = world.prover(data)
            fault = prover.cell(world.node, index)
            calls.append("0x" + cell_call(prover.committed, fault).hex())
        # Of a convolution, one with leaves to exchange and siblings to leave out.
        if op is Op.CONV and (len(fault.operands[0].leaves) < 2 or not fault.operands[0].siblings):
            continue
        if not best or len(calls[0]) < len(str(best["honest"])):
            claimed = int.from_bytes(flipped(honest, index)[index : index + 1], "big", signed=True)
            best = {
                "op": op.name,
                "index": index,
                "expected": world.sample.output(index),
                "claimed": claimed,
                "honest": calls[0],
                "lying": calls[1],
            }
    return best


def of_padding(world: World) -> dict[str, object]:
    """A byte beyond an output that is not zero in the lying trace, in the leaf of its last element."""
    kind = world.sample.node.output
    at = kind.size + 3
    assert at < merkle.leaves_of(kind.size) * merkle.LEAF_BYTES
    calls = []
    for tail in (b"", bytes(3) + b"\1"):
        prover = world.prover(world.honest() + tail)
        calls.append("0x" + padding_call(prover.committed, prover.padding(world.node, at)).hex())
    return {"at": at, "honest": calls[0], "lying": calls[1]}


def of_header(world: World) -> dict[str, object]:
    """An output whose tensor root was made with its axes in another order."""
    kind = world.sample.node.output
    other = TensorType(kind.dtype, (kind.shape[1], kind.shape[0], kind.shape[3], kind.shape[2]))
    assert other != kind
    calls = []
    for made in (kind, other):
        honest = world.prover(world.honest())
        output = replace(tensor_of(kind, world.honest()), kind=made)
        roots = list(honest.trace_tree.levels[0])
        roots[world.node] = output.root
        prover = Prover(world.graph, merkle.tree_of(roots[: world.node + 1]), honest.trace, honest.parameters)
        fault = prover.header(world.node, made.word(), output.tree.root)
        calls.append("0x" + header_call(prover.committed, fault).hex())
    return {"honest": calls[0], "lying": calls[1]}


def value() -> dict[str, object]:
    """What the file holds."""
    random = Random(7)
    while True:
        world = world_of(sample(Op.ADD, random), random, 2)
        a, b, c, d = world.sample.node.output.shape
        if (a, c) != (b, d) and 30 < a * b * c * d < 250:
            break
    return {
        "format": "mlm/exact-proofs/1",
        "cells": [of_operator(op) for op in OPERATORS],
        "padding": of_padding(world),
        "header": of_header(world),
    }


def main() -> None:
    """Write the file."""
    (HERE / "exact_proofs.json").write_text(json.dumps(value(), indent=1) + "\n")


if __name__ == "__main__":
    main()
