"""A paid server, its real process and the real contract: bad vouchers, a kill at any instant, and a claim of all."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from mlm.adapters.chain import typed
from mlm.adapters.serving.received import ServedVouchers
from mlm.core import served
from mlm.core.channel import SignedVoucher, Voucher
from mlm.core.commitment import NO_SALT, commit_outputs, tensors_root
from mlm.core.served import ServedResult, from_header
from mlm.resources import path as resource
from tests.command_line import MODEL, Market
from tests.serving.clients import Reply, request
from tests.serving.conftest import Running, start, stop
from tests.serving.payers import CODEC, Chain, Payer, call, journals, terms_of

SAMPLE = np.load(resource("templates") / "digits-mlp" / "samples" / "digit.npy")
PAYEE = {"MLM_ACCOUNT": "compute-1"}


def image(number: int) -> np.ndarray:
    """An input for each call of its own."""
    return (SAMPLE + np.float32(number)).astype(np.float32)


@pytest.fixture(scope="module")
def paid(market: Market) -> Iterator[Running]:
    """compute-1 serves the published model."""
    running = start(market.first.folder, market.home, MODEL, "--price", "0.2", "--name", "paid", env=PAYEE)
    try:
        yield running
    finally:
        assert stop(running) == 0


@pytest.fixture(scope="module")
def payer(market: Market, paid: Running) -> Payer:
    """The consumer, with a channel that was opened a moment ago."""
    return Payer.open(Chain.of(market, "consumer"), terms_of(paid), 1)


def result_of(reply: Reply) -> ServedResult:
    """The signed result of an answer."""
    return ServedResult.from_json(from_header(reply.headers["mlm-result"], "a result"))


def test_a_channel_opened_a_moment_ago_pays_for_a_call(paid: Running, payer: Payer) -> None:
    signed = payer.voucher(1, {"image": image(1)})
    answer = call(paid, signed, image(1))
    assert answer.status == 200, answer
    result, terms = result_of(answer), payer.terms
    domain = served.domain(terms.chain_id, terms.channels)
    assert typed.recover(domain, served.TYPES, result.message, result.signature) == terms.payee
    (output,) = answer.json["outputs"]
    shown = CODEC.to_block({"logits": np.array(output["data"], np.float32).reshape(output["shape"])})
    assert result.output_commitment == "0x" + commit_outputs(tensors_root(NO_SALT, shown)).hex()
    assert (result.channel, result.call, result.request) == (payer.id, 1, signed.voucher.request)
    again = call(paid, signed, image(1))
    assert (again.body, again.headers["mlm-result"]) == (answer.body, answer.headers["mlm-result"])
    best = request(paid.url, "GET", f"/v2/channels/{payer.id}").json
    assert best["served"] == 1 and best["best"]["amount"] == str(terms.price)


def test_bad_vouchers_are_each_answered_by_their_status(market: Market, paid: Running, payer: Payer) -> None:
    """Stale, replayed, foreign, over-limit, under-paid; then an honest call is served."""
    call(paid, payer.voucher(2, {"image": image(2)}), image(2))
    good = payer.voucher(3, {"image": image(3)})
    elsewhere = replace(payer, terms=replace(payer.terms, chain_id=1))
    other_contract = replace(payer, terms=replace(payer.terms, channels="0x" + "11" * 20))
    stranger = replace(payer, key=b"\x77" * 32)
    other_payee = Payer.open(
        payer.chain, replace(payer.terms, payee=market.second.do("whoami")["address"].lower()), 2, calls=5
    )
    unknown = Voucher("0x" + "99" * 32, 10**18, 1, good.voucher.request)
    cases: list[tuple[SignedVoucher | None, int, str]] = [
        (None, 402, "payment_required"),
        (elsewhere.voucher(3, {"image": image(3)}), 401, "signature_invalid"),
        (other_contract.voucher(3, {"image": image(3)}), 401, "signature_invalid"),
        (stranger.voucher(3, {"image": image(3)}), 401, "signature_invalid"),
        (payer.voucher(2, {"image": image(3)}), 409, "call_taken"),
        (payer.voucher(3, {"image": image(4)}), 400, "request_mismatch"),
        (payer.voucher(3, {"image": image(3)}, amount=3 * payer.terms.price - 1), 402, "underpaid"),
        (payer.voucher(3, {"image": image(3)}, amount=101 * payer.terms.price), 402, "over_deposit"),
        (other_payee.voucher(1, {"image": image(3)}), 402, "channel_unknown"),
        (payer.sign(unknown), 400, "request_mismatch"),
    ]
    for signed, status, word in cases:
        answer = call(paid, signed, image(3))
        if signed is not None and signed.voucher == unknown:
            assert (answer.status, answer.json["code"]) == (402, "channel_unknown"), answer
            continue
        assert (answer.status, answer.json["code"]) == (status, word), answer
        if status == 402:
            assert answer.json["mlm"]["price"] == str(payer.terms.price) and "payment-required" in answer.headers
        if word == "call_taken":
            assert result_of(answer).request != good.voucher.request
    for text in ("x", "e30", "a" * 5000):
        assert call(paid, None, image(3), {"mlm-voucher": text}).json["code"] == "voucher_malformed"
    assert call(paid, good, image(3)).status == 200


def test_a_price_that_would_leave_the_payee_short(market: Market) -> None:
    error = market.first.refused(2, "serve", MODEL, "--price", "0.01")
    assert "expected at least 0.101010101010101011 MLM" in error["message"]


def test_a_second_server_of_the_same_version(market: Market, paid: Running) -> None:
    """One process has the journal: two would each take what the other has served for free."""
    error = market.first.refused(12, "serve", MODEL, "--price", "0.2")
    assert "another server has the journal" in error["message"]


def test_killed_at_any_instant_nothing_is_lost_and_nothing_paid_twice(market: Market) -> None:
    """kill -9 under load; a client that repeats what it had no answer to. What was served is claimed."""
    chain = Chain.of(market, "consumer")
    env = {**PAYEE, "MLM_ACCOUNT": "compute-2", "MLM_SERVE_CLAIM": "4"}
    running = start(market.second.folder, market.home, MODEL, "--price", "0.2", "--name", "killed", env=env)
    payer = Payer.open(chain, terms_of(running), 3, calls=400)
    todo, results = iter(range(1, 401)), dict[int, Reply]()
    lock, current, ended = threading.Lock(), [running], threading.Event()

    def client() -> None:
        while not ended.is_set():
            with lock:
                number = next(todo, None)
            if number is None:
                return
            signed = payer.voucher(number, {"image": image(number)})
            while not ended.is_set():
                try:
                    reply = call(current[0], signed, image(number))
                except OSError:
                    reply = Reply(0, {}, b"")
                if reply.status == 200:
                    results[number] = reply
                    break
                assert reply.status in (0, 503, 429), reply
                time.sleep(0.02)

    threads = [threading.Thread(target=client, daemon=True) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        for answers in (10, 45):
            while len(results) < answers:
                assert any(thread.is_alive() for thread in threads)
                time.sleep(0.002)
            current[0].process.kill()
            current[0].process.wait(30)
            current[0] = start(market.second.folder, market.home, MODEL, "--price", "0.2", "--name", "killed", env=env)
        while len(results) < 80:
            assert any(thread.is_alive() for thread in threads)
            time.sleep(0.002)
        ended.set()
        for thread in threads:
            thread.join(60)
        # Every answer that came is given again, as it was, for nothing: what was paid does not move.
        before = request(current[0].url, "GET", f"/v2/channels/{payer.id}").json
        for number in sorted(results)[::9]:
            again = call(current[0], payer.voucher(number, {"image": image(number)}), image(number))
            assert again.status == 200 and result_of(again) == result_of(results[number])
        assert request(current[0].url, "GET", f"/v2/channels/{payer.id}").json == before
        assert before["served"] >= len(results)
        for _ in range(600):
            if payer.claimed >= 20 * payer.terms.price:  # serve.claim
                break
            time.sleep(0.05)
        else:
            pytest.fail("the server has claimed nothing")
    finally:
        ended.set()
        code = stop(current[0])
    assert code == 0
    (journal,) = {path.parent for path in journals(market.home) if payer.terms.payee in str(path)}
    best = ServedVouchers(journal).best(payer.id)
    assert best is not None and best.voucher.amount >= max(results) * payer.terms.price
    market.second.run("channel", "claim", "--yes")
    assert payer.claimed == best.voucher.amount
