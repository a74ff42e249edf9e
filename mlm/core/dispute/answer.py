"""How a provider answers the games that are played against its traces: pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core.dispute.game import Game, Phase
from mlm.core.exact.trace import Trace


@dataclass(frozen=True)
class Post:
    """Show the hashes below the target."""

    game_id: str
    hashes: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True)
class Leaf:
    """Show the bytes of the leaf that was picked."""

    game_id: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Timeout:
    """The challenger's clock has run out: it loses its bond, and the job can be accepted."""

    game_id: str


Move = Post | Leaf | Timeout


def is_due(game: Game, now: int) -> bool:
    """Whether the provider has a move in a game: its own turn, or one that its challenger has let run out."""
    if game.phase.is_challengers:
        return now >= game.deadline
    return game.phase.is_providers and now < game.deadline


def next_move(game: Game, trace: Trace, now: int) -> Move | None:
    """What the provider of a trace, with its tensors at hand, does in a game; None where there is nothing to do."""
    if not is_due(game, now):
        return None
    if game.phase.is_challengers:
        return Timeout(game.game_id)
    tensor = trace.tensor(game.node)
    if game.phase is Phase.LEAF:
        return Leaf(game.game_id, tensor.leaf(game.position))
    return Post(game.game_id, tensor.tree.below(game.below, game.position, game.levels))
