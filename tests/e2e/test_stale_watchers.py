"""Watchers whose machine has a wrong clock, and whose node shows an old block: a real devnet, behind a proxy."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from mlm.core.dispute import present
from tests.anvil import anvil
from tests.command_line import Market, Person, sent
from tests.disputing import Chain, exact_market, leased, liar
from tests.networks.proxy import Proxy, proxy

HOUR = 3600


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    with exact_market(tmp_path_factory.mktemp("stale")) as made:
        yield made


@pytest.fixture
def between(market: Market) -> Iterator[Proxy]:
    """In front of the devnet's node, as the network `between`."""
    status = market.consumer.do("devnet", "status")
    with proxy(status["url"]) as made:
        entry = {"rpc": made.url, "chain_id": 31337, "deployment": str(market.home / "devnet" / "deployment.json")}
        lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in entry.items())
        (market.home / "config.toml").write_text(f"[network.between]\n{lines}\n")
        yield made
    (market.home / "config.toml").unlink()


def through(market: Market) -> Person:
    """The watcher, by way of the proxy."""
    person = market.person("watcher")
    return Person(person.account, person.folder, person.home, {"MLM_NETWORK": "between"})


@contextmanager
def standing(market: Market, folder: Path) -> Iterator[str]:
    """The URL of a node that stands where the devnet is now, whatever the devnet goes on to do."""
    folder.mkdir()
    market.consumer.do("devnet", "snapshot", "standing")
    (state,) = (market.home / "devnet" / "snapshots").glob("standing.*.json")
    rules = ("--chain-id", "31337", "--hardfork", "cancun", "--slots-in-an-epoch", "0", "--no-mining")
    with anvil(folder, *rules, "--no-request-size-limit", "--load-state", str(state)) as url:
        yield url


@contextmanager
def clock(wrong: int) -> Iterator[None]:
    """This machine's clock, and so the watcher's, is wrong by so many seconds; the devnet is another process."""
    true = time.time
    with mock.patch.object(time, "time", lambda: true() + wrong):
        yield


def lied(market: Market, at: int) -> tuple[Any, str]:
    false, job = liar(market, 1, at=at), leased(market)
    false.hand_in(job)
    return false, job


def test_a_wrong_clock_changes_no_move(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the check to the conviction, slow and fast: a clock of 12 hours a side is the chain's."""
    monkeypatch.setattr(present, "PROBE", 1.0)
    watcher, (_, job) = market.person("watcher"), lied(market, 3)
    with clock(-7 * HOUR):
        seen = watcher.do("watcher", "run", "--for", "0")
        assert (seen["false"], seen["moves"], seen["convictions"]) == (1, 1, 0)
    market.advance("11h")
    with clock(_ahead(market) + 7 * HOUR):
        found = watcher.do("watcher", "run", "--until-idle", "--for", "4")
        assert (found["false"], found["moves"]) == (1, 0), "the provider has an hour left"
        market.advance("1h")
    with clock(_ahead(market) + 7 * HOUR):
        assert watcher.do("watcher", "run", "--until-idle", "--for", "60")["convictions"] == 1
    assert watcher.do("dispute", "show", job)["conviction"]["fault"] == "silence"


def test_nothing_is_decided_on_an_old_block(
    market: Market, between: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its node stands where nothing was handed in yet; later where the liar's clock still runs, which is over."""
    monkeypatch.setattr(present, "PROBE", 1.0)
    watcher, devnet = through(market), between.target
    with standing(market, tmp_path / "before") as between.target:
        _, job = lied(market, 7)
        with clock(_ahead(market) + 2 * HOUR):
            ran = watcher.run("watcher", "run", "--until-idle", "--for", "4", "--json")
            found = ran.value
            assert found["checked"] == found["moves"] == 0 and found["failures"] >= 1, "it ended as if all were checked"
            assert "10 min older than this machine's clock, found one 2 h older" in ran.err
            between.target = devnet
            assert watcher.do("watcher", "run", "--until-idle", "--for", "4")["moves"] == 1
    with standing(market, tmp_path / "later") as between.target:
        market.advance("12h")
        count = sent(market, "watcher")
        with clock(_ahead(market)):
            found = watcher.do("watcher", "run", "--until-idle", "--for", "4")
            assert found["moves"] == 0 and found["failures"] >= 1 and sent(market, "watcher") == count
            between.target = devnet
            assert watcher.do("watcher", "run", "--until-idle", "--for", "60")["convictions"] == 1
    assert watcher.do("dispute", "show", job)["conviction"]["fault"] == "silence"


def _ahead(market: Market) -> int:
    """What this machine's clock has to add to be the chain's."""
    return Chain.of(market, "watcher").read.block().timestamp - int(time.time())
