"""What a consumer does next about a job of its own: pure. mlm/workflows/job_wait.py looks, asks, and acts.

A job that came to nothing is posted again without the provider who failed it, as often as its consumer allows; each
posting is an attempt at the same result.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mlm.core.job import State

# A job that its consumer cancelled is not tried again: it was not wanted any more.
AGAIN = (State.EXPIRED, State.UNDELIVERED, State.DEFAULTED, State.REJECTED)


class Move(StrEnum):
    """What to do next."""

    WAIT = "wait"  # it is somebody else's turn
    DELIVER = "deliver"  # the key of a private input
    COMPLAIN = "complain"  # that no result came, in the tier none
    AWARD = "award"  # draw the awards of a batch, which lapse where nobody does
    REPLICATE = "replicate"  # pay for the replicas of the tier redundant, draw or settle them
    SETTLE = "settle"
    REOPEN = "reopen"  # which settles too
    READ = "read"  # the result is there
    STOP = "stop"  # it came to nothing, and the escrow is back


@dataclass(frozen=True)
class Attempt:
    """The newest job that was posted for a result."""

    state: State
    settled: bool
    awarded: bool = False  # its round is closed, awards it, and nobody has drawn that yet
    undelivered: bool = False  # its input is private, and the lease holder has not been given the key
    replicas: bool = False  # something is due about its replicas that this account may do
    missing: bool = False  # what was handed in cannot be read, and little is left of the time to complain
    firm: bool = True  # its newest event stands in a block as settled as is asked for


def next_move(seen: Attempt, retries_left: int) -> Move:
    """The one thing to do about the newest attempt."""
    if not seen.state.is_final:
        if seen.state is State.LEASED and seen.undelivered:
            return Move.DELIVER if seen.firm else Move.WAIT
        if seen.state is State.SUBMITTED and seen.missing:
            return Move.COMPLAIN
        if seen.replicas:
            return Move.REPLICATE
        return Move.AWARD if seen.state is State.REVEALING and seen.awarded else Move.WAIT
    if not seen.firm:
        return Move.WAIT  # money and results follow only what no reorganisation is expected to take back
    if seen.replicas:
        return Move.REPLICATE
    if seen.state in AGAIN and retries_left > 0:
        return Move.REOPEN
    if not seen.settled:
        return Move.SETTLE
    return Move.READ if seen.state is State.ACCEPTED else Move.STOP


def longest(windows: int, retries: int) -> int:
    """The seconds in which a result is there or all is over: every state of a job has a deadline.

    `windows` is the sum of a job's windows; each attempt has them all, and a while to be settled and posted.
    """
    return (windows + SLACK) * (retries + 1)


SLACK = 600
