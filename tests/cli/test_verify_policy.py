"""`mlm verify` of real jobs: what each check and the whole say of trust, and what policies make of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from mlm.adapters.attestation.vendor import Enclave
from mlm.core.attestation import SNP, TDX
from mlm.core.trust import Guarantor
from tests.command_line import INPUT, MODEL, ROOT, TOKEN, Market, Person, Ran
from tests.delivering import leased as none_lease
from tests.disputing import exact_market, liar, submitted
from tests.disputing import leased as exact_lease
from tests.ports.test_attestation import AT, BEGUN, COLLATERAL, ENCLAVES, QUOTE, VENDOR
from tests.ports.test_signatures import pem

PAGE = ROOT / "docs" / "trust.md"
GUARANTORS = {str(each) for each in Guarantor}
PRICE = 5 * TOKEN


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """One of our own: time passes on it."""
    with exact_market(tmp_path_factory.mktemp("policies")) as made:
        yield made


@pytest.fixture(scope="module")
def jobs(market: Market) -> dict[str, str]:
    """An accepted job of each tier that there is, by tier; and `false`, whose result is a lie nobody has shown."""
    found = {"optimistic": submitted(market)}
    found["zk"] = market.consumer.job(auction="fixed")
    market.first.do("bid", found["zk"], "--price", "5", "--stake")
    found["none"] = none_lease(market, market.consumer, INPUT, "--tier", "none")
    for tier in ("zk", "none"):
        market.first.do("lease", "fulfil", found[tier])
    lie, found["false"] = liar(market, 1, at=3), exact_lease(market)
    lie.hand_in(found["false"])
    market.advance("1h")
    return found


def policy(person: Person, text: str) -> tuple[str, str]:
    (person.folder / "policy.toml").write_text(text)
    return "--policy", "policy.toml"


def failed(ran: Ran) -> list[str]:
    return [check["check"] for check in ran.value["checks"] if check["passed"] is False]


# What was there before, and what came later, behind it: readers of the JSON find what they found.
KEYS = ["target", "kind", "tier", "verified", "complete", "who_can_check", "trust", "checks"]
LATER = ["guaranteed_by", "evidence", "cost_to_cheat"]


def told(value: dict[str, Any]) -> None:
    """What every verification says, whatever it is of."""
    assert list(value) == KEYS + LATER
    assert all(list(check)[:4] == ["number", "check", "passed", "found"] for check in value["checks"])
    assert [check["number"] for check in value["checks"]] == list(range(1, len(value["checks"]) + 1))
    for check in value["checks"]:
        assert check["against"] and check["guaranteed_by"] and set(check["guaranteed_by"]) <= GUARANTORS, check
    assert value["guaranteed_by"] and set(value["guaranteed_by"]) <= GUARANTORS
    cost = value["cost_to_cheat"]
    assert (cost["at_least"] is not None) is (cost["kind"] == "money")
    assert (cost["bits"] is not None) is (cost["kind"] == "computation")
    assert cost["at_least"] is None or int(cost["at_least"]) > 0
    assert all(each["source"] and each["unit"] for each in cost["inputs"])


@pytest.mark.parametrize(
    ("tier", "by", "kind"),
    [
        ("optimistic", ["one honest watcher"], "money"),
        ("zk", ["mathematics", "who made the SRS"], "nothing"),  # the devnet's SRS
        ("none", ["nobody"], "reputation"),
    ],
)
def test_a_job_says_whom_one_trusts_and_what_cheating_costs(
    market: Market, jobs: dict[str, str], tier: str, by: list[str], kind: str
) -> None:
    found = market.consumer.do("verify", jobs[tier])
    assert found["verified"] and found["complete"], found
    told(found)
    assert (found["guaranteed_by"], found["cost_to_cheat"]["kind"]) == (by, kind)
    assert found["evidence"]["made_at"] + 3600 <= found["evidence"]["now"]
    cost = found["cost_to_cheat"]
    assert cost["block"] > 0 and re.fullmatch("0x[0-9a-f]{64}", cost["block_hash"])


def test_what_an_optimistic_lie_costs_is_what_burns_of_its_lock(market: Market, jobs: dict[str, str]) -> None:
    cost = market.consumer.do("verify", jobs["optimistic"])["cost_to_cheat"]
    inputs = {each["name"]: each["value"] for each in cost["inputs"]}
    assert int(inputs["lock"]) == 2 * PRICE and int(cost["at_least"]) == PRICE == int(inputs["maximum price"])
    assert inputs["window"] == 3600 and "watcher" in cost["provided"]


def test_the_pages_policy_is_met_and_says_so_in_numbered_checks(market: Market, jobs: dict[str, str]) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    person = market.consumer
    found = person.do("verify", jobs["optimistic"], *policy(person, text))
    told(found)
    demands = [check for check in found["checks"] if check["check"].startswith("policy: ")]
    assert len(demands) == len([line for line in text.splitlines() if " = " in line]) > 3
    assert found["verified"] and demands == found["checks"][-len(demands) :]


@pytest.mark.parametrize("tier", ["optimistic", "zk", "none"])
def test_what_is_not_demanded_of_this_tier_passes_no_other(market: Market, jobs: dict[str, str], tier: str) -> None:
    person = market.consumer
    words = ("verify", jobs[tier], *policy(person, f'tiers = ["{tier}"]'), "--json")
    assert person.run(*words).code == 0
    policy(person, 'tiers = ["tee", "redundant"]')
    ran = person.run(*words)
    assert (ran.code, failed(ran)) == (1, ["policy: the tier"])
    policy(person, "minimum_attesters = 1\nminimum_replicas = 2\nsimulated = false")
    assert len(failed(person.run(*words))) == 3
    policy(person, "minimum_attester = 1")
    assert person.refused(2, *words[:-1])["code"] == "usage"


def test_costs_ages_and_windows_are_held(market: Market, jobs: dict[str, str]) -> None:
    person = market.consumer

    def asked(tier: str, text: str) -> list[str]:
        ran = person.run("verify", jobs[tier], *policy(person, text), "--json")
        assert (ran.code == 1) is bool(failed(ran))
        return failed(ran)

    assert asked("optimistic", 'minimum_cost = { tokens = "5" }\nminimum_window = "1h"\nmaximum_age = "30d"') == []
    assert asked("optimistic", 'minimum_cost = { tokens = "5.1" }') == ["policy: what it costs to cheat"]
    assert asked("optimistic", 'minimum_window = "3601s"') == ["policy: how long it can be shown to be false"]
    assert asked("optimistic", 'maximum_age = "59m"') == ["policy: how old the evidence is"]
    for tier in ("zk", "none"):  # the devnet's SRS, and a reputation: neither is money or computation
        assert asked(tier, 'minimum_cost = { tokens = "0.000001", bits = 1 }') == ["policy: what it costs to cheat"]
    # The window of the tier none is for complaints: nobody can show in it that a result is false.
    assert asked("none", 'minimum_window = "1s"') == ["policy: how long it can be shown to be false"]


def test_a_false_result_fails_whatever_the_policy_says(market: Market, jobs: dict[str, str]) -> None:
    person = market.consumer
    ran = person.run("verify", jobs["false"], *policy(person, 'tiers = ["optimistic"]'), "--json")
    assert ran.code == 1 and failed(ran) == ["every number of the run follows"] and not ran.value["verified"]
    ran = person.run("verify", jobs["false"], *policy(person, "complete = true"), "--json")
    assert "policy: every check was made" in failed(ran)


def test_assets_proofs_and_signatures_are_held_to_policies_too(market: Market, tmp_path: Path) -> None:
    person = market.provider
    lines = 'complete = true\nkinds = ["model", "signature"]\nminimum_cost = { bits = 128 }'
    found = person.do("verify", MODEL, *policy(person, lines))
    told(found)
    assert found["guaranteed_by"] == ["the chain", "mathematics"]
    pem(tmp_path, "alice")
    person.do("sign", "--key", str(tmp_path / "alice.key"), "-o", str(tmp_path / "model.sig"))
    signed = ("--signature", str(tmp_path / "model.sig"), "--public-key", str(tmp_path / "alice.pub"))
    found = person.do("verify", "HEAD", *signed, *policy(person, lines))
    told(found)
    assert found["guaranteed_by"] == ["the signer", "mathematics"]
    ran = person.run("verify", "HEAD", *signed, *policy(person, 'guaranteed_by = ["mathematics"]'), "--json")
    assert (ran.code, failed(ran)) == (1, ["policy: nobody else is trusted"])
    person.do("prove", "model.onnx", INPUT, "-o", str(tmp_path / "proof.json"))
    proof = ("verify", str(tmp_path / "proof.json"), "--model", MODEL)
    found = person.do(*proof, *policy(person, 'tiers = ["zk"]\nkinds = ["proof"]\ncomplete = true'))
    told(found)
    ran = person.run(*proof, *policy(person, 'maximum_age = "1d"'), "--json")
    assert (ran.code, failed(ran)) == (1, ["policy: how old the evidence is"])  # a proof has no date


def test_simulated_evidence_is_nobodys_word(tmp_path: Path) -> None:
    (tmp_path / "q").write_bytes(VENDOR.quote(Enclave(TDX, ENCLAVES[TDX]), b"x"))
    (tmp_path / "c.json").write_bytes(VENDOR.collateral(TDX))
    person = Person("", tmp_path, tmp_path / "home", {"MLM_TEE_STATUS": "OutOfDate"})
    words = ("verify", "--quote", "q", "--collateral", "c.json", "--at", str(BEGUN), "--simulated")
    found = person.do(*words, *policy(person, 'tcb_status = ["OutOfDate"]\nmaximum_age = "30d"'))
    told(found)
    assert (found["guaranteed_by"], found["cost_to_cheat"]["kind"]) == (["nobody"], "nothing")
    for text, check in (
        ("simulated = false", "policy: the evidence is a vendor's"),
        ('guaranteed_by = ["hardware vendor"]', "policy: nobody else is trusted"),
        ('minimum_cost = { tokens = "1", bits = 1 }', "policy: what it costs to cheat"),
        ('tcb_status = ["UpToDate"]', "policy: the platform's TCB status"),
    ):
        ran = person.run(*words, *policy(person, text), "--json")
        assert (ran.code, failed(ran)) == (1, [check]), ran


def test_what_a_vendors_keys_cost_is_unknown_and_meets_no_demand(tmp_path: Path) -> None:
    (tmp_path / "q").write_bytes(QUOTE)
    (tmp_path / "c.json").write_bytes(COLLATERAL)
    person = Person("", tmp_path, tmp_path / "home", {"MLM_TEE_STATUS": "ConfigurationAndSWHardeningNeeded"})
    words = ("verify", "--quote", "q", "--collateral", "c.json", "--at", str(AT))
    lines = 'guaranteed_by = ["hardware vendor"]\nsimulated = false\ntcb_status = ["ConfigurationAndSWHardeningNeeded"]'
    found = person.do(*words, *policy(person, lines))
    told(found)
    assert found["cost_to_cheat"]["kind"] == "unknown" and found["cost_to_cheat"]["why"]
    ran = person.run(*words, *policy(person, 'minimum_cost = { tokens = "0.1", bits = 1 }'), "--json")
    assert (ran.code, failed(ran)) == (1, ["policy: what it costs to cheat"])


def test_a_status_that_no_vendor_signs_meets_no_demand(tmp_path: Path) -> None:
    """A report of AMD's is called one thing or the other by what it holds itself: AMD signs no word."""
    (tmp_path / "q").write_bytes(VENDOR.quote(Enclave(SNP, ENCLAVES[SNP]), b"x"))
    (tmp_path / "c.json").write_bytes(VENDOR.collateral(SNP))
    person = Person("", tmp_path, tmp_path / "home", {"MLM_TEE_STATUS": "UpToDate,ConfigurationNeeded"})
    words = ("verify", "--quote", "q", "--collateral", "c.json", "--at", str(BEGUN), "--simulated")
    ran = person.run(*words, *policy(person, 'tcb_status = ["UpToDate", "ConfigurationNeeded"]'), "--json")
    assert (ran.code, failed(ran)) == (1, ["policy: the platform's TCB status"]), ran
    assert ran.value["evidence"]["tcb_status"] is None


@pytest.mark.parametrize("columns", [80, 120])
def test_terminals_of_80_and_of_120_columns_have_all_of_it(
    market: Market, jobs: dict[str, str], columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlm.cli.render._width", lambda: columns)
    person = market.consumer
    words = ("verify", jobs["optimistic"], *policy(person, 'minimum_cost = { tokens = "1" }'))
    ran, value = person.run(*words), person.do(*words)
    assert ran.code == 0 and max(map(cell_len, ran.out.splitlines())) <= columns
    # A table, whose rows begin with the check's number: cut into records it would go on for pages.
    shown = re.findall(r"^ +(\d+)  \w", ran.out, re.MULTILINE)
    assert shown == [str(check["number"]) for check in value["checks"]]
    said = " ".join(ran.out.split())
    for wanted in ("guaranteed by", "against", "cost to cheat", "one honest watcher", "5 MLM", "provided", "policy:"):
        assert wanted in said, ran.out
