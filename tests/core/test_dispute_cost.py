"""What a challenge costs at most, by the moves that are left, and what limits take of it."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from mlm.core.dispute import answer, challenge, cost
from mlm.core.dispute.challenge import Pick
from mlm.core.dispute.cost import Cost, Limit, Price, passed
from mlm.core.dispute.game import Phase
from mlm.core.exact.node import Op
from tests.exact.test_dispute import CLAIM, Contract, World, lying, world


@pytest.fixture
def deep() -> World:
    """A node whose tensor has several levels."""
    random = Random(1)
    return next(
        found for _ in range(100) if (found := world(Op.TABLE, random)).honest.tensor(found.node).kind.depth > 1
    )


def test_each_move_leaves_less_to_pay(deep: World) -> None:
    """From before the opening to the proof, as both sides play; the provider's moves cost the challenger nothing."""
    graph, node = deep.honest.graph, deep.node
    claimed = lying(deep.honest, 0, 0)
    contract = Contract(claimed, node)

    def left() -> int:
        return cost.rest(graph, node, contract.game, convicted=False, now=0).gas

    opened = cost.rest(graph, node, None, convicted=False, now=0).gas
    assert opened == cost.opening(graph, node).gas + left() and left() == cost.moves(graph, node).gas
    picks, before = 0, left()
    while contract.game.phase is not Phase.PROVE:
        match answer.next_move(contract.game, claimed, 0):
            case answer.Post(hashes=hashes):
                contract.post(hashes)
            case answer.Leaf(data=data):
                contract.leaf(data)
        assert left() == before, "what the provider does costs the challenger nothing"
        move = challenge.next_move(replace(CLAIM, roots=claimed.roots, game=contract.game), deep.honest, 0)
        if isinstance(move, Pick):
            contract.pick(move.index)
            picks += 1
            assert left() == before - cost.PICK
            before = left()
    assert picks >= 1 and left() == cost.proof(graph, node).gas


def test_ends_cost_one_move(deep: World) -> None:
    graph, node = deep.honest.graph, deep.node
    game = Contract(lying(deep.honest, 0, 0), node).game

    def left(now: int = 0, convicted: bool = False, phase: Phase = Phase.ROOT) -> int:
        return cost.rest(graph, node, replace(game, phase=phase), convicted=convicted, now=now).gas

    assert left(game.deadline) == cost.TIMEOUT < left(game.deadline - 1)
    assert left(convicted=True) == left(game.deadline, convicted=True) == cost.RECLAIM
    assert left(game.deadline, phase=Phase.PICK) > cost.TIMEOUT, "its own clock is no silence of the provider's"
    assert left(phase=Phase.ENDED) == left(phase=Phase.NONE) == 0


def test_what_a_cell_reads_makes_its_proof_dear() -> None:
    """More bytes, a larger window and a longer row; a proof that fills a transaction costs its calldata's floor."""
    small, large = (_matmul(terms) for terms in (64, 200_000))
    assert cost.proof(*small).gas < 600_000
    dear = cost.proof(*large)
    assert dear.bytes > 400_000 and dear.gas >= cost.FLOOR * dear.bytes > 16_000_000


def _matmul(terms: int):  # type: ignore[no-untyped-def]
    from tests.exact.sampling import I8, I32, _made
    from tests.exact.test_graph import graph_of

    row = (1, 1, 1, 1)
    operands = [
        (I8, (1, 1, 1, terms), (1,) * terms, False),
        (I8, (1, 1, 1, terms), (1,) * terms, True),
        (I32, row, (0,), True),
        (I8, row, (0,), True),
    ]
    graph = graph_of(_made(Op.MATMUL, row, operands, (-128, 127)))
    return graph, len(graph.nodes) - 1


@pytest.mark.parametrize(
    ("most", "spent", "asked", "taken"),
    [(None, 10**30, 10**30, True), (10, 4, 6, True), (10, 4, 7, False), (10, 11, 0, False), (0, 0, 1, False)],
)
def test_a_limit_takes_what_is_left_of_it(most: int | None, spent: int, asked: int, taken: bool) -> None:
    assert Limit("--most-fee", most, spent).takes(asked) is taken


def test_the_first_limit_that_is_passed_is_named() -> None:
    wide, narrow, day = Limit("a", 100, 0), Limit("b", 100, 95), Limit("c", 100, 99)
    assert passed((wide, narrow, day), 5) is day and passed((wide, narrow, day), 6) is narrow
    assert passed((wide, narrow, day), 1) is None and passed((), 10**30) is None


def test_a_rollup_takes_its_part_for_every_byte() -> None:
    assert Price(3).of(Cost(10, 1_000)) == 30
    assert Price(3, 2).of(Cost(10, 1_000) + Cost(1, 1)) == 33 + 2_002
