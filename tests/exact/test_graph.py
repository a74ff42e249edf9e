"""Nodes as words and back, graphs that are refused, and roots: over random nodes of every operator."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from mlm.core.errors import InvalidData
from mlm.core.exact.graph import MAX_NODES, Graph, input_name
from mlm.core.exact.node import Node, Op, of_words
from mlm.core.exact.tensor import LIMITS, DType, TensorType
from tests.exact.sampling import Sample, sample

OPERATORS = [op for op in Op if op is not Op.INPUT]


def graph_of(made: Sample) -> Graph:
    """A graph of one node, whose operands are inputs where they are no parameters."""
    inputs = [operand.kind for operand in made.node.operands if not operand.is_parameter]
    nodes = [Node(Op.INPUT, kind, (), (input_name(f"x{i}"),)) for i, kind in enumerate(inputs)]
    return Graph((*nodes, made.node), 1)


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_a_node_is_its_words(op: Op) -> None:
    random = Random(op)
    for _ in range(50):
        made = sample(op, random)
        graph = graph_of(made)
        graph.check()
        assert of_words(made.node.words()) == made.node
        assert len(graph.key) == 32 and 4**graph.tree.depth >= len(graph.nodes) > 4 ** (graph.tree.depth - 1)


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_a_cell_is_an_int8(op: Op) -> None:
    random = Random(op + 100)
    low, high = LIMITS[DType.I8]
    for _ in range(30):
        made = sample(op, random)
        cells = made.node.output.elements
        assert all(low <= made.output(random.randrange(cells)) <= high for _ in range(20))
        with pytest.raises(IndexError):
            made.output(cells)


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_whatever_is_changed_in_a_node_changes_its_key_or_is_refused(op: Op) -> None:
    random = Random(op + 200)
    refused = 0
    for _ in range(40):
        made = sample(op, random)
        key = graph_of(made).key
        words = list(made.node.words())
        at = random.randrange(len(words))
        words[at] ^= 1 << random.choice((0, 1, 8, 31, 32, 40, 127, 130, 255))
        try:
            changed = graph_of(replace(made, node=of_words(words)))
            changed.check()
        except InvalidData:
            refused += 1
            continue
        assert changed.key != key
    assert refused


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda graph: replace(graph, outputs=0), "outputs"),
        (lambda graph: replace(graph, outputs=2), "outputs"),
        (lambda graph: replace(graph, nodes=graph.nodes[:1]), "expected 2 to"),
        (lambda graph: replace(graph, nodes=graph.nodes + graph.nodes[-1:] * MAX_NODES), "expected 2 to"),
        (lambda graph: replace(graph, nodes=graph.nodes[1:]), "expected 2 to"),
        (lambda graph: replace(graph, nodes=(*graph.nodes, graph.nodes[0])), "inputs before"),
        (lambda graph: _last(graph, output=TensorType(DType.I32, graph.nodes[-1].output.shape)), "int8"),
        (lambda graph: _last(graph, attributes=()), "attributes"),
        (lambda graph: _last(graph, operands=graph.nodes[-1].operands[:1]), "operands"),
        (lambda graph: _last(graph, operands=(_from(graph, 7), *graph.nodes[-1].operands[1:])), "before it"),
        (lambda graph: _last(graph, output=TensorType(DType.I8, (1, 1, 0, 4))), "4 axes"),
    ],
)
def test_a_graph_that_is_none_is_refused(change, words: str) -> None:  # type: ignore[no-untyped-def]
    graph = graph_of(sample(Op.CONV, Random(3)))
    graph.check()
    with pytest.raises(InvalidData, match=words):
        change(graph).check()


def _last(graph: Graph, **changes: object) -> Graph:
    return replace(graph, nodes=(*graph.nodes[:-1], replace(graph.nodes[-1], **changes)))  # type: ignore[arg-type]


def _from(graph: Graph, source: int):  # type: ignore[no-untyped-def]
    return replace(graph.nodes[-1].operands[0], source=source)
