"""Sealed bids: what opens one is kept before it is sent, never journalled, and found again with the key alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlm.core.errors import InsufficientFunds, NotFound, Reverted, StateConflict, UsageError
from mlm.core.job import AuctionKind, State
from mlm.core.money import Amount
from mlm.ports.bundle import Ports
from mlm.workflows import bid, job_bids, job_close, job_reveal, job_show, op, sealed
from mlm.workflows.apply import apply, execute
from mlm.workflows.job_close import JobName
from mlm.workflows.job_reveal import Reveal
from tests.jobs.market import ANN, BOB, CID, DAN, FLOOR, JOB, MOST, TOKEN, World
from tests.workflows.test_op import Death, Killed, Mortal

PRICE = Amount(7 * TOKEN)


@pytest.fixture
def world() -> World:
    return World(AuctionKind.SEALED)


def commit(ports: Ports, price: int = PRICE) -> Any:
    return execute(ports, bid.OPERATION, bid.Bid(JOB, Amount(price))).result


def reveal(ports: Ports, price: int | None = None) -> Any:
    given = None if price is None else Amount(price)
    return execute(ports, job_reveal.REVEAL, Reveal(JOB, given)).result


def test_a_whole_auction(world: World) -> None:
    bob, cid = world.ports(BOB), world.ports(CID)
    placed = commit(bob)
    assert (placed.bond, placed.best, placed.price) == (MOST, None, PRICE)
    assert placed.next_from == world.auction.bids_close_at
    assert placed.next_until == world.auction.reveals_close_at
    commit(cid, 9 * TOKEN)
    assert [(row.state, row.price) for row in job_bids.bids(bob, JOB).bids] == [("committed", None)] * 2
    seen = job_show.show(bob, JOB)
    assert (seen.state, seen.sealed_bids, seen.bond, seen.price) == (State.OPEN, 2, MOST, None)
    world.close_bids()
    assert job_show.show(bob, JOB).turn == "bidders: reveal"
    first = reveal(cid)
    assert (first.leads, first.pays, first.left) == (True, MOST, 1)
    assert first.next == f"mlm job watch {JOB[:10]}", "bob may still reveal a lower one"
    second = reveal(bob)
    assert (second.leads, second.pays, second.left) == (True, 9 * TOKEN, 0)
    assert second.next == f"mlm lease fulfil {JOB[:10]}", "all is revealed"
    listed = [(row.provider, row.state, row.price) for row in job_bids.bids(bob, JOB).bids]
    assert listed == [(BOB, "best", PRICE), (CID, "revealed", 9 * TOKEN)]
    assert job_show.show(bob, JOB).state is State.LEASED


def test_the_journal_never_holds_price_or_salt(world: World) -> None:
    bob = world.ports(BOB)
    commit(bob)
    (kept,) = bob.bids.kept.values()  # type: ignore[attr-defined]
    record = repr((bob.journal.operations(), bob.journal.entries("000001")))
    assert kept.salt.hex() not in record and str(int(PRICE)) not in record and "7 MLM" not in record
    assert kept.salt.hex() not in repr(kept) and str(int(PRICE)) not in repr(kept)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(1, 7))  # begin, kept, signed, broadcast, included, close
def test_killed_at_any_instant_the_bid_can_be_revealed(world: World, at: int, when: str) -> None:
    """Also between the writing and the sending: what stands on the chain can be opened."""
    bob, death = world.ports(BOB), Death(at, when)
    journal, sender = Mortal(bob.journal, death, "begin", "record", "close"), Mortal(bob.sender, death, "broadcast")
    bob.__dict__.update(journal=journal, sender=sender)
    with pytest.raises(Killed):
        commit(bob)
    again = world.ports(BOB)
    again.journal.end_process()  # type: ignore[attr-defined]
    assert len(again.bids.kept) == 1, "written down before anything was begun"  # type: ignore[attr-defined]
    if world.auction.sealed:
        (standing,) = world.auction.sealed.values()
        assert again.bids.find(standing) is not None
    begun = again.journal.operations()
    if not begun:
        commit(again)
    elif begun[0]["outcome"] != "done":
        op.resume(again, begun[0]["op"])
    assert len(world.auction.sealed) == 1
    world.close_bids()
    assert reveal(world.ports(BOB)).leads


def test_nothing_is_sent_where_what_opens_it_was_lost(world: World) -> None:
    bob = world.ports(BOB)
    bob.__dict__["journal"] = Mortal(bob.journal, Death(1, "after"), "begin", "record", "close")
    with pytest.raises(Killed):
        commit(bob)
    again = world.ports(BOB)
    again.journal.end_process()  # type: ignore[attr-defined]
    again.bids.kept.clear()  # type: ignore[attr-defined]
    with pytest.raises(NotFound, match="does not know what opens the sealed bid"):
        op.resume(again, "000001")
    assert not world.auction.sealed and not world.chain.sent


def test_another_machine_reveals_with_the_key_and_the_price(world: World) -> None:
    commit(world.ports(BOB))
    world.close_bids()
    elsewhere = world.ports(BOB, "another machine")
    with pytest.raises(NotFound, match="has not kept the price") as lost:
        reveal(elsewhere)
    assert "--price" in lost.value.hint
    with pytest.raises(UsageError, match="was of another price, found 8 MLM"):
        reveal(elsewhere, 8 * TOKEN)
    assert reveal(elsewhere, PRICE).leads
    assert not elsewhere.bids.kept  # type: ignore[attr-defined]


def test_a_price_that_is_given_must_be_the_one_that_was_kept(world: World) -> None:
    commit(world.ports(BOB))
    world.close_bids()
    with pytest.raises(UsageError, match="was of 7 MLM, found 8 MLM"):
        reveal(world.ports(BOB), 8 * TOKEN)
    assert world.auction.sealed


def test_only_its_own_key_finds_the_salt(world: World) -> None:
    commit(world.ports(BOB))
    commit(world.ports(CID))
    salts = {kept.salt for who in (BOB, CID) for kept in world.machines[who][0].kept.values()}
    assert len(salts) == 2


def test_a_second_bid_reveals_nothing_of_the_first(world: World) -> None:
    bob = world.ports(BOB)
    commit(bob)
    (first,) = world.auction.sealed.values()
    execute(bob, job_reveal.WITHDRAW, JobName(JOB))
    commit(bob, 8 * TOKEN)
    (second,) = world.auction.sealed.values()
    kept = [bob.bids.find(each) for each in (first, second)]
    assert kept[0] is not None and kept[1] is not None
    # Everybody sees the second's salt when it is revealed, and knows that the first was a price too.
    assert replace(kept[1], price=kept[0].price).commitment != first
    world.close_bids()
    assert reveal(world.ports(BOB, "another machine"), 8 * TOKEN).leads


@pytest.mark.parametrize(
    ("pass_by", "who", "words"),
    [
        ("", BOB, "takes bids until"),
        ("close_bids", DAN, "has no sealed bid on job"),
        ("close_reveals", BOB, "is expired: bids could be revealed until"),
    ],
)
def test_a_reveal_at_the_wrong_time_or_of_nothing(world: World, pass_by: str, who: str, words: str) -> None:
    commit(world.ports(BOB))
    if pass_by:
        getattr(world, pass_by)()
    with pytest.raises(StateConflict, match=words) as refused:
        reveal(world.ports(who))
    assert refused.value.hint


def test_a_bid_is_withdrawn_free_of_charge_and_made_again(world: World) -> None:
    bob = world.ports(BOB)
    commit(bob)
    with pytest.raises(StateConflict, match="has a sealed bid on job 0x7a7a7a7a already"):
        commit(bob, 8 * TOKEN)
    plan = job_reveal.plan_withdraw(bob, JobName(JOB))
    assert plan.payment == 0 and "free of charge" in plan.steps[0].title
    execute(bob, job_reveal.WITHDRAW, JobName(JOB))
    assert world.auction.free[BOB] == 100 * TOKEN and not world.auction.sealed
    commit(bob, 8 * TOKEN)
    states = [(row.provider, row.state) for row in job_bids.bids(bob, JOB).bids]
    assert states == [(BOB, "withdrawn"), (BOB, "committed")]
    world.close_bids()
    assert reveal(bob).price == 8 * TOKEN
    with pytest.raises(StateConflict, match="is leased, bids can be withdrawn while it is open"):
        job_reveal.plan_withdraw(bob, JobName(JOB))


def test_settling_burns_the_bonds_of_those_who_did_not_reveal(world: World) -> None:
    commit(world.ports(BOB))
    commit(world.ports(CID), 9 * TOKEN)
    commit(world.ports(DAN), 9 * TOKEN)
    world.close_bids()
    reveal(world.ports(CID))
    world.close_reveals()
    ann = world.ports(ANN)
    with pytest.raises(StateConflict, match="is leased; it settles when its state is final"):
        job_close.plan_settle(ann, JobName(JOB))
    world.forced = State.DEFAULTED
    titles = [step.title for step in job_close.plan_settle(ann, JobName(JOB)).steps]
    assert titles == ["settle 0x7a7a7a7a (defaulted)", "burn the bond of 2 accounts, who did not reveal"]
    execute(ann, job_close.SETTLE, JobName(JOB))
    assert world.auction.burned == {BOB: MOST, DAN: MOST} and world.settled_at
    rows = {row.provider: (row.state, row.burned) for row in job_bids.bids(ann, JOB).bids}
    assert rows == {BOB: ("forfeited", MOST), DAN: ("forfeited", MOST), CID: ("best", None)}
    assert job_close.plan_settle(ann, JobName(JOB)).steps == ()


def test_a_bond_that_another_burns_meanwhile_does_not_hold_up_the_settlement(world: World) -> None:
    for who in (BOB, CID):
        commit(world.ports(who))
    world.close_reveals()
    ann, plan = world.ports(ANN), job_close.plan_settle(world.ports(ANN), JobName(JOB))
    execute(world.ports(DAN), job_close.SETTLE, JobName(JOB))
    world.settled_at = 0  # only the bonds are gone
    with pytest.raises(Reverted, match="BidCommitmentMissing"):
        apply(ann, plan)
    assert world.settled_at


def test_hundreds_of_bonds_do_not_hold_it_up_either(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.close_reveals()
    who = [f"0x{n:040x}" for n in range(1, 121)]
    monkeypatch.setattr(sealed, "unrevealed", lambda ports, job: who)
    settling, *burning = job_close.plan_settle(world.ports(ANN), JobName(JOB)).steps
    calls = [call for step in burning for call in step.call.args[0]]  # type: ignore[union-attr]
    assert settling.call.function == "settle"  # type: ignore[union-attr]
    assert len(burning) == 3 and [call.args[1] for call in calls] == who


def test_what_another_burned_already_is_left_out(world: World) -> None:
    commit(world.ports(BOB))
    world.close_reveals()
    world.settled_at = world.now
    world.auction = replace(world.auction.release(BOB, burn=MOST), sealed={})  # not in the index yet
    assert job_close.plan_settle(world.ports(ANN), JobName(JOB)).steps == ()


@pytest.mark.parametrize(
    ("price", "error", "words"),
    [
        (None, UsageError, "--price: a sealed auction needs it"),
        (MOST + 1, UsageError, "the job pays at most 20 MLM"),
        (FLOOR - 1, UsageError, "the job pays at least 1 MLM"),  # it could never be revealed, and the bond would burn
    ],
)
def test_a_price_that_could_not_be_revealed_is_refused(
    world: World, price: int | None, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        bid.plan(world.ports(BOB), bid.Bid(JOB, None if price is None else Amount(price)))


def test_the_bond_is_the_escrow(world: World) -> None:
    world.auction = replace(world.auction, free={BOB: MOST - 1})
    with pytest.raises(InsufficientFunds, match=r"a bid locks 20 MLM, free stake is 19\.9"):
        commit(world.ports(BOB))
    world.auction = replace(world.auction, free={ANN: MOST})
    with pytest.raises(Reverted, match="ConsumerCannotBid"):
        commit(world.ports(ANN))
    with pytest.raises(UsageError, match="--quantity: a sealed auction is about one job"):
        bid.plan(world.ports(BOB), bid.Bid(JOB, PRICE, 2))


def test_a_job_with_sealed_bids_is_neither_cancelled_nor_awarded(world: World) -> None:
    from mlm.workflows import job_award

    commit(world.ports(BOB))
    ann = world.ports(ANN)
    with pytest.raises(StateConflict, match="has 1 sealed bids; it can be cancelled only while it has none"):
        job_close.plan_cancel(ann, JobName(JOB))
    with pytest.raises(StateConflict, match="a sealed auction, which nobody awards"):
        job_award.plan(ann, job_award.Award(JOB))
