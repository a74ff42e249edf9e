"""Replicas: policies, the draw over slots that come and go, and what an account does next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlm.core.dispute.replica import (
    RECORDED_WITHIN,
    Add,
    Commit,
    Draw,
    Fund,
    Policy,
    Record,
    Replicas,
    Reveal,
    Round,
    Settle,
    Show,
    Slots,
    Stage,
    commitment,
    look,
    next_move,
    seed_of,
)
from mlm.core.errors import InvalidData, UsageError
from mlm.core.job import State

JOB, STAKE = "0x" + "7a" * 32, 20
ACCOUNTS = [f"0x{number:040x}" for number in range(1, 13)]


@pytest.mark.parametrize(("executions", "fee"), [(2, 1), (3, 5 * 10**17), (8, 2**128 - 1)])
def test_a_policy_is_one_word(executions: int, fee: int) -> None:
    found = Policy(executions, fee)
    assert Policy.parse(found.word()) == found
    assert int.from_bytes(found.word()) & 0xFF == executions and int.from_bytes(found.word()) >> 8 == fee
    assert found.fees == (executions - 1) * fee


@pytest.mark.parametrize(("executions", "fee"), [(1, 1), (9, 1), (2, 0), (2, 2**128)])
def test_what_is_no_policy(executions: int, fee: int) -> None:
    with pytest.raises(UsageError):
        Policy(executions, fee).word()
    with pytest.raises(InvalidData):
        Policy.parse((fee << 8 | executions).to_bytes(32))


def test_a_commitment_is_its_accounts_jobs_and_roots() -> None:
    base: tuple[Any, ...] = (1, ACCOUNTS[0], ACCOUNTS[1], JOB, bytes(32), bytes(32))
    other: tuple[Any, ...] = (2, ACCOUNTS[2], ACCOUNTS[3], "0x" + "7b" * 32, b"\1" * 32, b"\2" * 32)
    found = {commitment(*base)}
    for at in range(len(base)):
        found.add(commitment(*(other[i] if i == at else base[i] for i in range(len(base)))))
    assert len(found) == len(base) + 1


def test_a_seed_knows_no_order_of_reveals() -> None:
    one, two = (ACCOUNTS[0], b"\1" * 32), (ACCOUNTS[1], b"\2" * 32)
    place = (31337, ACCOUNTS[5], 7, b"\3" * 32)
    assert seed_of(*place, [one, two]) == seed_of(*place, [two, one]) != seed_of(*place, [one])


# ------------------------------------------------------------------ the draw


def row(change: str, account: str, at: int, **more: Any) -> dict[str, Any]:
    told = {"job_id": None, "number": None, "amount": None, "slashed": None, **more}
    return {"change": change, "account": account, "timestamp": at, **told}


def slots(*rows: dict[str, Any]) -> Slots:
    found = Slots(STAKE)
    for each in rows:
        found.apply(each)
    return found


def joined(count: int, at: int = 1) -> list[dict[str, Any]]:
    return [row("joined", ACCOUNTS[i], at, number=i + 1, amount=STAKE) for i in range(count)]


def funded(at: int = 5, wanted: int = 2) -> dict[str, Any]:
    return row("funded", ACCOUNTS[-1], at, job_id=JOB, number=wanted, amount=1)


def seeds(count: int = 200) -> list[bytes]:
    return [number.to_bytes(32) for number in range(count)]


def test_a_draw_takes_the_first_that_can_serve() -> None:
    found = slots(*joined(8), funded())
    for seed in seeds():
        drawn = found.draw(JOB, seed, ())
        order = [ACCOUNTS[look(seed, JOB, number, 8) - 1] for number in range(16)]
        assert drawn == tuple(dict.fromkeys(order))[:2]
        without = found.draw(JOB, seed, (drawn[0].upper().replace("0X", "0x"),))
        assert drawn[0] not in without


def test_who_comes_after_the_funds_changes_nothing() -> None:
    before = slots(*joined(8), funded())
    late = [row("joined", ACCOUNTS[8], 6, number=9, amount=STAKE), row("left", ACCOUNTS[0], 6, number=99)]
    after = slots(*joined(8), funded(), *late)
    same = slots(*joined(8), row("joined", ACCOUNTS[8], 5, number=9, amount=STAKE), funded())
    for seed in seeds():
        assert after.draw(JOB, seed, ()) == before.draw(JOB, seed, ())
        assert ACCOUNTS[8] not in same.draw(JOB, seed, ())


def test_who_has_left_serves_or_lacks_stake_is_not_drawn() -> None:
    other = "0x" + "8b" * 32
    gone = [
        row("left", ACCOUNTS[0], 2, number=99),
        row("drawn", ACCOUNTS[1], 3, job_id=other),
        row("drawn", ACCOUNTS[2], 3, job_id=other),
        row("absent", ACCOUNTS[2], 4, job_id=other, amount=0, slashed=1),
        row("settled", ACCOUNTS[-1], 4, job_id=other, amount=3, slashed=1),
    ]
    found = slots(*joined(6), *gone, funded())
    for seed in seeds():
        assert not {ACCOUNTS[0], ACCOUNTS[1], ACCOUNTS[2]} & set(found.draw(JOB, seed, ()))
    again = slots(*joined(6), *gone, row("joined", ACCOUNTS[2], 4, number=3, amount=STAKE), funded())
    assert any(ACCOUNTS[2] in again.draw(JOB, seed, ()) for seed in seeds())


def test_places_are_emptied_taken_and_trimmed() -> None:
    other = "0x" + "8b" * 32
    found = slots(*joined(4))
    found.apply(row("exited", ACCOUNTS[1], 3, amount=STAKE))
    assert found.places == [ACCOUNTS[0], "", ACCOUNTS[2], ACCOUNTS[3]] and found.lowest_empty() == 2
    found.apply(row("drawn", ACCOUNTS[3], 3, job_id=other))
    found.apply(row("silent", ACCOUNTS[3], 4, job_id=other, amount=0, slashed=STAKE))
    assert found.places == [ACCOUNTS[0], "", ACCOUNTS[2]] and ACCOUNTS[3] not in found.by_account
    found.apply(row("joined", ACCOUNTS[2], 5, number=2, amount=STAKE))
    assert found.places == [ACCOUNTS[0], ACCOUNTS[2]] and found.lowest_empty() == 0
    assert found.by_account[ACCOUNTS[2]].joined_at == 5
    found.apply(row("joined", ACCOUNTS[7], 6, number=3, amount=STAKE))
    assert found.places[2] == ACCOUNTS[7]


def test_many_places_left_empty_behind_one_slot_stop_no_draw() -> None:
    """Who joins with many slots, and leaves with all but the last; looks at empty places do not count."""
    many = ["0x" + number.to_bytes(20).hex() for number in range(0x1000, 0x1000 + 400)]
    rows = joined(8) + [row("joined", account, 1, number=9 + i, amount=STAKE) for i, account in enumerate(many)]
    rows += [row("exited", account, 2, amount=STAKE) for account in many[:-1]]
    found = slots(*rows, funded())
    assert len(found.places) == 408 and len(found.by_account) == 9
    assert sum(len(found.draw(JOB, seed, ())) == 2 for seed in seeds()) >= 190


def test_a_draw_ends_at_more_busy_slots_than_it_needs_replicas() -> None:
    """Whoever keeps all others busy would else be drawn in two draws of three, and not in one of ten."""
    busy = [row("drawn", account, 1, job_id="0x" + "7c" * 32) for account in ACCOUNTS[:8]]
    found = slots(*joined(10), funded(), *busy)
    drawn = [found.draw(JOB, seed, ()) for seed in seeds()]
    assert all(account in ACCOUNTS[8:10] for each in drawn for account in each)
    assert 0 < sum(len(each) == 2 for each in drawn) < len(drawn) / 5


def test_without_slots_nobody_is_drawn() -> None:
    assert slots(funded()).draw(JOB, bytes(32), ()) == ()
    assert slots(*joined(1), funded()).draw(JOB, bytes(32), ()) == (ACCOUNTS[0],)


# ------------------------------------------------------------------ what to do

ROUND = Round(9, closes_at=100)
CLOSED = replace(ROUND, closed_in=3, ends_at=160, commitments=1)
ADDED = replace(ROUND, commitments=1, added=True)
LEASED = Replicas(JOB, State.LEASED, Policy(3, 1), ROUND, funded=True)
DREW = (ACCOUNTS[0], ACCOUNTS[1])
DRAWN = replace(LEASED, drawn=DREW, stage=Stage.DRAWN)
READY = replace(DRAWN, state=State.READY, commit_by=300)
SUBMITTED = replace(READY, state=State.SUBMITTED, stage=Stage.COMMITTED, committed=2, reveal_by=400)


@pytest.mark.parametrize(
    ("found", "now", "expected"),
    [
        (replace(LEASED, funded=False, consumer=True), 50, Fund()),
        (replace(LEASED, funded=False), 50, None),
        (replace(LEASED, funded=False, consumer=True, state=State.OPEN, round=None), 50, Fund()),
        (replace(LEASED, funded=False, consumer=True), 99, Fund()),
        (replace(LEASED, funded=False, consumer=True), 100, None),
        (replace(LEASED, funded=False, consumer=True, round=replace(ROUND, closed_in=3, seed=b"s")), 101, None),
        (replace(LEASED, funded=False, consumer=True, state=State.READY), 50, None),
        (LEASED, 99, None),
        (LEASED, 100, Draw(9, closes=True, finishes=True, draws=True)),
        (replace(LEASED, round=replace(ROUND, commitments=1)), 100, Draw(9, True, finishes=False, draws=False)),
        (replace(LEASED, round=CLOSED), 159, None),
        (replace(LEASED, round=CLOSED), 160, Draw(9, False, True, True)),
        (replace(LEASED, round=replace(CLOSED, reveals=1)), 101, Draw(9, False, True, True)),
        (replace(LEASED, round=replace(CLOSED, seed=b"s")), 1, Draw(9, False, False, True)),
        (replace(LEASED, round=replace(CLOSED, reveals=1, fresh=True)), 101, None),
        (replace(LEASED, round=replace(CLOSED, added=True, fresh=True)), 159, None),
        # A hash that waits for reveals is kept in time; one that nobody has kept is lost, and the round closed again.
        (replace(LEASED, round=replace(CLOSED, unkept=RECORDED_WITHIN - 1)), 159, None),
        (replace(LEASED, round=replace(CLOSED, unkept=RECORDED_WITHIN)), 159, Record(9)),
        (replace(LEASED, round=replace(CLOSED, unkept=256)), 160, Draw(9, False, True, True)),
        (replace(LEASED, round=replace(CLOSED, unkept=257)), 160, Draw(9, True, False, False)),
        (replace(LEASED, round=replace(CLOSED, unkept=257, commitments=0)), 160, Draw(9, True, True, True)),
        # A secret is added while the round runs, by whoever is to, and shown whatever has become of the job.
        (replace(LEASED, secret=True), 99, Add(9)),
        (replace(LEASED, secret=True, funded=False), 99, None),
        (replace(LEASED, secret=True, drawn=DREW), 99, None),
        (replace(LEASED, secret=True), 100, Draw(9, closes=True, finishes=True, draws=True)),
        (replace(LEASED, secret=True, round=ADDED), 99, None),
        (replace(LEASED, round=ADDED), 100, Draw(9, closes=True, finishes=False, draws=False)),
        (replace(LEASED, round=replace(CLOSED, added=True)), 159, Show(9)),
        (replace(LEASED, round=replace(CLOSED, added=True)), 160, Draw(9, False, True, True)),
        (replace(LEASED, round=replace(CLOSED, added=True, unkept=257)), 159, Draw(9, True, False, False)),
        (replace(LEASED, round=ADDED, state=State.UNDELIVERED, settled=True), 100, Draw(9, True, False, False)),
        (replace(LEASED, round=replace(CLOSED, added=True), state=State.UNDELIVERED, settled=True), 159, Show(9)),
        (replace(LEASED, round=replace(CLOSED, added=True), state=State.UNDELIVERED, settled=True), 160, None),
        (replace(LEASED, round=replace(ROUND, closed_in=3, seed=b"s"), found=1), 1, None),
        (replace(LEASED, round=replace(ROUND, closed_in=3, seed=b"s"), found=2), 1, Draw(9, False, False, True)),
        (replace(LEASED, state=State.READY), 200, None),
        (replace(LEASED, state=State.UNDELIVERED), 200, Settle()),
        (DRAWN, 200, None),
        (READY, 299, Commit()),
        (READY, 300, None),
        (replace(READY, stage=Stage.NONE), 200, None),
        (replace(SUBMITTED, state=State.READY, reveal_by=0), 299, None),
        (SUBMITTED, 399, Reveal()),
        (replace(SUBMITTED, state=State.DISPUTED), 399, Reveal()),
        (SUBMITTED, 400, None),
        (replace(SUBMITTED, stage=Stage.EQUAL), 399, None),
        (replace(SUBMITTED, state=State.REJECTED), 399, Reveal()),
        (replace(SUBMITTED, state=State.REJECTED, stage=Stage.EQUAL), 399, None),
        (replace(SUBMITTED, state=State.REJECTED), 400, Settle()),
        (replace(SUBMITTED, state=State.ACCEPTED, settled=True), 400, None),
    ],
)
def test_the_next_move(found: Replicas, now: int, expected: object) -> None:
    assert next_move(found, now) == expected


def test_a_provider_waits_for_all_or_for_half_of_its_time() -> None:
    assert not DRAWN.may_submit(10**9) and not replace(LEASED, commit_by=300).may_submit(10**9)
    assert not replace(READY, committed=1).may_submit(299)
    assert replace(READY, committed=1).may_submit(300) and replace(READY, committed=2).may_submit(1)
