"""A worker on a real devnet: every kind of auction, killed anywhere, with a node that dies and a chain that rewinds."""

from __future__ import annotations

import resource
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.wallet import devnet as accounts
from tests.command_line import INPUT, TOKEN, Market, sent
from tests.delivering import PRIVATE, apart, posted, pushed
from tests.e2e.working import DELIVERY, WORK, done, free, own_market, shown, until, working
from tests.ray_cluster import RayNodes, command, descendants, raylet


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    yield from own_market(tmp_path_factory)


def test_it_observes_and_sends_nothing(market: Market) -> None:
    job = market.consumer.job("--bidding", "60", auction="fixed")
    before = sent(market, "compute-1")
    ran = market.first.run(*WORK, "--observe", "--for", "20", "--json")
    assert ran.code == 0 and f"{job[:10]} would bid 5 MLM" in ran.err, ran
    assert (ran.value["bids"], sent(market, "compute-1")) == (0, before)
    market.consumer.do("job", "cancel", job)


def test_every_kind_of_auction_is_bid_won_and_paid(market: Market) -> None:
    post = market.consumer.job
    grid = ("--start-price", "1", "--price-step", "0.5")
    jobs = [
        post("--bidding", "60", auction="fixed"),
        post("--bidding", "60", auction="reverse"),
        post("--bidding", "60", "--reveal", "600", auction="sealed"),
        post("--bidding", "60", "--start-price", "1", auction="dutch"),
        post("--bidding", "60", "--reveal", "600", *grid, auction="batch"),
    ]
    before = market.first.money
    log = market.first.folder / "worker.log"
    with working(market.first, "--jobs", "6", "--until-idle") as worker:
        until(lambda: log.read_text().count(" bid ") == len(jobs), market)
        until(lambda: all(done(market, job) for job in jobs), market, step="20s")
        assert worker.wait(60) == 0
    free(market.first)
    paid = 0
    for job in jobs:
        seen = shown(market, job)
        paid += sum(int(credit["amount"]) for credit in seen["credits"] if credit["reason"] == "payment")
    assert paid == market.first.money - before > 0
    facts = [fact["what"] for fact in market.first.do("worker", "status")["facts"]]
    assert sum(fact.startswith("paid") for fact in facts) >= 5


def test_private_jobs_and_complaints_in_the_tier_that_proves_nothing(market: Market) -> None:
    """The key is waited for, the result handed in and shown when its consumer complains, the money drawn after all."""
    consumer, before = apart(market), market.first.money
    job = posted(consumer, INPUT, *PRIVATE, "--bidding", "600", "--verification", "600")
    packs = pushed(market)
    with working(market.first, "--until-idle") as worker:
        until(lambda: shown(market, job)["state"] == "leased", market)
        time.sleep(3)  # it looks, and there is no key
        assert shown(market, job)["state"] == "leased" and worker.poll() is None
        consumer.do("job", "deliver", job)
        until(lambda: shown(market, job)["state"] == "submitted", market)
        for path in pushed(market) - packs:
            path.unlink()
        consumer.do("job", "complain", job)
        until(lambda: shown(market, job)["state"] != "disputed", market)
        assert consumer.do("job", "result", job)["outputs"]
        until(lambda: done(market, job), market, step="60s")
        assert worker.wait(60) == 0
    assert market.first.money > before
    free(market.first)


@pytest.mark.parametrize(
    ("at", "when", "count"), [(2, "before", 1), (3, "after", 3), (5, "before", 1), (8, "after", 1), (10, "after", 3)]
)
def test_killed_at_any_instant_it_goes_on_and_sends_nothing_twice(
    market: Market, at: int, when: str, count: int
) -> None:
    """A fixed job takes a bid, and an acceptance with the submission: two transactions, however often it is killed.

    Several share them; how many are handed in at once depends on which proofs are ready.
    """
    jobs = [market.consumer.job("--bidding", "3600", auction="fixed") for _ in range(count)]
    before = sent(market, "compute-1")
    killed = market.first.killed(at, when, *WORK, "--until-idle", "--jobs", str(count))
    assert killed.code == -signal.SIGKILL, killed
    again = market.first.spawn(*WORK, "--until-idle", "--jobs", str(count))
    assert again.code == 0, again
    assert all(done(market, job) for job in jobs), again
    assert 2 <= sent(market, "compute-1") - before <= 1 + count
    free(market.first)


def test_killed_while_it_proves_it_computes_and_hands_in(market: Market) -> None:
    job = market.consumer.job("--bidding", "3600", auction="fixed")
    with working(market.first) as worker:
        until(lambda: shown(market, job)["state"] == "leased", market)
        worker.send_signal(signal.SIGKILL)
    with working(market.first, "--until-idle") as worker:
        until(lambda: done(market, job), market)
        assert worker.wait(60) == 0
    free(market.first)


def test_on_two_machines_one_of_which_dies_every_job_is_done(market: Market, ray_nodes: RayNodes) -> None:
    """runner.engine = ray: the node is killed while it proves."""
    ray = {
        "MLM_ENGINE": "ray",
        "MLM_RAY_ADDRESS": ray_nodes.address,
        "MLM_RAY_FOLDER": str(ray_nodes.folder / "worker"),
    }
    first, log = replace(market.first, env=ray), market.first.folder / "worker.log"
    log.unlink(missing_ok=True)
    jobs = [market.consumer.job("--bidding", "3600", auction="fixed") for _ in range(4)]

    def proving(node: Any) -> bool:
        return any("mlm.adapters.ezkl.child" in command(pid) for pid in descendants(raylet(node)))

    with working(first, "--jobs", "4", "--until-idle") as worker:
        until(lambda: log.read_text().count(" bid ") == len(jobs), market)
        until(lambda: all(map(proving, ray_nodes.workers)), market, pause=0.02, tries=3000)
        ray_nodes.kill(ray_nodes.workers[0])
        ray_nodes.workers.append(ray_nodes.add())
        until(lambda: all(done(market, job) for job in jobs), market)
        assert worker.wait(60) == 0
    assert log.read_text().count("handed the result in") == len(jobs) and "failed" not in log.read_text()
    free(market.first)


def test_a_node_that_dies_is_waited_for(market: Market) -> None:
    with working(market.first) as worker:
        until(lambda: market.first.do("worker", "status")["running"], market)
        market.consumer.do("devnet", "down")
        log = market.first.folder / "worker.log"
        until(lambda: "waits: " in log.read_text(), market)
        assert worker.poll() is None
        market.consumer.do("devnet", "up")
        job = market.consumer.job("--bidding", "3600", auction="fixed")
        until(lambda: done(market, job), market)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    free(market.first)


def test_a_full_disk_is_waited_for(market: Market) -> None:
    """No byte can be written for a while: no index, no journal, no result, no log."""
    with working(market.first) as worker:
        until(lambda: market.first.do("worker", "status")["running"], market)
        before = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        job = market.consumer.job("--bidding", "3600", auction="fixed")
        time.sleep(5)
        assert worker.poll() is None and shown(market, job)["provider"] is None
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, before)
        until(lambda: done(market, job), market)
    free(market.first)


def test_a_reorganisation_takes_its_bid_and_it_bids_again(market: Market) -> None:
    job = market.consumer.job("--bidding", "60", auction="reverse")
    market.consumer.do("devnet", "snapshot", "before")
    with working(market.first):
        until(lambda: shown(market, job)["provider"] == accounts.address("compute-1").lower(), market)
        market.consumer.do("devnet", "restore", "before")
        assert shown(market, job)["provider"] is None
        until(lambda: done(market, job), market, step="10s")
    free(market.first)


def test_a_lease_lost_while_nobody_worked_costs_its_bond_and_the_cause_is_kept(market: Market) -> None:
    """The loss is what the contract takes of one lease: here the undelivered fee, of a lease never accepted."""
    job = market.consumer.job("--bidding", "60", auction="fixed")
    market.first.do("bid", job)
    before = market.first.money
    market.advance(f"{DELIVERY + 1}s")
    ran = market.first.run(*WORK, "--until-idle", "--json")
    assert ran.code == 0, ran
    assert (ran.value["leases_lost"], ran.value["lost"]) == (1, str(before - market.first.money))
    lost = [fact["what"] for fact in market.first.do("worker", "status")["facts"] if "lost" in fact["what"]]
    assert "undelivered" in lost[-1] and "Cause: " in lost[-1], lost
    market.first.do("stake", "deposit", "0.05")
    free(market.first)


def test_there_is_one_worker_for_an_account(market: Market) -> None:
    with working(market.first):
        until(lambda: market.first.do("worker", "status")["running"], market)
        refused = market.first.refused(12, *WORK, "--for", "1")
    assert "another worker of this account" in refused["message"]


STRATEGY = """
class Mine:
    def price(self, ask):
        return ask.price_for(2 * 10**18) if ask.asset.startswith("alice/") else None
class Broken:
    def price(self, ask):
        return 1.5
"""


def test_a_strategy_of_the_users_own(market: Market, tmp_path: Path) -> None:
    (market.first.folder / "mine.py").write_text(STRATEGY)
    job = market.consumer.job("--bidding", "60", auction="reverse")
    ran = market.first.run("worker", "run", "--strategy", "mine.py:Mine", "--for", "3", "--json")
    assert ran.code == 0 and ran.value["bids"] == 1, ran
    net = 2 * TOKEN
    price = int(shown(market, job)["price"])
    assert net < price < net * 1.2
    market.consumer.do("job", "award", job)
    until(lambda: market.first.spawn_afresh(*WORK, "--until-idle").code == 0, market)
    assert done(market, job)
    free(market.first)
    for name, words in (("Broken", "found 1.5"), ("Missing", "Missing"), ("nothing.py:Mine", "expected a Python file")):
        text = name if ":" in name else f"mine.py:{name}"
        other = market.consumer.job("--bidding", "60", auction="reverse")
        ran = market.first.run("worker", "run", "--strategy", text, "--for", "3", "--json")
        assert words in (ran.err + ran.out), ran
        market.consumer.do("job", "cancel", other)
