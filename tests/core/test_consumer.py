"""What a consumer does about its job: every state has one answer, and a result is asked for so often and no more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core.consumer import AGAIN, Attempt, Move, longest, next_move
from mlm.core.job import State

RUNNING = [state for state in State if not state.is_final]
FINAL = [state for state in State if state.is_final]


@pytest.mark.parametrize("state", RUNNING)
def test_what_runs_is_left_alone(state: State) -> None:
    assert next_move(Attempt(state, settled=False), 5) is Move.WAIT


def test_the_awards_of_a_batch_are_drawn_before_they_lapse() -> None:
    assert next_move(Attempt(State.REVEALING, settled=False, awarded=True), 0) is Move.AWARD


@pytest.mark.parametrize(
    ("state", "settled", "left", "move"),
    [
        (State.ACCEPTED, False, 3, Move.SETTLE),
        (State.ACCEPTED, True, 3, Move.READ),
        (State.DEFAULTED, False, 1, Move.REOPEN),  # which settles too
        (State.DEFAULTED, True, 1, Move.REOPEN),
        (State.UNDELIVERED, False, 0, Move.SETTLE),
        (State.EXPIRED, True, 0, Move.STOP),
        (State.CANCELLED, True, 3, Move.STOP),  # its consumer did not want it any more
    ],
)
def test_the_end_of_a_job(state: State, settled: bool, left: int, move: Move) -> None:
    assert next_move(Attempt(state, settled), left) is move


def test_replicas_are_seen_to_before_a_job_is_settled_or_posted_again() -> None:
    for state in (State.OPEN, State.LEASED, State.ACCEPTED, State.DEFAULTED):
        assert next_move(Attempt(state, settled=False, replicas=True), 3) is Move.REPLICATE
    assert next_move(Attempt(State.SUBMITTED, settled=False, replicas=True, missing=True), 3) is Move.COMPLAIN


@given(st.sampled_from(FINAL), st.booleans(), st.integers(0, 3))
def test_nothing_follows_from_what_may_be_taken_back(state: State, settled: bool, left: int) -> None:
    assert next_move(Attempt(state, settled, firm=False), left) is Move.WAIT


@given(st.lists(st.sampled_from(FINAL), min_size=20, max_size=20), st.integers(0, 10))
def test_whatever_becomes_of_the_attempts_it_ends(ends: list[State], retries: int) -> None:
    """Each attempt is settled or reopened once, at most `retries` of them follow the first, and nothing is left."""
    posted, settled, last = 1, False, None
    for _ in range(50):
        state = ends[posted - 1]
        last = next_move(Attempt(state, settled), retries - posted + 1)
        if last in (Move.READ, Move.STOP):
            assert settled
            break
        assert not settled or last is Move.REOPEN
        if last is Move.REOPEN:
            assert state in AGAIN
            posted, settled = posted + 1, False
        else:
            settled = True
    assert last in (Move.READ, Move.STOP) and posted <= retries + 1
    assert (last is Move.READ) == (ends[posted - 1] is State.ACCEPTED)
    if last is Move.STOP and ends[posted - 1] in AGAIN:
        assert posted == retries + 1


def test_the_longest_wait_grows_with_the_attempts() -> None:
    assert longest(3600, 0) * 3 == longest(3600, 2) > 3 * 3600
