"""What a challenge costs its challenger at most, in gas and in bytes that are published, and what may be spent. Pure.

The gas of a proof is linear in the bytes that it shows, at most `most_bytes` of its node, in the places of a window and
in the numbers of a row. The coefficients bound what was measured; tests/devnet/test_proof_gas.py holds them to every
operator, and tests/e2e/test_watcher_limits.py the moves to a game.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlm.core import merkle
from mlm.core.dispute.game import LEVELS, Game, Phase
from mlm.core.exact.graph import Graph
from mlm.core.exact.node import Node, Op
from mlm.core.exact.opening import WORD_BYTES, most_bytes
from mlm.core.merkle import CHILDREN, HASH_BYTES

TX = 21_000  # of any transaction
FLOOR = 40  # a byte of calldata at least, from Prague on (EIP-7623)
SHOWN = 36  # a byte that is shown: 16 as calldata, the rest to copy, hash and read it
FIXED = 60_000  # of a proof: the node's words, the paths, requantisation
PLACE = 1_000  # of a window
NUMBER = {Op.SOFTMAX: 430, Op.LAYERNORM: 20}  # of a row
CONVICTION = 150_000  # beside a proof: the move, the conviction and the bond's end
COMMIT, OPENING, PICK, TIMEOUT, RECLAIM = 45_000, 360_000, 65_000, 160_000, 120_000
REVEAL = 160_000  # what a replica, or whoever adds a secret to the beacon, has committed to
MOVE_BYTES = 800  # of a move that shows no leaves: 16 hashes at most, or a permit


@dataclass(frozen=True)
class Cost:
    """What moves take at most: gas, and bytes of calldata, which a rollup publishes."""

    gas: int = 0
    bytes: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.gas + other.gas, self.bytes + other.bytes)


@dataclass(frozen=True)
class Price:
    """Wei for a unit of gas, and for a byte that is published to a parent chain; 0 where there is none."""

    gas: int
    byte: int = 0

    def of(self, cost: Cost) -> int:
        """Wei at most."""
        return cost.gas * self.gas + cost.bytes * self.byte


def proof(graph: Graph, node: int) -> Cost:
    """Of a transaction that convicts by any cell of a node, or by a byte beyond its cells, which shows less."""
    made = graph.nodes[node]
    size = most_bytes(made) + _bytes_beside(graph, made)
    work = SHOWN * size + FIXED + PLACE * _places(made) + NUMBER.get(made.op, 0) * made.operands[0].kind.shape[3]
    return Cost(TX + CONVICTION + max(FLOOR * size, work), size)


def opening(graph: Graph, node: int) -> Cost:
    """Of a commitment and the opening of a game."""
    size = _bytes_beside(graph, graph.nodes[node]) + MOVE_BYTES
    return Cost(COMMIT + OPENING + SHOWN * size, size + MOVE_BYTES)


def moves(graph: Graph, node: int) -> Cost:
    """Of all moves of a game about a node after its opening."""
    return _picks(graph.nodes[node].output.depth) + proof(graph, node)


def rest(graph: Graph, node: int, game: Game | None, *, convicted: bool, now: int) -> Cost:
    """Of all moves that are left to the challenger, whatever the provider does; of the opening too without a game."""
    if game is None:
        return opening(graph, node) + moves(graph, node)
    if game.phase in (Phase.NONE, Phase.ENDED):
        return Cost()
    if convicted:
        return Cost(RECLAIM, MOVE_BYTES)
    if game.phase.is_providers and now >= game.deadline:
        return Cost(TIMEOUT, MOVE_BYTES)
    # In a row that was posted one is picked; what lies under a hash that was picked is still to be posted.
    return _picks(game.below) + proof(graph, node)


def _picks(below: int) -> Cost:
    count = -(-below // LEVELS)
    return Cost(count * PICK, count * MOVE_BYTES)


def _places(node: Node) -> int:
    """Of the window that a cell looks at."""
    if node.op is Op.CONV:
        _, rows, columns, _ = node.operands[1].kind.shape
        return rows * columns
    return node.attribute("kernel_h") * node.attribute("kernel_w") if node.op is Op.MAXPOOL else 1


def _bytes_beside(graph: Graph, node: Node) -> int:
    """Of a proof, besides its leaves: the node's words, a path of each operand, of the output and of the node, and the
    ABI's offsets and lengths."""
    path = (CHILDREN - 1) * HASH_BYTES * merkle.depth_of(len(graph.nodes))
    openings = len(node.operands) + 1
    return WORD_BYTES * (len(node.words()) + 16 + 10 * openings) + path * (openings + 1)


# ------------------------------------------------------------------ what may be spent


@dataclass(frozen=True)
class Limit:
    """What may be spent, and what is spent or set aside, in wei or base units; `most` None: any."""

    name: str  # of the option that sets it
    most: int | None
    spent: int

    def takes(self, cost: int) -> bool:
        """Whether so much more may be spent."""
        return self.most is None or self.spent + cost <= self.most


def passed(limits: Sequence[Limit], cost: int) -> Limit | None:
    """The first limit that a cost would pass; None where all take it."""
    return next((limit for limit in limits if not limit.takes(cost)), None)
