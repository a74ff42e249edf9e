"""Licences per use, as people type it: a unit for each input that is run on, and one for a version's files."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import licensed
from tests.command_line import INPUT, ROOT, Market, Person, sent
from tests.e2e.test_licences import somebody
from tests.e2e.warm import Warm

ASSET = "alice/used-digits"
TOML = licensed.TOML.replace('"dataset"', '"model"') + '[model]\nfile = "model.onnx"\n'
TEMPLATE = ROOT / "templates" / "digits-mlp"
USES = ("--kind", "per-use", "--price", "2", "--delivery", "600")


@pytest.fixture(scope="module")
def owner(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Publishes the model, sealed, and offers uses of it."""
    person = somebody(market, "model-provider", tmp_path_factory.mktemp("owner"))
    (person.folder / "mlm.toml").write_text(TOML.format(name="used-digits", version="1.0.0"))
    (person.folder / "model.onnx").write_bytes((TEMPLATE / "model.onnx").read_bytes())
    person.do("init", ".")
    person.do("add", "mlm.toml", "model.onnx")
    person.do("commit", "-m", "1.0.0")
    person.do("publish", "--handle", "alice")
    return person


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    made = Warm()
    yield made
    made.close()


def buyer_of(market: Market, account: str, owner: Person, folder: Path, units: int, *terms: str) -> tuple[Person, str]:
    """Somebody with so many uses and the key, and three inputs; and the licence."""
    buyer = somebody(market, account, folder)
    digit = np.load(TEMPLATE / INPUT)
    for number in (1, 2, 3):
        np.save(buyer.folder / f"{number}.npy", digit / np.float32(number))
    offered = owner.do("licence", "offer", ASSET, *USES, *terms)["licence"]
    order = buyer.do("buy", ASSET, "--licence", offered, "--units", str(units))["order"]
    owner.do("licence", "deliver", ASSET)
    return buyer, str(buyer.do("licence", "settle", f"order/{order}")["licence"])


def units(buyer: Person) -> int:
    return sum(each["units"] for each in buyer.do("licence", "list", ASSET)["held"])


def test_a_unit_for_each_input_and_one_for_the_files(market: Market, owner: Person, warm: Warm, tmp_path: Path) -> None:
    buyer, licence = buyer_of(market, "consumer", owner, tmp_path, 3)
    error = buyer.refused(12, "run", ASSET, "1.npy", "-o", "out.npy")
    assert error["code"] == "not_redeemed" and ASSET in error["message"] and "a run on 1.npy" in error["message"]
    assert units(buyer) == 3 and not (buyer.folder / "out.npy").exists()
    # As the hint has it.
    typed = error["hint"].split("`")[1]
    assert typed.startswith(f"mlm licence redeem {licence} --purpose 0x")
    buyer.do(*shlex.split(typed)[1:])
    first = buyer.do("run", ASSET, "1.npy")["outputs"]
    assert buyer.do("run", ASSET, "1.npy", "--redeem")["outputs"] == first and units(buyer) == 2
    # The content of the file is what counts, under whatever name.
    (buyer.folder / "same.npy").write_bytes((buyer.folder / "1.npy").read_bytes())
    assert buyer.do("run", ASSET, "same.npy")["outputs"] == first and units(buyer) == 2
    assert buyer.refused(12, "run", ASSET, "2.npy")["code"] == "not_redeemed"
    # Killed right after it was sent, the same command goes on: one unit is used up.
    before = sent(market, buyer.account)
    assert warm.killed(buyer, 3, "after", "run", ASSET, "2.npy", "--redeem", "--json").code == -signal.SIGKILL
    assert buyer.do("run", ASSET, "2.npy", "--redeem")["outputs"] != first
    assert units(buyer) == 1 and sent(market, buyer.account) == before + 1

    lower = ["lower", ASSET, "-o", "lowered.onnx"]
    for command in (["download", ASSET, "-o", "out"], ["clone", ASSET, "copy"], lower):
        error = buyer.refused(12, *command)
        assert error["code"] == "not_redeemed" and "to have its files" in error["message"]
        assert not (buyer.folder / command[-1] / "model.onnx").exists() and not (buyer.folder / "lowered.onnx").exists()
    buyer.do("download", ASSET, "-o", "out", "--redeem")
    assert units(buyer) == 0
    model = (TEMPLATE / "model.onnx").read_bytes()
    assert (buyer.folder / "out" / "model.onnx").read_bytes() == model
    buyer.do("clone", ASSET, "copy", "--redeem")  # the same use: the version's files
    assert (buyer.folder / "copy" / "model.onnx").read_bytes() == model

    assert buyer.do("run", ASSET, "2.npy") and buyer.do("verify", ASSET)["complete"]
    error = buyer.refused(12, "run", ASSET, "3.npy", "--redeem")
    assert error["code"] == "not_licensed" and f"mlm buy {ASSET}" in error["hint"]
    error = buyer.refused(2, "run", "3.npy", "--remote", "http://127.0.0.1:9", "--redeem")
    assert "--redeem and --remote" in error["message"]


def test_uses_are_ones_own_and_serve_nobody_else(market: Market, owner: Person, tmp_path: Path) -> None:
    buyer, _ = buyer_of(market, "compute-2", owner, tmp_path / "buyer", 1)
    consumer = replace(market.consumer, folder=tmp_path)
    (tmp_path / "digit.npy").write_bytes((TEMPLATE / INPUT).read_bytes())
    post = ("job", "post", ASSET, "-i", "digit.npy", "--tier", "none", "--auction", "fixed", "--max-price", "5")
    job = consumer.do(*post, "--bidding", "3600", "--verification", "600")["job"]
    for command in (["serve", ASSET, "--free"], ["bid", job, "--stake"]):
        error = buyer.refused(12, *command)
        assert error["code"] == "not_licensed" and "for a period or unlimited" in error["message"], error
    assert units(buyer) == 1


def test_revoked_units_can_be_used_up_during_their_notice(market: Market, owner: Person, tmp_path: Path) -> None:
    buyer, licence = buyer_of(market, "compute-1", owner, tmp_path, 2, "--notice", "600")
    owner.do("licence", "revoke", licence, "--holder", buyer.do("whoami")["address"])
    assert units(buyer) == 0
    assert buyer.do("run", ASSET, "1.npy", "--redeem")
    error = buyer.refused(12, "licence", "redeem", licence, "--units", "2", "--purpose", "more than is left")
    assert "expected 1 to 1 units" in error["message"]
    market.advance("11m")
    assert buyer.do("run", ASSET, "1.npy")  # that unit was used up for it
    assert buyer.refused(12, "run", ASSET, "2.npy", "--redeem")["code"] == "not_licensed"
