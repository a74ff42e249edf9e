"""Whether the newest block that a node shows is the present one: pure.

The rules of a game read the chain's time alone. A node that has fallen behind shows an old one, in which nothing seems
to be due; so its block is held against this machine's clock. That one may be wrong by hours, too, and then only the
pace tells: blocks of the present come as fast as time passes, those of a node that stands still do not come, and those
of one that catches up come faster. A node that is always late by the same time cannot be told from a wrong clock.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST_AGE = 600  # seconds that a newest block may lie before this machine's clock
PROBE = 60.0  # seconds for which blocks of another age are watched
_PACE = 30  # seconds by which they may come faster meanwhile: a block that was late


@dataclass(frozen=True)
class Seen:
    """A newest block as this machine saw it: its timestamp, and both clocks of the machine, in seconds."""

    timestamp: int
    wall: int
    monotonic: float

    @property
    def age(self) -> int:
        """By the wall's clock; below 0 where that is slow."""
        return self.wall - self.timestamp


def judge(since: Seen | None, now: Seen) -> tuple[Seen, bool]:
    """Whether a block is the present one, and what the next is to be judged by, which is None before the first."""
    if since is None or now.age <= MOST_AGE:
        return now, now.age <= MOST_AGE
    if not since.age - _PACE <= now.age <= since.age + MOST_AGE:
        return now, False
    watched = now.monotonic - since.monotonic >= PROBE
    return since, watched and now.timestamp > since.timestamp
