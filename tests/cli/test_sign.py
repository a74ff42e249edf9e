"""Signing what was committed, and checking a signature of what was published, by somebody who has only the chain."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command_line import MODEL, Market, Person
from tests.ports.test_signatures import pem


@pytest.fixture
def signed(market: Market, tmp_path: Path) -> Person:
    """Somebody outside of any project, with the provider's signature of its published commit."""
    pem(tmp_path, "alice")
    published = market.provider.do("asset", "show", MODEL)["commit"]
    market.provider.do("sign", published, "--key", str(tmp_path / "alice.key"), "-o", str(tmp_path / "model.sig"))
    return Person("", tmp_path, market.home)


def test_a_published_asset(signed: Person) -> None:
    words = ("verify", MODEL, "--signature", "model.sig", "--public-key", "alice.pub")
    found = signed.do(*words)
    assert found["verified"] and found["complete"] and found["kind"] == "signature"
    assert found["target"].startswith(f"{MODEL}@") and ", manifest bafyrei" in found["target"]
    assert [check["passed"] for check in found["checks"]] == [True, True, True]
    pem(signed.folder, "mallory")
    ran = signed.run(*words[:-1], "mallory.pub", "--json")
    assert ran.code == 1 and ran.value["verified"] is False and ran.value["checks"][0]["passed"] is False


def test_a_project_signs_its_head(market: Market, tmp_path: Path) -> None:
    project = Person("model-provider", tmp_path, market.home)
    project.do("init", "iris", "--template", "iris")
    inside = Person("model-provider", tmp_path / "iris", market.home)
    inside.do("add", ".")
    made = inside.do("commit", "-m", "first")
    pem(tmp_path, "alice", "SECP521R1")
    found = inside.do("sign", "--key", "../alice.key", "-o", "../model.sig")
    assert (found["commit"], found["asset"], found["files"]) == (made["commit"], "iris@1.0.0", made["files"])
    shown = inside.do("show")
    assert shown["tables"][0]["rows"] == 150 and shown["card"]["license"] == "cc-by-4.0"
    assert inside.do("show", "--croissant")["document"]["name"] == "iris"
    assert inside.run("show", "--croissant").out.startswith('{\n  "@context"')
    inside.do("verify", "HEAD", "--signature", "../model.sig", "--public-key", "../alice.pub")


def test_what_the_manifest_says_of_the_model_is_checked(market: Market) -> None:
    last = market.second.do("verify", MODEL)["checks"][-1]
    assert (last["check"], last["passed"]) == ("the files are as the manifest describes them", True)
