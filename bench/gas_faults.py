"""Fault proofs of one cell, as transactions on the devnet of bench/gas_steps.py: the contract that decides them, alone.

A graph has 256 nodes, the most there are; its last is a convolution of 3x3 taps in the middle of a 14x14 image, so that
K numbers are multiplied with K weights, or a softmax of one row. Each cell lies as badly as any in its leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from bench.gas_chain import CONSUMER, GasChain
from mlm.core.exact.node import Node, Op, Operand
from mlm.core.exact.opening import CellFault, Prover
from mlm.core.exact.tensor import DType, TensorType
from tests.exact.calldata import cell_call
from tests.exact.proofs import liar, world_of
from tests.exact.sampling import Sample, root

TERMS = (288, 576, 1152, 2304, 4608)  # K
WIDTHS = (128, 1000)  # of a softmax's row
SIDE, CHANNELS = 14, 64
CELLS = [(7 * SIDE + 7) * CHANNELS + 33, (5 * SIDE + 6) * CHANNELS + 7, (8 * SIDE + 5) * CHANNELS + 62]
NODES = 256
# EIP-7623, from Prague on: what a transaction costs at least for each zero byte of its calldata, and for each other.
BASE, ZERO, OTHER = 21_000, 10, 40


def faults(chain: GasChain) -> None:
    """Convict by one cell, for each K and width; then what EIP-7623 takes at least."""
    for cell, prover, fault in proofs():
        name, committed = f"fault proof: {cell}", prover.committed
        chain.do(name, CONSUMER, "FaultProofs", "checkCell", committed.words(), fault.words())
        chain.gas[f"{name}, at least from Prague on"] = least(cell_call(committed, fault))


def least(call: bytes) -> int:
    """What a transaction with this calldata costs at least."""
    zeros = call.count(0)
    return BASE + ZERO * zeros + OTHER * (len(call) - zeros)


def proofs() -> Iterator[tuple[str, Prover, CellFault]]:
    """Which cell, whose trace it is of, and a proof that convicts."""
    for terms in TERMS:
        random = Random(terms)
        yield f"a convolution's cell, K = {terms}", *largest(convolution(terms // 9, random), random, CELLS)
    for width in WIDTHS:
        random = Random(width)
        yield f"a softmax's cell, {width} numbers", *largest(_softmax(width, random), random, [width // 3])


def largest(sample: Sample, random: Random, cells: Sequence[int]) -> tuple[Prover, CellFault]:
    """The proof about one of these cells whose call is the longest."""
    world = world_of(sample, random, NODES - 2)
    made = []
    for index in cells:
        prover = liar(world, index, world.sample.output(index) ^ 1)
        made.append((prover, prover.cell(world.node, index)))
    return max(made, key=lambda each: len(cell_call(each[0].committed, each[1])))


def convolution(depth: int, random: Random) -> Sample:
    """Of 3x3 taps over an image of so many channels."""
    image, weights = (1, SIDE, SIDE, depth), (CHANNELS, 3, 3, depth)
    row = (1, 1, 1, CHANNELS)
    kinds = [
        TensorType(DType.I8, image),
        TensorType(DType.I8, weights),
        TensorType(DType.I32, row),
        TensorType(DType.I8, row),
    ]
    limits = [(-128, 127), (-64, 63), (-(1 << 20), 1 << 20), (5, 12)]
    data = tuple(
        tuple(random.randint(low, high) for _ in range(kind.elements))
        for kind, (low, high) in zip(kinds, limits, strict=True)
    )
    operands = tuple(
        Operand(kind, root(kind, values) if i else 0) for i, (kind, values) in enumerate(zip(kinds, data, strict=True))
    )
    output = TensorType(DType.I8, (1, SIDE, SIDE, CHANNELS))
    return Sample(Node(Op.CONV, output, operands, (1, 1, 1, 1, 1, 1, 1, -128, 127)), data)


def _softmax(width: int, random: Random) -> Sample:
    shape, table = (1, 1, 1, width), (1, 1, 1, 256)
    x = tuple(random.randint(-128, 127) for _ in range(width))
    weights = tuple((1 << 20) >> (below // 16) for below in range(256))
    kinds = TensorType(DType.I8, shape), TensorType(DType.I32, table)
    operands = (Operand(kinds[0], 0), Operand(kinds[1], root(kinds[1], weights)))
    return Sample(Node(Op.SOFTMAX, TensorType(DType.I8, shape), operands, (127,)), (x, weights))
