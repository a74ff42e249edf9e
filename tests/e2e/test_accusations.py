"""Bonds and accusations by the command line, on a real devnet: a server that lies, who shows it, and the money."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlm.core import served
from mlm.core.accusation import shown
from mlm.core.evidence import Evidence
from mlm.core.exact.commitments import SCHEME_EXACT
from mlm.core.job import AuctionKind, Tier
from mlm.core.terms import Request, request_args
from mlm.workflows import channel_show, statements
from mlm.workflows.sync import sync
from tests.accusing import BOND, DEPOSIT, PAYEE, Accusing, Lies, address, lying
from tests.command_line import INPUT, TOKEN
from tests.disputing import EXACT, exact_market, liar
from tests.enclaves import ports_of
from tests.serving.payers import Chain

HELD = int(BOND) * TOKEN


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accusing]:
    with exact_market(tmp_path_factory.mktemp("accusations")) as market, lying(market) as server:
        yield Accusing(market, server, tmp_path_factory.mktemp("calls"))


@pytest.fixture(scope="module")
def lies(scene: Accusing) -> Lies:
    return Lies(scene.market, scene.folder)


def test_a_lie_of_a_real_server_costs_its_bond(scene: Accusing) -> None:
    """From a paid call to the reward, by five commands of the payer and two of a provider."""
    payer, payee = scene.payer, scene.payee
    lie = scene.called()
    refused = payer.refused(12, "accuse", "open", str(lie), "--max-price", "5")
    assert "has no bond" in refused["message"], refused
    scene.bonded()
    before, locked = payer.money, payer.do("bond", "show", EXACT, address(PAYEE))
    assert (int(locked["total"]), locked["accusations"]) == (HELD, 0)
    opened = scene.accused(file=lie)
    assert (opened["state"], opened["job_state"], int(opened["bond"])) == ("stands", "open", HELD)
    assert before - payer.money == DEPOSIT + 5 * TOKEN
    job = payer.do("job", "show", opened["job"])
    assert int(job["value_at_risk"]) == HELD // 2 - 5 * TOKEN, "the lock is to cover the bond"
    again = scene.accused(file=lie)
    assert again["job"] == opened["job"] and before - payer.money == DEPOSIT + 5 * TOKEN, "nothing is paid twice"
    assert "open, expected accepted" in payer.refused(12, "accuse", "convict", opened["accusation"])["message"]
    scene.judged(opened["job"])
    assert payer.do("accuse", "show", opened["accusation"])["next"].startswith("the payer: mlm accuse convict")
    refused = payee.refused(12, "accuse", "convict", opened["accusation"])
    assert "who accused convicts" in refused["message"], refused
    payer.do("job", "settle", opened["job"])  # as `mlm job wait` does: a settled result stands
    convicted = payer.do("accuse", "convict", opened["accusation"])
    assert (int(convicted["slashed"]), int(convicted["reward"])) == (HELD, HELD // 2)
    assert (int(convicted["deposit"]), convicted["job"]) == (DEPOSIT, opened["job"])
    assert scene.credit("consumer") == HELD // 2 + DEPOSIT
    drawn = payer.do("wallet", "withdraw")
    assert int(drawn["accusations"]) == HELD // 2 + DEPOSIT
    left = payer.do("bond", "show", EXACT, address(PAYEE))
    assert (int(left["total"]), left["accusations"]) == (0, 0) and left["convicted_at"] > 0
    assert payer.do("accuse", "convict", opened["accusation"])["slashed"] == convicted["slashed"], "once is enough"
    (row,) = payer.do("accuse", "list", "--mine")["accusations"]
    assert (row["state"], int(row["slashed"])) == ("proven", HELD)


def test_what_accuses_nobody_sends_nothing(scene: Accusing, lies: Lies, tmp_path: Path) -> None:
    payer = scene.payer
    scene.bonded("1")
    (true,) = lies.told(0)
    refused = payer.refused(12, "accuse", "open", str(true), "--max-price", "5")
    assert "the result is true" in refused["message"], refused
    (lie,) = lies.told(1)
    open_ = ("accuse", "open", str(lie), "--max-price", "5")
    before = payer.money
    assert "was paid by" in scene.payee.refused(12, *open_)["message"]
    assert "at least 1 d" in payer.refused(2, *open_, "--verification", "3600")["message"]
    assert "expected less than the 14 d" in payer.refused(2, *open_, "--execution", "1209600")["message"]
    # 24 hours to dispute it, a game upon it, and late bids that move the close: what is left is no more than that.
    refused = payer.refused(2, *open_, "--execution", str(11 * 86_400))
    assert "and a game may take 2 d more" in refused["message"], refused
    assert "expected less than the 14 d" in payer.refused(2, *open_, "--bidding", str(6 * 86_400))["message"]
    assert "expected one of reverse, fixed" in payer.refused(2, *open_, "--auction", "sealed")["message"]
    # What promises no arithmetic, or another, opens to nothing that a contract takes.
    evidence = Evidence.from_bytes(lie.read_bytes())
    for name, profile in (("any", served.ANY), ("other", "0x" + "ab" * 32)):
        file = tmp_path / f"{name}.call"
        file.write_bytes(lies.signed(replace(evidence, result=replace(evidence.result, profile=profile))).to_bytes())
        assert "the result's profile" in payer.refused(1, "accuse", "open", str(file), "--max-price", "5")["message"]
    # A number that the payee has not signed.
    changed = replace(evidence, result=replace(evidence.result, served_at=evidence.result.served_at + 1))
    (tmp_path / "changed.call").write_bytes(changed.to_bytes())
    refused = payer.refused(1, "accuse", "open", str(tmp_path / "changed.call"), "--max-price", "5")
    assert "signature" in refused["message"] and payer.money == before
    same = payer.refused(12, "accuse", "contradict", str(lie), str(lie))
    assert "both results say the same" in same["message"]
    assert "the input of both results" in payer.refused(2, "accuse", "contradict", str(lie), str(true))["message"]


def test_verify_says_what_stands_behind_a_served_result(scene: Accusing, lies: Lies, tmp_path: Path) -> None:
    scene.bonded("1")
    held = int(scene.payer.do("bond", "show", EXACT, address(PAYEE))["total"])
    true, lie = lies.told(0, 1)
    found = scene.payer.do("verify", str(true))
    assert found["verified"] and int(found["cost_to_cheat"]["at_least"]) == -(-held // 2)
    wrong = scene.payer.run("verify", str(lie), "--json")
    assert wrong.code == 1 and f"`mlm accuse open {lie}" in wrong.value["checks"][5]["found"], wrong
    # Of the truth about other outputs than it gave: a lie, but not about anything that a contract could read.
    told = Evidence.from_bytes(lie.read_bytes())
    other = replace(told, result=replace(told.result, profile=Evidence.from_bytes(true.read_bytes()).result.profile))
    (tmp_path / "other.call").write_bytes(lies.signed(other).to_bytes())
    wrong = scene.payer.run("verify", str(tmp_path / "other.call"), "--json")
    assert wrong.code == 1 and "no bond answers for it" in wrong.value["checks"][5]["found"], wrong


def test_who_asks_for_exact_calls_believes_no_profile_that_opens_to_nothing(scene: Accusing) -> None:
    """Else a payee could lie behind a bond that answers for nothing."""
    payer = scene.payer
    asked = ("run", EXACT, INPUT, "--max-price", "0.3", "--deposit", "1", "--exact", "--remote")
    assert payer.do(*asked, scene.server.url)["call"] > 0, "what can convict is believed, true or false"
    with lying(scene.market, "compute-1", "--profile") as server:
        refused = payer.refused(1, *asked, server.url)
        assert "the signed result's profile: expected 0x" in refused["message"], refused
        assert refused["message"].endswith("0x" + "5e" * 32)
        again = payer.refused(1, *asked, server.url)  # by the same voucher
        assert again["message"] == refused["message"]
        np.save(payer.folder / "other.npy", np.load(payer.folder / INPUT) * np.float32(0.5))
        other = payer.refused(12, *asked[:2], "other.npy", *asked[3:], server.url)
        assert "profile" in other["message"], "the channel is signed for no more"
    refused = payer.refused(2, *asked[:-1])
    assert "goes with --remote" in refused["message"]


def test_two_statements_convict_without_a_job(scene: Accusing, lies: Lies) -> None:
    scene.bonded("3")
    payer, held = scene.payer, int(scene.payer.do("bond", "show", EXACT, address(PAYEE))["total"])
    first, second = lies.told(1, 2)
    credit, before = scene.credit("consumer"), payer.money
    found = payer.do("accuse", "contradict", str(first), str(second))
    assert (int(found["slashed"]), int(found["deposit"]), found["job"]) == (held, 0, "")
    assert scene.credit("consumer") - credit == held // 2 and payer.money == before
    shown = payer.do("accuse", "show", found["accusation"])
    assert (shown["state"], int(shown["slashed"]), shown["accused_at"]) == ("proven", held, 0)
    again = payer.do("accuse", "contradict", str(first), str(second))
    assert again == found, "nothing is sent twice"
    assert "has no bond" in payer.refused(12, "accuse", "contradict", str(second), str(first))["message"]


def test_a_job_that_repeats_the_lie_does_not_end_the_matter(scene: Accusing, lies: Lies) -> None:
    """The payee's accomplice has won the job, and nobody looked."""
    scene.bonded("5")
    payer, accomplice = scene.payer, liar(scene.market, -1, at=3)
    held = int(payer.do("bond", "show", EXACT, address(PAYEE))["total"])
    (lie,) = lies.told(0, scale=1.0, said=accomplice.outputs)
    opened = scene.accused(file=lie)
    scene.market.first.do("bid", opened["job"], "--price", "5", "--stake")
    accomplice.hand_in(opened["job"])
    scene.market.advance("24h")
    seen = payer.do("accuse", "show", opened["accusation"])
    assert seen["job"] == opened["job"] and "if that is false, mlm accuse open FILE" in seen["next"], seen
    refused = payer.refused(12, "accuse", "convict", opened["accusation"])
    assert "came to the very outputs" in refused["message"] and "accuse open" in refused["hint"], refused
    chosen = scene.accused("--require", "gpu.memory>=81", file=lie)
    assert chosen["job"] != opened["job"] and chosen["job_state"] == "open", chosen
    assert payer.do("job", "show", chosen["job"])["requirements"] == ["gpu.memory>=81"]
    refused = scene.market.first.refused(12, "bid", chosen["job"], "--price", "5", "--stake")
    assert "does not meet the requirements" in refused["message"], refused
    assert scene.accused(file=lie)["job"] == chosen["job"], "nothing is paid twice"
    refused = payer.refused(12, "accuse", "convict", opened["accusation"])
    assert f"job {chosen['job'][:10]} is open" in refused["message"], "not yet, instead of never"
    scene.market.advance("1h")
    refused = payer.refused(12, "accuse", "convict", opened["accusation"], chosen["job"])
    assert "is expired" in refused["message"] and "accuse open" in refused["hint"], refused
    again = scene.accused(file=lie)
    assert again["job"] not in (opened["job"], chosen["job"])
    scene.judged(again["job"])
    convicted = payer.do("accuse", "convict", opened["accusation"])
    assert (int(convicted["slashed"]), convicted["job"]) == (held, again["job"])


def test_the_job_that_takes_most_convicts(scene: Accusing, lies: Lies) -> None:
    """Not one whose lock another conviction has taken."""
    scene.bonded("60")
    opened = [scene.accused("--value-at-risk", "10", file=lie) for lie in lies.told(1, 2)]
    for each in opened:
        scene.market.first.do("bid", each["job"], "--price", "5", "--stake")
        scene.market.first.do("lease", "fulfil", each["job"])
    scene.market.advance("24h")
    found = [scene.payer.do("accuse", "convict", each["accusation"]) for each in opened]
    assert [int(each["slashed"]) for each in found] == [30 * TOKEN, 30 * TOKEN]
    assert {each["job"] for each in found} == {each["job"] for each in opened}


def test_a_deposit_that_came_back_before_is_not_counted_again(scene: Accusing, lies: Lies) -> None:
    scene.bonded("20")
    payer = scene.payer
    lie, *both = lies.told(1, 2, 3)
    opened = scene.accused(file=lie)
    scene.market.advance("1h")  # its job finds no provider
    payer.do("accuse", "contradict", *map(str, both))
    refused = payer.refused(12, "accuse", "open", str(lie), "--max-price", "5")
    assert "was convicted since" in refused["message"] and "gives the deposit back" in refused["hint"], refused
    scene.market.advance("14d")
    late = payer.refused(12, "accuse", "open", str(lie), "--max-price", "5")
    assert "its time is over" in late["message"] and "accuse lapse" in late["hint"], late
    payer.do("accuse", "lapse", opened["accusation"])
    scene.bonded("20")
    again = scene.accused(file=lie)
    scene.judged(again["job"])
    convicted = payer.do("accuse", "convict", again["accusation"])
    assert (int(convicted["slashed"]), int(convicted["deposit"])) == (20 * TOKEN, DEPOSIT)


def test_a_bond_that_has_left_still_leaves_the_deposit_to_be_saved(scene: Accusing, lies: Lies) -> None:
    """What unbonds and is released can be taken in front of the job: another job still gives the deposit back."""
    payer, payee = scene.payer, scene.payee
    scene.bonded("2")
    payee.do("bond", "withdraw", EXACT, str(int(payee.do("bond", "show", EXACT)["held"]) // TOKEN))
    true, lie = lies.told(0, 1)
    assert int(payer.do("verify", str(true))["cost_to_cheat"]["at_least"]) > 0, "an accusation would hold it up"
    scene.market.advance("30d")
    found = payer.do("verify", str(true))["cost_to_cheat"]
    assert not int(found["at_least"] or 0), found
    opened = scene.accused(file=lie)
    payee.do("bond", "withdraw", EXACT)
    scene.market.advance("1h")  # its job finds no provider
    again = scene.accused(file=lie)
    assert again["job"] != opened["job"] and int(again["bond"]) == 0
    scene.judged(again["job"])
    convicted = payer.do("accuse", "convict", opened["accusation"])
    assert (int(convicted["slashed"]), int(convicted["deposit"])) == (0, DEPOSIT)


def test_what_nobody_proves_costs_the_deposit(scene: Accusing, lies: Lies) -> None:
    """And a bond that was on its way out is held up meanwhile."""
    scene.bonded("2")
    payer, payee = scene.payer, scene.payee
    assert "asked to unbond" in payee.refused(8, "bond", "withdraw", EXACT, "1000")["message"]
    left = payee.do("bond", "withdraw", EXACT, "1")
    opened = scene.accused("--bidding", "60", file=lies.told(1)[0])
    assert payee.do("bond", "show", EXACT)["accusations"] == 1
    early = payer.refused(12, "accuse", "lapse", opened["accusation"])
    assert "stands for another" in early["message"], early
    scene.market.advance("14d")
    assert payer.do("accuse", "show", opened["accusation"])["next"].startswith("anybody: mlm accuse lapse")
    credit = scene.credit(PAYEE)
    ended = scene.market.person("watcher").do("accuse", "lapse", opened["accusation"])
    assert ended["state"] == "lapsed" and scene.credit(PAYEE) - credit == DEPOSIT // 2
    refused = payer.refused(12, "accuse", "convict", opened["accusation"])
    assert "is lapsed, expected that it stands" in refused["message"], refused
    assert "can be taken in" in payee.refused(12, "bond", "withdraw", EXACT)["message"]
    scene.market.advance("16d")
    money = payee.money
    taken = payee.do("bond", "withdraw", EXACT)
    assert int(left["unbonding"]) == TOKEN == payee.money - money and int(taken["unbonding"]) == 0


def test_a_false_accusation_by_a_colluding_job_is_found_out_though_its_input_is_nowhere(
    scene: Accusing, lies: Lies
) -> None:
    """An honest payee, a payer that accuses it of the truth, and a provider of the payer's that lies for it."""
    scene.bonded("4")
    market, consumer = scene.market, Chain.of(scene.market, "consumer")
    held = int(scene.payer.do("bond", "show", EXACT, address(PAYEE))["total"])
    (true,) = lies.told(0, scale=1.0)
    accusation, job = collude(scene, consumer, true)
    market.first.do("bid", job, "--price", "5", "--stake")
    liar(market, -1, at=3).hand_in(job)
    seen = market.person("watcher").do("watcher", "run", "--until-idle", "--asset", EXACT)
    assert (seen["false"], seen["convictions"], seen["unchecked"]) == (1, 1, []), seen
    market.advance("24h")
    refused = scene.payer.refused(12, "accuse", "convict", accusation)
    assert f"job {job[:10]} is rejected, expected accepted" in refused["message"], refused
    market.advance("14d")
    credit = scene.credit(PAYEE)
    market.person("watcher").do("accuse", "lapse", accusation)
    assert scene.credit(PAYEE) - credit == DEPOSIT // 2
    assert int(scene.payer.do("bond", "show", EXACT, address(PAYEE))["total"]) == held, "the truth cost nothing"


def collude(scene: Accusing, chain: Chain, file: Path) -> tuple[str, str]:
    """What the command refuses, sent by hand: an accusation of the truth, and a job whose input block nobody has."""
    ports = ports_of(scene.payer)
    stated = statements.read(ports, file, None)
    terms = channel_show.find(ports, stated.statement.result.channel).terms
    for contract, amount in (("ServingBonds", DEPOSIT), ("JobMarket", 5 * TOKEN)):
        chain.send("MarketToken", "approve", chain.read.address_of(contract), amount)
    chain.send("ServingBonds", "accuse", terms.as_args(), stated.statement.as_args(), *shown(stated.inputs))
    asked = Request(
        version_id=stated.version_id,
        tier=int(Tier.OPTIMISTIC),
        auction=int(AuctionKind.FIXED),
        scheme=SCHEME_EXACT,
        input_commitment="0x" + stated.statement.exact_input.hex(),
        input="0x" + "5e" * 32,
        max_price=5 * TOKEN,
        **dict.fromkeys(("start_price", "price_step", "reveal_window", "value_at_risk"), 0),
        **dict.fromkeys(("bidding_window", "delivery_window", "execution_window"), 3600),
        verification_window=86_400,
        **dict.fromkeys(("requirements", "policy"), "0x" + "00" * 32),
    )
    chain.send("JobMarket", "post", request_args(asked), 7)
    sync(ports)
    (row,) = ports.state.query("jobs", consumer=chain.sender.address.lower(), nonce="7")
    return stated.accusation(ports), row["job_id"]
