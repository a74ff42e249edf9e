"""`mlm job post --wait` on a real devnet: failed by one provider, done by the next; killed anywhere, it pays once."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from mlm.adapters.wallet.devnet import address
from mlm.workflows.job_wait import POLL
from tests.command_line import INPUT, MODEL, TOKEN, UNDELIVERED_FEE, Market, Person, ended, sent
from tests.delivering import PRIVATE, apart, pushed

T = TypeVar("T")
POST = ("job", "post", MODEL, "-i", INPUT, "--max-price", "5", "--auction", "fixed", "--wait")


def until(found: Callable[[], T | None], seconds: float = 60.0) -> T:
    """What `found` finds at last; fails when it takes longer."""
    over = time.monotonic() + seconds
    while time.monotonic() < over:
        if (value := found()) is not None:
            return value
        time.sleep(0.3)
    raise AssertionError("it did not come")


def opened(person: Person, *known: str) -> str | None:
    """A job of the person's that takes bids, other than these."""
    rows = person.do("job", "list", "--mine", "--open")["jobs"]
    return next((row["job"] for row in rows if row["job"] not in known), None)


def test_a_job_is_reopened_without_who_failed_it_until_it_is_done(market: Market, tmp_path: Path) -> None:
    consumer, first, second = market.consumer, market.first, market.second
    before, known = consumer.money, [row["job"] for row in consumer.do("job", "list", "--mine", "--open")["jobs"]]
    options = ("--delivery", "60", "--label", "reopened", "-o", str(tmp_path / "out.npy"))
    waiting = consumer.begin(*POST, *options, "--json")
    try:
        job = until(lambda: opened(consumer, *known))
        first.do("bid", job, "--price", "5", "--stake")
        market.advance("61s")  # and compute-1 never accepts
        again = until(lambda: opened(consumer, *known, job))
        assert "deny" in first.refused(12, "bid", again, "--price", "5")["message"]
        second.do("bid", again, "--price", "5", "--stake")
        second.do("lease", "fulfil", again)
        ran = ended(waiting)
    finally:
        waiting.kill()
    assert ran.code == 0, ran
    found = ran.value
    assert [(each["job"], each["state"], each["provider"].lower()) for each in found["attempts"]] == [
        (job, "undelivered", address("compute-1").lower()),
        (again, "accepted", address("compute-2").lower()),
    ]
    assert (found["job"], found["price"]) == (again, str(5 * TOKEN))
    assert sum(int(credit["amount"]) for credit in found["credits"]) == 5 * TOKEN
    # The consumer paid one price and the small fee of the failed attempt; nothing else.
    assert before - consumer.money == 5 * TOKEN + UNDELIVERED_FEE
    consumer.do("job", "result", again, "-o", str(tmp_path / "read.npy"))
    assert np.array_equal(np.load(tmp_path / "out.npy"), np.load(tmp_path / "read.npy"))
    # The same command again finds what was done, sends nothing and pays nothing.
    count = sent(market, "consumer")
    same = consumer.do(*POST, *options)
    assert (
        same == found and sent(market, "consumer") == count and before - consumer.money == 5 * TOKEN + UNDELIVERED_FEE
    )


def test_a_node_that_dies_meanwhile_is_told_once_and_waited_for(market: Market, tmp_path: Path) -> None:
    consumer, known = market.consumer, [row["job"] for row in market.consumer.do("job", "list", "--mine")["jobs"]]
    waiting = consumer.begin(*POST, "--label", "dead-node", "-o", str(tmp_path / "out.npy"))
    try:
        job = until(lambda: opened(consumer, *known))
        market.first.do("bid", job, "--price", "5", "--stake")
        consumer.do("devnet", "down")
        time.sleep(3 * POLL)
        assert waiting.poll() is None
        consumer.do("devnet", "up")
        market.first.do("lease", "fulfil", job)
        ran = ended(waiting)
    finally:
        waiting.kill()
    assert ran.code == 0 and ran.err.count("; asked again for 600 s") == 1, ran
    assert np.load(tmp_path / "out.npy").shape == (1, 10)


def test_nobody_bids_and_the_error_says_what_came_back(market: Market) -> None:
    consumer = market.consumer
    before, known = consumer.money, [row["job"] for row in consumer.do("job", "list", "--mine", "--open")["jobs"]]
    waiting = consumer.begin(*POST, "--bidding", "60", "--retries", "0", "--label", "nobody", "--json")
    try:
        until(lambda: opened(consumer, *known))
        market.advance("61s")
        ran = ended(waiting)
    finally:
        waiting.kill()
    assert ran.code == 12 and ran.error["code"] == "no_result", ran
    assert "is expired: no result; 5 MLM of the 5 MLM in escrow came back" in ran.error["message"]
    assert consumer.money == before


# Of begin, stored, signed, broadcast, receipt, included, close; test_kills.py dies at all instants of the operation.
@pytest.mark.parametrize(
    ("at", "when"),
    [(1, "before"), (1, "after"), (3, "before"), (3, "after"), (4, "after"), (6, "after"), (7, "after")],
)
def test_killed_anywhere_the_same_command_pays_once(market: Market, at: int, when: str) -> None:
    consumer = market.consumer
    command: tuple[Any, ...] = (*POST, "--label", f"killed-{at}-{when}", "--timeout", "0")
    before, count = consumer.money, sent(market, "consumer")
    ran = consumer.killed(at, when, *command, "--json")
    assert ran.code == -signal.SIGKILL, ran
    for _ in range(2):  # it goes on, and once more it has nothing left to do
        error = consumer.refused(12, *command)
        assert "was open when the time to wait for it was over" in error["message"]
        assert before - consumer.money == 5 * TOKEN and sent(market, "consumer") - count == 1
    job = error["message"].split()[1]
    consumer.do("job", "cancel", job)
    assert consumer.money == before


# Of begin, signed, broadcast, receipt, included, close.
@pytest.mark.parametrize(("at", "when"), [(1, "after"), (2, "after"), (3, "after"), (5, "after"), (6, "after")])
def test_killed_anywhere_it_is_posted_again_once(market: Market, at: int, when: str) -> None:
    consumer = market.consumer
    consumer.run("wallet", "withdraw")  # what tests before left, which posting again draws too
    job = consumer.job("--bidding", "60", auction="fixed")
    market.advance("61s")
    before, count = consumer.money, sent(market, "consumer")
    command = ("job", "wait", job, "--retries", "1", "--timeout", "0")
    assert consumer.killed(at, when, *command, "--json").code == -signal.SIGKILL
    for _ in range(2):
        again = "0x" + consumer.refused(12, *command)["message"].split()[1][2:]
        assert before - consumer.money == 0 and sent(market, "consumer") - count == 1  # one escrow for the other
    consumer.do("job", "cancel", again)
    assert consumer.money == before + 5 * TOKEN


@pytest.mark.parametrize("at", [2, 4])  # pushed, and signed: of both the journal has a permit, which lasts an hour
def test_a_permit_that_ran_out_meanwhile_is_signed_anew(market: Market, at: int) -> None:
    consumer = market.consumer
    command = (*POST, "--label", f"late-{at}", "--bidding", "60", "--retries", "0", "--timeout", "0")
    before = consumer.money
    assert consumer.killed(at, "before", *command).code == -signal.SIGKILL
    market.advance("3601s")
    for _ in range(2):
        assert "was open" in consumer.refused(12, *command)["message"]
        assert before - consumer.money == 5 * TOKEN
    market.advance("61s")
    assert "5 MLM of the 5 MLM in escrow came back" in consumer.refused(12, *command)["message"]
    assert consumer.money == before


def test_the_escrow_that_is_lacking_is_told(market: Market) -> None:
    """Of a posting, and of a posting again: the exit code and the amounts are those of any payment."""
    options = ("-i", INPUT, "--max-price", "1000000000", "--wait")
    error = market.consumer.refused(8, "job", "post", MODEL, *options)
    assert error["code"] == "insufficient_funds" and "needs 1000000000 MLM" in error["message"]


def test_again_makes_no_second_job_where_the_same_is_one(market: Market) -> None:
    error = market.consumer.refused(2, *POST, "--again")
    assert "--label" in error["hint"]
    assert "--wait" in market.consumer.refused(2, *POST[:-1], "-o", "out.npy")["hint"]


def test_a_private_job_is_seen_through_its_key_delivered_and_its_result_complained_for(
    market: Market, tmp_path: Path
) -> None:
    """In the tier none: what the provider has pushed is gone, and comes by the answer to a complaint."""
    consumer, first = apart(market), market.first
    known = [row["job"] for row in consumer.do("job", "list", "--mine", "--open")["jobs"]]
    post = ("job", "post", MODEL, "-i", INPUT, "--max-price", "5", "--auction", "fixed", "--wait", *PRIVATE)
    options = ("--verification", "400", "--label", "in private", "-o", str(tmp_path / "out.npy"), "--json")
    waiting = consumer.begin(*post, *options)
    try:
        job = until(lambda: opened(consumer, *known))
        first.do("bid", job, "--price", "5", "--stake")
        until(lambda: first.run("lease", "accept", job).code == 0 or None)  # once the key is there
        before = pushed(market)
        first.do("lease", "fulfil", job)
        for path in pushed(market) - before:
            path.unlink()
        market.advance("310s")
        until(lambda: first.run("lease", "answer", job).code == 0 or None)
        market.advance("2d")
        ran = ended(waiting)
    finally:
        waiting.kill()
    assert ran.code == 0 and ran.value["job"] == job, ran
    assert np.load(tmp_path / "out.npy").shape == (1, 10)
