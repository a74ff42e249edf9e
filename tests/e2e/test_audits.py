"""Audits by the command line on a real devnet: a watcher by itself, by hand, against a liar, and killed in between."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlm.core.dispute.audit import is_drawn
from tests.auditing import draw_all
from tests.command_line import TOKEN, Market, Person
from tests.disputing import EXACT, Chain, exact_market, leased, liar, submitted

PRICE = 5 * TOKEN
PAY = PRICE // 500  # a hundredth is the fee, a fifth of that for auditors, where every result is drawn


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A market of its own, with an exact model, a funded pool and two who may audit."""
    with exact_market(tmp_path_factory.mktemp("audits")) as made:
        made.person("watcher").do("stake", "deposit", "30", "--role", "watcher")
        made.second.do("stake", "deposit", "10", "--role", "watcher")
        yield made


@pytest.fixture
def watcher(market: Market) -> Person:
    return market.person("watcher")


def audited(market: Market) -> str:
    """A job whose result compute-1 has computed and handed in, in a period that is over."""
    job = submitted(market)
    market.advance("5m")
    return job


def tokens(market: Market, account: str) -> int:
    chain = Chain.of(market, account)
    return int(chain.read.call("MarketToken", "balanceOf", chain.sender.address))


def test_who_pays_and_who_may(market: Market, watcher: Person) -> None:
    """Before anything is drawn: an empty pool, a stake that is missing, the provider itself, another tier."""
    job = audited(market)
    assert "pool does not hold" in watcher.refused(12, "audit", "join", job)["message"]
    assert "above zero" in market.consumer.refused(2, "audit", "fund", "0")["message"]
    before = tokens(market, "consumer")
    assert int(market.consumer.do("audit", "fund", "50")["pool"]) == 50 * TOKEN
    assert before - tokens(market, "consumer") == 50 * TOKEN
    assert "stake as a watcher" in market.consumer.refused(12, "audit", "join", job)["message"]
    market.first.do("stake", "deposit", "10", "--role", "watcher")
    assert "not to be the job's provider" in market.first.refused(12, "audit", "join", job)["message"]
    other = market.consumer.job("--tier", "none")
    assert "only results of the tier optimistic" in watcher.refused(2, "audit", "show", other)["message"]


def test_the_deployments_own_draw(market: Market, watcher: Person) -> None:
    """What is drawn as it is deployed is what the contract says, and mlm says the same."""
    job = audited(market)
    shown = watcher.do("audit", "show", job)
    assert shown["drawn"] is None and shown["yours"] == "draw" and int(shown["pay"]) == PRICE // 15
    drawn = watcher.do("audit", "join", job)["drawn"]
    chain, raw = Chain.of(market, "watcher"), bytes.fromhex(job[2:])
    period, *_ = chain.read.call("AuditRewards", "timesOf", raw)
    _, seed = chain.read.call("AuditRewards", "drawOf", period)
    assert drawn == chain.read.call("AuditRewards", "isDrawn", seed, raw) == is_drawn(seed, job, 300)


def test_a_watcher_by_itself_is_paid_for_finding_a_result_true(market: Market, watcher: Person) -> None:
    draw_all(market)
    job = audited(market)
    observed = watcher.do("watcher", "run", "--observe", "--until-idle", "--asset", EXACT)
    assert observed["moves"] == 0 and observed["audits"] == 0
    before = tokens(market, "watcher")
    seen = watcher.do("watcher", "run", "--until-idle", "--drawn")
    assert seen["audits"] >= 1 and seen["false"] == seen["failures"] == 0, seen
    mine = watcher.do("audit", "show", job)
    assert [each["stage"] for each in mine["auditors"]] == ["committed"] and mine["yours"].startswith("positions are")
    market.advance("65m")
    watcher.do("watcher", "run", "--until-idle")
    mine = watcher.do("audit", "show", job)
    assert [each["stage"] for each in mine["auditors"]] == ["opened"] and "pay is due" in mine["yours"]
    market.advance("6h")
    paid = watcher.do("watcher", "run", "--until-idle")
    assert int(paid["paid"]) >= PAY and tokens(market, "watcher") - before == int(paid["paid"])
    found = watcher.do("audit", "list")
    assert {row["job"]: row["stage"] for row in found["audits"]}[job] == "paid"
    assert "is paid" in watcher.refused(12, "audit", "join", job)["message"]


def test_two_auditors_by_hand_share_by_stake(market: Market, watcher: Person) -> None:
    draw_all(market)
    job = audited(market)
    people = (watcher, market.second)
    assert watcher.do("audit", "join", job)["drawn"] is True  # the draw
    for person in people:
        person.do("audit", "join", job)  # the commitments
    assert "positions are drawn" in watcher.refused(12, "audit", "join", job)["message"]
    market.advance("65m")
    for person in (watcher, *people):
        person.do("audit", "join", job)  # the draw, and the openings
    assert "pay is due" in watcher.refused(12, "audit", "join", job)["message"]
    market.advance("6h")
    before = [tokens(market, account) for account in ("watcher", "compute-2")]
    shown = [person.do("audit", "join", job) for person in people][-1]
    gained = [tokens(market, account) for account in ("watcher", "compute-2")]
    assert [after - held for after, held in zip(gained, before, strict=True)] == [PAY * 3 // 4, PAY - PAY * 3 // 4]
    assert [(each["stage"], int(each["stake"])) for each in shown["auditors"]] == [
        ("paid", 30 * TOKEN),
        ("paid", 10 * TOKEN),
    ]


def test_nobody_audits_a_false_result(market: Market, watcher: Person) -> None:
    """Who finds it false challenges it; what was set aside by the liar's accomplice rolls over."""
    draw_all(market)
    false, job = liar(market, -1, at=4), leased(market)
    false.hand_in(job)
    market.advance("5m")
    market.second.do("audit", "join", job)
    assert "differs from node 2" in market.second.refused(1, "audit", "join", job)["message"]
    pool = int(market.second.do("audit", "list")["pool"])
    accomplice = Chain.of(market, "compute-2")
    accomplice.send("AuditRewards", "commit", bytes.fromhex(job[2:]), bytes(32))
    assert int(market.second.do("audit", "list")["pool"]) == pool - PAY
    assert watcher.do("dispute", "open", job)["state"] == "rejected"
    assert "nobody is paid" in market.second.refused(12, "audit", "join", job)["message"]
    market.advance("8h")
    assert market.second.do("audit", "join", job)["yours"] == "the result was rejected, and nobody is paid for it"
    assert int(market.second.do("audit", "list")["pool"]) == pool


def test_a_watcher_that_is_killed_goes_on_with_its_audit(market: Market, watcher: Person) -> None:
    draw_all(market)
    job = audited(market)
    for at, when in ((1, "before"), (1, "after"), (3, "after"), (5, "after")):
        watcher.killed(at, when, "watcher", "run", "--for", "0", "--json")
    watcher.do("watcher", "run", "--until-idle")
    market.advance("65m")
    for at, when in ((1, "after"), (3, "after"), (5, "before")):
        watcher.killed(at, when, "audit", "join", job, "--json")
    watcher.do("watcher", "run", "--until-idle")
    market.advance("6h")
    watcher.killed(3, "after", "audit", "join", job, "--json")
    watcher.do("watcher", "run", "--until-idle")
    (mine,) = watcher.do("audit", "show", job)["auditors"]
    assert mine["stage"] == "paid" and int(mine["paid"]) == PAY
