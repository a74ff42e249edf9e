"""The tier optimistic by the command line on a real devnet: honest runs, liars, and challengers of bad will."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest

from mlm.adapters.exact.confined import ConfinedExact
from mlm.adapters.exact.read import from_onnx
from mlm.core.errors import Reverted
from mlm.workflows import watcher as workflow
from tests.command_line import INPUT, TOKEN, Market, Person
from tests.delivering import apart, pushed
from tests.disputing import EXACT, Chain, exact_market, griefing, leased, liar, lowered, posted, submitted
from tests.e2e.working import until, working

PRICE, LOCK, BOND = 5 * TOKEN, 10 * TOKEN, 10 * TOKEN


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    with exact_market(tmp_path_factory.mktemp("disputes")) as made:
        yield made


@pytest.fixture
def watcher(market: Market) -> Person:
    return market.person("watcher")


def convicted(person: Person, job: str) -> dict[str, Any]:
    """What the provider of a job was convicted of."""
    found = person.do("dispute", "show", job)
    assert found["state"] == "rejected", found
    conviction = found["conviction"]
    assert isinstance(conviction, dict)
    return conviction


def credits(person: Person, job: str) -> dict[str, int]:
    """Who was credited what when a job was settled, by reason."""
    person.do("job", "settle", job)
    return {each["reason"]: int(each["amount"]) for each in person.do("job", "show", job)["credits"]}


@pytest.mark.parametrize(("asset", "profile"), [(EXACT, "ivf32"), ("alice/digits-integers", "qop-s8s8")])
def test_an_honest_result_is_found_true_and_paid_when_the_window_ends(
    market: Market, watcher: Person, asset: str, profile: str
) -> None:
    assert from_onnx(lowered(market, asset, profile)).profile == profile
    job = submitted(market, asset)
    seen = watcher.do("watcher", "run", "--until-idle", "--asset", asset)
    assert (seen["checked"], seen["false"], seen["failures"]) == (1, 0, 0)
    assert "nothing to dispute" in watcher.refused(12, "dispute", "open", job)["message"]
    assert "nothing to explain" in watcher.refused(12, "dispute", "explain", job)["message"]
    market.advance("1h")
    checked = market.consumer.do("verify", job)
    assert checked["verified"] and checked["complete"], checked
    assert credits(market.consumer, job)["payment"] > 0
    (result,) = market.consumer.do("job", "result", job)["outputs"]
    assert result["argmax"] == 9 and "disputed while" in watcher.refused(12, "dispute", "open", job)["message"]


def test_a_look_checks_for_a_while_only(market: Market, watcher: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """One result at least, so that all are checked in the end; and no game waits for that."""
    monkeypatch.setattr(workflow, "CHECKING", 0.0)
    for _ in range(2):
        submitted(market)
    assert watcher.do("watcher", "run", "--for", "0")["checked"] == 1
    seen = watcher.do("watcher", "run", "--until-idle")
    assert (seen["checked"], seen["unchecked"], seen["failures"]) == (2, [], 0)
    market.advance("1h")


def test_a_liar_that_answers_is_convicted_of_the_cell(market: Market, watcher: Person) -> None:
    false, job = liar(market, 1, at=3), leased(market)
    false.hand_in(job)
    assert not market.consumer.run("verify", job, "--json").value["verified"]
    opened = watcher.do("dispute", "open", job)
    assert (opened["node"], opened["operator"], int(opened["bond"])) == (1, "MATMUL", BOND)
    chain = Chain.of(market, "compute-1")
    while false.play(chain, opened["game"]):
        watcher.run("dispute", "respond", job)
    found = convicted(watcher, job)
    assert (found["fault"], found["node"], found["cell"]) == ("cell", 1, 3)
    told = watcher.do("dispute", "explain", job)
    assert (told["expected"], told["claimed"]) == (found["expected"], found["claimed"])
    assert f"give {found['expected']}, the provider claims {found['claimed']}" in told["explanation"]
    paid = credits(market.consumer, job)
    assert paid == {"refund": PRICE, "challenger-reward": LOCK // 2, "burn": LOCK // 2}


def test_a_liar_that_withholds_is_convicted_by_its_silence(market: Market, watcher: Person) -> None:
    false, job = liar(market, 1, at=7), leased(market)
    false.hand_in(job)
    assert watcher.do("dispute", "open", job)["game"]
    assert "nothing for" in watcher.refused(12, "dispute", "respond", job)["message"]
    market.advance("12h")
    assert watcher.do("dispute", "respond", job)["convicted"]
    assert convicted(watcher, job)["fault"] == "silence"
    assert credits(market.consumer, job)["challenger-reward"] == LOCK // 2


def test_a_liar_about_outputs_that_it_hands_over_is_convicted_in_one_proof(market: Market, watcher: Person) -> None:
    false, job = liar(market, -1, at=4), leased(market, "--value-at-risk", "20")
    shown = market.consumer.do("job", "show", job)
    assert (int(shown["bond"]), int(shown["value_at_risk"])) == (2 * (PRICE + 20 * TOKEN), 20 * TOKEN)
    false.hand_in(job)
    assert watcher.do("dispute", "explain", job)["known_from"] == "the outputs that were handed over"
    opened = watcher.do("dispute", "open", job)
    assert opened["game"] is None and opened["bond"] == "0" and opened["state"] == "rejected"
    found = convicted(watcher, job)
    assert (found["fault"], found["node"], found["cell"]) == ("cell", 2, 4)
    assert credits(market.consumer, job)["burn"] == PRICE + 20 * TOKEN


def test_a_watcher_by_itself_sees_a_liar_convicted(market: Market, watcher: Person) -> None:
    false, job = liar(market, 1, at=9), leased(market)
    false.hand_in(job)
    with mock.patch.object(ConfinedExact, "run", autospec=True, side_effect=ConfinedExact.run) as run:
        observed = watcher.do("watcher", "run", "--observe", "--until-idle")
    assert observed["false"] == 1 and observed["moves"] == 0
    assert [call.kwargs for call in run.call_args_list] == [{"keep": False}], "a watcher holds no tensors"
    left = watcher.do("watcher", "run", "--until-idle", "--most-bond", "9")
    assert left["moves"] == 0 and watcher.do("dispute", "show", job)["games"] == []
    assert watcher.do("watcher", "run", "--for", "0")["moves"] == 1  # the game is open
    market.advance("12h")
    seen = watcher.do("watcher", "run", "--until-idle")
    assert seen["convictions"] == 1 and convicted(watcher, job)["fault"] == "silence"


def test_results_whose_input_is_gone_are_named_and_not_waited_for(market: Market, watcher: Person) -> None:
    """They are looked for again at each look: it may have come."""
    consumer = apart(market)
    np.save(consumer.folder / "rare.npy", np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 64))
    before = pushed(market)
    job = posted(consumer, file="rare.npy")
    market.first.do("bid", job, "--price", "5", "--stake")
    market.first.do("lease", "fulfil", job)
    watcher.do("init", "own", "--template", "digits-mlp")
    alone = market.person("watcher", "watcher/own")  # with blocks of its own
    hidden = {path: path.read_bytes() for path in pushed(market) - before}
    for path in hidden:
        path.unlink()
    ran = alone.run("watcher", "run", "--until-idle", "--json")
    assert ran.code == 0 and ran.value["unchecked"] == [job] and ran.value["failures"] == 1, ran
    assert job[:10] in ran.err and "failed:" in ran.err
    for path, data in hidden.items():
        path.write_bytes(data)
    found = alone.do("watcher", "run", "--until-idle")
    assert found["unchecked"] == [] and found["checked"] >= 1


def test_a_watcher_that_is_killed_goes_on_and_opens_one_game(market: Market, watcher: Person) -> None:
    false, job = liar(market, 1, at=11), leased(market)
    false.hand_in(job)
    for at, when in ((1, "before"), (1, "after"), (3, "before"), (3, "after"), (5, "after")):
        watcher.killed(at, when, "watcher", "run", "--for", "0", "--json")
    watcher.do("watcher", "run", "--for", "0")
    assert len(watcher.do("dispute", "show", job)["games"]) == 1
    market.advance("12h")
    for at, when in ((1, "before"), (1, "after"), (2, "after"), (3, "after")):
        watcher.killed(at, when, "dispute", "respond", job, "--json")
    watcher.do("watcher", "run", "--until-idle")
    assert convicted(watcher, job)["fault"] == "silence"


def test_a_griefing_challenger_loses_its_bond_and_the_provider_is_paid(market: Market, watcher: Person) -> None:
    """It forces an honest provider to open its trace: the worker does so by itself, and nothing convicts it."""
    job = submitted(market)
    chain, found = Chain.of(market, "watcher"), watcher.do("job", "show", job)["job"]
    game = griefing(chain, market, found)
    assert watcher.do("job", "show", job)["state"] == "disputed"

    def turn() -> str:
        (shown,) = market.first.do("dispute", "show", job)["games"]
        assert shown["game"] == game
        return str(shown["turn"])

    assert "challenger" not in turn()
    with working(market.first) as worker:
        until(lambda: "challenger" in turn(), market)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    assert "nothing for" in watcher.refused(12, "dispute", "respond", job)["message"]
    before = chain.read.call("DisputeGame", "creditOf", chain.sender.address)
    market.advance("13h")
    market.first.do("dispute", "respond", job)
    assert chain.read.call("DisputeGame", "creditOf", chain.sender.address) == before
    provider = Chain.of(market, "compute-1")
    assert provider.read.call("DisputeGame", "creditOf", provider.sender.address) >= BOND // 2
    assert market.first.do("job", "show", job)["state"] == "accepted"
    assert credits(market.consumer, job)["payment"] > 0


def test_no_setting_moves_a_trace_to_an_accelerator(market: Market) -> None:
    """A provider that wants CUDA for what it runs commits to a trace of the CPU all the same."""
    first = market.first
    wanting = Person(first.account, first.folder, first.home, {"MLM_RUNNER": "cuda"})
    job = leased(market)
    told = wanting.do("lease", "fulfil", job)
    assert told["state"] == "submitted", told
    assert "nothing to dispute" in market.person("watcher").refused(12, "dispute", "open", job)["message"]


def test_two_challengers_and_the_first_is_rewarded(market: Market, watcher: Person) -> None:
    false, job = liar(market, 1, at=13), leased(market)
    false.hand_in(job)
    games = [person.do("dispute", "open", job)["game"] for person in (watcher, market.second)]
    assert len(set(games)) == 2
    chain = Chain.of(market, "compute-1")
    while false.play(chain, games[1]):  # the second plays faster
        market.second.run("dispute", "respond", job)
    assert convicted(watcher, job)["challenger"].lower() == Chain.of(market, "watcher").sender.address.lower()
    watcher.do("dispute", "respond", job)  # takes its bond back
    assert credits(market.consumer, job)["challenger-reward"] == LOCK // 2


def test_a_trace_of_another_input_is_not_taken(market: Market) -> None:
    """A lazy provider hands in what was computed for somebody else's input."""
    np.save(market.consumer.folder / "zeros.npy", np.zeros((1, 64), np.float32))
    job = posted(market.consumer, file="zeros.npy")
    market.first.do("bid", job, "--price", "5", "--stake")
    copied = liar(market, 1)
    copied.keep(job, copied.honest)
    assert "InputMismatch" in str(market.first.refused(7, "lease", "fulfil", job))
    copied.forget(job)
    market.first.do("lease", "fulfil", job)


def test_outputs_that_do_not_arrive_are_complained_of_and_shown(market: Market) -> None:
    consumer = apart(market)
    np.save(consumer.folder / "odd.npy", np.full((1, 64), 3.0, np.float32))
    job = posted(consumer, file="odd.npy")
    market.first.do("bid", job, "--price", "5", "--stake")
    before = pushed(market)
    market.first.do("lease", "fulfil", job)
    for path in pushed(market) - before:
        path.unlink()
    assert "complain" in consumer.refused(3, "job", "result", job)["hint"]
    assert consumer.do("job", "complain", job)["state"] == "disputed"
    shown = market.first.do("lease", "answer", job)
    assert shown["state"] == "submitted"  # what was shown can still be disputed
    (result,) = consumer.do("job", "result", job)["outputs"]
    assert result["shape"] == [1, 10]


def test_a_reorganisation_in_the_middle_of_a_game_is_played_again(market: Market, watcher: Person) -> None:
    false, job = liar(market, 1, at=17), leased(market)
    false.hand_in(job)
    game = watcher.do("dispute", "open", job)["game"]
    chain = Chain.of(market, "compute-1")
    market.consumer.do("devnet", "snapshot", "fork")
    assert false.play(chain, game)
    watcher.do("dispute", "show", job)  # the index follows what is to be forgotten
    market.consumer.do("devnet", "restore", "fork")
    chain = Chain.of(market, "compute-1")
    assert watcher.do("dispute", "show", job)["games"][0]["opened"] == 0
    while false.play(chain, game):
        watcher.run("dispute", "respond", job)
    assert convicted(watcher, job)["fault"] == "cell"


def test_only_this_tier_can_be_disputed(market: Market, watcher: Person) -> None:
    job = market.consumer.job("--tier", "none")
    assert "only results of the tier optimistic" in watcher.refused(2, "dispute", "show", job)["message"]
    private = ("--tier", "optimistic", "--private", "--max-price", "5", "--auction", "fixed")
    told = market.consumer.refused(2, "job", "post", EXACT, "-i", INPUT, *private)
    assert "only where its input can be read" in told["message"]
    risky = market.consumer.refused(2, "job", "post", EXACT, "-i", INPUT, "--max-price", "5", "--value-at-risk", "1")
    assert "results can be disputed, found zk" in risky["message"]
    fresh = posted(market.consumer)
    assert "nothing is committed to" in watcher.refused(12, "dispute", "open", fresh)["message"]
    with pytest.raises(Reverted):
        Chain.of(market, "watcher").send("DisputeGame", "timeout", bytes(32))
