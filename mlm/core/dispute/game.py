"""A game for withheld data, as the contract has it and its log tells it. Pure.

The contract keeps the target; the log the hashes that were posted, from which a leaf's path is put together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from mlm.core import merkle
from mlm.core.exact.opening import Opening

LEVELS = 2  # that a turn opens, where so many are left


class Phase(IntEnum):
    """Whose turn it is, and with what: `Phase` of IDisputeGame.sol."""

    NONE = 0
    ROOT = 1  # provider: what lies behind the node's tensor root
    POST = 2  # provider: what lies below the hash that was picked
    PICK = 3  # challenger: one of the hashes that were posted
    LEAF = 4  # provider: the bytes of the leaf that was picked
    PROVE = 5  # challenger: the fault
    ENDED = 6

    @property
    def is_providers(self) -> bool:
        return self in (Phase.ROOT, Phase.POST, Phase.LEAF)

    @property
    def is_challengers(self) -> bool:
        return self in (Phase.PICK, Phase.PROVE)


@dataclass(frozen=True)
class Row:
    """Hashes that were posted: all that lie some levels below the node of this `position` in its level."""

    position: int
    hashes: tuple[bytes, ...] = field(repr=False)

    @property
    def levels(self) -> int:
        return merkle.depth_of(len(self.hashes))


@dataclass(frozen=True)
class Game:
    """`below` counts the levels of the tree under the target, `position` its place in its level; `deadline` in seconds.

    `rows` are in the order of their posting, `leaf` the bytes that were posted, or nothing yet.
    """

    game_id: str
    job_id: str
    challenger: str
    node: int
    phase: Phase
    target: bytes
    below: int
    position: int
    deadline: int
    rows: tuple[Row, ...] = ()
    leaf: bytes = b""

    @property
    def levels(self) -> int:
        """How many levels the next post opens, or the last one has opened."""
        return min(self.below, LEVELS)

    def opening(self, path: tuple[bytes, ...]) -> Opening:
        """The leaf that was posted, bound to the trace root by `path`."""
        return Opening((self.position,), self.leaf, leaf_path(self.rows, self.position), path)


def leaf_path(rows: tuple[Row, ...], position: int) -> tuple[bytes, ...]:
    """The siblings of a leaf, from the leaf up, out of the rows that were posted on the way down to it."""
    siblings: list[bytes] = []
    for row in reversed(rows):
        position, own = divmod(position, len(row.hashes))
        siblings += merkle.tree_of(row.hashes).prove([own])
    return tuple(siblings)
