"""Auctions of every kind through the command line, on real contracts: who wins, and what a lost disk costs."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from mlm.adapters.wallet import devnet as accounts
from tests.command_line import INPUT, MODEL, TOKEN, Market, Person

GRID = ("--start-price", "1", "--price-step", "0.5")


def address(account: str) -> str:
    return accounts.address(account).lower()


def elsewhere(person: Person, home: Path) -> Person:
    """The same account on another machine: it knows the devnet, and nothing that this one has kept."""
    home.mkdir()
    for name in ("devnet", "cache"):
        (home / name).symlink_to(person.home / name)
    return Person(person.account, person.folder, home)


def settled(market: Market, job: str) -> None:
    """Let a lease that nobody fulfils end, so that no stake stays locked."""
    market.advance("1h")
    market.consumer.do("job", "settle", job)


def test_sealed_bids_the_second_price_and_another_machine(market: Market, tmp_path: Path) -> None:
    job = market.consumer.job("--bidding", "60", "--reveal", "120", auction="sealed")
    for person, price in ((market.first, "3"), (market.second, "4")):
        person.do("bid", job, "--price", price, "--stake")
    shown = market.consumer.do("job", "bids", job)
    assert [(row["state"], row["price"]) for row in shown["bids"]] == [("committed", None)] * 2
    assert market.consumer.do("job", "show", job)["sealed_bids"] == 2
    market.advance("60s")
    other = elsewhere(market.first, tmp_path / "home")
    assert "has not kept the price" in other.refused(3, "job", "reveal", job)["message"]
    assert "another price" in other.refused(2, "job", "reveal", job, "--price", "4")["message"]
    assert other.do("job", "reveal", job, "--price", "3")["leads"]
    last = market.second.do("job", "reveal", job)
    assert (last["leads"], last["pays"], last["left"]) == (False, str(4 * TOKEN), 0)
    seen = market.consumer.do("job", "show", job)
    assert (seen["state"], seen["provider"], seen["price"]) == ("leased", address("compute-1"), str(4 * TOKEN))
    settled(market, job)


def test_a_bond_that_nobody_reveals_burns_when_the_job_is_settled(market: Market) -> None:
    job = market.consumer.job("--bidding", "60", "--reveal", "60", auction="sealed", price="12")
    placed = market.first.do("bid", job, "--price", "3", "--stake")
    assert placed["bond"] == str(12 * TOKEN)
    before = int(market.first.stake["total"])
    market.advance("120s")
    ended = market.second.do("job", "settle", job)
    assert ended["state"] == "expired" and ended["settled"]
    assert int(market.first.stake["total"]) == before - 12 * TOKEN
    (row,) = market.first.do("job", "bids", job)["bids"]
    assert (row["state"], row["burned"]) == ("forfeited", str(12 * TOKEN))
    assert market.second.run("job", "settle", job).code == 0, "again there is nothing to do"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", [1, 2, 3, 4, 5, 6, 7])
def test_killed_around_the_commitment_what_stands_can_be_revealed(market: Market, at: int, when: str) -> None:
    """No resume: the machine that was killed knows the price of whatever reached the chain."""
    market.first.do("stake", "deposit", "10")
    job = market.consumer.job("--bidding", "60", "--reveal", "60", auction="sealed")
    ran = market.first.killed(at, when, "bid", job, "--price", "3")
    assert ran.code == -signal.SIGKILL, ran
    stands = market.consumer.do("job", "show", job)["sealed_bids"]
    market.advance("60s")
    if stands:
        assert market.first.do("job", "reveal", job)["leads"]
        settled(market, job)
        return
    assert at < 4 or (at, when) == (4, "before"), "once it is broadcast it stands"
    market.consumer.do("job", "settle", job)
    for row in market.first.do("op", "log")["operations"][:1]:
        if row["operation"] == "bid" and row["state"] not in ("done", "undone", "superseded"):
            market.first.do("op", "undo", row["op"])


def test_a_clock_pays_what_it_offers_when_somebody_takes_it(market: Market) -> None:
    job = market.consumer.job("--start-price", "1", "--bidding", "3600", auction="dutch")
    first = int(market.consumer.do("job", "show", job)["clock"])
    market.advance("30m")
    offered = int(market.first.do("job", "show", job)["clock"])
    assert first < 11 * TOKEN // 10 and 3 * TOKEN <= offered < 31 * TOKEN // 10
    paid = int(market.first.do("bid", job, "--stake")["price"])
    assert offered <= paid < offered + TOKEN // 100
    assert market.consumer.do("job", "show", job)["price"] == str(paid)
    settled(market, job)


def test_a_round_is_cleared_at_one_price_and_its_awards_are_drawn(market: Market) -> None:
    consumer, options = market.consumer, (*GRID, "--bidding", "600", "--reveal", "300")
    now = consumer.do("devnet", "status")["time"]
    market.advance(f"{600 - now % 600}s")  # the beginning of a round
    jobs = {price: consumer.job(*options, auction="batch", price=price) for price in ("5", "4", "3", "2.5", "2")}
    (closes,) = {consumer.do("job", "show", job)["bids_close_at"] for job in jobs.values()}
    offer = ("bid", jobs["5"], "--price", "2", "--quantity", "2", "--stake")
    title = market.first.do(*offer, "--dry-run")["steps"][-1]["title"]
    assert "each locks 25.7 MLM, for the grid's highest price, free when the draws end" in title
    market.first.do(*offer)
    market.second.do("bid", jobs["2"], "--price", "3", "--quantity", "2", "--stake")
    book = consumer.do("job", "bids", jobs["2.5"])
    assert (book["clears_at"], book["awards"], book["rank"]) == (str(3 * TOKEN), 3, 4)
    notes = {row["price"]: row["note"] for row in book["book"] if row["note"]}
    assert notes == {str(3 * TOKEN): "clears here", str(5 * TOKEN // 2): "this job"}
    now = consumer.do("devnet", "status")["time"]
    market.advance(f"{closes - now}s")
    # One alone, by anybody; then all that are the caller's, in one transaction.
    drawn = market.person("watcher").do("job", "award", jobs["5"])
    assert (drawn["state"], drawn["price"], drawn["provider"]) == ("leased", str(3 * TOKEN), address("compute-1"))
    ran = market.second.run("job", "award", jobs["3"], "--all", "--json")
    assert ran.code == 0 and len(ran.value["steps"]) == 1, ran
    assert consumer.do("job", "show", jobs["3"])["provider"] == address("compute-2")
    assert consumer.do("job", "show", jobs["4"])["state"] == "revealing"
    steps = consumer.run("job", "award", jobs["4"], "--all", "--json").value["steps"]
    assert [step["title"][:9] for step in steps] == ["draw the "]
    assert consumer.do("job", "show", jobs["4"])["provider"] == address("compute-1")
    assert consumer.run("job", "award", jobs["4"], "--all", "--json").value["steps"] == []
    refused = consumer.refused(12, "job", "award", jobs["2"])
    assert "has rank 5 in its round, which awards 3 at 3 MLM" in refused["message"]
    market.advance("300s")
    assert consumer.do("job", "settle", jobs["2"])["state"] == "expired"
    again = consumer.do("job", "reopen", jobs["2.5"])
    assert again["without"] == [] and consumer.do("job", "show", again["job"])["state"] == "open"
    for price in ("5", "4", "3"):
        settled(market, jobs[price])


def test_requirements_are_published_met_and_handed_on_to_the_next_job(market: Market) -> None:
    rule = ("--require", "gpu.memory>=81", "--delivery", "60")
    job = market.consumer.job(*rule, auction="fixed")
    assert market.consumer.do("job", "show", job)["requirements"] == ["gpu.memory>=81"]
    message = market.first.refused(12, "bid", job, "--price", "5", "--stake")["message"]
    assert "gpu.memory: expected at least 81, found" in message
    for person in (market.first, market.second):
        person.do("provider", "declare", "gpu.memory=96")
    market.first.do("bid", job, "--price", "5", "--stake")
    assert "leased" in market.consumer.refused(12, "job", "reopen", job)["message"]
    market.advance("61s")
    ran = market.consumer.run("job", "reopen", job, "--json")
    assert ran.code == 0 and len(ran.value["steps"]) == 2, ran
    again = ran.value["result"]
    assert again["without"] == [address("compute-1")]
    assert "deny: expected not in the list" in market.first.refused(12, "bid", again["job"], "--price", "5")["message"]
    assert market.second.do("bid", again["job"], "--price", "5", "--stake")["best"]
    former, now = (market.consumer.do("job", "show", each) for each in (job, again["job"]))
    assert former["settled"] and former["input"] == now["input"]
    market.advance("61s")
    market.consumer.do("job", "settle", again["job"])
    # The same requirements once more: nothing is left to publish.
    steps = market.consumer.run("job", "post", MODEL, "-i", INPUT, "--max-price", "5", *rule[:2], "--json").value[
        "steps"
    ]
    assert [step["kind"] for step in steps] == ["store", "transaction"]


def test_a_bid_is_withdrawn_at_its_price(market: Market) -> None:
    job = market.consumer.job()
    market.first.do("bid", job, "--price", "4", "--stake")
    before = market.first.stake
    plan = market.first.run("job", "withdraw-bid", job, "--dry-run", "--json").value
    assert plan["worst_loss"] == str(5 * TOKEN // 100)
    assert market.first.do("job", "withdraw-bid", job)["provider"] is None
    after = market.first.stake
    assert int(before["total"]) - int(after["total"]) == 5 * TOKEN // 100
    (row,) = market.consumer.do("job", "bids", job)["bids"]
    assert row["state"] == "withdrawn"
    market.consumer.do("job", "cancel", job)


def test_what_a_person_sees(market: Market) -> None:
    """Words, not numbers of enums; nothing about what a kind does not have."""
    job = market.consumer.job("--bidding", "60", "--reveal", "60", auction="sealed")
    market.first.do("bid", job, "--price", "3", "--stake")
    shown = market.consumer.run("job", "show", job).out
    assert "sealed bids" in shown and "clock" not in shown and "round" not in shown
    listed = market.consumer.run("job", "bids", job).out
    assert "committed" in listed and "price" not in listed and "clears" not in listed
    market.first.do("job", "withdraw-bid", job)
    market.consumer.do("job", "cancel", job)


def test_a_late_bid_moves_the_close_and_is_answered(market: Market) -> None:
    job = market.consumer.job("--bidding", "3600", auction="reverse")
    market.first.do("bid", job, "--price", "4", "--stake")
    posted = market.consumer.do("job", "show", job)
    assert posted["bids_extended"] is None
    market.advance("3100s")
    market.second.do("bid", job, "--price", "3", "--stake")
    moved = market.consumer.do("job", "show", job)
    assert moved["bids_extended"] == moved["bids_close_at"] - posted["bids_close_at"] > 0
    assert moved["provider"] == address("compute-2")
    market.advance("500s")  # past the close that was posted
    market.first.do("bid", job, "--price", "2", "--stake")
    listed = market.consumer.do("job", "bids", job)
    assert listed["extended"] > moved["bids_extended"]
    assert [row["state"] for row in listed["bids"]] == ["outbid", "outbid", "best"]
    (row,) = market.consumer.do("sql", f"select count(*) as n from extensions where job_id = '{moved['job']}'")["rows"]
    assert row == {"n": 2}
    assert market.consumer.do("job", "award", job)["state"] == "leased"
    settled(market, job)
