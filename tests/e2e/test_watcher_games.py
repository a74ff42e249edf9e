"""Whole games by `mlm watcher run` alone, against liars that answer: all faults, lost clocks, reorganisations."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.exact.read import from_onnx
from mlm.core.dispute.commitment import commitment
from mlm.core.exact.cell import coordinates
from mlm.core.exact.opening import Prover
from mlm.core.exact.tensor import DType, TensorType
from mlm.core.exact.trace import tensor_of
from tests.command_line import Market, Person
from tests.disputing import (
    IMAGES,
    Chain,
    Liar,
    exact_market,
    game_of,
    griefing,
    leased,
    liar,
    lowered,
    mistyper,
    padder,
    posted,
    submitted,
)
from tests.e2e.working import running, until, working

LONG = ("--verification", str(40 * 3600))  # a window in which a clock of 12 hours runs out


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    with exact_market(tmp_path_factory.mktemp("games")) as made:
        yield made


@pytest.fixture
def watcher(market: Market) -> Person:
    return market.person("watcher")


@contextmanager
def watching(person: Person, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A watcher in a process of its own, which is dead afterwards; what it tells goes to `told`."""
    told(person).unlink(missing_ok=True)
    with running(person, told(person), "watcher", "run", "--for", "400", *options, "--json") as process:
        yield process


def told(person: Person) -> Path:
    """What a person's watcher has told so far, and what it came to at its end."""
    return person.folder / "watcher.log"


def came_to(person: Person, process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a watcher that ends by itself, or was told to, came to."""
    assert process.wait(120) == 0, told(person).read_text()
    found = json.loads(told(person).read_text().splitlines()[-1])
    assert isinstance(found, dict)
    return found


def games(market: Market, job: str) -> list[str]:
    """The games about a job that have not ended, as the chain says now."""
    shown = market.consumer.do("dispute", "show", job)
    return [game["game"] for game in shown["games"] if game["turn"] is not None]


def waited(true: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Wait for something on the chain, a bounded number of times."""
    for _ in range(240):
        if true():
            return
        if process is not None and process.poll() is not None:
            raise AssertionError(f"it ended: {process.args}")
        time.sleep(0.5)
    raise AssertionError("it did not come about")


def defended(market: Market, false: Liar, job: str, process: subprocess.Popen[str] | None = None) -> None:
    """The liar answers every opening until it is convicted."""

    def convicted() -> bool:
        if market.consumer.do("dispute", "show", job)["conviction"]:
            return True
        chain = Chain.of(market, "compute-1")
        for game in games(market, job):
            false.play(chain, game)
        return False

    waited(convicted, process)


def test_a_liar_that_answers_everything_is_convicted_by_a_watcher_alone(market: Market, watcher: Person) -> None:
    """While the same watcher's account forces an honest provider to open its trace, whose worker answers by itself."""
    model = liar(market, 1, at=700, asset=IMAGES)
    nodes = model.honest.graph.nodes
    node = next(i for i, each in enumerate(nodes) if each.op.name == "CONV" and each.output.depth > 0)
    false, job = liar(market, node, at=700, asset=IMAGES), leased(market, asset=IMAGES)
    false.hand_in(job)
    honest = leased_by(market, market.second)
    forced = griefing(Chain.of(market, "model-provider"), market, honest)
    with watching(watcher, "--until-idle", "--asset", IMAGES) as process, working(market.second):
        defended(market, false, job, process)
        until(lambda: "challenger" in turn(market, honest, forced), market)
        ran = came_to(watcher, process)
    assert (ran["false"], ran["convictions"], ran["failures"]) == (1, 1, 0), ran
    assert ran["moves"] >= 3, "an opening, a pick, a proof"
    made, told = nodes[node], watcher.do("dispute", "explain", job)
    assert (told["fault"], told["operator"], told["cell"]) == ("cell", "CONV", 700)
    assert told["at"] == list(coordinates(700, made.output.shape))
    assert (told["expected"], told["claimed"]) == (
        false.honest.tensor(node).at(700),
        false.claimed.tensor(node).at(700),
    )
    assert [each.split(" of ")[0] for each in told["operands"]] == ["image", "weights", "bias", "shift"]
    assert told["known_from"] == "its conviction on chain"


def leased_by(market: Market, person: Person) -> str:
    """A job that another provider has won, run and handed in."""
    job = posted(market.consumer)
    person.do("bid", job, "--price", "5", "--stake")
    person.do("lease", "fulfil", job)
    return job


def turn(market: Market, job: str, game: str) -> str:
    shown = market.consumer.do("dispute", "show", job)["games"]
    return str(next(each["turn"] for each in shown if each["game"] == game))


def test_a_matmul_is_explained_as_soon_as_its_leaf_is_shown(market: Market, watcher: Person) -> None:
    false, job = liar(market, 1, at=3), leased(market)
    false.hand_in(job)
    nothing = watcher.do("dispute", "explain", job)
    assert (nothing["fault"], nothing["cell"], nothing["claimed"]) == (None, None, None)
    assert "withholds" in nothing["known_from"]
    assert watcher.do("watcher", "run", "--for", "0")["moves"] == 1
    (game,) = games(market, job)
    chain = Chain.of(market, "compute-1")
    while false.play(chain, game):
        shown = watcher.do("dispute", "explain", job)
    assert shown["known_from"] == f"the leaf shown in game {game[:10]}"
    node = false.honest.graph.nodes[1]
    assert (node.op.name, shown["operator"]) == ("MATMUL", "MATMUL")
    assert (shown["fault"], shown["cell"], shown["at"]) == ("cell", 3, list(coordinates(3, node.output.shape)))
    assert shown["expected"] == false.honest.tensor(1).at(3) and shown["claimed"] == false.claimed.tensor(1).at(3)
    assert [each.split(" of ")[0] for each in shown["operands"]] == ["a", "b", "bias", "shift"]
    assert "of node 0 [" in shown["operands"][0] and "of a parameter [" in shown["operands"][1]
    assert watcher.do("watcher", "run", "--until-idle")["convictions"] == 1
    after = watcher.do("dispute", "explain", job)
    assert {**after, "known_from": ""} == {**shown, "known_from": ""}


def test_a_byte_beyond_the_tensor_convicts_and_is_explained(market: Market, watcher: Person) -> None:
    false, job = padder(market, 1, at=300, byte=0x85), leased(market)
    false.hand_in(job)
    assert watcher.do("watcher", "run", "--for", "0")["moves"] == 1
    (game,) = games(market, job)
    chain = Chain.of(market, "compute-1")
    while false.play(chain, game):
        told = watcher.do("dispute", "explain", job)
    size = false.honest.graph.nodes[1].output.size
    assert (told["fault"], told["byte"], told["expected"], told["claimed"]) == ("padding", 300, 0, 0x85) and size <= 300
    assert (told["cell"], told["at"], told["operands"]) == (None, None, [])
    assert f"has {size} bytes, and byte 300, beyond them, is 133" in told["explanation"]
    assert watcher.do("watcher", "run", "--until-idle")["convictions"] == 1
    assert watcher.do("dispute", "show", job)["conviction"]["fault"] == "padding"
    after = watcher.do("dispute", "explain", job)
    assert {**after, "known_from": ""} == {**told, "known_from": ""}


def test_a_false_header_convicts_in_one_proof_and_is_explained(market: Market, watcher: Person) -> None:
    kind = liar(market, 1).honest.graph.nodes[1].output
    false, job = mistyper(market, 1, TensorType(DType.I32, kind.shape).word()), leased(market)
    false.hand_in(job)
    told = watcher.do("dispute", "explain", job)
    assert (told["fault"], told["type"], told["claimed_type"]) == (
        "header",
        f"int8 {list(kind.shape)}",
        f"int32 {list(kind.shape)}",
    )
    seen = watcher.do("watcher", "run", "--until-idle")
    assert (seen["moves"], seen["convictions"], seen["failures"]) == (1, 1, 0) and not games(market, job)
    assert watcher.do("dispute", "show", job)["conviction"]["fault"] == "header"
    after = watcher.do("dispute", "explain", job)
    assert {**after, "known_from": ""} == {**told, "known_from": ""}
    assert (after["cell"], after["at"], after["expected"], after["claimed"], after["operands"]) == (*[None] * 4, [])


def test_a_header_that_an_answer_to_a_complaint_has_shown_convicts(market: Market, watcher: Person) -> None:
    """A type that nobody would try: the provider names it, when it has to show its outputs."""
    kind = liar(market, 1).honest.graph.nodes[-1].output
    word = TensorType(DType.I8, (1, 1, kind.elements // 2, 2)).word()
    assert sorted(kind.shape) != sorted((1, 1, kind.elements // 2, 2))
    false, job = mistyper(market, -1, word), leased(market)
    false.hand_in(job)
    assert watcher.do("dispute", "explain", job)["fault"] is None
    market.consumer.do("job", "complain", job)
    shown = (bytes.fromhex(job[2:]), [word], [false.honest.data[-1]])
    Chain.of(market, "compute-1").send("DisputeGame", "answer", *shown)
    assert watcher.do("dispute", "explain", job)["claimed_type"] == f"int8 [1, 1, {kind.elements // 2}, 2]"
    assert watcher.do("watcher", "run", "--until-idle")["convictions"] == 1
    assert watcher.do("dispute", "show", job)["conviction"]["fault"] == "header"


def test_a_cell_that_another_convicted_by_the_providers_own_numbers_is_explained(
    market: Market, watcher: Person
) -> None:
    """Two nodes are false, and somebody proves the second by the first: here something else follows there."""
    false, job = liar(market, 1, at=3, consistent=False), leased(market)
    false.hand_in(job)
    prover = _prover(market, false)
    at = next(i for i, theirs in enumerate(false.claimed.tensor(2).data) if prover.expected(2, i) % 256 != theirs)
    chain, salt = Chain.of(market, "compute-2"), bytes(32)
    place = (chain.read.chain_id(), chain.read.address_of("DisputeGame"), chain.sender.address)
    chain.send("DisputeGame", "commit", commitment(*place, job, 2, at, salt))
    chain.send("DisputeGame", "prove", bytes.fromhex(job[2:]), prover.cell(2, at).words(), salt)
    found, shown = watcher.do("dispute", "show", job)["conviction"], watcher.do("dispute", "explain", job)
    assert (found["node"], found["cell"], found["expected"]) == (2, at, prover.expected(2, at))
    assert (shown["fault"], shown["node"], shown["cell"]) == ("cell", 2, at)
    assert (shown["expected"], shown["claimed"]) == (found["expected"], found["claimed"])
    assert shown["operands"] == [] and "operands, which are not this machine's, give" in shown["explanation"]


def _prover(market: Market, false: Liar) -> Prover:
    """Of a liar's whole trace."""
    parameters = from_onnx(lowered(market)).parameters
    graph, claimed = false.claimed.graph, false.claimed
    operands = (operand for node in graph.nodes for operand in node.operands)
    known = {each.source: each.kind for each in operands if isinstance(each.source, bytes)}
    tensors = {root: tensor_of(kind, parameters[root].tobytes()) for root, kind in known.items()}
    return Prover(graph, claimed.tree, {node: claimed.tensor(node) for node in range(len(graph.nodes))}, tensors)


def test_silence_is_explained_by_what_was_shown_before_it(market: Market, watcher: Person) -> None:
    false, job = liar(market, 1, at=5), leased(market)
    false.hand_in(job)
    watcher.do("watcher", "run", "--for", "0")
    market.advance("12h")
    assert watcher.do("watcher", "run", "--until-idle")["convictions"] == 1
    told = watcher.do("dispute", "explain", job)
    assert (told["fault"], told["known_from"]) == ("silence", "its conviction on chain")
    assert (told["cell"], told["at"], told["expected"], told["claimed"], told["operands"]) == (*[None] * 4, [])
    assert "its clock ran out when it had shown 0 of" in told["explanation"]


def test_losing_a_game_on_the_clock_bars_nobody(market: Market, watcher: Person) -> None:
    """The second game has another salt, which a killed watcher finds again; what is lost counts as locked."""
    false, job = liar(market, 1, at=6), leased(market, *LONG)
    false.hand_in(job)
    watcher.do("watcher", "run", "--for", "0")
    (lost,) = games(market, job)
    chain = Chain.of(market, "compute-1")
    while false.play(chain, lost):
        pass
    market.advance("13h")  # the watcher was away
    market.first.do("dispute", "respond", job)
    assert game_of(Chain.of(market, "watcher"), lost).phase.name == "ENDED" and not games(market, job)
    ran = watcher.run("watcher", "run", "--until-idle", "--most-bond", "19", "--json")
    assert (ran.value["moves"], ran.value["too_dear"]) == (0, [job])
    assert "it would take up to 10 MLM, and of --most-bond 19 MLM 10 MLM is spent" in ran.err
    for at, when in ((1, "after"), (3, "before"), (3, "after"), (5, "after")):
        watcher.killed(at, when, "watcher", "run", "--for", "0", "--json")
    watcher.do("watcher", "run", "--for", "0", "--most-bond", "20")
    (second,) = games(market, job)
    assert second != lost and len(watcher.do("dispute", "show", job)["games"]) == 2
    chain = Chain.of(market, "compute-1")
    while false.play(chain, second):
        watcher.do("watcher", "run", "--for", "0")
    found = watcher.do("dispute", "show", job)["conviction"]
    assert (found["fault"], found["cell"]) == ("cell", 6)


def test_an_opening_that_a_reorganisation_undoes_is_made_again(market: Market, watcher: Person) -> None:
    false, job = liar(market, 1, at=8), leased(market)
    false.hand_in(job)
    market.consumer.do("devnet", "snapshot", "before-opening")
    with watching(watcher) as process:
        waited(lambda: bool(games(market, job)), process)
        chain = Chain.of(market, "compute-1")
        false.play(chain, games(market, job)[0])
        market.consumer.do("devnet", "restore", "before-opening")
        defended(market, false, job, process)
        process.terminate()
        ran = came_to(watcher, process)
    assert (ran["false"], ran["convictions"]) == (1, 1), ran
    assert told(watcher).read_text().count("open a game about node 1") == 2, told(watcher).read_text()
    found = watcher.do("dispute", "show", job)
    assert found["conviction"]["cell"] == 8 and len(found["games"]) == 1


@pytest.mark.parametrize("honest", [False, True], ids=["false", "true"])
def test_a_submission_that_another_replaces_is_judged_anew(market: Market, watcher: Person, honest: bool) -> None:
    """In the reorganised chain the provider hands in another lie, or the truth: an older game is not played on."""
    first, second, job = liar(market, 1, at=10), liar(market, -1, at=2), leased(market)
    market.consumer.do("devnet", "snapshot", "before-submission")
    first.hand_in(job)
    with watching(watcher) as process:
        waited(lambda: bool(games(market, job)), process)
        market.consumer.do("devnet", "restore", "before-submission")
        second.keep(job, second.honest if honest else second.claimed)
        market.first.do("lease", "fulfil", job)
        if honest:
            waited(lambda: any(job[:10] in line and "true: " in line for line in told(watcher).open()), process)
        else:
            waited(lambda: market.consumer.do("dispute", "show", job)["state"] == "rejected", process)
        time.sleep(5)  # a look or two more
        process.terminate()
        ran = came_to(watcher, process)
    found = market.consumer.do("dispute", "show", job)
    assert found["games"] == []
    if honest:
        assert (found["conviction"], found["state"], ran["false"]) == (None, "submitted", 0), ran
    else:
        assert (found["conviction"]["node"], found["conviction"]["cell"]) == (2, 2)
        assert (ran["false"], ran["convictions"]) == (1, 1), ran


def test_an_answer_that_a_reorganisation_undoes_is_given_again(market: Market, watcher: Person) -> None:
    """The provider's worker answers an opening; the answer is undone; it answers again, and its result stands."""
    job = submitted(market)
    game = griefing(Chain.of(market, "watcher"), market, job)
    market.consumer.do("devnet", "snapshot", "before-answer")
    with working(market.first):
        until(lambda: "challenger" in turn(market, job, game), market)
        market.consumer.do("devnet", "restore", "before-answer")
        assert "provider" in turn(market, job, game)
        until(lambda: "challenger" in turn(market, job, game), market)
    market.advance("13h")
    market.first.do("dispute", "respond", job)
    assert market.first.do("job", "show", job)["state"] == "accepted"
