"""The paying client against a real server and a real chain: run, verify, a price that is refused, and a kill at any
instant."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mlm.adapters.spent import FileSpent
from mlm.core.evidence import Evidence
from mlm.core.money import parse_units
from tests.command_line import INPUT, MODEL, ROOT, Market
from tests.serving.clients import request
from tests.serving.conftest import Running, start, stop
from tests.serving.payers import Chain, Payer, terms_of

PRICE = int(parse_units("0.2"))
CALLS, KILLS = 40, 4


@pytest.fixture(scope="module")
def shop(market: Market) -> Iterator[Running]:
    """compute-2 serves the published model."""
    env = {"MLM_ACCOUNT": "compute-2"}
    running = start(market.second.folder, market.home, MODEL, "--price", "0.2", "--name", "shop", env=env)
    try:
        yield running
    finally:
        assert stop(running) == 0


def test_a_paid_run_from_offer_to_evidence(market: Market, shop: Running, tmp_path: Path) -> None:
    person = market.person("watcher")  # nobody else pays this provider from here
    asked = ("run", MODEL, INPUT, "--remote", shop.url, "--max-price", "0.2")
    # Shown, and nothing done.
    deal = person.do(*asked, "--deposit", "1", "--dry-run")
    assert (deal["asset"], deal["price"], deal["channel"]) == (
        person.do("asset", "show", MODEL)["asset"],
        str(PRICE),
        None,
    )
    assert deal["to_open"] == str(5 * PRICE)
    # What is not allowed is not done: a channel, a price, another model, another network's words.
    assert "--deposit" in person.refused(8, *asked)["hint"]
    dear = person.refused(12, "run", INPUT, "--remote", shop.url, "--max-price", "0.1", "--deposit", "1")
    assert "at most 0.1 MLM, found 0.2 MLM" in dear["message"]
    assert "--max-price" in person.refused(2, "run", INPUT, "--remote", shop.url)["message"]
    # Paid, checked, written, and evidence kept.
    before = person.money
    called = person.do(*asked, "--deposit", "1", "-o", str(tmp_path / "out.npz"), "--keep", str(tmp_path / "kept"))
    assert (called["call"], called["repeated"], called["price"]) == (1, False, str(PRICE))
    assert called["result"]["signature"].startswith("0x")
    assert before - person.money == 5 * PRICE  # all of it stays the channel's until it is claimed or refunded
    local = person.do("run", MODEL, INPUT)
    assert called["outputs"] == local["outputs"]
    with np.load(tmp_path / "out.npz") as written:
        assert list(written) == ["logits"]
    # The same command again gets the same answer for nothing; another input is another call of the same channel.
    again = person.do(*asked)
    assert (again["call"], again["repeated"], again["result"]) == (1, True, called["result"])
    np.save(tmp_path / "other.npy", np.load(person.folder / INPUT) + np.float32(1))
    other = person.do("run", str(tmp_path / "other.npy"), "--remote", shop.url, "--max-price", "0.2")
    assert (other["call"], other["channel"]) == (2, called["channel"])
    # Anybody who has the file can say whether it is true.
    kept = Path(called["kept"])
    found = person.do("verify", str(kept))
    assert found["verified"] and found["complete"], found
    assert [check["passed"] for check in found["checks"]] == [True] * 6
    assert all(check["against"] and check["guaranteed_by"] for check in found["checks"])
    assert (found["guaranteed_by"], found["cost_to_cheat"]["kind"]) == (["the signer"], "nothing")
    assert 0 < found["evidence"]["made_at"] <= found["evidence"]["now"]
    (person.folder / "policy.toml").write_text('kinds = ["served"]\nmaximum_age = "1h"\ncomplete = true\n')
    assert person.do("verify", str(kept), "--policy", "policy.toml")["verified"]
    evidence = Evidence.from_bytes(kept.read_bytes())
    assert evidence.voucher.voucher.amount == PRICE
    # Other outputs under the same signature are found out, and so is a signed lie.
    lie = kept.with_name("lie.call")
    lie.write_bytes(
        Evidence(
            *(getattr(evidence, name) for name in ("terms", "voucher", "result", "inputs")), outputs=evidence.inputs
        ).to_bytes()
    )
    failed = person.run("verify", str(lie), "--json")
    assert failed.code == 1
    assert [check["passed"] for check in failed.value["checks"]] == [True, True, False, True, True, False]


def test_killed_at_any_instant_a_client_pays_each_answer_once(market: Market, shop: Running, tmp_path: Path) -> None:
    person, payer = market.consumer, Payer.open(Chain.of(market, "consumer"), terms_of(shop), 77, calls=CALLS)
    channel, answers = payer.id, tmp_path / "answers"
    lots = random.Random(int.from_bytes(os.urandom(4), "big"))
    for kill in range(KILLS + 1):
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "serving" / "paying_driver.py")]
            + [shop.url, channel, str(CALLS), str(answers)],
            cwd=person.folder,
            env={**person.environment, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None and process.stdout.readline() == "ready\n", process.communicate()
        if kill == KILLS:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
            break
        try:
            process.wait(lots.uniform(0, 0.25))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
    # Answers received: each of the calls, once or, when the kill came between answer and file, twice.
    received = [int(line) for line in answers.read_text().split()]
    assert set(received) == set(range(CALLS))
    # Vouchers signed: one price for each call, and not a base unit more.
    record = FileSpent(person.home / "spent").record(channel)
    assert record.last is not None and (record.last.amount, record.last.calls) == (CALLS * PRICE, CALLS)
    assert record.kept == {}
    # What the server has, and what the chain gives it.
    seen = request(shop.url, "GET", f"/v2/channels/{channel}").json
    assert (seen["served"], seen["best"]["amount"]) == (CALLS, str(CALLS * PRICE))
    market.second.do("channel", "claim", channel)
    shown = person.do("channel", "show", channel)
    assert (shown["claimed"], shown["left"], shown["calls"]) == (str(CALLS * PRICE), "0", CALLS)
