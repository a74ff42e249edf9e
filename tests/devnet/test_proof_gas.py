"""What `core/dispute/cost.py` says that a proof takes at most, beside what the shipped contract takes on a devnet."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from bench.gas_faults import least
from mlm.adapters.chain.rpc import quantity
from mlm.core.dispute import cost
from mlm.core.exact.node import Op
from tests.devnet_fixture import RunningDevnet
from tests.exact.calldata import cell_call
from tests.exact.proofs import OPERATORS, World, liar, world_of
from tests.exact.sampling import I8, I32, Sample, _columns, _made, _values, sample

SMALL = 12  # random nodes of each operator
SLACK = 3  # what a bound may be above what a proof takes that lies as badly as any in its leaves


def conv(random: Random, side: int, depth: int, kernel: int, groups: int = 1, dilation: int = 1) -> Sample:
    """An image of side x side; depthwise where `depth` is 1."""
    image, weights = (1, side, side, depth * groups), (groups, kernel, kernel, depth)
    out = side - (kernel - 1) * dilation
    operands = [(I8, image, _values(random, image), False), (I8, weights, _values(random, weights), True)]
    attributes = (1, 1, 0, 0, dilation, dilation, groups, -128, 127)
    return _made(Op.CONV, (1, out, out, groups), [*operands, *_columns(random, groups)], attributes)


def matmul(random: Random, terms: int) -> Sample:
    a, b = (1, 1, 2, terms), (1, 1, 3, terms)
    operands = [(I8, a, _values(random, a), False), (I8, b, _values(random, b), False), *_columns(random, 3)]
    return _made(Op.MATMUL, (1, 1, 2, 3), operands, (-128, 127))


def pool(random: Random, side: int, channels: int, kernel: int) -> Sample:
    image, out = (1, side, side, channels), side - kernel + 1
    operands = [(I8, image, _values(random, image), False)]
    return _made(Op.MAXPOOL, (1, out, out, channels), operands, (kernel, kernel, 1, 1, 0, 0, 1, 1))


def softmax(random: Random, width: int) -> Sample:
    row, table = (1, 1, 1, width), (1, 1, 1, 256)
    weights = tuple((1 << 12) >> (below // 16) for below in range(256))
    return _made(Op.SOFTMAX, row, [(I8, row, _values(random, row), False), (I32, table, weights, True)], (127,))


def layernorm(random: Random, width: int) -> Sample:
    row = (1, 1, 1, width)
    operands = [(I8, row, _values(random, row), False), (I8, row, _values(random, row), True)]
    operands += [(I32, row, _values(random, row, -(1 << 18), 1 << 18), True)]
    return _made(Op.LAYERNORM, row, operands, (5, 3, 5, -128, 127))


LARGE: dict[str, Callable[[Random], Sample]] = {
    "3x3 of 512 channels": lambda random: conv(random, 8, 512, 3),
    "1x1 of 2048 channels": lambda random: conv(random, 4, 2048, 1),
    "depthwise, 20x20": lambda random: conv(random, 24, 1, 20, 128),
    "grouped, dilated": lambda random: conv(random, 16, 16, 5, 4, 2),
    "matmul of 12,000": lambda random: matmul(random, 12_000),
    "maximum over 20x20 of 128 channels": lambda random: pool(random, 24, 128, 20),
    "maximum over 40x40 of 1 channel": lambda random: pool(random, 50, 1, 40),
    "softmax of 16,000": lambda random: softmax(random, 16_000),
    "layer normalisation of 16,000": lambda random: layernorm(random, 16_000),
}


def measured(devnet: RunningDevnet, made: World, random: Random) -> tuple[int, int]:
    """Gas and bytes of a proof that convicts, by whichever rules take more: the devnet's, or Prague's floor."""
    index = random.randrange(made.sample.node.output.elements)
    prover = liar(made, index, made.sample.output(index) ^ 1)
    call = cell_call(prover.committed, prover.cell(made.node, index))
    chain = devnet.chain()
    sent = {
        "from": devnet.accounts["watcher"],
        "to": chain.address_of("FaultProofs"),
        "data": "0x" + call.hex(),
        "gas": hex(29_000_000),
    }
    return max(quantity(chain.rpc.call("eth_estimateGas", sent, "latest"), "gas"), least(call)), len(call)


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_no_proof_takes_more_than_its_bound(devnet: RunningDevnet, op: Op) -> None:
    random = Random(f"mlm/proof gas/{op}")
    for _ in range(SMALL):
        made = world_of(sample(op, random), random, random.choice((0, 250)))
        gas, size = measured(devnet, made, random)
        bound = cost.proof(made.graph, made.node)
        assert gas <= bound.gas - cost.CONVICTION and size <= bound.bytes


@pytest.mark.parametrize("name", LARGE)
def test_nor_does_a_large_one_and_the_bound_is_near(devnet: RunningDevnet, name: str) -> None:
    random = Random(name)
    made = world_of(LARGE[name](random), random, 200)
    gas, size = measured(devnet, made, random)
    bound = cost.proof(made.graph, made.node)
    assert gas <= bound.gas - cost.CONVICTION <= SLACK * gas and size <= bound.bytes
