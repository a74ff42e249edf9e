"""Servers of a sealed model whose right to serve it ends while they run: a real licence on a real devnet."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlm.adapters.serving.received import ServedVouchers
from mlm.resources import path as resource
from tests.command_line import Market, Person
from tests.serving.clients import Reply, connect, read_reply, request, tensor
from tests.serving.conftest import Running, start, stop
from tests.serving.payers import Chain, Payer, call, journals, terms_of

TEMPLATE = resource("templates") / "digits-mlp"
SAMPLE = np.load(TEMPLATE / "samples" / "digit.npy")
ASSET = "alice/served-digits"
TOML = """[asset]
name = "served-digits"
version = "1.0.0"
kind = "model"
licence = "MIT"
[access]
mode = "licensed"
[model]
file = "model.onnx"
[price]
use = "0.1"
"""
BODY = json.dumps({"inputs": [tensor("image", SAMPLE)]}).encode()


@pytest.fixture(scope="module")
def owner(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Publishes the model, sealed."""
    person = Person("model-provider", tmp_path_factory.mktemp("sealed"), market.home)
    (person.folder / "mlm.toml").write_text(TOML)
    (person.folder / "model.onnx").write_bytes((TEMPLATE / "model.onnx").read_bytes())
    person.do("init", ".")
    person.do("add", "mlm.toml", "model.onnx")
    person.do("commit", "-m", "1.0.0")
    person.do("publish", "--handle", "alice")
    return person


def bought(owner: Person, buyer: Person, *terms: str) -> str:
    """A licence of these terms, with its key, that the buyer has settled."""
    offered = owner.do("licence", "offer", ASSET, "--price", "2", "--delivery", "600", *terms)["licence"]
    order = buyer.do("buy", ASSET, "--licence", offered)["order"]
    owner.do("licence", "deliver", ASSET)
    buyer.do("licence", "settle", f"order/{order}")
    (held,) = (each for each in buyer.do("licence", "list", ASSET)["held"] if each["licence"][:40] == offered[:40])
    assert held["valid"]
    return str(held["licence"])


def refused_in_the_end(running: Running) -> Reply:
    """What a new call is told once the server stops."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        told = request(running.url, "POST", running.infer, BODY, {"content-type": "application/json"})
        if told.status not in (200, 402):
            return told
        time.sleep(0.1)
    raise AssertionError("the server goes on")


def ended(running: Running) -> tuple[int, dict[str, str]]:
    """Its exit code, and the error it told of last."""
    assert running.process.stdout is not None
    told = json.loads(running.process.stdout.read())
    return running.process.wait(60), told["error"]


def test_a_period_that_ends_ends_its_server_once_what_was_admitted_is_answered(market: Market, owner: Person) -> None:
    server = market.first
    bought(owner, server, "--kind", "period", "--days", "0.02")
    env = {"MLM_ACCOUNT": server.account, "MLM_SERVE_SECONDS": "120"}
    running = start(server.folder, market.home, ASSET, "--free", "--name", "period", env=env)
    try:
        sent = request(running.url, "POST", running.infer, BODY, {"content-type": "application/json"})
        assert sent.status == 200
        with connect(running.url) as slow:
            head = f"POST {running.infer} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            slow.sendall(f"{head}content-length: {len(BODY)}\r\n\r\n".encode() + BODY[:100])
            while request(running.url, "GET", "/health").json["calls"] != 1:
                time.sleep(0.05)
            market.advance("30m")
            told = refused_in_the_end(running)
            assert (told.status, told.json["code"]) == (503, "not_licensed"), told
            assert ASSET in told.json["error"] and "retry-after" not in told.headers
            assert request(running.url, "GET", "/v2/health/ready").status == 503
            assert request(running.url, "GET", "/health").json["status"] == "draining"
            slow.sendall(BODY[100:])
            assert read_reply(slow).json["outputs"] == sent.json["outputs"]
        code, error = ended(running)
        assert (code, error["code"]) == (12, "not_licensed") and f"{ASSET}@1.0.0 is licensed" in error["message"]
    finally:
        stop(running)
    error = server.refused(12, "serve", ASSET, "--free")  # its key opens the files still
    assert error["code"] == "not_licensed" and f"mlm licence list {ASSET}" in error["hint"]


def test_a_licence_that_is_sold_on_ends_its_server_and_what_was_paid_is_claimed(
    market: Market, owner: Person, tmp_path: Path
) -> None:
    server = replace(market.second, folder=tmp_path)
    licence = bought(owner, server, "--kind", "unlimited")
    env = {"MLM_ACCOUNT": server.account}
    running = start(tmp_path, market.home, ASSET, "--price", "0.2", "--name", "sold-on", env=env)
    try:
        payer = Payer.open(Chain.of(market, "consumer"), terms_of(running), 40)
        assert call(running, payer.voucher(1, {"image": SAMPLE}), SAMPLE).status == 200
        server.do("licence", "transfer", licence, "--to", market.consumer.do("whoami")["address"])
        code, error = ended(running)
        assert (code, error["code"]) == (12, "not_licensed")
    finally:
        stop(running)
    (journal,) = {path.parent for path in journals(market.home) if payer.terms.payee in str(path)}
    best = ServedVouchers(journal).best(payer.id)
    assert best is not None and best.voucher.calls == 1
    server.do("channel", "claim", "--yes")
    assert payer.claimed == payer.terms.price


def test_the_owner_that_sells_the_asset_serves_it_no_longer(market: Market, owner: Person) -> None:
    env = {"MLM_ACCOUNT": owner.account}
    running = start(owner.folder, market.home, ASSET, "--free", "--name", "owner", env=env)
    try:
        owner.do("sale", "start", ASSET, "--auction", "fixed", "--reserve", "7", "--hours", "1")
        code, error = ended(running)
        assert (code, error["code"]) == (12, "not_licensed")
    finally:
        stop(running)
