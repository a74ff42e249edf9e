"""Both sides of a game, played to its end by their decisions: a liar is convicted, an honest provider never loses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

import pytest

from mlm.core import merkle
from mlm.core.dispute import answer, challenge
from mlm.core.dispute.challenge import Claim, Commit, Open, Pick, ProveCell, ProvePadding, Reclaim
from mlm.core.dispute.game import Game, Phase, Row
from mlm.core.exact.node import Op
from mlm.core.exact.opening import Prover, leaf_of
from mlm.core.exact.tensor import DType, TensorType, root_of_word, tensor_root
from mlm.core.exact.trace import Tensor, Trace, tensor_of, trace_of
from mlm.core.exact.verify import FaultRefused, verify_cell, verify_header, verify_padding
from mlm.core.job import State
from mlm.core.merkle import LEAF_BYTES
from tests.exact.sampling import Sample, sample, to_bytes
from tests.exact.test_graph import graph_of

CLAIM = Claim(State.SUBMITTED, closes_at=1_000, roots=())
OPERATORS = [op for op in Op if op is not Op.INPUT]


@dataclass(frozen=True)
class World:
    """A graph of one node, an honest run of it, and its parameters."""

    honest: Trace
    parameters: dict[bytes, Tensor]

    @property
    def node(self) -> int:
        return len(self.honest.graph.nodes) - 1

    def claiming(self, root: bytes) -> Prover:
        """About a trace whose last tensor root is another."""
        roots = (*self.honest.roots[:-1], root)
        return Prover(self.honest.graph, merkle.tree_of(roots), tensors(self.honest), self.parameters)


def world(op: Op, random: Random) -> World:
    made: Sample = sample(op, random)
    graph = graph_of(made)
    operands = [tensor_of(o.kind, to_bytes(o.kind, v)) for o, v in zip(made.node.operands, made.data, strict=True)]
    output = to_bytes(made.node.output, [made.output(i) for i in range(made.node.output.elements)])
    given = [each.data for each, operand in zip(operands, made.node.operands, strict=True) if not operand.is_parameter]
    return World(trace_of(graph, [*given, output]), {each.root: each for each in operands})


def lying(honest: Trace, leaf: int, at: int) -> Trace:
    """The same with one byte of a leaf of the last tensor changed, in the padding or not."""
    *before, _ = honest.data
    last = honest.tensor(len(before))
    data = bytearray(last.data.ljust(len(last.tree.levels[0]) * LEAF_BYTES, b"\0"))
    data[leaf * LEAF_BYTES + at] ^= 0x55
    tree = merkle.tree_over(bytes(data))
    assert tree.depth == last.tree.depth
    return Trace(honest.graph, (*honest.roots[:-1], tensor_root(last.kind, tree.root)), (*before, bytes(data)))


class Contract:
    """What Games.sol does with moves, without clocks and money."""

    def __init__(self, trace: Trace, node: int) -> None:
        kind = trace.graph.nodes[node].output
        self.kind = kind
        self.game = Game("g", "j", "c", node, Phase.ROOT, trace.roots[node], kind.depth, 0, 500)

    def post(self, hashes: tuple[bytes, ...]) -> None:
        game = self.game
        assert len(hashes) == merkle.width_of(game.levels)
        root = merkle.tree_of(hashes).root
        assert (tensor_root(self.kind, root) if game.phase is Phase.ROOT else root) == game.target
        rows = (*game.rows, Row(game.position, hashes))
        self.game = replace(game, phase=Phase.PICK if game.below else Phase.LEAF, rows=rows, target=root)

    def pick(self, index: int) -> None:
        game = self.game
        below = game.below - game.levels
        position = game.position * merkle.width_of(game.levels) + index
        phase = Phase.POST if below else Phase.LEAF
        target = game.rows[-1].hashes[index]
        self.game = replace(game, phase=phase, target=target, below=below, position=position)

    def leaf(self, data: bytes) -> None:
        assert merkle.tree_over(data).root == self.game.target and len(data) == LEAF_BYTES
        self.game = replace(self.game, phase=Phase.PROVE, leaf=data)


def tensors(trace: Trace) -> dict[int, Tensor]:
    return {node: trace.tensor(node) for node in range(len(trace.graph.nodes))}


def play(honest: Trace, claimed: Trace, node: int) -> tuple[Contract, challenge.Move | None, int]:
    """Both sides by their decisions; the contract as it ends, the challenger's last move, and the number of rounds."""
    contract, rounds = Contract(claimed, node), 0
    while True:
        asked = answer.next_move(contract.game, claimed, 0)
        if isinstance(asked, answer.Post):
            contract.post(asked.hashes)
        elif isinstance(asked, answer.Leaf):
            contract.leaf(asked.data)
        move = challenge.next_move(replace(CLAIM, roots=claimed.roots, game=contract.game), honest, 0)
        if claimed.roots != honest.roots:
            assert challenge.is_due(contract.game, 0, False) == (move is not None)
        if isinstance(move, Pick):
            contract.pick(move.index)
            rounds += 1
        elif contract.game.phase is Phase.PROVE or move is not None:
            return contract, move, rounds
        elif contract.game.phase.is_challengers:
            return contract, None, rounds


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_a_liar_is_convicted_wherever_it_lies(op: Op) -> None:
    random = Random(op)
    for _ in range(12):
        found = world(op, random)
        honest, node = found.honest, found.node
        kind = honest.graph.nodes[node].output
        leaf, at = random.randrange(merkle.leaves_of(kind.size)), random.randrange(LEAF_BYTES)
        claimed = lying(honest, leaf, at)
        contract, move, rounds = play(honest, claimed, node)
        assert rounds == -(-kind.depth // 2)
        opened = contract.game.opening(claimed.tree.prove([node]))
        # All that the challenger knows: its own tensors, the provider's roots, and what was posted.
        prover = Prover(honest.graph, claimed.tree, tensors(honest), found.parameters)
        committed = prover.committed
        if leaf * LEAF_BYTES + at < kind.size:
            assert move == ProveCell("g", leaf * LEAF_BYTES + at)
            fault = replace(prover.cell(node, move.index), output=opened)
            expected, stated = verify_cell(committed, fault)
            assert expected == honest.tensor(node).at(move.index) and stated == claimed.tensor(node).at(move.index)
        else:
            assert move == ProvePadding("g", leaf * LEAF_BYTES + at)
            verify_padding(committed, replace(prover.padding(node, move.at), output=opened))


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_an_honest_provider_loses_no_game(op: Op) -> None:
    """Whatever a challenger picks, the provider can answer, and what it was forced to show convicts it of nothing."""
    random = Random(op + 50)
    for _ in range(6):
        found = world(op, random)
        honest, node = found.honest, found.node
        contract = Contract(honest, node)
        while contract.game.phase is not Phase.PROVE:
            move = answer.next_move(contract.game, honest, 0)
            if isinstance(move, answer.Post):
                contract.post(move.hashes)
            elif isinstance(move, answer.Leaf):
                contract.leaf(move.data)
            else:
                contract.pick(random.randrange(len(contract.game.rows[-1].hashes)))
        game, kind = contract.game, honest.graph.nodes[node].output
        opened = game.opening(honest.tree.prove([node]))
        prover = Prover(honest.graph, honest.tree, tensors(honest), found.parameters)
        for at in range(game.position * LEAF_BYTES, (game.position + 1) * LEAF_BYTES):
            with pytest.raises(FaultRefused, match="Consistent"):
                if at < kind.size:
                    assert leaf_of(kind, at) == game.position
                    verify_cell(prover.committed, replace(prover.cell(node, at), output=opened))
                else:
                    verify_padding(prover.committed, replace(prover.padding(node, at), output=opened))


def test_a_challenger_begins_in_time_and_once() -> None:
    found = world(Op.CONV, Random(1))
    node, false = found.node, lying(found.honest, 0, 0)
    claim = replace(CLAIM, roots=false.roots)

    def move(now: int = 0, **facts: object) -> challenge.Move | None:
        return challenge.next_move(replace(claim, **facts), found.honest, now)  # type: ignore[arg-type]

    assert move() == Commit(node) and move(committed=True) == Open(node)
    assert move(state=State.DISPUTED) == Commit(node)  # another's game keeps nobody from one's own
    assert move(now=999) == Commit(node) and move(now=1_000) is None
    assert move(state=State.ACCEPTED) is None and move(convicted=True) is None
    assert move(roots=found.honest.roots) is None


def test_who_has_lost_a_game_begins_another() -> None:
    found = world(Op.ADD, Random(4))
    false = lying(found.honest, 0, 0)
    lost = replace(Contract(false, found.node).game, phase=Phase.ENDED)
    claim = replace(CLAIM, roots=false.roots, game=lost)
    assert challenge.next_move(claim, found.honest, 999) == Commit(found.node)
    assert challenge.next_move(replace(claim, committed=True), found.honest, 999) == Open(found.node)
    assert challenge.next_move(claim, found.honest, 1_000) is None
    assert challenge.next_move(replace(claim, convicted=True), found.honest, 0) is None


@pytest.mark.parametrize("op", [Op.CONV, Op.MATMUL, Op.TABLE], ids=lambda op: op.name)
def test_a_false_header_is_found_where_its_type_is_near_or_was_shown(op: Op) -> None:
    found = world(op, Random(op))
    own = found.honest.tensor(found.node)
    a, b, c, d = own.kind.shape
    wide, turned = TensorType(DType.I32, own.kind.shape).word(), TensorType(DType.I8, (d, c, a, b)).word()
    for word in {wide, turned} - {own.kind.word()}:
        claimed = root_of_word(word, own.tree.root)
        assert challenge.false_header(own, claimed) == (word, own.tree.root)
        prover = found.claiming(claimed)
        verify_header(prover.committed, prover.header(found.node, word, own.tree.root))
    strange, other = 0xDEAD << 200, bytes(32)
    claimed = root_of_word(strange, other)
    assert challenge.false_header(own, claimed) is None
    assert challenge.false_header(own, claimed, [(strange, other)]) == (strange, other)
    assert challenge.false_header(own, own.root) is None
    assert challenge.false_header(own, lying(found.honest, 0, 0).roots[-1]) is None, "a false number is no false type"


def test_clocks_that_run_out_are_told() -> None:
    found = world(Op.ADD, Random(2))
    false = lying(found.honest, 0, 0)
    game = Contract(false, found.node).game
    claim = replace(CLAIM, roots=false.roots, game=game)
    assert challenge.next_move(claim, found.honest, game.deadline - 1) is None
    assert challenge.next_move(claim, found.honest, game.deadline) == challenge.Timeout("g")
    assert challenge.next_move(replace(claim, convicted=True), found.honest, 0) == Reclaim("g")
    assert answer.next_move(game, false, game.deadline) is None
    theirs = replace(game, phase=Phase.PICK)
    assert answer.next_move(theirs, false, game.deadline - 1) is None
    assert answer.next_move(theirs, false, game.deadline) == answer.Timeout("g")


def test_inputs_are_nobodys_fault() -> None:
    found = world(Op.ADD, Random(3))
    roots = (bytes(32), *found.honest.roots[1:])
    assert challenge.first_difference(found.honest.graph, found.honest.roots, roots) is None
