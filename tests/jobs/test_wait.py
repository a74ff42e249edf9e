"""`mlm job wait` on ports in memory: it acts where the consumer can, once, and waits out a dead node for so long."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlm.core.auctions.auction import ZERO
from mlm.core.errors import ChainError, NoResult, Reverted, StateConflict, UsageError
from mlm.core.job import AuctionKind, State
from mlm.workflows import job_wait, lookup
from mlm.workflows.job_wait import Move, Patience
from tests.jobs.market import ANN, BOB, CID, JOB, MOST, World

AGAIN = JOB.replace("7a", "7b")


def world(state: State, *, provider: str = ZERO) -> World:
    made = World(AuctionKind.FIXED)
    made.forced = state
    made.chain.answers["MarketToken", "balanceOf"] = MOST
    if provider != ZERO:
        made.auction = made.auction.__class__(**{**vars(made.auction), "leader": provider})
    return made


def advance(made: World, retries: int) -> job_wait.Seen:
    ports = made.ports(ANN)
    job_wait.sync(ports)
    return job_wait.advance(ports, JOB, retries)


def sent(made: World) -> list[str]:
    return [call.function for _, call in made.chain.sent]


def wait(made: World, who: str = ANN, **options: Any) -> Any:
    told: list[str] = options.pop("told", [])
    values = {"retries": 0, "timeout": None, **options}
    ports = made.ports(who)
    return job_wait.wait(ports, JOB, None, tell=lambda seen: told.append(str(seen)), **values)


def test_what_came_to_nothing_is_settled_and_told_with_what_came_back() -> None:
    made = world(State.EXPIRED)
    with pytest.raises(NoResult, match=f"job {JOB[:10]} is expired: no result; 0 MLM of the 20 MLM"):
        wait(made)
    assert sent(made) == ["settle"]
    with pytest.raises(NoResult):
        wait(made)  # again: nothing is left to do
    assert sent(made) == ["settle"]


def test_it_is_posted_again_as_often_as_is_allowed_and_found_again() -> None:
    made = world(State.EXPIRED)
    seen = advance(made, 1)
    assert sent(made) == ["multicall"] and [job.job_id for job in seen.jobs] == [JOB, AGAIN]
    # The second attempt expires as well (the market in memory has one state for all), and no third follows.
    with pytest.raises(NoResult, match=r"\(attempt 2: expired, expired\)"):
        wait(made, retries=1)
    assert sent(made) == ["multicall"]


def test_who_else_settles_meanwhile_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    made = world(State.EXPIRED)

    def beaten(*args: Any) -> Any:
        made.settled_at = made.now
        raise Reverted("JobAlreadySettled")

    monkeypatch.setattr(job_wait, "once", beaten)
    assert advance(made, 0).move is Move.STOP


def test_an_end_that_the_index_has_not_seen_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The contract is asked after the index: a settlement in between must be read before it is told of."""
    made, synced = world(State.EXPIRED), list[int]()
    made.settled_at = made.now
    monkeypatch.setattr(job_wait, "sync", lambda ports: synced.append(made.now))
    lookup.sync(made.ports(ANN))
    assert job_wait.look(made.ports(ANN), JOB, 0).move is Move.STOP and len(synced) == 1
    made.forced = State.OPEN
    assert job_wait.look(made.ports(ANN), JOB, 0).move is Move.WAIT and len(synced) == 1


def test_a_refusal_that_stays_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: Any) -> Any:
        raise Reverted("EnforcedPause")

    monkeypatch.setattr(job_wait, "once", refused)
    with pytest.raises(Reverted, match="EnforcedPause"):
        advance(world(State.EXPIRED), 2)


def test_nobody_waits_for_the_job_of_another() -> None:
    with pytest.raises(StateConflict, match=f"was posted by {ANN}, not by {BOB}"):
        wait(world(State.EXPIRED), BOB)


def test_time_runs_out_and_the_same_command_goes_on() -> None:
    made = world(State.OPEN)
    with pytest.raises(StateConflict, match="was open when the time to wait for it was over") as caught:
        wait(made, timeout=30.0)
    assert "goes on from here" in caught.value.hint and sent(made) == []


def test_an_unsettled_block_is_waited_for() -> None:
    """What a reorganisation could take back is no result, and nothing is paid again for it."""
    made = world(State.DEFAULTED, provider=CID)
    made.chain.depth = "finalized"
    job_wait.sync(made.ports(ANN))
    made.state.mark(finalized=0)
    seen = job_wait.look(made.ports(ANN), JOB, 3)
    assert (seen.job.finality, seen.move) == ("included", Move.WAIT)


@pytest.mark.parametrize(
    "options", [{"retries": -1}, {"retries": 101}, {"timeout": float("nan")}, {"timeout": -1.0}], ids=json.dumps
)
def test_options_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="--retries|--timeout"):
        wait(world(State.OPEN), **options)
    with pytest.raises(UsageError, match="ends in .npy"):
        job_wait.check(Path("result.txt"), 0, None)


class Node:
    """Answers, or is dead."""

    def __init__(self, *alive: bool) -> None:
        self.alive = list(alive)

    def __call__(self) -> str:
        if not self.alive.pop(0):
            raise ChainError("no node answers")
        return "answer"


def test_a_dead_node_is_told_once_and_asked_again() -> None:
    system, told = world(State.OPEN).ports(ANN), list[str]()
    patience, node = Patience(system, told.append, 60), Node(True, False, False, True, False)
    assert [patience(node) for _ in range(5)] == ["answer", None, None, "answer", None]
    assert told == ["no node answers; asked again for 60 s"] * 2


def test_a_node_that_stays_dead_is_given_up() -> None:
    ports = world(State.OPEN).ports(ANN)
    patience, node = Patience(ports, lambda said: None, 60), Node(*[False] * 40)
    with pytest.raises(ChainError, match="no node answers"):
        while patience(node) is None:
            ports.system.sleep(job_wait.POLL)
    assert len(node.alive) == 40 - 31


def test_a_wait_survives_a_node_that_dies_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    made, dead, told = world(State.EXPIRED), iter([True] * 20 + [False] * 9), list[str]()
    read = lookup.read_job

    def dying(ports: Any, job_id: str) -> Any:
        if next(dead):
            raise ChainError("no node answers")
        return read(ports, job_id)

    monkeypatch.setattr(job_wait.lookup, "read_job", dying)
    monkeypatch.setattr(job_wait.lookup, "job", lambda ports, name: (job_wait.sync(ports), read(ports, JOB))[1])
    with pytest.raises(NoResult):
        wait(made, told=told)
    assert told[0] == "no node answers; asked again for 600 s" and sent(made) == ["settle"]
