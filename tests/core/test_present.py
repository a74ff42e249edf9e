"""A node's newest block beside a machine's clock, either of which may be wrong by hours."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlm.core.dispute.present import MOST_AGE, PROBE, Seen, judge

HOUR = 3600
BLOCK = 12  # seconds between blocks
LOOK = 2  # and between looks


def looks(head: Callable[[int], int], wrong: int, seconds: int) -> list[bool]:
    """What is said at each look: `head` is the node's newest block at a second, `wrong` what the wall's clock adds."""
    since, found = None, []
    for second in range(0, seconds, LOOK):
        since, present = judge(since, Seen(head(second), second + wrong, second))
        found.append(present)
    return found


def present(second: int) -> int:
    """The newest block of a node that follows its chain."""
    return second // BLOCK * BLOCK


@pytest.mark.parametrize("wrong", [0, MOST_AGE - BLOCK, -5 * HOUR])
def test_a_young_block_is_the_present_one_at_once(wrong: int) -> None:
    assert all(looks(present, wrong, 200))


@pytest.mark.parametrize("wrong", [MOST_AGE + BLOCK, 5 * HOUR, 400 * HOUR])
def test_a_clock_that_is_fast_is_seen_through_after_a_while(wrong: int) -> None:
    said = looks(present, wrong, 400)
    first = said.index(True)
    assert PROBE <= first * LOOK <= PROBE + BLOCK and all(said[first:])


@pytest.mark.parametrize("wrong", [0, 5 * HOUR])
def test_a_node_that_stands_still_is_never_believed(wrong: int) -> None:
    """From the first look on, or after one block more."""
    assert not any(looks(lambda second: -5 * HOUR, wrong, 3 * HOUR))
    said = looks(lambda second: -5 * HOUR + (BLOCK if second >= 30 else 0), wrong, 3 * HOUR)
    assert sum(said) * LOOK <= MOST_AGE and not any(said[-100:])


def test_a_node_that_stops_is_not_believed_any_more() -> None:
    said = looks(lambda second: present(min(second, 1000)), 0, 3 * HOUR)
    stops = said.index(False)
    assert all(said[:stops]) and not any(said[stops:]) and stops * LOOK <= 1000 + MOST_AGE + LOOK


@pytest.mark.parametrize("pace", [2, 10, 1000])
def test_a_node_that_catches_up_is_believed_when_it_has(pace: int) -> None:
    said = looks(lambda second: min(present(second), -5 * HOUR + pace * present(second)), 0, 8 * HOUR)
    first = said.index(True)
    there = next(s for s in range(0, 8 * HOUR, LOOK) if s - (-5 * HOUR + pace * present(s)) <= MOST_AGE)
    assert first * LOOK == there and all(said[first + pace * BLOCK :])


def test_a_clock_that_jumps_is_seen_through_again() -> None:
    """A machine that is set wrong, and right again, while its watcher runs."""
    since, said = None, []
    for second in range(0, 2000, LOOK):
        wrong = 7 * HOUR if 600 <= second < 1200 else 0
        since, now = judge(since, Seen(present(second), second + wrong, second))
        said.append(now)
    away = [at * LOOK for at, each in enumerate(said) if not each]
    assert away and away[0] >= 600 and away[-1] <= 600 + PROBE + BLOCK
