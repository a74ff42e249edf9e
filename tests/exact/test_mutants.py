"""Each weight, input, attribute, word, type word and root by itself: no lie about it goes unpunished."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mlm.core.exact.node import ATTRIBUTES, Op
from tests.exact.mutants import BITS, Kind, Mutants, Outcome
from tests.exact.proofs import OPERATORS
from tests.exact.telling import telling

# What nobody can compute otherwise and be seen: with another number of groups, or another axis, the operands have other
# types, and the view does not look at its first number. As parts of the graph they are refused like all others.
UNSEEN = {
    (Op.CONV, "groups"),
    (Op.CONCAT, "axis"),
    (Op.VIEW, "operand 0, number 0"),
}


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_each_number_and_attribute_is_refused_as_another_and_convicts_where_it_was_computed_with(op: Op) -> None:
    """Exhaustive. Some values of a number change no output: then another does, but for what UNSEEN names."""
    made = Mutants(op)
    found: dict[str, set[Outcome]] = {}
    for mutant in (*made.numbers(), *made.attributes()):
        found.setdefault(mutant.place.split(":")[0], set()).add(mutant.outcome)
        assert (mutant.outcome is Outcome.CELL) == any(proof.convicts for proof in mutant.proofs)
    sample = made.world.sample
    assert len(found) == sum(map(len, sample.data)) + len(ATTRIBUTES[op])
    assert all(Outcome.REFUSED in outcomes for outcomes in found.values())
    unseen = {(op, place) for place, outcomes in found.items() if Outcome.CELL not in outcomes}
    assert unseen == {each for each in UNSEEN if each[0] is op}


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_each_root_each_type_and_each_byte_of_the_padding(op: Op) -> None:
    """Exhaustive. forge judges the calls again (tests/devnet/test_mutants.py)."""
    made = Mutants(op)
    found = Counter(
        (mutant.kind, mutant.outcome) for each in (made.types, made.roots, made.padding) for mutant in each()
    )
    graph = made.world.graph
    assert found[Kind.ROOT, Outcome.SILENCE] == BITS
    assert found[Kind.ROOT, Outcome.REFUSED] == BITS * (3 + graph.inputs) + 2
    assert found[Kind.TYPE, Outcome.HEADER] >= BITS
    assert found[Kind.TYPE, Outcome.REFUSED] >= BITS * (graph.inputs - len(made.world.filler))
    assert found[Kind.PADDING, Outcome.PADDED] == -len(made.honest) % 512
    assert not {outcome for _, outcome in found} & {Outcome.CELL, Outcome.NONE}


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_the_graph_is_bound_to_its_last_bit(op: Op) -> None:
    """Exhaustive over the nodes' words: another graph has another key, and nobody proves by its words."""
    made = Mutants(op)
    found = list(made.words())
    assert len(found) == BITS * sum(len(node.words()) for node in made.world.graph.nodes)
    assert all(mutant.outcome is Outcome.REFUSED for mutant in found)
    assert not any(case.convicts for mutant in found for case in mutant.proofs)


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_the_honest_run_is_taken_and_convicts_nobody(op: Op) -> None:
    submission, proof = Mutants(op).truth()
    assert submission.convicts and not proof.convicts


def test_the_page_says_how_many_are_unseen(root: Path) -> None:
    samples = {op: telling(op).sample for op in OPERATORS}
    every = sum(sum(map(len, made.data)) + len(ATTRIBUTES[op]) for op, made in samples.items())
    assert len(UNSEEN) == 3
    page = (root / "docs" / "fault-proofs.md").read_text(encoding="utf-8")
    assert f"Of {every:,} numbers and attributes no output can show three" in page
