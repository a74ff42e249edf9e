"""The market by hand, through the command line, with real balances: what everybody pays and gets, to the base unit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.command_line import (
    GAS_COMPENSATION,
    INPUT,
    LOCK,
    MODEL,
    ROOT,
    TOKEN,
    UNDELIVERED_FEE,
    Market,
    Person,
    stop,
)

FEE_BPS, USE_PRICE, ROYALTY_BPS = 100, TOKEN // 10, 500  # devnet/deployment.json, templates/digits-mlp/mlm.toml


@contextmanager
def changes(*expected: tuple[Person, int]) -> Iterator[None]:
    """Everybody's tokens, in wallet, credit and stake together, change by exactly this in the block."""
    before = [person.money for person, _ in expected]
    yield
    found = {person.account: person.money - held for (person, _), held in zip(expected, before, strict=True)}
    assert found == {person.account: change for person, change in expected}


def owner_part(price: int) -> int:
    return max(USE_PRICE, price * ROYALTY_BPS // 10_000)


def by_hand() -> str:
    """The README's block of commands between its two comments."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- by-hand -->(.*?)<!-- /by-hand -->", text, re.DOTALL)
    assert found, "README.md has no block between <!-- by-hand --> and <!-- /by-hand -->"
    fence = re.search(r"^```\w*\n(.*?)^```", found[1], re.DOTALL | re.MULTILINE)
    assert fence, "no fenced block between the comments"
    return fence[1]


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Person]:
    """Somebody who has just started a devnet."""
    (tmp_path / "work").mkdir()
    person = Person("", tmp_path / "work", tmp_path / "home")
    try:
        person.do("devnet", "up")
        yield person
    finally:
        stop(person.home)


def test_readme_by_hand(newcomer: Person, tmp_path: Path) -> None:
    """Every line runs as it stands, in one shell; JOB is the id that `job post` printed."""
    commands = by_hand().replace("\\\n", " ").splitlines()
    state, job, done = tmp_path / "state", "", []
    state.write_text("")
    for line in commands:
        command = line.partition(" #")[0].strip()
        if not command or command.startswith("#"):
            continue
        assert "JOB" not in command or job, f"{command}: no job was posted before"
        command = command.removeprefix("$ ").replace("job/JOB", "JOB").replace("JOB", job)
        ran = newcomer.shell(f'. "{state}"\n{command}\n{{ export -p; printf "cd %q\\n" "$PWD"; }} > "{state}"')
        assert ran.code == 0, ran
        done.append(command)
        if " job post " in f" {command} ":
            job = re.search(r"0x[0-9a-f]{64}", ran.out)[0]  # type: ignore[index]
    words = [" ".join(re.findall(r"\bmlm\b(.*)", command)) for command in done if "mlm" in command]
    for step in ("init", "add", "commit", "publish", "job post", "bid", "lease fulfil", "job result"):
        assert any(step in word for word in words), f"the README's block has no `mlm {step}`"
    shown = newcomer.do("job", "show", job)
    assert shown["state"] == "accepted" and shown["settled"]


def test_reverse_auction_to_a_paid_proof(market: Market) -> None:
    """Two bids, award, accept, prove apart from submitting; only the lease holder can; everybody's money."""
    consumer, low, high, owner = market.consumer, market.first, market.second, market.provider
    price = 3 * TOKEN
    paid = price - price * FEE_BPS // 10_000 - owner_part(price)
    with changes((consumer, -price), (low, paid), (high, 0), (owner, owner_part(price))):
        job = consumer.job()
        locked = [int(person.stake["locked"]) for person in (low, high)]
        assert high.do("bid", job, "--price", "4", "--stake")["best"] is True
        assert int(high.stake["locked"]) == locked[1] + LOCK
        assert low.do("bid", job, "--price", "3", "--stake")["bond"] == str(LOCK)
        assert [int(person.stake["locked"]) for person in (low, high)] == [locked[0] + LOCK, locked[1]]
        assert high.refused(7, "bid", job, "--price", "3.5")["name"] == "PriceNotLower"
        assert consumer.refused(7, "bid", job, "--price", "2", "--stake")["name"] == "ConsumerCannotBid"
        listed = consumer.do("job", "bids", job)["bids"]
        assert [(int(row["price"]), row["best"]) for row in listed] == [(4 * TOKEN, False), (price, True)]
        assert high.refused(7, "job", "award", job)["name"] == "NotConsumer"
        assert consumer.refused(12, "job", "result", job)["code"] == "state_conflict"
        assert consumer.do("job", "award", job)["state"] == "leased"
        assert consumer.refused(12, "job", "cancel", job)
        assert [row["job"] for row in low.do("lease", "list")["jobs"]][0] == job
        assert job not in [row["job"] for row in high.do("lease", "list")["jobs"]]
        assert high.refused(12, "lease", "accept", job)["code"] == "state_conflict"
        assert low.do("lease", "accept", job)["state"] == "ready"
        assert low.do("lease", "show", job, "--input", "received.npy")["job"] == job
        low.do("prove", MODEL, "received.npy", "-o", "proof.json")
        (high.folder / "proof.json").write_bytes((low.folder / "proof.json").read_bytes())
        assert high.refused(12, "lease", "submit", job, "--proof", "proof.json")["code"] == "state_conflict"
        submitted = low.do("lease", "submit", job, "--proof", "proof.json")
        assert submitted["state"] == "accepted" and int(submitted["payment"]) == paid
        assert int(low.stake["locked"]) == locked[0]
    again = low.refused(12, "lease", "submit", job, "--proof", "proof.json")
    assert "accepted" in again["message"]
    label = json.loads((ROOT / "templates/digits-mlp/samples/labels.json").read_text())["digit.npy"]
    assert consumer.do("job", "result", job, "-o", "out.json")["outputs"][0]["argmax"] == label
    assert json.loads((consumer.folder / "out.json").read_text())
    assert consumer.do("verify", f"job/{job}")["verified"] is True
    credit = int(low.do("wallet", "show")["credit"])
    tokens = int(low.do("wallet", "show")["tokens"])
    assert credit >= paid and int(low.do("wallet", "withdraw")["amount"]) == credit
    held = low.do("wallet", "show")
    assert int(held["credit"]) == 0 and int(held["tokens"]) == tokens + credit
    assert low.refused(8, "wallet", "withdraw")["code"] == "insufficient_funds"


def test_a_tampered_proof_file_is_false(market: Market) -> None:
    """Exit 1, and the check that failed is named; a file that is no proof is invalid data."""
    person = market.second
    person.do("prove", MODEL, INPUT, "-o", "mine.json")
    assert person.do("verify", "mine.json", "--model", MODEL)["verified"] is True
    proof = json.loads((person.folder / "mine.json").read_text())
    shown = int(proof["instances"][-1], 16)
    proof["instances"][-1] = f"0x{shown ^ 1:064x}"
    (person.folder / "bad.json").write_text(json.dumps(proof))
    ran = person.run("verify", "bad.json", "--model", MODEL, "--json")
    assert ran.code == 1 and ran.value["verified"] is False
    assert [check["passed"] for check in ran.value["checks"]] == [True, True, False]
    (person.folder / "cut.json").write_bytes((person.folder / "mine.json").read_bytes()[:-200])
    assert person.refused(4, "verify", "cut.json", "--model", MODEL)["code"] == "invalid_data"


def test_cancelled_before_the_first_bid(market: Market) -> None:
    consumer = market.consumer
    with changes((consumer, 0), (market.first, 0)):
        job = consumer.job()
        assert market.first.refused(7, "job", "cancel", job)["name"] == "NotConsumer"
        cancelled = consumer.do("job", "cancel", job)
        assert cancelled["state"] == "cancelled" and cancelled["settled"]
        assert [(row["reason"], row["amount"]) for row in cancelled["credits"]] == [("refund", str(5 * TOKEN))]
        assert market.first.refused(12, "bid", job, "--price", "3", "--stake")
        assert market.first.do("job", "settle", job)["state"] == "cancelled"  # nothing is left to do


def test_nobody_bids_and_the_escrow_comes_back(market: Market) -> None:
    consumer = market.consumer
    with changes((consumer, 0)):
        job = consumer.job("--bidding", "120")
        assert consumer.refused(12, "job", "settle", job)
        market.advance("120s")
        assert consumer.do("job", "show", job)["state"] == "expired"
        settled = market.second.do("job", "settle", job)  # anyone may
        assert settled["settled"] and [row["reason"] for row in settled["credits"]] == ["refund"]


def test_undelivered_both_lose_the_small_fee(market: Market) -> None:
    """The winner never accepts: consumer and lease holder lose the capped fee each, no more."""
    consumer, winner = market.consumer, market.first
    with changes((consumer, -UNDELIVERED_FEE), (winner, -UNDELIVERED_FEE)):
        job = consumer.job("--delivery", "300", auction="fixed")
        winner.do("bid", job, "--price", "5", "--stake")
        assert consumer.do("job", "show", job)["state"] == "leased"
        market.advance("301s")
        assert winner.refused(12, "lease", "accept", job)
        settled = consumer.do("job", "settle", job)
    assert settled["state"] == "undelivered"
    assert {row["reason"]: int(row["amount"]) for row in settled["credits"] if int(row["amount"])} == {
        "protocol-fee": UNDELIVERED_FEE,
        "refund": 5 * TOKEN - UNDELIVERED_FEE,
        "burn": UNDELIVERED_FEE,
    }


def test_defaulted_burns_the_lock_and_pays_the_consumers_gas(market: Market) -> None:
    consumer, winner = market.consumer, market.first
    with changes((consumer, GAS_COMPENSATION), (winner, -LOCK)):
        job = consumer.job("--execution", "300", auction="fixed")
        winner.do("bid", job, "--price", "5", "--stake")
        assert winner.do("lease", "accept", job)["state"] == "ready"
        market.advance("5m")
        assert consumer.do("job", "show", job)["state"] == "defaulted"
        settled = consumer.do("job", "settle", job)
    assert settled["state"] == "defaulted"
    assert {row["reason"]: int(row["amount"]) for row in settled["credits"]} == {
        "refund": 5 * TOKEN,
        "gas-compensation": GAS_COMPENSATION,
        "burn": LOCK - GAS_COMPENSATION,
    }


def test_a_running_job_keeps_its_price(market: Market) -> None:
    """The owner raises the price after the job was posted: the royalty is the old one, the next job's the new one."""
    consumer, winner, owner = market.consumer, market.second, market.provider
    price = 5 * TOKEN
    try:
        with changes((consumer, -price), (owner, owner_part(price))):
            job = consumer.job(auction="fixed")
            assert owner.do("price", "set", MODEL, "--use", "2", "--royalty-bps", "5000")["use_price"] == str(2 * TOKEN)
            assert consumer.refused(7, "price", "set", MODEL, "--use", "0")["code"] == "reverted"
            winner.do("bid", job, "--price", "5", "--stake")
            winner.do("lease", "fulfil", job)
        assert consumer.do("price", "show", MODEL)["royalty_bps"] == 5000
        assert consumer.refused(7, "job", "post", MODEL, "-i", INPUT, "--max-price", "1")["code"] == "reverted"
    finally:
        owner.do("price", "set", MODEL, "--use", "0.1", "--royalty-bps", "500")


def test_stake_unbonds_in_thirty_days(market: Market) -> None:
    person = market.provider  # the only one who stakes nothing elsewhere
    with changes((person, 0)):
        assert person.do("stake", "deposit", "12")["free"] == str(12 * TOKEN)
        assert person.refused(8, "stake", "withdraw", "13")["code"] == "insufficient_funds"
        assert person.refused(12, "stake", "withdraw")["code"] == "state_conflict"
        unbonding = person.do("stake", "withdraw", "5")
        assert (unbonding["free"], unbonding["unbonding"]) == (str(7 * TOKEN), str(5 * TOKEN))
        market.advance("29d")
        assert person.refused(12, "stake", "withdraw")["code"] == "state_conflict"
        market.advance("1d")
        taken = person.do("stake", "withdraw")
        assert (taken["total"], taken["unbonding"]) == (str(7 * TOKEN), "0")


def test_a_second_version_and_what_cannot_be_published(market: Market) -> None:
    """Publishing twice does nothing; another's handle and another content under the same version are refused."""
    owner, other = market.provider, market.person("watcher")
    assert owner.do("publish", "--handle", "alice")["already"] is True
    assert owner.run("publish", "--handle", "alice", "--json").value["steps"] == []
    other.do("init", "copy", "--template", "digits-mlp")
    copy = Person("watcher", other.folder / "copy", market.home)
    copy.do("add", ".")
    copy.do("commit", "-m", "copied")
    assert "belongs to" in copy.refused(12, "publish", "--handle", "alice")["message"]
    project = owner.folder / "mlm.toml"
    text = project.read_text()
    project.write_text(text.replace("proves in about two seconds", "proves fast"))
    owner.do("add", ".")
    owner.do("commit", "-m", "another text")
    assert "other content" in owner.refused(12, "publish", "--handle", "alice")["message"]
    project.write_text(text.replace('version = "1.0.0"', 'version = "1.1.0"'))
    owner.do("add", ".")
    owner.do("commit", "-m", "second version")
    published = owner.do("publish", "--handle", "alice")
    assert published["asset"] == f"{MODEL}@1.1.0" and published["already"] is False
    assert [row["version"] for row in owner.do("asset", "versions", MODEL)["versions"]] == ["1.1.0", "1.0.0"]
    assert owner.do("verify", f"{MODEL}@1.0.0")["verified"] is True


@pytest.mark.parametrize("amount", ["", "-1", "1e3", "NaN", "0x10", "1,5", "1.0000000000000000001"])
def test_amounts_that_are_none(market: Market, amount: str) -> None:
    for command in (("stake", "deposit"), ("stake", "withdraw")):
        assert market.consumer.refused(2, *command, "--", amount)["code"] == "usage"
    assert market.provider.refused(2, "price", "set", MODEL, f"--use={amount}")["code"] == "usage"
