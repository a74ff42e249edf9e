"""A worker beside people who want it to stop, to lose its stake or to run their code, on a real devnet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlm.adapters.wallet import devnet as accounts
from tests.command_line import LOCK, TOKEN, Market
from tests.e2e.working import WORK, done, own_market, shown, until, working

STRATEGY = """
class Picky:
    def price(self, ask):
        return 0 // (ask.max_price - 5 * 10**18)
"""


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    yield from own_market(tmp_path_factory)


def log_of(market: Market) -> Path:
    path: Path = market.first.folder / "worker.log"
    path.write_text("")
    return path


def test_a_strategy_that_fails_at_one_job_does_the_others(market: Market) -> None:
    (market.first.folder / "mine.py").write_text(STRATEGY)
    log = log_of(market)
    bad = market.consumer.job("--bidding", "60", auction="reverse", price="5")
    good = market.consumer.job("--bidding", "60", auction="reverse", price="6")
    with working(market.first, "--strategy", "mine.py:Picky", "--jobs", "2") as worker:
        until(lambda: shown(market, good)["provider"] is not None, market)
        assert "ZeroDivisionError" in log.read_text() and worker.poll() is None
        until(lambda: done(market, good), market, step="20s")
    assert shown(market, bad)["provider"] is None


def test_a_strategy_of_the_settings_is_none_of_the_folder_one_works_in(market: Market) -> None:
    """Somebody who works in a clone must not run what lies in it under the name of a file of the user's own."""
    (market.first.folder / "night.py").write_text("open('ran', 'w')\nclass Shift:\n    def price(self, ask): ...\n")
    person = market.person("compute-1")
    env = {**person.env, "MLM_WORKER_STRATEGY": "night.py:Shift"}
    refused = type(person)(person.account, person.folder, person.home, env).run("worker", "run", "--for", "0", "--json")
    assert refused.code == 2 and str(market.home / "night.py") in refused.error["message"], refused
    assert not (market.first.folder / "ran").exists()


def test_what_a_disk_has_spoiled_is_none_of_its_facts(market: Market) -> None:
    folder = market.home / "worker" / accounts.address("compute-1").lower()
    for name in [path.name for path in folder.glob("seconds-*.bin")]:
        (folder / name).write_text('{"seconds": NaN}')
    for spoiled in ("9" * 5_000, "1" * 13, "-1", "{"):
        (folder / "alive.bin").write_text(spoiled)
        assert market.first.do("worker", "status")["alive_at"] == 0
    (folder / "held.bin").write_text("[" * 100_000)
    (folder / "alive.bin").write_text("9" * 5_000)
    ran = market.first.run(*WORK, "--for", "3", "--json")
    assert ran.code == 0 and ran.value["failures"] == 0, ran.err


def test_what_its_user_has_begun_by_hand_stays_its_users(market: Market) -> None:
    before = market.first.stake["total"]
    assert market.first.killed(1, "after", "stake", "deposit", "7", "--yes").code != 0
    (op,) = [row for row in market.first.do("op", "log")["operations"] if row["operation"] == "stake deposit"][:1]
    assert op["state"] == "unfinished"
    assert market.first.run(*WORK, "--for", "1", "--json").code == 0
    assert market.first.stake["total"] == before
    market.first.do("op", "undo", op["op"])


def test_a_sealed_bid_that_nobody_revealed_is_told_as_lost(market: Market) -> None:
    job = market.consumer.job("--bidding", "60", "--reveal", "60", auction="sealed")
    log = log_of(market)
    with working(market.first):
        until(lambda: " bid " in log.read_text(), market)
        held = market.home / "worker" / accounts.address("compute-1").lower() / "held.bin"
        until(lambda: held.exists() and job in held.read_text(), market)
    market.advance("121s")
    ran = market.first.run(*WORK, "--for", "3", "--json")
    assert (ran.value["leases_lost"], ran.value["lost"]) == (1, str(max(LOCK, 5 * TOKEN))), ran
    assert "its sealed bid was not revealed" in ran.err and job[:10] in ran.err


def test_it_ends_without_a_word_of_its_libraries(market: Market) -> None:
    """Threads that are left at the end make DuckDB's binding print forty lines of leaks."""
    job = market.consumer.job("--bidding", "60", auction="fixed")
    for measured in (market.home / "worker").glob("*/seconds-*.bin"):
        measured.unlink()  # something to learn: a thread begins
    ran = market.first.spawn_afresh(*WORK, "--observe", "--for", "25")
    assert ran.code == 0 and "learned" in ran.err, ran
    assert "nanobind" not in ran.err + ran.out, ran
    market.consumer.do("job", "cancel", job)
