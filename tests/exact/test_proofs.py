"""Fault proofs: every false cell, padding and header convicts, and nothing convicts an honest trace."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import islice
from random import Random
from typing import Any

import pytest

from mlm.core.digest import keccak256
from mlm.core.exact.node import Op
from mlm.core.exact.opening import CellFault, Opening, Place, Prover, most_bytes
from mlm.core.exact.trace import tensor_of
from mlm.core.exact.verify import FaultRefused, verify_cell, verify_header, verify_padding
from tests.exact import calldata
from tests.exact.proofs import FEW, OPERATORS, World, attempts, cases, flips, liar, world_of
from tests.exact.sampling import sample, to_bytes
from tests.vectors import make_exact_proofs

FUZZ = "devnet/test/exact/FaultProofs.fuzz.t.sol"


def small(op: Op, seed: int = 0) -> World:
    """With few enough cells that its output is computed whole."""
    random = Random(f"small {op} {seed}")
    while True:
        world = world_of(sample(op, random), random)
        if 2 <= world.sample.node.output.elements <= FEW:
            world.graph.check()
            return world


def refused(check: Callable[[], object]) -> str:
    with pytest.raises(FaultRefused) as found:
        check()
    return found.value.reason


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_every_false_cell_convicts_and_no_true_one(op: Op) -> None:
    convicted = [case.convicts for case in flips(op, 3)]
    assert len(convicted) >= 16 and sum(convicted) == len(convicted) // 2


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_no_mutated_proof_convicts_an_honest_trace(op: Op) -> None:
    """Asserted where they are drawn; forge judges them again (tests/devnet/test_fault_proofs.py)."""
    assert len(list(islice(cases(op, 5, 240), 240))) == len(list(attempts(op, 5, 240))) == 240


def test_a_long_run_attacks_honest_traces_often_enough() -> None:
    """`make fuzz`: at least 100,000 attempts an operator on the contract, by bytes, and as many by what they mean."""
    from tests import forge

    runs = tomllib.loads((forge.DEVNET / "foundry.toml").read_text())["profile"]["fuzz"]["fuzz"]["runs"]
    (tries,) = re.findall(r"constant TRIES = (\d+);", (forge.ROOT / FUZZ).read_text())
    assert runs * int(tries) >= 100_000 <= forge.LONG


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_a_changed_operand_convicts_wherever_it_matters(op: Op) -> None:
    """A lie about an operand of the trace, after the output was computed, shows in each cell that it changes."""
    changed = 0
    for seed in range(8):
        world, random = small(op, seed), Random(seed)
        honest = world.honest()
        other = _lied(world, random)
        prover = other.prover(honest)
        for index in random.sample(range(len(honest)), min(40, len(honest))):
            claimed = int.from_bytes(honest[index : index + 1], "big", signed=True)
            right = other.sample.output(index)
            fault = prover.cell(world.node, index)
            if right != claimed:
                changed += 1
                assert verify_cell(prover.committed, fault) == (right, claimed)
            else:
                assert refused(partial(verify_cell, prover.committed, fault)) == "CellConsistent"
    assert changed


def _lied(world: World, random: Random) -> World:
    """Half of the numbers of an operand of the trace are others."""
    which = random.choice([i for i, each in enumerate(world.graph.nodes[-1].operands) if not each.is_parameter])
    values = [-value - 1 if random.random() < 0.5 else value for value in world.sample.data[which]]
    data = (*world.sample.data[:which], tuple(values), *world.sample.data[which + 1 :])
    tensor = tensor_of(world.operands[which].kind, to_bytes(world.operands[which].kind, values))
    operands = (*world.operands[:which], tensor, *world.operands[which + 1 :])
    return replace(world, sample=replace(world.sample, data=data), operands=operands)


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_no_proof_opens_more_than_was_said(op: Op) -> None:
    random, most = Random(op), 0.0
    for _ in range(60):
        world = world_of(sample(op, random), random)
        bound = most_bytes(world.sample.node)
        for _ in range(8):
            index = random.randrange(world.sample.node.output.elements)
            fault = liar(world, index, 0).cell(world.node, index)
            openings = (fault.output, *fault.operands)
            opened = sum(len(o.data) + 32 * (len(o.leaves) + len(o.siblings)) for o in openings)
            assert opened <= bound
            most = max(most, opened / bound)
    assert most > 0.8  # and not many more


def test_vectors() -> None:
    """devnet/test/exact/FaultProofs.t.sol runs them too."""
    assert json.loads((make_exact_proofs.HERE / "exact_proofs.json").read_text()) == make_exact_proofs.value()


def test_calls_are_those_of_a_general_encoder() -> None:
    from eth_abi import encode

    prover, fault = _proof(Op.CONV)
    for call, signature, value in (
        (calldata.cell_call, calldata.CELL, fault),
        (calldata.padding_call, calldata.PADDING, prover.padding(fault.place.node, 0)),
        (calldata.header_call, calldata.HEADER, prover.header(fault.place.node, 5, bytes(32))),
    ):
        made: Any = call
        types = signature[signature.index("(") + 1 : -1]
        split = types.index("),(") + 1
        encoded = encode([types[:split], types[split + 1 :]], [prover.committed.words(), value.words()])
        assert made(prover.committed, value) == keccak256(signature.encode())[:4] + encoded


def _proof(op: Op) -> tuple[Prover, CellFault]:
    """Of a lie, in a graph with spare inputs."""
    random = Random(f"proof {op}")
    while True:
        world = world_of(sample(op, random), random, 3)
        if world.operands[0].tree.depth >= 2:
            break
    prover = liar(world, 1, world.sample.output(1) + 1)
    return prover, prover.cell(world.node, 1)


HOSTILE: dict[str, Callable[[CellFault], CellFault]] = {
    "NodeOutOfRange": lambda fault: _placed(fault, node=5),
    "NodeIsInput": lambda fault: _placed(fault, node=0),
    "PathLengthMismatch": lambda fault: _placed(fault, graph_path=()),
    "DescriptorMismatch": lambda fault: _placed(fault, descriptor=(*fault.place.descriptor[:-1], 99)),
    "IndexOutOfRange": lambda fault: replace(fault, index=1 << 40),
    "DataLengthMismatch": lambda fault: _opened(fault, data=fault.operands[0].data[:-1]),
    "LeavesNotAscending": lambda fault: _opened(fault, leaves=(1, 0), data=bytes(1024)),
    "LeavesMissing": lambda fault: replace(fault, output=Opening()),
    "LeafOutOfRange": lambda fault: _opened(fault, leaves=(1 << 20,), data=bytes(512)),
    "SiblingMissing": lambda fault: _opened(fault, siblings=()),
    "SiblingLeftOver": lambda fault: _opened(fault, siblings=(*fault.operands[0].siblings, bytes(32))),
    "RootMismatch": lambda fault: _opened(fault, data=bytes(len(fault.operands[0].data))),
    "OperandCountMismatch": lambda fault: replace(fault, operands=fault.operands[:-1]),
    "LeafMissing": lambda fault: replace(fault, operands=(Opening(), *fault.operands[1:])),
}


def _placed(fault: CellFault, **changes: Any) -> CellFault:
    place: Place = replace(fault.place, **changes)
    return replace(fault, place=place)


def _opened(fault: CellFault, **changes: Any) -> CellFault:
    return replace(fault, operands=(replace(fault.operands[0], **changes), *fault.operands[1:]))


@pytest.mark.parametrize("reason", HOSTILE)
def test_a_refusal_has_the_contracts_name(reason: str) -> None:
    prover, fault = _proof(Op.CONV)
    assert verify_cell(prover.committed, fault)
    assert refused(lambda: verify_cell(prover.committed, HOSTILE[reason](fault))) == reason
    assert reason in calldata.selectors()


def test_padding() -> None:
    world = small(Op.ADD)
    kind, honest = world.sample.node.output, world.honest()
    at = kind.size + 1
    prover, lying = world.prover(honest), world.prover(honest + b"\0\1")
    verify_padding(lying.committed, lying.padding(world.node, at))
    assert refused(lambda: verify_padding(lying.committed, lying.padding(world.node, at - 1))) == "PaddingConsistent"
    assert refused(lambda: verify_padding(prover.committed, prover.padding(world.node, at))) == "PaddingConsistent"
    assert refused(lambda: verify_padding(prover.committed, prover.padding(world.node, 0))) == "NotPadding"
    assert refused(lambda: verify_padding(prover.committed, lying.padding(world.node, at))) == "RootMismatch"


def test_header() -> None:
    world = small(Op.ADD)
    prover = world.prover(world.honest())
    own = prover.trace[world.node]
    same = prover.header(world.node, own.kind.word(), own.tree.root)
    other = prover.header(world.node, own.kind.word() + 1, own.tree.root)
    assert refused(lambda: verify_header(prover.committed, same)) == "HeaderConsistent"
    assert refused(lambda: verify_header(prover.committed, other)) == "RootMismatch"
