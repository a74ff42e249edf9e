"""What a watcher may spend: games, audits and replicas that a limit does not take are left alone, and it says why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlm.adapters.exact.read import from_onnx
from mlm.core.dispute import cost
from mlm.core.money import format_units
from mlm.core.plan import Call
from tests.auditing import draw_all
from tests.command_line import Market, Person, Ran, sent
from tests.disputing import Chain, exact_market, leased, liar, lowered, submitted
from tests.replicating import REPLICAS, ROUNDS, with_slots

LOOK = ("watcher", "run", "--for", "0", "--json")  # once: a game that waits for its provider has no end


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    with exact_market(tmp_path_factory.mktemp("limits")) as made:
        yield made


@pytest.fixture
def watcher(market: Market) -> Person:
    return market.person("watcher")


def ether(wei: int) -> str:
    return format_units(wei, 18)


def over(market: Market, watcher: Person) -> None:
    """The liars' clocks run out, and all games end."""
    market.advance("12h")
    assert watcher.do("watcher", "run", "--until-idle")["failures"] == 0


def gas(ran: Ran) -> list[int]:
    """What each step of an operation took."""
    return [step["gas"] for step in ran.value["steps"]]


def test_a_day_takes_one_game_and_leaves_the_next_alone(market: Market, watcher: Person) -> None:
    """What an open game may still take is set aside, also where little of it is spent yet."""
    graph, jobs = from_onnx(lowered(market)).graph, []
    for at in (7, 8):
        false, job = liar(market, 1, at=at), leased(market)
        false.hand_in(job)
        jobs.append(job)
    whole = _price(market) * cost.rest(graph, 1, None, convicted=False, now=0).gas
    ran = watcher.run(*LOOK, "--most-a-day", ether(whole * 6 // 5))
    assert ran.value["moves"] == 1 and len(ran.value["too_dear"]) == 1, ran
    assert "of --most-a-day" in ran.err and set(ran.value["too_dear"]) < set(jobs)
    ran = watcher.run(*LOOK, "--most-a-day", ether(10 * whole))
    assert ran.value["moves"] == 1 and ran.value["too_dear"] == [], ran
    over(market, watcher)


def test_each_move_of_a_game_takes_no_more_than_its_bound(market: Market, watcher: Person) -> None:
    graph = from_onnx(lowered(market)).graph
    false, job = liar(market, 1, at=3), leased(market)
    false.hand_in(job)
    opened = watcher.run("dispute", "open", job, "--json")
    commit, *opening = gas(opened)
    assert commit <= cost.COMMIT and commit + sum(opening) <= cost.opening(graph, 1).gas
    chain, game = Chain.of(market, "compute-1"), opened.value["result"]["game"]
    taken = 0
    while false.play(chain, game):
        ran = watcher.run("dispute", "respond", job, "--json")
        taken += sum(gas(ran)) if ran.code == 0 else 0
    assert taken <= cost.moves(graph, 1).gas
    bystander = liar(market, 1, at=4), leased(market)
    bystander[0].hand_in(bystander[1])
    watcher.do("dispute", "open", bystander[1])
    other = market.second.run("dispute", "open", bystander[1], "--json")
    assert other.code == 0
    market.advance("12h")
    assert sum(gas(watcher.run("dispute", "respond", bystander[1], "--json"))) <= cost.TIMEOUT
    assert sum(gas(market.second.run("dispute", "respond", bystander[1], "--json"))) <= cost.RECLAIM


def test_a_game_that_could_cost_too_much_is_not_begun(market: Market, watcher: Person) -> None:
    """With a limit below what all moves may take nothing is sent; one above it, whatever is left of it, is enough."""
    false, job = liar(market, 1, at=5), leased(market)
    false.hand_in(job)
    before = sent(market, "watcher")
    ran = watcher.run(*LOOK, "--most-fee", "0.000001")
    assert ran.code == 0 and (ran.value["moves"], ran.value["too_dear"], ran.value["spent"]) == (0, [job], "0"), ran
    assert "left alone: it would take up to" in ran.err and "of --most-fee 0.000001 ETH 0 ETH is spent" in ran.err
    assert ran.err.count("left alone") == 1 and ran.value["failures"] == 0
    assert sent(market, "watcher") == before
    graph, price = from_onnx(lowered(market)).graph, _price(market)
    whole = price * cost.rest(graph, 1, None, convicted=False, now=0).gas
    # The opening is simulated, which shows less than its bound: between the two it depends on nothing but gas.
    assert watcher.run(*LOOK, "--most-fee", ether(price * cost.moves(graph, 1).gas)).value["moves"] == 0
    ran = watcher.run(*LOOK, "--most-fee", ether(2 * whole))
    assert (ran.value["moves"], ran.value["too_dear"]) == (1, []) and 0 < int(ran.value["spent"]) < whole, ran
    over(market, watcher)


def test_a_game_stops_where_its_limit_is_reached_and_goes_on_with_a_higher_one(market: Market, watcher: Person) -> None:
    """The fees of a watcher before count: the journal knows them."""
    false, job = liar(market, 1, at=6), leased(market)
    false.hand_in(job)
    spent = int(watcher.do("watcher", "run", "--for", "0")["spent"])
    chain = Chain.of(market, "compute-1")
    game = next(each["game"] for each in watcher.do("dispute", "show", job)["games"])
    while false.play(chain, game):
        pass
    graph, price = from_onnx(lowered(market)).graph, _price(market)
    proof = price * cost.proof(graph, 1).gas
    ran = watcher.run(*LOOK, "--most-fee", ether(proof))
    assert (ran.value["moves"], job in ran.value["too_dear"]) == (0, True), ran
    assert f"{job[:10]}" in ran.err and "loses its bond" in ran.err
    # What a proof may take, on top of what was spent; and twice that, since the price may rise in between.
    ran = watcher.run(*LOOK, "--most-fee", ether(2 * (spent + proof)))
    assert ran.value["too_dear"] == [] and watcher.do("dispute", "show", job)["conviction"], ran


def test_audits_are_held_to_the_limits(market: Market, watcher: Person) -> None:
    watcher.do("stake", "deposit", "30", "--role", "watcher")
    market.consumer.do("audit", "fund", "50")
    draw_all(market)
    job = submitted(market)
    market.advance("5m")
    ran = watcher.run("watcher", "run", "--until-idle", "--json", "--drawn", "--most-fee", "0.000000001")
    assert (ran.value["moves"], ran.value["audits"]) == (0, 0) and job in ran.value["too_dear"], ran
    assert "of --most-fee" in ran.err
    assert watcher.do("audit", "show", job)["auditors"] == []
    assert watcher.do("watcher", "run", "--until-idle", "--drawn", "--most-fee", "1")["audits"] == 1


def test_a_replica_commits_to_nothing_that_it_could_not_reveal(market: Market, watcher: Person) -> None:
    """Its limit takes the commitment and not what follows: then its stake is not put at risk."""
    with_slots(market)
    job = leased(market, *REPLICAS)
    market.advance(ROUNDS)
    market.consumer.do("replica", "step", job)
    market.first.do("lease", "fulfil", job)  # accepted: it waits for the replicas
    ran = watcher.run("watcher", "run", "--until-idle", "--json", "--most-fee", ether(100_000 * _price(market)))
    assert ran.value["replicas"] == 0 and job in ran.value["too_dear"], ran
    assert watcher.do("watcher", "run", "--until-idle", "--most-fee", "1")["replicas"] == 1
    assert gas(market.second.run("replica", "step", job, "--json"))[0] < 100_000, "a commitment alone"


def _price(market: Market) -> int:
    """Wei for a unit of gas that is offered now at most."""
    chain = Chain.of(market, "watcher")
    (found,) = chain.sender.simulate((Call("DisputeGame", "commit", (bytes(32),)),))
    return found.price
