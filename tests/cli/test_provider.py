"""`mlm provider` on a real chain: an auditor without gas, false, late and foreign attestations, and matches."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.wallet import devnet as accounts
from mlm.core.money import format_units
from tests.command_line import Market, Person

WHO = accounts.address("compute-2").lower()
AUDITOR = accounts.address("model-provider").lower()


@pytest.fixture
def people(market: Market, tmp_path: Path) -> tuple[Person, Person]:
    """A provider of whom nothing is said by this auditor any more, and the auditor, in one folder."""
    market.advance("1s")
    return Person("compute-2", tmp_path, market.home), Person("model-provider", tmp_path, market.home)


def said(person: Person) -> list[tuple[str, str, str, bool]]:
    rows = person.do("provider", "show", WHO)["attributes"]
    return [(row["name"], row["value"], row["auditor"], row["expired"]) for row in rows]


MINE = ("ram", "tier")  # other tests of this market may have declared more


def test_declared_and_taken_back(people: tuple[Person, Person]) -> None:
    provider, _ = people
    provider.do("provider", "declare", "ram=64", "tier=zk", "tier=tee")
    shown = provider.do("provider", "declare", "ram=128", "--remove", "tier=tee", "--remove", "tier=none")
    own = [(row["name"], row["value"]) for row in shown["attributes"] if not row["auditor"] and row["name"] in MINE]
    assert own == [("ram", "128"), ("tier", "zk")]
    assert provider.run("provider", "declare", "ram=128", "--json").value["steps"] == []  # so already
    assert (
        "is to be declared and to be removed"
        in provider.refused(2, "provider", "declare", "a=b", "--remove", "a=b")["message"]
    )
    assert "expected an attribute" in provider.refused(2, "provider", "declare")["message"]
    assert "found '80GB'" in provider.refused(2, "provider", "declare", "ram=80GB")["message"]


def test_signed_without_gas_submitted_by_the_provider_and_revoked(
    people: tuple[Person, Person], market: Market
) -> None:
    provider, auditor = people
    before = auditor.do("wallet", "show", "model-provider")["coins"]
    signed = auditor.do("provider", "sign", WHO, "gpu.memory=80", "gpu.model=h100", "--days", "30", "-o", "a.json")
    assert auditor.do("wallet", "show", "model-provider")["coins"] == before
    assert (
        signed["attributes"] == ["gpu.memory=80", "gpu.model=h100"] and signed["next"] == "mlm provider attest a.json"
    )
    provider.do("provider", "attest", "a.json")
    assert ("gpu.memory", "80", AUDITOR, False) in said(provider)
    rules = f"gpu.memory>=80; gpu.model=h100,a100; auditor={AUDITOR}"
    assert provider.do("provider", "match", rules)["qualifies"] is True
    error = provider.refused(7, "provider", "attest", "a.json")
    assert "AttestationNotNewer" in error["message"] and "newer" in error["hint"]
    market.advance("1s")
    auditor.do("provider", "revoke", WHO, "gpu.memory=80")
    assert [row[:2] for row in said(provider) if row[2] == AUDITOR] == [("gpu.model", "h100")]
    assert "AttestationNotNewer" in provider.refused(7, "provider", "attest", "a.json")["message"]
    ran = provider.run("provider", "match", rules, "--json")
    assert ran.code == 1 and ran.value["qualifies"] is False
    assert [(row["what"], row["met"]) for row in ran.value["rules"]] == [("gpu.memory", False), ("gpu.model", True)]


def test_a_match_is_explained_rule_by_rule(people: tuple[Person, Person]) -> None:
    provider, _ = people
    provider.do("provider", "declare", "disk=500")
    (provider.folder / "wanted.toml").write_text('require = ["disk>=501", "reputation>=5000"]\n')
    points = format_units(int(provider.do("reputation", "show", WHO)["points"]))  # by jobs of other tests
    ran = provider.run("provider", "match", "wanted.toml", "--json")
    assert ran.code == 1
    assert [(row["what"], row["expected"], row["actual"], row["met"]) for row in ran.value["rules"]] == [
        ("reputation", "at least 5000", points, False),
        ("disk", "at least 501", "500", False),
    ]
    listed = provider.do("provider", "list", "--require", "disk>=500")["providers"]
    assert [row["provider"] for row in listed] == [WHO] and "disk=500" in listed[0]["attributes"]
    assert provider.do("provider", "list", "--require", "wanted.toml")["providers"] == []
    assert provider.refused(2, "provider", "match", "wishes")["hint"]
    assert "40 hex digits" in provider.refused(2, "provider", "match", "disk>=1", "bob")["message"]


def _changed(**values: Any) -> Callable[[dict[str, Any]], object]:
    return lambda attestation: attestation | values


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (_changed(attributes=["gpu.memory=81"]), 7, "AttestationNotSigned"),
        (_changed(provider=AUDITOR), 7, "AttestationNotSigned"),
        (_changed(auditor=WHO), 7, "AttestationNotSigned"),
        (_changed(expires_at=2**64 - 1), 7, "AttestationNotSigned"),
        (_changed(signature="0x"), 7, "AttestationNotSigned"),
        (_changed(signature="0xzz"), 4, "expected an attestation that mlm wrote"),
        (_changed(chain=1), 2, "is for chain 1"),
        (_changed(contract=WHO), 2, "and contract"),
        (_changed(expires_at=1), 12, "expired"),
        (_changed(expires_at=2**64), 4, "expected whole numbers"),
        (_changed(chain=True), 4, "expected whole numbers"),
        (_changed(format="mlm/attestation/9"), 4, "expected the format mlm/attestation/1"),
        (_changed(attributes=["b=1", "a=1"]), 4, "expected attributes in order"),
        (_changed(attributes=[]), 4, "expected attributes in order"),
        (_changed(attributes=["deny=1"]), 4, "expected an attestation that mlm wrote"),
        (_changed(attributes="gpu"), 4, "expected an attestation that mlm wrote"),
        (_changed(auditor=5), 4, "expected an attestation that mlm wrote"),
        (lambda attestation: [attestation], 4, "expected the format"),
    ],
)
def test_what_is_no_attestation_is_refused(
    people: tuple[Person, Person], spoil: Callable[[dict[str, Any]], object], code: int, words: str
) -> None:
    provider, auditor = people
    auditor.do("provider", "sign", WHO, "gpu.memory=80", "-o", "a.json")
    file = provider.folder / "a.json"
    file.write_text(json.dumps(spoil(json.loads(file.read_text()))))
    assert words in provider.refused(code, "provider", "attest", "a.json")["message"]


def test_what_is_no_file_is_refused(people: tuple[Person, Person]) -> None:
    provider, auditor = people
    provider.refused(3, "provider", "attest", "missing.json")
    (provider.folder / "a.json").write_bytes(b"\xff{")
    provider.refused(4, "provider", "attest", "a.json")
    assert "1 to 3650 days" in auditor.refused(2, "provider", "sign", WHO, "a=b", "--days", "0")["message"]
    assert "40 hex digits" in auditor.refused(2, "provider", "sign", "bob", "a=b")["message"]
