"""What whoever re-executed a job does about a claim: pure. It holds no memory: the same facts give the same moves.

The challenger's trace is its own run. A node whose tensor root is another than the provider's, and all of whose
operands are the same, is where the provider's trace contradicts itself: the first such node always is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import permutations

from mlm.core.dispute.game import Game, Phase
from mlm.core.exact.graph import Graph
from mlm.core.exact.tensor import DType, TensorType, root_of_word
from mlm.core.exact.trace import Tensor, Trace
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
    game: Game | None = None  # this account's newest, on the node that `first_difference` names
    committed: bool = False  # this account's commitment to open it stands, and a block has passed


def first_difference(graph: Graph, own: Sequence[bytes], claimed: Sequence[bytes]) -> int | None:
    """The first node whose tensor root differs; None where there is none. Inputs cannot: the contract compares them."""
    return next((node for node in range(graph.inputs, len(graph.nodes)) if own[node] != claimed[node]), None)


def differs(own: bytes, theirs: bytes) -> int | None:
    """The first byte that is another; None where there is none. A node's output is of int8: a byte is a cell."""
    return next((i for i, (a, b) in enumerate(zip(own, theirs, strict=True)) if a != b), None)


def is_due(game: Game, now: int, convicted: bool) -> bool:
    """Whether a game's challenger has a move: its turn, its bond to take back, or a provider that was silent."""
    if game.phase in (Phase.NONE, Phase.ENDED):
        return False
    return convicted or (now >= game.deadline if game.phase.is_providers else now < game.deadline)


def next_move(claim: Claim, own: Trace, now: int) -> Move | None:
    """What to do about a claim; None where it is true, or it is the provider's turn, or too late.

    The tensors of `own` are looked at only where a game has shown something.
    """
    node = first_difference(own.graph, own.roots, claim.roots)
    if node is None:
        return None
    game = claim.game
    if game is None or game.phase in (Phase.NONE, Phase.ENDED):  # losing one bars nobody
        if not is_open(claim, now):
            return None
        return Open(node) if claim.committed else Commit(node)
    if not is_due(game, now, claim.convicted):
        return None
    if claim.convicted:
        return Reclaim(game.game_id)
    if game.phase.is_providers:
        return Timeout(game.game_id)
    return _pick(game, own) if game.phase is Phase.PICK else _prove(game, own)


def is_open(claim: Claim, now: int) -> bool:
    """Whether a game can still be opened."""
    return claim.state in (State.SUBMITTED, State.DISPUTED) and now < claim.closes_at and not claim.convicted


def false_header(own: Tensor, claimed: bytes, shown: Iterable[tuple[int, bytes]] = ()) -> tuple[int, bytes] | None:
    """The type word, another than the node's, and the tree root that give a tensor root of the provider's.

    None where they are not known: no game opens such a tensor, and its provider is convicted by its silence. Tried are
    what was `shown` of it (a type word and the root over the bytes), and over one's own numbers the types that a wrong
    program writes: of the same axes in another order, in either type of element.
    """
    kinds = (TensorType(dtype, (a, b, c, d)) for dtype in DType for a, b, c, d in permutations(own.kind.shape))
    near = dict.fromkeys(kind.word() for kind in kinds)
    wrong = (each for each in (*shown, *((word, own.tree.root) for word in near)) if each[0] != own.kind.word())
    return next((each for each in wrong if root_of_word(*each) == claimed), None)


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
    found = differs(tensor.leaf(game.position), game.leaf)
    if found is None:
        return None
    at = game.position * LEAF_BYTES + found
    return ProveCell(game.game_id, at) if at < tensor.kind.size else ProvePadding(game.game_id, at)
