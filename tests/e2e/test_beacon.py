"""Secrets in the seed that draws replicas, on a real devnet: added and shown, by hand and by themselves, killed in
between; and a hash that nobody kept."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from mlm.core.terms import JobRecord
from tests.command_line import TOKEN, Market, Person, sent
from tests.disputing import Chain, exact_market, posted
from tests.replicating import REPLICAS, SLOTS, address, ends, of, until, until_shown, with_slots

FEE, DEPOSIT = TOKEN // 2, TOKEN
BEACON = "CommitRevealBeacon"
TAKE_PART = ("compute-1", "consumer", *SLOTS)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A market of its own, with an exact model."""
    with exact_market(tmp_path_factory.mktemp("beacon")) as made:
        yield made


@pytest.fixture
def replicas(market: Market) -> Iterator[tuple[Person, ...]]:
    """The two accounts with slots; free again afterwards, whatever came of the job that they were drawn for."""
    found = with_slots(market)
    yield found
    market.advance("3h")
    if job := found[0].do("replica", "list")["slot"]["job"]:
        market.consumer.do("job", "settle", job)


def leased(market: Market) -> str:
    """A job that compute-1 has won in the first seconds of a round of the beacon."""
    job = posted(market.consumer, *REPLICAS)
    begin_round(market)
    market.first.do("bid", job, "--price", "5", "--stake")
    return job


def begin_round(market: Market) -> None:
    """Let the beacon's next round begin."""
    length, now = asked(market, "length"), Chain.of(market, "consumer").read.block().timestamp
    market.advance(f"{length - now % length}s")


def next_block(market: Market) -> None:
    """Let a block come."""
    market.advance("1s")


def asked(market: Market, function: str, *args: Any) -> Any:
    """What the beacon answers."""
    return Chain.of(market, "consumer").read.call(BEACON, function, *args)


def round_of(market: Market, job: str) -> int:
    """The round that draws for a job."""
    record = JobRecord(*Chain.of(market, "consumer").read.call("JobMarket", "jobOf", bytes.fromhex(job[2:])))
    return int(asked(market, "roundAfter", record.bids_close_at + record.reveal_window))


def told(market: Market, job: str, change: str) -> list[str]:
    """Who did this in the round that draws for a job."""
    market.consumer.do("sync")
    query = f"select account from beacon_rounds where round = {round_of(market, job)} and change = '{change}'"
    return sorted(row["account"] for row in market.consumer.do("sql", query)["rows"])


def eventually(found: Callable[[], bool], what: str, seconds: float = 50.0) -> None:
    """Wait for something; less than a round lasts."""
    over = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < over, what
        time.sleep(0.5)


def addresses(*names: str) -> list[str]:
    return sorted(map(address, names))


def owed(market: Market, account: str) -> int:
    """What the beacon owes an account."""
    return int(asked(market, "creditOf", address(account)))


def tokens(market: Market, account: str) -> int:
    chain = Chain.of(market, account)
    return int(chain.read.call("MarketToken", "balanceOf", chain.sender.address))


# ------------------------------------------------------------------ by hand


def test_a_secret_is_added_and_shown_by_hand(market: Market, replicas: tuple[Person, ...]) -> None:
    job, consumer = leased(market), market.consumer
    assert "`--secret` adds one" in consumer.refused(12, "replica", "step", job)["message"]
    before, due = tokens(market, "consumer"), owed(market, "consumer")
    (planned,) = consumer.do("replica", "step", job, "--secret", "--dry-run")["steps"]
    assert planned["bond"] == str(DEPOSIT), planned
    consumer.do("replica", "step", job, "--secret")
    assert tokens(market, "consumer") == before - DEPOSIT
    assert "nothing for" in consumer.refused(12, "replica", "step", job, "--secret")["message"]  # one is enough
    market.advance("1m")
    assert consumer.do("replica", "show", job)["yours"] == "draw the replicas"
    consumer.do("replica", "step", job)
    next_block(market)
    assert consumer.do("replica", "show", job)["yours"] == "show the secret of the beacon's round"
    assert "reveals run until" in replicas[0].refused(12, "replica", "step", job)["message"]
    assert consumer.do("replica", "step", job)["yours"] == "draw the replicas"
    replicas[0].do("replica", "step", job)
    assert owed(market, "consumer") == due + DEPOSIT
    assert told(market, job, "revealed") == addresses("consumer")
    market.first.do("lease", "accept", job)
    for person in replicas:
        person.do("replica", "step", job)
    market.first.do("lease", "fulfil", job)
    for person in replicas:
        person.do("replica", "step", job)
    market.advance("1h")
    assert of(ends(consumer, job), *SLOTS) == [("paid", FEE, 0)] * 2
    # The seed is checked against the hash, and against what was revealed.
    assert consumer.do("verify", job)["verified"]
    consumer.do("replica", "withdraw")
    assert owed(market, "consumer") == 0 and tokens(market, "consumer") >= before


# Of begin, signed, broadcast, receipt, included, close.
@pytest.mark.parametrize(("at", "when"), [(1, "after"), (2, "after"), (3, "before"), (3, "after"), (5, "before")])
def test_killed_anywhere_it_is_added_once_and_shown_once(
    market: Market, replicas: tuple[Person, ...], at: int, when: str
) -> None:
    job, consumer = leased(market), market.consumer
    before, due, count = tokens(market, "consumer"), owed(market, "consumer"), sent(market, "consumer")
    assert consumer.killed(at, when, "replica", "step", job, "--secret", "--json").code == -signal.SIGKILL
    consumer.run("replica", "step", job, "--secret", "--json")
    assert told(market, job, "committed") == addresses("consumer")
    assert tokens(market, "consumer") == before - DEPOSIT and sent(market, "consumer") == count + 1
    market.advance("1m")
    for _ in range(3):  # close, show, and finish with the draw
        next_block(market)
        consumer.killed(at, when, "replica", "step", job, "--json")
        consumer.run("replica", "step", job, "--json")
    assert len(consumer.do("replica", "show", job)["replicas"]) == 2
    assert owed(market, "consumer") == due + DEPOSIT
    operations = consumer.do("op", "log")["operations"]
    assert {each["outcome"] for each in operations if each["operation"] == "replica step"} <= {"done", "superseded"}


# ------------------------------------------------------------------ by themselves


def test_all_who_take_part_add_a_secret_and_show_it(market: Market, replicas: tuple[Person, ...]) -> None:
    """A worker, watchers and a waiting consumer, as they run; nobody steps by hand."""
    job = posted(market.consumer, *REPLICAS)
    due = {name: owed(market, name) for name in TAKE_PART}
    started = [
        market.first.begin("worker", "run", "--asset", "alice/digits-mlp", "--for", "400", "--json"),
        *(person.begin("watcher", "run", "--for", "400", "--json") for person in replicas),
        market.consumer.begin("job", "wait", job, "--timeout", "400", "--json"),
    ]
    try:
        time.sleep(8)  # until they look
        begin_round(market)
        market.first.do("bid", job, "--price", "5", "--stake")
        eventually(lambda: told(market, job, "committed") == addresses(*TAKE_PART), "not all have added a secret")
        market.advance("1m")
        eventually(lambda: told(market, job, "revealed") == addresses(*TAKE_PART), "not all have shown it")
        until(market, job, "submitted")
        until_shown(market, job)
        market.advance("1h")
        out, err = started[-1].communicate(timeout=120)
        assert started[-1].returncode == 0, (out, err)
    finally:
        for process in started:
            process.terminate()
            process.communicate(timeout=60)
    assert of(ends(market.consumer, job), *SLOTS) == [("paid", FEE, 0)] * 2
    assert {name: owed(market, name) - due[name] for name in TAKE_PART} == dict.fromkeys(TAKE_PART, DEPOSIT)


def test_a_watcher_killed_before_it_shows_goes_on(market: Market, replicas: tuple[Person, ...]) -> None:
    job, one = leased(market), replicas[0]
    due = owed(market, one.account)
    watching = one.begin("watcher", "run", "--for", "400")
    try:
        eventually(lambda: told(market, job, "committed") == addresses(one.account), "it has added no secret")
    finally:
        watching.kill()
        watching.communicate(timeout=60)
    market.advance("1m")
    assert one.do("watcher", "run", "--until-idle")["failures"] == 0
    assert told(market, job, "revealed") == addresses(one.account)
    assert owed(market, one.account) == due + DEPOSIT
    assert len(market.consumer.do("replica", "show", job)["replicas"]) == 2


def test_whoever_does_not_stay_adds_none(market: Market, replicas: tuple[Person, ...]) -> None:
    job = leased(market)
    for options in (("--until-idle",), ("--for", "5")):
        replicas[0].do("watcher", "run", *options)
    assert "was leased" in market.consumer.refused(12, "job", "wait", job, "--timeout", "1")["message"]
    assert told(market, job, "committed") == []


def test_no_more_deposits_are_lost_than_is_set(market: Market, replicas: tuple[Person, ...]) -> None:
    """One that has lost a deposit, and may lose one, adds no more by itself; the draw does not wait for it."""
    one = replace(replicas[0], env={"MLM_BEACON_SECRETS": "1"})
    job = leased(market)
    one.do("replica", "step", job, "--secret")
    market.advance("1m")
    market.consumer.do("replica", "step", job)  # closes
    market.advance("1m")
    before = burned(market)
    market.consumer.do("replica", "step", job)
    assert burned(market) == before + DEPOSIT
    assert len(market.consumer.do("replica", "show", job)["replicas"]) == 2
    another = leased(market)
    others = [replace(one, env={"MLM_BEACON_SECRETS": most}).begin("watcher", "run", "--for", "400") for most in "10"]
    willing = replicas[1].begin("watcher", "run", "--for", "400")
    try:
        eventually(lambda: told(market, another, "committed") == addresses(replicas[1].account), "none was added")
        time.sleep(5)
        assert told(market, another, "committed") == addresses(replicas[1].account)
    finally:
        for process in (*others, willing):
            process.terminate()
            process.communicate(timeout=60)


def burned(market: Market) -> int:
    """What the beacon has burned, and not sent away."""
    return int(asked(market, "creditOf", "0x000000000000000000000000000000000000dEaD"))


# ------------------------------------------------------------------ a hash that nobody kept


def test_a_round_whose_hash_is_lost_is_closed_again_and_draws(market: Market, replicas: tuple[Person, ...]) -> None:
    job, chain = leased(market), Chain.of(market, "consumer")
    market.consumer.do("replica", "step", job, "--secret")
    market.advance("1m")
    chain.send(BEACON, "close", round_of(market, job))
    chain.read.rpc.call("anvil_mine", hex(257))
    market.advance("1m")  # and reveals are over
    market.consumer.do("replica", "step", job)
    next_block(market)
    assert market.consumer.do("replica", "show", job)["yours"] == "show the secret of the beacon's round"
    market.consumer.do("replica", "step", job)
    shown = market.first.do("replica", "step", job)
    assert len(shown["replicas"]) == 2, shown
    assert told(market, job, "closed") == addresses("consumer", "consumer")
    assert told(market, job, "revealed") == addresses("consumer")


def test_a_hash_is_kept_while_it_can_be_read(market: Market, replicas: tuple[Person, ...]) -> None:
    """By whoever looks on, while somebody else's secret is waited for."""
    job, chain = leased(market), Chain.of(market, "consumer")
    market.consumer.do("replica", "step", job, "--secret")
    market.advance("1m")
    market.first.do("replica", "step", job)  # closes
    chain.read.rpc.call("anvil_mine", hex(64))
    assert replicas[0].do("replica", "show", job)["yours"] == "keep the hash of the beacon's round"
    replicas[0].do("watcher", "run", "--until-idle")
    chain.read.rpc.call("anvil_mine", hex(300))
    market.advance("1m")
    assert len(replicas[0].do("replica", "step", job)["replicas"]) == 2  # without the secret, which was not shown
    assert told(market, job, "closed") == addresses("compute-1") and told(market, job, "revealed") == []
