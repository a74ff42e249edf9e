"""What a worker does next: a table of situations, and what must hold in any."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core import worker
from mlm.core.job import AuctionKind, JobFacts, State, Tier, Verdict
from mlm.core.worker import (
    Announce,
    Answer,
    Bid,
    Collect,
    Compute,
    Draw,
    Fulfil,
    Known,
    Learn,
    Replicate,
    Result,
    Reveal,
    Seen,
    Settle,
    View,
    next_actions,
    together,
)

OPEN_UNTIL, WINDOW, BOND = 1_000, 400, 10
FACTS = JobFacts(
    posted_at=100,
    bids_close_at=OPEN_UNTIL,
    has_provider=False,
    delivery_window=WINDOW,
    execution_window=WINDOW,
    verification_window=0,
)


def job(name: str = "a", kind: AuctionKind = AuctionKind.REVERSE, **changes: object) -> Seen:
    facts = replace(FACTS, auction=kind)
    if kind in (AuctionKind.SEALED, AuctionKind.BATCH):
        facts = replace(facts, reveal_window=WINDOW, commitments=int(kind is AuctionKind.SEALED))
    given = {"max_price": 100, "floor": 5, "bond": BOND, "asked": 50, "known": Known.FIT, **changes}
    return Seen(job_id=name, version_id="v", tier=Tier.ZK, auction=kind, **{"facts": facts, **given})  # type: ignore[arg-type]


def held(name: str = "a", *, accepted: int = 0, submitted: bool = False, **changes: object) -> Seen:
    """A lease of ours."""
    facts = replace(FACTS, has_provider=True, accepted_at=accepted or int(submitted))
    if submitted:
        facts = replace(facts, submitted_at=OPEN_UNTIL, verification_window=WINDOW)
    return job(name, mine=True, **{"facts": facts, **changes})


def view(*jobs: Seen, now: int = 500, **changes: int) -> View:
    given = {"capacity": 4, "free_stake": 100, "credit": 0, "collect_from": 0, **changes}
    return View(now=now, jobs=jobs, **given)


LATE = OPEN_UNTIL + WINDOW - 1


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (view(job(kind=AuctionKind.FIXED)), (Bid("a", 100),)),
        (view(job(kind=AuctionKind.FIXED, asked=101)), ()),
        (view(job()), (Bid("a", 50),)),
        (view(job(asked=2)), (Bid("a", 5),)),  # never below the floor
        (view(job(price=51)), (Bid("a", 50),)),
        (view(job(price=50)), ()),  # somebody takes as little
        (view(job(mine=True, price=50)), ()),
        (view(job(kind=AuctionKind.SEALED)), (Bid("a", 50),)),
        (view(job(kind=AuctionKind.SEALED, sealed=True)), ()),
        (view(job(kind=AuctionKind.DUTCH, start_price=10), now=500), (Bid("a", 50),)),  # the clock offers 50
        (view(job(kind=AuctionKind.DUTCH, start_price=10), now=499), ()),
        (view(job(asked=None)), ()),
        (view(job(known=Known.NEW)), (Learn("v", Tier.ZK),)),
        (view(job(known=Known.LEARNING)), ()),
        (view(job(known=Known.UNFIT)), ()),
        (view(job(rests=True)), ()),
        (view(job(), free_stake=BOND - 1), ()),
        (view(job(), capacity=0), ()),
        (view(held(), now=OPEN_UNTIL), (Compute("a"),)),
        (view(held(waits=True), now=OPEN_UNTIL), ()),  # its consumer has not delivered the key
        (view(held(waits=True, keyless=True), now=OPEN_UNTIL), (Announce("a"),)),
        (view(held(submitted=True, verdict=Verdict.DISPUTED), now=OPEN_UNTIL + 9), (Answer("a"),)),
        (view(held(submitted=True, verdict=Verdict.PENDING), now=OPEN_UNTIL + 9), ()),  # its consumer may complain
        (view(held(submitted=True, verdict=Verdict.ACCEPTED), now=OPEN_UNTIL + 9), (Settle("a"),)),
        (view(held(result=Result.RUNNING), now=LATE), ()),  # nothing is accepted without its result
        (view(job(seconds=WINDOW / worker.SLACK)), (Bid("a", 50),)),
        (view(job(seconds=WINDOW / worker.SLACK + 1)), ()),  # its result could come too late
        (view(held(result=Result.FAILED), now=LATE), ()),
        (view(held(result=Result.KEPT), now=OPEN_UNTIL), (Fulfil("a"),)),
        (view(held(result=Result.KEPT, rests=True), now=OPEN_UNTIL), ()),
        # In the tier redundant: replicas are drawn before it is accepted, and commit before it is handed in.
        (view(held(held=True, steps=True), now=OPEN_UNTIL), (Replicate("a"),)),
        (view(held(held=True, steps=True, secret=True), now=OPEN_UNTIL), (Replicate("a", secret=True),)),
        (view(held(held=True), now=OPEN_UNTIL), (Compute("a"),)),
        (view(held(held=True, result=Result.KEPT), now=OPEN_UNTIL), ()),
        (view(held(accepted=OPEN_UNTIL, held=True, result=Result.KEPT), now=OPEN_UNTIL + 1), ()),
        (view(held(accepted=OPEN_UNTIL), now=OPEN_UNTIL + 1), (Compute("a"),)),
        (view(held(accepted=OPEN_UNTIL, result=Result.RUNNING), now=OPEN_UNTIL + 1), ()),
        (view(held(accepted=OPEN_UNTIL, result=Result.KEPT), now=OPEN_UNTIL + 1), (Fulfil("a"),)),
        (view(held(), now=OPEN_UNTIL + WINDOW), (Settle("a"),)),  # undelivered: what is left of the lock is freed
        (view(held(accepted=OPEN_UNTIL), now=OPEN_UNTIL + WINDOW), (Settle("a"),)),  # defaulted
        (view(job(kind=AuctionKind.SEALED, sealed=True), now=OPEN_UNTIL), (Reveal("a"),)),
        (view(credit=7, collect_from=7), (Collect(),)),
        (view(credit=6, collect_from=7), ()),
        (view(credit=6, collect_from=0), ()),
    ],
)
def test_what_is_done_next(seen: View, expected: tuple[worker.Move, ...]) -> None:
    assert next_actions(seen) == expected


def test_what_is_due_comes_first_by_deadline_and_bids_last() -> None:
    seen = view(
        job("open"),
        held("later", result=Result.KEPT, facts=replace(FACTS, has_provider=True, accepted_at=OPEN_UNTIL + 9)),
        held("sooner", result=Result.KEPT, facts=replace(FACTS, has_provider=True, accepted_at=OPEN_UNTIL)),
        now=OPEN_UNTIL + 10,
        credit=5,
        collect_from=1,
    )
    open_job = replace(seen.jobs[0], facts=replace(FACTS, bids_close_at=5_000))
    moves = next_actions(replace(seen, jobs=(open_job, *seen.jobs[1:])))
    assert moves == (Fulfil("sooner"), Fulfil("later"), Collect(), Bid("open", 50))


def test_the_best_paid_jobs_fill_the_capacity() -> None:
    jobs = [job(name, max_price=price) for name, price in (("a", 60), ("b", 90), ("c", 80))]
    assert next_actions(view(*jobs, capacity=2)) == (Bid("b", 50), Bid("c", 50))
    assert next_actions(view(*jobs, held("mine", result=Result.RUNNING), capacity=2, now=900)) == (Bid("b", 50),)
    assert next_actions(view(*jobs, free_stake=2 * BOND + 9)) == (Bid("b", 50), Bid("c", 50))


def batch(name: str, **changes: object) -> Seen:
    return job(name, AuctionKind.BATCH, **{"round_id": "r", "start_price": 10, "price_step": 7, **changes})


def test_a_round_gets_one_offer_on_its_grid_for_as_many_jobs_as_fit() -> None:
    jobs = [batch(name) for name in "abc"]
    assert next_actions(view(*jobs, capacity=2)) == (Bid("a", 52, 2),)
    assert next_actions(view(*jobs, capacity=9)) == (Bid("a", 52, 3),)
    assert next_actions(view(*jobs, free_stake=BOND)) == (Bid("a", 52, 1),)
    assert next_actions(view(*(replace(each, offered=2) for each in jobs), capacity=9)) == ()
    assert next_actions(view(batch("a", asked=10 + 255 * 7 + 1))) == ()


def test_an_offer_takes_capacity_once_and_its_awards_are_drawn_once() -> None:
    jobs = [batch(name, offered=2, drawable=True) for name in "abc"]
    assert worker.busy(view(*jobs)) == 2
    assert next_actions(view(*jobs, now=OPEN_UNTIL)) == (Draw("a"),)


def test_idle() -> None:
    assert worker.idle(view(job()))
    assert not worker.idle(view(job(sealed=True, kind=AuctionKind.SEALED)))
    assert not worker.idle(view(held()))
    assert worker.idle(view(held(facts=replace(FACTS, has_provider=True, settled_at=9))))


@st.composite
def seen_jobs(draw: st.DrawFn) -> Seen:
    kind = draw(st.sampled_from(AuctionKind))
    mine = draw(st.booleans())
    facts = replace(
        FACTS,
        auction=kind,
        bids_close_at=draw(st.integers(101, 2_000)),
        has_provider=mine or draw(st.booleans()),
        reveal_window=draw(st.integers(0, 400)) if kind in (AuctionKind.SEALED, AuctionKind.BATCH) else 0,
        commitments=draw(st.integers(0, 2)),
        accepted_at=draw(st.sampled_from([0, 1_500])),
        submitted_at=draw(st.sampled_from([0, 0, 1_600])),
        settled_at=draw(st.sampled_from([0, 0, 0, 1_700])),
    )
    return job(
        str(draw(st.integers(0, 10**6))),
        kind,
        facts=facts,
        mine=mine,
        price=draw(st.integers(0, 100)),
        start_price=draw(st.integers(0, 99)),
        price_step=draw(st.integers(1, 9)),
        sealed=draw(st.booleans()) and kind is AuctionKind.SEALED,
        round_id=draw(st.sampled_from("pq")) if kind is AuctionKind.BATCH else "",
        offered=draw(st.integers(0, 2)) if kind is AuctionKind.BATCH else 0,
        drawable=draw(st.booleans()) and kind is AuctionKind.BATCH,
        asked=draw(st.none() | st.integers(0, 120)),
        known=draw(st.sampled_from(Known)),
        result=draw(st.sampled_from(Result)),
        rests=draw(st.booleans()),
    )


@given(
    st.lists(seen_jobs(), max_size=12, unique_by=lambda each: each.job_id),
    st.integers(100, 3_000),
    st.integers(0, 6),
    st.integers(0, 80),
)
def test_whatever_it_sees_it_takes_no_more_than_it_can_bear(
    jobs: list[Seen], now: int, capacity: int, stake: int
) -> None:
    """Bids stay within capacity and free stake, win, cover what is asked, and no job gets two moves."""
    seen = view(*jobs, now=now, capacity=capacity, free_stake=stake)
    moves = next_actions(seen)
    by_id = {each.job_id: each for each in jobs}
    bids = [move for move in moves if isinstance(move, Bid)]
    units = sum(move.quantity or 1 for move in bids)
    assert units == 0 or units + worker.busy(seen) <= capacity
    assert sum((move.quantity or 1) * by_id[move.job_id].bond for move in bids) <= stake
    for move in bids:
        target = by_id[move.job_id]
        assert target.state(now) is State.OPEN and not target.mine and target.known is Known.FIT
        assert target.asked is not None and move.price >= max(target.asked, target.floor)
    names = [move.job_id for move in moves if not isinstance(move, Learn | Collect)]
    assert len(names) == len(set(names))
    for move in moves:
        if isinstance(move, Fulfil | Compute):
            assert by_id[move.job_id].mine and by_id[move.job_id].state(now) in (State.LEASED, State.READY)
    assert next_actions(seen) == moves


def test_moves_of_a_kind_are_sent_together_where_the_first_of_them_stood() -> None:
    moves = (Fulfil("a"), Settle("b"), Fulfil("c"), Collect(), Compute("d"), Compute("e"), Settle("f"))
    expected = ((moves[0], moves[2]), (moves[1], moves[6]), (moves[3],), (moves[4],), (moves[5],))
    assert together(moves) == expected
    many = tuple(Settle(str(number)) for number in range(worker.MOST_TOGETHER + 1))
    assert [len(group) for group in together(many)] == [worker.MOST_TOGETHER, 1]
