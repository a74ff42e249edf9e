"""Random fault proofs, honest, lying and hostile, with what the Python twin says of each: forge plays them again.

`python -m tests.exact.proofs` writes them to devnet/cache/differential/exact. A file is a row of cases: the call's
length, the answer's length, whether it convicts (4, 4 and 1 bytes, big-endian), the call and the answer.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from random import Random

from mlm.core import merkle
from mlm.core.exact.graph import Graph, input_name
from mlm.core.exact.node import Node, Op, Operand
from mlm.core.exact.opening import CellFault, Prover, opened
from mlm.core.exact.tensor import LIMITS, DType, TensorType
from mlm.core.exact.trace import Tensor, tensor_of
from mlm.core.exact.verify import FaultRefused, verify_cell
from tests.exact.calldata import cell_call, refusal
from tests.exact.mutations import mutated
from tests.exact.sampling import Sample, sample, to_bytes

OPERATORS = [op for op in Op if op is not Op.INPUT]
FOLDER = Path(__file__).resolve().parent.parent.parent / "devnet" / "cache" / "differential" / "exact"
CHUNK = 400  # cases of a file
CELLS = 12  # proofs of one sample
FEW = 300  # cells of an output that is computed whole


@dataclass(frozen=True)
class World:
    """A graph of one computed node, and a trace of it."""

    sample: Sample
    graph: Graph
    filler: tuple[bytes, ...]  # tensor roots of inputs that nothing reads
    operands: tuple[Tensor, ...]

    @property
    def node(self) -> int:
        return len(self.graph.nodes) - 1

    def prover(self, output: bytes) -> Prover:
        """Of a trace whose last node's output has these bytes."""
        made, kinds = tensor_of(self.sample.node.output, output), self.graph.nodes[-1].operands
        traced = [each for each, operand in zip(self.operands, kinds, strict=True) if not operand.is_parameter]
        trace = dict(enumerate([*traced, made], len(self.filler)))
        parameters = {
            operand.source: each
            for each, operand in zip(self.operands, kinds, strict=True)
            if isinstance(operand.source, bytes)
        }
        roots = [*self.filler, *(each.root for each in trace.values())]
        return Prover(self.graph, merkle.tree_of(roots), trace, parameters)

    def honest(self) -> bytes:
        """The output that follows."""
        kind = self.sample.node.output
        return to_bytes(kind, [self.sample.output(i) for i in range(kind.elements)])


def world_of(made: Sample, random: Random, spare: int | None = None) -> World:
    """Operands become inputs where they are no parameters, behind a few spare inputs that nothing reads."""
    spare = random.choice((0, 0, 1, 2, 5)) if spare is None else spare
    kind = TensorType(DType.I8, (1, 1, 1, 1))
    kinds = [kind] * spare + [each.kind for each in made.node.operands if not each.is_parameter]
    inputs = [Node(Op.INPUT, each, (), (input_name(f"x{i}"),)) for i, each in enumerate(kinds)]
    operands = tuple(
        each if isinstance(each.source, bytes) else Operand(each.kind, each.source + spare)
        for each in made.node.operands
    )
    node = replace(made.node, operands=operands)
    graph = Graph((*inputs, node), 1)
    tensors = tuple(
        tensor_of(each.kind, to_bytes(each.kind, values)) for each, values in zip(operands, made.data, strict=True)
    )
    return World(replace(made, node=node), graph, tuple(random.randbytes(32) for _ in range(spare)), tensors)


@dataclass(frozen=True)
class Case:
    """A call of FaultProofs, and its answer: the numbers of a fault, or the error of a proof that is refused."""

    call: bytes
    answer: bytes  # of a refusal for another reason than a consistent cell, the selector only
    convicts: bool

    def packed(self) -> bytes:
        lengths = len(self.call).to_bytes(4, "big") + len(self.answer).to_bytes(4, "big")
        return lengths + bytes([self.convicts]) + self.call + self.answer


def judged(prover: Prover, fault: CellFault) -> Case:
    """What Python says of a proof."""
    call = cell_call(prover.committed, fault)
    try:
        expected, claimed = verify_cell(prover.committed, fault)
    except FaultRefused as error:
        value = prover.trace[fault.place.node].at(fault.index) if error.reason == "CellConsistent" else 0
        return Case(call, refusal(error.reason, fault.place.node, fault.index, value), False)
    answer = b"".join(value.to_bytes(32, "big", signed=True) for value in (expected, claimed))
    return Case(call, answer, True)


def liar(world: World, index: int, value: int) -> Prover:
    """A trace that claims this number for a cell, and 0 for all others."""
    data = bytearray(world.sample.node.output.size)
    data[index] = value & 0xFF
    return world.prover(bytes(data))


def changed(prover: Prover, fault: CellFault, random: Random) -> CellFault:
    """A change to a proof; every fifth time to which leaves of an operand are opened, as well proved as those were."""
    which = random.randrange(len(fault.operands))
    leaves = set(fault.operands[which].leaves)
    if random.random() < 0.8 or not leaves:
        return mutated(fault, random)
    tensor = prover.operand(fault.place.node, which)
    if random.random() < 0.7:
        leaves.remove(random.choice(sorted(leaves)))
    leaves |= {random.randrange(merkle.width_of(tensor.tree.depth)) for _ in range(random.randint(0, 2))}
    opening = opened(tensor, sorted(leaves), prover.path(fault.place.node, which))
    return replace(fault, operands=(*fault.operands[:which], opening, *fault.operands[which + 1 :]))


def cases(op: Op, seed: int, count: int) -> Iterator[Case]:
    """Half of them say something of one cell, true or false; half are mutated proofs, most about honest traces."""
    random = Random(f"mlm/exact/{op}/{seed}")
    low, high = LIMITS[DType.I8]
    while count > 0:
        world = world_of(sample(op, random), random)
        world.graph.check()
        elements = world.sample.node.output.elements
        whole = elements <= FEW
        prover = world.prover(world.honest()) if whole else None
        for i in range(min(CELLS, count)):
            index = random.randrange(elements)
            right = world.sample.output(index)
            value = right if random.random() < 0.5 else random.choice((low, high, random.randint(low, high)))
            if i % 2 and prover:
                case = judged(prover, changed(prover, prover.cell(world.node, index), random))
                assert not case.convicts, "an honest trace was convicted"
            else:
                own = liar(world, index, value)
                fault = own.cell(world.node, index)
                case = judged(own, changed(own, fault, random) if i % 2 else fault)
                assert i % 2 or case.convicts == (value != right)
            yield case
        count -= CELLS


def attempts(op: Op, seed: int, count: int) -> Iterator[Case]:
    """Changed proofs about honest traces, none of which convicts."""
    random = Random(f"mlm/exact/attempts/{op}/{seed}")
    while count > 0:
        world = world_of(sample(op, random), random)
        if world.sample.node.output.elements > FEW:
            continue
        prover = world.prover(world.honest())
        for _ in range(min(CELLS, count)):
            index = random.randrange(world.sample.node.output.elements)
            case = judged(prover, changed(prover, prover.cell(world.node, index), random))
            assert not case.convicts, "an honest trace was convicted"
            yield case
        count -= CELLS


def flips(op: Op, seed: int) -> Iterator[Case]:
    """Each cell of a small honest output, changed by itself: a proof that convicts for each."""
    random = Random(f"mlm/exact/flips/{op}/{seed}")
    while True:
        world = world_of(sample(op, random), random)
        if 8 <= world.sample.node.output.elements <= 64:
            break
    honest = world.honest()
    for index in range(len(honest)):
        changed = bytearray(honest)
        changed[index] ^= random.randint(1, 255)
        prover = world.prover(bytes(changed))
        for at in {index, (index + 1) % len(honest)}:
            case = judged(prover, prover.cell(world.node, at))
            assert case.convicts == (at == index)
            yield case


def write(op: Op, seed: int, count: int, tries: int, folder: Path = FOLDER) -> None:
    """Write an operator's cases into files of at most CHUNK: devnet/cache/differential/exact/CONV/0.bin and so on.

    `count` of what may be true or false, and `tries` at honest traces.
    """
    put(folder / op.name, chain(flips(op, seed), cases(op, seed, count), attempts(op, seed, tries)))


def put(target: Path, made: Iterable[Case]) -> None:
    """Write cases into a new folder, for devnet/test/exact/ProofDifferential.t.sol."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    written, rows = 0, list[bytes]()
    for case in made:
        rows.append(case.packed())
        if len(rows) >= CHUNK:
            (target / f"{written}.bin").write_bytes(b"".join(rows))
            written, rows = written + 1, []
    (target / f"{written}.bin").write_bytes(b"".join(rows))


def main() -> None:
    """Write the cases of these operators, or of all, for forge."""
    parser = argparse.ArgumentParser(prog="python -m tests.exact.proofs", description=__doc__)
    parser.add_argument("ops", nargs="*", metavar="OP", help="operators by name; all of them where none is named")
    parser.add_argument("--count", type=int, default=1_000, help="of each operator")
    parser.add_argument("--attempts", type=int, default=1_000, help="at honest traces, of each operator")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for name in options.ops or [op.name for op in OPERATORS]:
        write(Op[name], options.seed, options.count, options.attempts)


if __name__ == "__main__":
    main()
