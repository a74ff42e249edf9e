"""How settled a block is, as a pure function of the chain's heads. The devnet's node reports all three as equal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Finality(IntEnum):
    """Ordered: a later one implies the ones before it."""

    UNKNOWN = 0  # above the head: gone after a reorganisation, or not seen yet
    INCLUDED = 1  # shown
    SAFE = 2  # acted upon
    FINALIZED = 3  # keys, refunds and slashes are reported


@dataclass(frozen=True)
class Heads:
    """Block numbers of the chain's three heads; finalized <= safe <= latest."""

    latest: int
    safe: int
    finalized: int


def finality(block_number: int, heads: Heads) -> Finality:
    """The finality of a block of the canonical chain."""
    if block_number <= heads.finalized:
        return Finality.FINALIZED
    if block_number <= heads.safe:
        return Finality.SAFE
    if block_number <= heads.latest:
        return Finality.INCLUDED
    return Finality.UNKNOWN
