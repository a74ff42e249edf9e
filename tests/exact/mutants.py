"""Whatever a provider can have otherwise than the version and the job say, one thing at a time, and what it meets.

A weight, an input, an attribute, a word of the graph, a type word, a root, a byte of the padding. Either the submission
is refused, or it is taken and a proof convicts it, or nobody can open its root and its provider loses by silence; a
change that no output shows is no lie, and is counted. Python judges here, the shipped contracts judge the same calls
again: `write` leaves them for devnet/test/exact/MutantDifferential.t.sol.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from itertools import count
from pathlib import Path
from random import Random

from mlm.core import merkle
from mlm.core.digest import keccak256, word, words
from mlm.core.errors import InvalidData
from mlm.core.exact.commitments import SCHEME_EXACT, TIER, Evidence
from mlm.core.exact.graph import Graph
from mlm.core.exact.node import ATTRIBUTES, Node, Op, Operand
from mlm.core.exact.opening import Place, Prover
from mlm.core.exact.tensor import TensorType, root_of_word
from mlm.core.exact.trace import Tensor, tensor_of
from mlm.core.exact.verify import verify_header, verify_padding
from mlm.core.merkle import LEAF_BYTES
from tests.exact.calldata import check_call, descriptor_call, header_call, padding_call, selectors
from tests.exact.proofs import CHUNK, Case, World, judged, world_of
from tests.exact.sampling import root
from tests.exact.telling import telling

FOLDER = Path(__file__).resolve().parent.parent.parent / "devnet" / "cache" / "differential" / "mutants"
VERSION = keccak256(b"a version")
BITS = 256  # of a word


class Kind(StrEnum):
    """What is otherwise."""

    WEIGHT = "weight"
    INPUT = "input"
    ATTRIBUTE = "attribute"
    WORD = "word of the graph"
    TYPE = "type word"
    ROOT = "root"
    PADDING = "padding"


class Outcome(StrEnum):
    """What it meets."""

    REFUSED = "refused"  # the submission reverts
    CELL = "cell"  # the proofs that convict
    HEADER = "header"
    PADDED = "padding"
    SILENCE = "silence"  # no bytes give the root: the provider cannot answer in a game
    NONE = "none"  # every output is as it should be: the trace is the honest one


@dataclass(frozen=True)
class Mutant:
    """One change; the calls of the game's `check` and of FaultProofs, and what each of them answers."""

    kind: Kind
    place: str
    outcome: Outcome
    submission: Case | None = None
    proofs: tuple[Case, ...] = ()


class Mutants:
    """All of an operator, of the graph whose one node is `telling`; every `every`-th of each kind."""

    def __init__(self, op: Op, every: int = 1) -> None:
        told = telling(op)
        self.op, self.every, self._limits = op, every, told.limits
        self.world: World = world_of(told.sample, Random(f"mlm/mutants/{op}"), 1)
        self.world.graph.check()
        self.honest = self.world.honest()
        self._prover = self.world.prover(self.honest)
        self._evidence = _evidence(self._prover)
        self._given = self._evidence.input_commitment(VERSION)
        self._jobs = count(op << 64)

    def __iter__(self) -> Iterator[Mutant]:
        for kind in (self.numbers, self.attributes, self.words, self.types, self.roots, self.padding):
            yield from kind()

    def truth(self) -> tuple[Case, Case]:
        """The honest run: its submission, which is taken, and a proof about it, which convicts nobody."""
        return self._submitted(self._evidence), judged(self._prover, self._prover.cell(self.world.node, 0))

    # ------------------------------------------------------------------ what is computed with

    def numbers(self) -> Iterator[Mutant]:
        """Each number of each operand: computed with another, or committed to as another."""
        made = self.world.sample
        for which, operand in enumerate(made.node.operands):
            kind = Kind.WEIGHT if operand.is_parameter else Kind.INPUT
            for at in self._some(len(made.data[which])):
                for value in self._others(which, made.data[which][at]):
                    place = f"operand {which}, number {at}: {value}"
                    values = (*made.data[which][:at], value, *made.data[which][at + 1 :])
                    data = (*made.data[:which], values, *made.data[which + 1 :])
                    yield self._computed(kind, place, replace(self.world, sample=replace(made, data=data)))
                    yield self._committed(kind, place, which, operand, values)

    def _others(self, which: int, value: int) -> list[int]:
        low, high = self._limits[which]
        return sorted({low, high, value + 1 if value < high else value - 1} - {value})

    def _committed(self, kind: Kind, place: str, which: int, operand: Operand, values: Sequence[int]) -> Mutant:
        """The number stands in the graph, or in the input that is handed in: neither is the registered one."""
        other = root(operand.kind, values)
        if operand.is_parameter:
            return self._of_graph(kind, place, self._node(which, replace(operand, source=other)))
        roots = [*self._evidence.roots]
        source = self.world.graph.nodes[-1].operands[which].source
        assert isinstance(source, int)
        roots[source] = other
        return self._refused(kind, place, replace(self._evidence, roots=tuple(roots)))

    def _node(self, which: int, operand: Operand) -> Node:
        node = self.world.graph.nodes[-1]
        return replace(node, operands=(*node.operands[:which], operand, *node.operands[which + 1 :]))

    def attributes(self) -> Iterator[Mutant]:
        """Each attribute: computed with any other of these that gives a graph, and written into the graph."""
        node = self.world.sample.node
        for at, name in enumerate(ATTRIBUTES[self.op]):
            value = node.attributes[at]
            for other in sorted({value - 2, value - 1, value + 1, value + 2, 2 * value, value // 2, 0, 1 << 40}):
                if other == value:
                    continue
                attributes = (*node.attributes[:at], other, *node.attributes[at + 1 :])
                changed = replace(self.world.graph.nodes[-1], attributes=attributes)
                yield self._of_graph(Kind.ATTRIBUTE, f"{name}: {other}", changed)
                graph = replace(self.world.graph, nodes=(*self.world.graph.nodes[:-1], changed))
                if _is_checked(graph):
                    sample = replace(self.world.sample, node=changed)
                    yield self._computed(Kind.ATTRIBUTE, f"{name}: {other}", replace(self.world, sample=sample))

    def _computed(self, kind: Kind, place: str, other: World) -> Mutant:
        """The outputs follow from the other numbers, and what is committed to is the right graph and input."""
        output = other.honest()
        if output == self.honest:
            return Mutant(kind, place, Outcome.NONE)
        prover = self.world.prover(output)
        index = next(i for i, (a, b) in enumerate(zip(output, self.honest, strict=True)) if a != b)
        proof = judged(prover, prover.cell(self.world.node, index))
        return Mutant(kind, place, Outcome.CELL, self._submitted(_evidence(prover)), (proof,))

    # ------------------------------------------------------------------ what is committed to

    def words(self) -> Iterator[Mutant]:
        """Each bit of each word of each node."""
        for at, node in enumerate(self.world.graph.nodes):
            own = node.words()
            for which, bit in self._bits(len(own)):
                changed = (*own[:which], own[which] ^ 1 << bit, *own[which + 1 :])
                digests = [each.digest() for each in self.world.graph.nodes]
                digests[at] = sha256(words(changed)).digest()
                evidence = replace(self._evidence, graph_root=merkle.tree_of(digests).root)
                place = f"node {at}, word {which}, bit {bit}"
                made = self._refused(Kind.WORD, place, evidence)
                if at == self.world.node:  # nor can a challenger pass them for the node's
                    fault = self._prover.cell(at, 0)
                    shown = Place(at, changed, fault.place.graph_path)
                    made = replace(made, proofs=(judged(self._prover, replace(fault, place=shown)),))
                yield made

    def types(self) -> Iterator[Mutant]:
        """Each bit of the type word that a tensor root is made with, and each other order of its axes."""
        nodes = self.world.graph.nodes
        for at, made in ((self.world.node, nodes[-1].output), *enumerate(node.output for node in nodes[:-1])):
            if at < len(self.world.filler):  # nobody knows what lies behind their roots
                continue
            tensor = self._prover.trace[at]
            for other in self._type_words(made):
                evidence = self._with_root(at, root_of_word(other, tensor.tree.root))
                if at < self.world.graph.inputs:
                    yield self._refused(Kind.TYPE, f"node {at}: {other:#x}", evidence)
                    continue
                prover = self._proving(evidence)
                fault = prover.header(at, other, tensor.tree.root)
                verify_header(prover.committed, fault)
                proof = Case(header_call(prover.committed, fault), b"", True)
                yield Mutant(Kind.TYPE, f"{other:#x}", Outcome.HEADER, self._submitted(evidence), (proof,))

    def _type_words(self, kind: TensorType) -> Iterator[int]:
        a, b, c, d = kind.shape
        for shape in sorted({(b, a, c, d), (a, c, b, d), (a, b, d, c), (d, c, b, a), (1, 1, 1, kind.elements)}):
            if shape != kind.shape:
                yield replace(kind, shape=shape).word()
        yield from (kind.word() ^ 1 << bit for _, bit in self._bits(1))

    def roots(self) -> Iterator[Mutant]:
        """Each bit of what is handed in, and a root more or less."""
        evidence, nodes = self._evidence, self.world.graph.nodes
        for _, bit in self._bits(1):
            flipped = int.from_bytes(evidence.graph_root) ^ 1 << bit
            yield self._refused(Kind.ROOT, f"the graph's, bit {bit}", replace(evidence, graph_root=word(flipped)))
            inputs, outputs = evidence.inputs ^ 1 << bit, evidence.outputs ^ 1 << bit
            yield self._refused(Kind.ROOT, f"number of inputs, bit {bit}", replace(evidence, inputs=inputs))
            yield self._refused(Kind.ROOT, f"number of outputs, bit {bit}", replace(evidence, outputs=outputs))
        for at, bit in self._bits(len(nodes)):
            changed = self._with_root(at, word(int.from_bytes(evidence.roots[at]) ^ 1 << bit))
            place = f"tensor {at}, bit {bit}"
            yield self._refused(Kind.ROOT, place, changed) if at < evidence.inputs else self._silent(place, changed)
        for roots in (evidence.roots[:-1], (*evidence.roots, evidence.roots[-1])):
            yield self._refused(Kind.ROOT, f"{len(roots)} roots", replace(evidence, roots=roots))

    def _silent(self, place: str, evidence: Evidence) -> Mutant:
        """What a game is opened with is taken; of the honest tensor, nothing gives the root."""
        prover = self._proving(evidence)
        committed, node = prover.committed, self.world.node
        shown = prover.place(node)
        opened = Case(descriptor_call(committed, shown), word(self.world.graph.nodes[node].output.word()), True)
        proof = judged(prover, prover.cell(node, 0))
        assert proof.answer == selectors()["RootMismatch"]
        return Mutant(Kind.ROOT, place, Outcome.SILENCE, self._submitted(evidence), (opened, proof))

    def padding(self) -> Iterator[Mutant]:
        """Each byte of the last leaf that the elements do not fill."""
        node, size = self.world.node, len(self.honest)
        for at in [size + i for i in self._some(-size % LEAF_BYTES)]:
            tensor = tensor_of(self.world.sample.node.output, self.honest.ljust(at, b"\0") + b"\1")
            evidence = self._with_root(node, tensor.root)
            prover = self._proving(evidence, tensor)
            fault = prover.padding(node, at)
            verify_padding(prover.committed, fault)
            proof = Case(padding_call(prover.committed, fault), b"", True)
            yield Mutant(Kind.PADDING, f"byte {at}", Outcome.PADDED, self._submitted(evidence), (proof,))

    # ------------------------------------------------------------------ what is handed in

    def _of_graph(self, kind: Kind, place: str, node: Node) -> Mutant:
        graph = Graph((*self.world.graph.nodes[:-1], node), 1)
        return self._refused(kind, place, replace(self._evidence, graph_root=graph.tree.root))

    def _with_root(self, at: int, root: bytes) -> Evidence:
        roots = self._evidence.roots
        return replace(self._evidence, roots=(*roots[:at], root, *roots[at + 1 :]))

    def _proving(self, evidence: Evidence, output: Tensor | None = None) -> Prover:
        """Proofs about a submission with these roots."""
        made = self._prover
        trace = {**made.trace, self.world.node: output or made.trace[self.world.node]}
        return Prover(made.graph, evidence.trace, trace, made.parameters)

    def _refused(self, kind: Kind, place: str, evidence: Evidence) -> Mutant:
        made = self._submitted(evidence)
        assert not made.convicts, f"{self.op.name}: a submission with another {kind} was taken: {place}"
        return Mutant(kind, place, Outcome.REFUSED, made)

    def _submitted(self, evidence: Evidence) -> Case:
        """The call of `check` by the market, and what it answers: Traces.sol in Python."""
        call = check_call(next(self._jobs), VERSION, self.world.graph.key, self._given, TIER, SCHEME_EXACT, evidence)
        nodes, inputs, outputs = len(evidence.roots), evidence.inputs, evidence.outputs
        if nodes < 2:
            return Case(call, selectors("DisputeGame")["NodeCountOutOfBounds"], False)
        if not (0 < inputs < nodes and 0 < outputs <= nodes - inputs):
            return Case(call, selectors("DisputeGame")["InterfaceOutOfBounds"], False)
        if evidence.key != self.world.graph.key:
            return Case(call, selectors("DisputeGame")["KeyMismatch"], False)
        if evidence.input_commitment(VERSION) != self._given:
            return Case(call, selectors("DisputeGame")["InputMismatch"], False)
        return Case(call, word(0) + evidence.output_commitment, True)

    # ------------------------------------------------------------------ how many

    def _some(self, length: int) -> range:
        return range(length)[:: self.every]

    def _bits(self, words: int) -> list[tuple[int, int]]:
        """Bits of so many words; of each word some, and not of all the same."""
        return [(at, bit) for at in range(words) for bit in range(at % self.every, BITS, self.every)]


def _evidence(prover: Prover) -> Evidence:
    return Evidence.of(prover.graph, prover.trace_tree.levels[0][: len(prover.graph.nodes)])


def _is_checked(graph: Graph) -> bool:
    try:
        graph.check()
    except InvalidData:
        return False
    return True


def write(op: Op, every: int = 1, folder: Path = FOLDER) -> int:
    """Write an operator's calls for forge, which are judged in `proofs` and in `submissions`; how many there are."""
    made = Mutants(op, every)
    cases: dict[str, list[Case]] = {"submissions": [], "proofs": []}
    submission, proof = made.truth()
    cases["submissions"].append(submission)
    cases["proofs"].append(proof)
    for mutant in made:
        cases["submissions"] += [mutant.submission] if mutant.submission else []
        cases["proofs"] += mutant.proofs
    for name, rows in cases.items():
        target = folder / name / op.name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for at in range(0, len(rows), CHUNK):
            packed = b"".join(case.packed() for case in rows[at : at + CHUNK])
            (target / f"{at // CHUNK}.bin").write_bytes(packed)
    return sum(map(len, cases.values()))
