"""Bids, withdrawals, awards and postings anew in the other kinds of auction, over a market in memory."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from mlm.core.auctions.dutch import clock_down
from mlm.core.digest import keccak256
from mlm.core.errors import ChainError, InsufficientFunds, NotFound, Reverted, StateConflict, UsageError
from mlm.core.job import AuctionKind, State
from mlm.core.money import Amount
from mlm.core.plan import Call, Tx
from mlm.core.requirements import NONE, Requirements, encode, made, requirements_hash
from mlm.core.terms import Request
from mlm.workflows import bid, job_award, job_bids, job_close, job_reopen, job_reveal, job_show
from mlm.workflows.apply import execute
from mlm.workflows.job_award import Award
from mlm.workflows.job_close import JobName
from mlm.workflows.job_reopen import Reopen
from tests.jobs.market import ANN, BOB, CID, DAN, FEE, GAS, JOB, LOCK, MOST, START, TOKEN, VERSION, WINDOW, World, terms

# Where a request has them, as the ABI takes it.
REQUIREMENTS = [item.name for item in fields(Request)].index("requirements")


def offer(world: World, who: str, price: int | None = None, quantity: int | None = None) -> Any:
    asked = None if price is None else Amount(price)
    return execute(world.ports(who), bid.OPERATION, bid.Bid(JOB, asked, quantity)).result


# --- Dutch ------------------------------------------------------------------------------------------------------------


def test_a_clock_is_taken_where_it_stands() -> None:
    world = World(AuctionKind.DUTCH)
    world.pass_by(WINDOW // 2)
    seen = job_show.show(world.ports(BOB), JOB)
    assert seen.clock == clock_down(world.auction.market, world.now) == (START + MOST) // 2
    placed = offer(world, BOB)
    assert placed.best and placed.price == world.auction.price > seen.clock, "the next block's"
    after = job_show.show(world.ports(BOB), JOB)
    assert (after.state, after.clock, after.price) == (State.LEASED, None, placed.price)


def test_less_than_the_clock_is_paid_as_the_clock_offers() -> None:
    world = World(AuctionKind.DUTCH)
    world.pass_by(WINDOW // 2)
    assert offer(world, BOB, START).price > (START + MOST) // 2


@pytest.mark.parametrize(
    ("price", "error", "words"),
    [
        (MOST + 1, UsageError, "the clock stops at 20 MLM"),
        (11 * TOKEN, StateConflict, "offers 2 MLM now, you take 11 MLM or more"),
    ],
)
def test_more_than_the_clock_offers(price: int, error: type[Exception], words: str) -> None:
    world = World(AuctionKind.DUTCH)
    with pytest.raises(error, match=words) as refused:
        bid.plan(world.ports(BOB), bid.Bid(JOB, Amount(price)))
    if error is StateConflict:
        assert "It offers that in 30 min," in refused.value.hint
        world.pass_by(1800)
        assert offer(world, BOB, price).best


# --- fixed and reverse ------------------------------------------------------------------------------------------------


def test_open_bids_and_how_they_stand() -> None:
    world = World(AuctionKind.REVERSE)
    with pytest.raises(UsageError, match="--price: a reverse auction needs it") as refused:
        offer(world, BOB)
    assert refused.value.hint == "From 1 to 20."
    assert offer(world, BOB, 9 * TOKEN).next == f"mlm job watch {JOB[:10]}", "others may bid less yet"
    with pytest.raises(Reverted, match="PriceNotLower"):
        offer(world, CID, 9 * TOKEN)
    offer(world, CID, 8 * TOKEN)
    ports = world.ports(CID)
    assert [row.state for row in job_bids.bids(ports, JOB).bids] == ["outbid", "best"]
    with pytest.raises(StateConflict, match="has no bid on job"):
        job_reveal.plan_withdraw(world.ports(BOB), JobName(JOB))
    plan = job_reveal.plan_withdraw(ports, JobName(JOB))
    assert plan.payment == FEE and "0.05 MLM of its bond burn" in plan.steps[0].title
    execute(ports, job_reveal.WITHDRAW, JobName(JOB))
    assert world.auction.burned == {CID: FEE} and not world.auction.leader
    assert [row.state for row in job_bids.bids(ports, JOB).bids] == ["outbid", "withdrawn"]
    assert job_show.show(ports, JOB).price is None
    offer(world, DAN, 9 * TOKEN)
    assert [row.state for row in job_bids.bids(ports, JOB).bids] == ["outbid", "withdrawn", "best"]


def test_a_late_bid_moves_the_close_and_everybody_is_told() -> None:
    world = World(AuctionKind.REVERSE)
    offer(world, BOB, 9 * TOKEN)
    posted_close = world.auction.bids_close_at
    bob = world.ports(BOB)
    assert (job_show.show(bob, JOB).bids_extended, job_bids.bids(bob, JOB).extended) == (None, None)
    world.pass_by(posted_close - 13 - world.now)  # the next block is a second before the close
    offer(world, CID, 8 * TOKEN)
    seen, listed = job_show.show(bob, JOB), job_bids.bids(bob, JOB)
    assert seen.bids_extended == listed.extended == 599 and listed.closes_at == posted_close + 599
    assert (seen.bids_close_at, seen.deadline, seen.left) == (posted_close + 599, posted_close + 599, 600)
    assert bob.state.query("jobs")[0]["bids_close_at"] == posted_close + 599
    offer(world, BOB, 7 * TOKEN)
    # What is told at a change names the close.
    told: list[job_show.JobView] = []
    with pytest.raises(StateConflict, match="still open"):
        job_show.watch(bob, JOB, until=frozenset(), timeout=0, tell=told.append)
    assert [(each.provider, each.bids_extended) for each in told] == [(BOB, 611)]


def test_a_posted_price_leaves_nothing_to_withdraw() -> None:
    world = World(AuctionKind.FIXED)
    with pytest.raises(UsageError, match="price is fixed at 20 MLM, found 19 MLM"):
        offer(world, BOB, 19 * TOKEN)
    placed = offer(world, BOB)
    assert (placed.price, placed.best) == (MOST, True) and placed.next == f"mlm lease fulfil {JOB[:10]}"
    with pytest.raises(StateConflict, match="is leased, bids can be withdrawn while it is open"):
        job_reveal.plan_withdraw(world.ports(BOB), JobName(JOB))
    with pytest.raises(StateConflict, match="there is nothing to reveal"):
        job_reveal.plan(world.ports(BOB), job_reveal.Reveal(JOB))


def test_an_award_is_for_the_consumer() -> None:
    world = World(AuctionKind.REVERSE)
    with pytest.raises(StateConflict, match="is open with no bid; award needs it open with a bid"):
        job_award.plan(world.ports(ANN), Award(JOB))
    offer(world, BOB, 9 * TOKEN)
    with pytest.raises(Reverted, match="NotConsumer"):
        execute(world.ports(BOB), job_award.OPERATION, Award(JOB))
    with pytest.raises(UsageError, match="--all: a reverse auction is about one job"):
        job_award.plan(world.ports(ANN), Award(JOB, every=True))
    execute(world.ports(ANN), job_award.OPERATION, Award(JOB))
    assert world.auction.state(world.now) is State.LEASED
    with pytest.raises(StateConflict, match="is leased with a bid; it can be cancelled only"):
        job_close.plan_cancel(world.ports(ANN), JobName(JOB))


def test_whoever_leads_needs_no_second_bond() -> None:
    world = World(AuctionKind.REVERSE)
    world.auction = replace(world.auction, free={BOB: LOCK})
    offer(world, BOB, 9 * TOKEN)
    assert offer(world, BOB, 8 * TOKEN).best


def test_a_clock_of_no_time_is_the_nodes_lie() -> None:
    world = World(AuctionKind.DUTCH)
    world.auction = replace(world.auction, bids_close_at=world.auction.market.posted_at)
    world.forced = State.OPEN
    for ask in (lambda: job_show.show(world.ports(BOB), JOB), lambda: offer(world, BOB)):
        with pytest.raises(ChainError, match="the node says that job 0x7a7a7a7a takes bids, and from"):
            ask()


# --- requirements -----------------------------------------------------------------------------------------------------


def test_a_bid_carries_the_requirements_or_is_told_what_it_lacks() -> None:
    wanted = made([], reputation=3 * TOKEN, deny=[DAN])
    world = World(AuctionKind.FIXED, wanted)
    world.chain.answers["Providers", "pointsOf"] = 3 * TOKEN
    world.chain.answers["Providers", "qualifies"] = lambda who, data: who == BOB and data == world.preimage
    offer(world, BOB, MOST)
    (_, sent) = world.chain.sent[-1]
    assert sent.args[2] == world.preimage
    world = World(AuctionKind.FIXED, wanted)
    world.chain.answers["Providers", "pointsOf"] = TOKEN
    world.chain.answers["Providers", "qualifies"] = False
    with pytest.raises(StateConflict) as refused:
        offer(world, DAN, MOST)
    said = str(refused.value)
    assert "reputation: expected at least 3, found 1" in said and "deny: expected not in the list, found in it" in said


def test_a_list_of_the_jobs_that_suit_an_account() -> None:
    wanted = made([], reputation=3 * TOKEN)
    for points, listed in ((3 * TOKEN, 1), (TOKEN, 0)):
        world = World(AuctionKind.FIXED, wanted)
        world.chain.answers["Providers", "pointsOf"] = points
        world.chain.answers["Providers", "qualifies"] = points >= 3 * TOKEN
        ports = world.ports(BOB)
        assert len(job_show.jobs(ports).jobs) == 1
        assert len(job_show.jobs(ports, suiting=BOB).jobs) == listed
        assert not job_show.jobs(ports, suiting=BOB, page=2).jobs
    assert len(job_show.jobs(World(AuctionKind.FIXED).ports(BOB), suiting=BOB).jobs) == 1


@pytest.mark.parametrize("forged", [True, False])
def test_a_job_whose_requirements_are_odd_hides_no_other(forged: bool) -> None:
    """Published under a hash that is theirs, and still no requirements; or met by the index alone."""
    world, wanted = World(AuctionKind.FIXED), made([], reputation=TOKEN)
    world.chain.answers |= {("Providers", "pointsOf"): TOKEN, ("Providers", "qualifies"): False}
    data = b"\0" * 64 if forged else encode(wanted)
    name = "0x" + keccak256(data).hex()
    other = {"jobId": JOB.replace("7a", "7c"), "versionId": VERSION.version_id, "consumer": ANN, "nonce": 2}
    posted = {**other, "terms": terms(AuctionKind.FIXED, name)}
    published = {"hash": name, "requirements": data}
    world.chain.mine([("Providers", "RequirementsPublished", published), ("JobMarket", "JobPosted", posted)])
    assert [row.job for row in job_show.jobs(world.ports(BOB), suiting=BOB).jobs] == [JOB]


def test_requirements_that_ask_for_nothing_are_handed_in_too() -> None:
    """The market compares the hash of what a bid carries with the one that the job names."""
    world = World(AuctionKind.FIXED, made([]))
    world.chain.answers["Providers", "qualifies"] = True
    offer(world, BOB, MOST)
    assert world.chain.sent[-1][1].args[2] == world.preimage != b""


# --- reopening --------------------------------------------------------------------------------------------------------


def ended(kind: AuctionKind, state: State, wanted: Requirements | None = None) -> World:
    world = World(kind, wanted)
    if state is not State.EXPIRED:
        world.chain.answers["Providers", "pointsOf"] = world.chain.answers["Providers", "qualifies"] = 1
        offer(world, BOB, MOST)
    world.forced = state
    return world


def posting(plan: Any) -> tuple[list[str], Call, tuple[Any, ...]]:
    """Titles, the last step's call, and the request that it posts."""
    *_, last = plan.steps
    assert isinstance(last, Tx)
    call = last.call
    post = call if call.function == "post" else call.args[0][-1]
    return [step.title for step in plan.steps], call, post.args[0]


@pytest.mark.parametrize(
    ("state", "credit"),
    [(State.DEFAULTED, MOST + GAS), (State.UNDELIVERED, MOST - FEE), (State.REJECTED, MOST)],
)
def test_who_failed_a_job_is_left_out_of_the_next(state: State, credit: int) -> None:
    world = ended(AuctionKind.FIXED, state)
    world.chain.answers["MarketToken", "balanceOf"] = MOST - credit if credit < MOST else 0
    plan = job_reopen.plan(world.ports(ANN), Reopen(JOB))
    titles, call, request = posting(plan)
    assert titles[0] == f"publish the requirements deny={BOB}" and len(titles) == 2
    assert [each.function for each in call.args[0]] == ["settle", "withdraw", "post"]
    assert request[REQUIREMENTS] == requirements_hash(made(deny=[BOB])) and plan.facts.without == (BOB,)
    former = list(job_args(world))
    former[REQUIREMENTS] = request[REQUIREMENTS]
    assert request == tuple(former)
    made_again = execute(world.ports(ANN), job_reopen.OPERATION, Reopen(JOB)).result
    assert made_again.former == JOB and made_again.without == (BOB,) and world.settled_at


def test_reopened_twice_is_one_job() -> None:
    """No second escrow, also where its terms have moved since; asked to leave out others, it says what was done."""
    nonces = []
    for _ in range(2):
        call = posting(job_reopen.plan(ended(AuctionKind.FIXED, State.DEFAULTED).ports(ANN), Reopen(JOB)))[1]
        nonces.append(call.args[0][-1].args[1])
    assert nonces == [int.from_bytes(keccak256(b"mlm/reopen/1" + bytes.fromhex(JOB[2:])), "big")] * 2
    ports = ended(AuctionKind.FIXED, State.DEFAULTED).ports(ANN)
    again = execute(ports, job_reopen.OPERATION, Reopen(JOB)).result.job
    assert job_reopen.plan(ports, Reopen(JOB)).steps == ()
    assert execute(ports, job_reopen.OPERATION, Reopen(JOB)).result.job == again
    with pytest.raises(StateConflict, match=f"was reopened as {again[:10]}") as refused:
        job_reopen.plan(ports, Reopen(JOB, (CID,)))
    assert f"mlm job reopen {again[:10]}" in refused.value.hint


def test_what_is_credited_is_not_held() -> None:
    world = ended(AuctionKind.FIXED, State.UNDELIVERED)  # FEE less than the escrow comes back
    world.chain.answers["MarketToken", "balanceOf"] = FEE - 1
    with pytest.raises(InsufficientFunds, match=r"needs 20 MLM, 0x\w+ holds 0\.049\d* MLM and is credited 19\.95 MLM"):
        job_reopen.plan(world.ports(ANN), Reopen(JOB))


def job_args(world: World) -> tuple[Any, ...]:
    from mlm.core.terms import request_args, terms_from_event

    return request_args(terms_from_event(world.terms).request)


def test_nobody_failed_a_job_that_nobody_bid_on() -> None:
    world = ended(AuctionKind.REVERSE, State.EXPIRED)
    titles, _, request = posting(job_reopen.plan(world.ports(ANN), Reopen(JOB)))
    assert titles == ["settle, post 0x7a7a7a7a again, escrow 20 MLM"] and request[REQUIREMENTS] == bytes.fromhex(
        NONE[2:]
    )
    titles, _, request = posting(job_reopen.plan(world.ports(ANN), Reopen(JOB, (CID.upper().replace("X", "x"),))))
    assert request[REQUIREMENTS] == requirements_hash(made(deny=[CID]))


def test_what_is_settled_and_drawn_is_only_posted() -> None:
    world = ended(AuctionKind.REVERSE, State.CANCELLED)
    world.settled_at = world.now
    world.chain.answers["MarketToken", "balanceOf"] = MOST
    _, call, _ = posting(job_reopen.plan(world.ports(ANN), Reopen(JOB)))
    assert call.function == "post"
    world.credit[ANN] = 1
    _, call, _ = posting(job_reopen.plan(world.ports(ANN), Reopen(JOB)))
    assert [each.function for each in call.args[0]] == ["withdraw", "post"]


def test_requirements_are_kept_and_more_are_denied() -> None:
    former = made([], deny=[DAN], reputation=1)
    world = ended(AuctionKind.FIXED, State.DEFAULTED, former)
    _, _, request = posting(job_reopen.plan(world.ports(ANN), Reopen(JOB, (CID,))))
    assert request[REQUIREMENTS] == requirements_hash(made([], deny=[BOB, CID, DAN], reputation=1))


def test_a_job_for_which_nobody_would_be_left() -> None:
    world = ended(AuctionKind.FIXED, State.DEFAULTED, made(allow=[BOB]))
    with pytest.raises(UsageError, match="nobody would be left"):
        job_reopen.plan(world.ports(ANN), Reopen(JOB))


@pytest.mark.parametrize(
    ("state", "hint"),
    [
        (State.OPEN, "mlm job cancel"),
        (State.LEASED, "It is the turn of"),
        (State.ACCEPTED, "mlm job result"),
    ],
)
def test_a_job_that_has_not_come_to_nothing(state: State, hint: str) -> None:
    world = World(AuctionKind.REVERSE)
    world.forced = state
    with pytest.raises(StateConflict, match="it can be reopened when it has come to nothing") as refused:
        job_reopen.plan(world.ports(ANN), Reopen(JOB))
    assert hint in refused.value.hint


def test_others_jobs_and_accounts_that_are_none() -> None:
    world = ended(AuctionKind.REVERSE, State.EXPIRED)
    with pytest.raises(StateConflict, match="was posted by 0xa1a1"):
        job_reopen.plan(world.ports(BOB), Reopen(JOB))
    with pytest.raises(UsageError, match="--without: expected an address"):
        job_reopen.plan(world.ports(ANN), Reopen(JOB, ("bob",)))


def test_requirements_that_nobody_published_are_told() -> None:
    wanted = made(deny=[DAN])
    world = World(AuctionKind.FIXED, wanted, published=False)
    assert "not published" in job_show.show(world.ports(BOB), JOB).requirements[0]
    with pytest.raises(NotFound, match="nobody has published the requirements"):
        offer(world, BOB, MOST)
