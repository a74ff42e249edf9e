"""What whoever re-executed a job does about a claim: pure. It holds no memory: the same facts give the same moves.

The challenger's trace is its own run. A node whose tensor root is another than the provider's, and all of whose
operands are the same, is where the provider's trace contradicts itself: the first such node always is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mlm.core.dispute.game import Game, Phase
from mlm.core.exact.graph import Graph
from mlm.core.exact.trace import Trace
from mlm.core.job import State
from mlm.core.merkle import LEAF_BYTES

OPENING = (1 << 256) - 1  # the index that a commitment to open a game names


@dataclass(frozen=True)
class Commit:
    """Commit to a challenge, a block before it is made."""

    node: int
    index: int = OPENING


@dataclass(frozen=True)
class Open:
    """Force the provider to open a node's tensor."""

    node: int


@dataclass(frozen=True)
class Pick:
    """Name the posted hash behind which the tensors differ."""

    game_id: str
    index: int


@dataclass(frozen=True)
class ProveCell:
    """Show the cell whose leaf the provider was forced to post."""

    game_id: str
    index: int


@dataclass(frozen=True)
class ProvePadding:
    """Show the byte beyond the tensor that is not zero."""

    game_id: str
    at: int


@dataclass(frozen=True)
class Timeout:
    """The provider's clock has run out: silence convicts."""

    game_id: str


@dataclass(frozen=True)
class Reclaim:
    """The provider was convicted elsewhere: the bond comes back."""

    game_id: str


Move = Commit | Open | Pick | ProveCell | ProvePadding | Timeout | Reclaim


@dataclass(frozen=True)
class Claim:
    """What is known of a job that was re-executed. Times in seconds of the chain's clock, money in base units."""

    state: State
    closes_at: int  # when the verification window ends
    roots: tuple[bytes, ...] = field(repr=False)  # the provider's
    convicted: bool = False
    game: Game | None = None  # this account's, on the node that `first_difference` names
    committed: bool = False  # this account's commitment to open it stands, and a block has passed


@dataclass(frozen=True)
class Limits:
    """What a challenge may cost: `cost` is the gas and `bond` what is locked until the game ends, in base units."""

    cost: int
    most_cost: int
    bond: int
    most_bond: int


def first_difference(graph: Graph, own: Sequence[bytes], claimed: Sequence[bytes]) -> int | None:
    """The first node whose tensor root differs; None where there is none. Inputs cannot: the contract compares them."""
    return next((node for node in range(graph.inputs, len(graph.nodes)) if own[node] != claimed[node]), None)


def is_due(game: Game, now: int, convicted: bool) -> bool:
    """Whether a game's challenger has a move: its turn, its bond to take back, or a provider that was silent."""
    if game.phase in (Phase.NONE, Phase.ENDED):
        return False
    return convicted or (now >= game.deadline if game.phase.is_providers else now < game.deadline)


def next_move(claim: Claim, own: Trace, now: int, limits: Limits) -> Move | None:
    """What to do about a claim; None where it is true, too dear, or it is the provider's turn.

    The tensors of `own` are looked at only where a game has shown something.
    """
    node = first_difference(own.graph, own.roots, claim.roots)
    if node is None:
        return None
    game = claim.game
    if game is None or game.phase is Phase.NONE:
        if not may_begin(claim, now, limits):
            return None
        return Open(node) if claim.committed else Commit(node)
    if not is_due(game, now, claim.convicted):
        return None
    if claim.convicted:
        return Reclaim(game.game_id)
    if game.phase.is_providers:
        return Timeout(game.game_id)
    return _pick(game, own) if game.phase is Phase.PICK else _prove(game, own)


def may_begin(claim: Claim, now: int, limits: Limits) -> bool:
    """Whether a challenge is still taken, and not too dear."""
    takes = claim.state in (State.SUBMITTED, State.DISPUTED) and now < claim.closes_at and not claim.convicted
    return takes and limits.cost <= limits.most_cost and limits.bond <= limits.most_bond


def _pick(game: Game, own: Trace) -> Move | None:
    """The first posted hash that is another than one's own.

    There is one: the hashes give a root that differs. In the first row it may be the type alone that differs: then the
    provider could not have posted, since the contract gives the type.
    """
    row = game.rows[-1]
    level = game.below
    mine = own.tensor(game.node).tree.below(level, game.position, row.levels)
    differing = (i for i, (theirs, ours) in enumerate(zip(row.hashes, mine, strict=True)) if theirs != ours)
    index = next(differing, None)
    return None if index is None else Pick(game.game_id, index)


def _prove(game: Game, own: Trace) -> Move | None:
    tensor = own.tensor(game.node)
    first = game.position * LEAF_BYTES
    mine = tensor.leaf(game.position)
    at = next((first + i for i, (theirs, ours) in enumerate(zip(game.leaf, mine, strict=True)) if theirs != ours), None)
    if at is None:
        return None
    # An output is of int8: a byte is a cell.
    return ProveCell(game.game_id, at) if at < tensor.kind.size else ProvePadding(game.game_id, at)
