"""Fault proofs of one cell, as transactions on the devnet of bench/gas_steps.py: the contract that decides them, alone.

A graph has 256 nodes, the most there are; its last is a convolution of 3x3 taps in the middle of a 14x14 image, so that
K numbers are multiplied with K weights. Each cell lies as badly as any in its leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from bench.gas_chain import CONSUMER, GasChain
from mlm.core.exact.node import Node, Op, Operand
from mlm.core.exact.opening import CellFault, Committed
from mlm.core.exact.tensor import DType, TensorType
from tests.exact.calldata import cell_call
from tests.exact.proofs import liar, world_of
from tests.exact.sampling import Sample, root

TERMS = (288, 576, 1152, 2304, 4608)  # K
SIDE, CHANNELS = 14, 64
NODES = 256
# EIP-7623, from Prague on: what a transaction costs at least for each zero byte of its calldata, and for each other.
BASE, ZERO, OTHER = 21_000, 10, 40


def faults(chain: GasChain) -> None:
    """Convict by one cell, for each K; then what EIP-7623 takes at least."""
    for terms, committed, fault in proofs():
        name = f"fault proof: a convolution's cell, K = {terms}"
        chain.do(name, CONSUMER, "FaultProofs", "checkCell", committed.words(), fault.words())
        chain.gas[f"{name}, at least from Prague on"] = least(cell_call(committed, fault))


def least(call: bytes) -> int:
    """What a transaction with this calldata costs at least."""
    zeros = call.count(0)
    return BASE + ZERO * zeros + OTHER * (len(call) - zeros)


def proofs() -> Iterator[tuple[int, Committed, CellFault]]:
    """K, what was committed to, and a proof that convicts."""
    for terms in TERMS:
        random = Random(terms)
        world = world_of(_convolution(terms // 9, random), random, NODES - 2)
        most: tuple[int, Committed, CellFault] | None = None
        for index in ((7 * SIDE + 7) * CHANNELS + 33, (5 * SIDE + 6) * CHANNELS + 7, (8 * SIDE + 5) * CHANNELS + 62):
            prover = liar(world, index, world.sample.output(index) ^ 1)
            fault = prover.cell(world.node, index)
            size = len(cell_call(prover.committed, fault))
            if most is None or size > most[0]:
                most = size, prover.committed, fault
        assert most
        yield terms, most[1], most[2]


def _convolution(depth: int, random: Random) -> Sample:
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
