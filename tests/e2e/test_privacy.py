"""The tier none and private jobs by the command line on a real devnet: delivery, complaints, and who reads what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from mlm.adapters.chain.rpc import Rpc
from tests.command_line import INPUT, LOCK, MODEL, TOKEN, Market, Person, start, stop
from tests.delivering import NONE, PRIVATE, apart, leased, pushed, withheld

DEPOSIT = TOKEN  # devnet/deployment.json


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A market of its own: its chain and its remote are searched whole."""
    root = tmp_path_factory.mktemp("privacy")
    try:
        yield start(root)
    finally:
        stop(root / "home")


@pytest.fixture
def consumer(market: Market) -> Person:
    """What is pushed is all that it shares with the providers."""
    return apart(market)


def everything(market: Market) -> bytes:
    """All calldata and logs of the chain, and all that the remote holds."""
    rpc = Rpc(market.consumer.do("devnet", "status")["url"])
    head: Any = rpc.call("eth_blockNumber")
    texts = []
    for number in range(int(head, 16) + 1):
        block: Any = rpc.call("eth_getBlockByNumber", hex(number), True)
        texts += [transaction["input"] for transaction in block["transactions"]]
    logs: Any = rpc.call("eth_getLogs", {"fromBlock": "0x0", "toBlock": head})
    texts += [part for log in logs for part in (log["data"], *log["topics"])]
    rpc.close()
    return b"".join(bytes.fromhex(text[2:]) for text in texts) + b"".join(path.read_bytes() for path in pushed(market))


def odd_input(person: Person, name: str, seed: int) -> bytes:
    """An input that nobody else has used, in a file; its bytes."""
    values = np.random.default_rng(seed).random((1, 64)).astype(np.float32)
    np.save(person.folder / name, values)
    return values.tobytes()


def outputs_of(person: Person, job: str) -> bytes:
    """The outputs' bytes, as their reader has them."""
    person.do("job", "result", job, "-o", "read.npz")
    with np.load(person.folder / "read.npz") as found:
        (name,) = found.files
        outputs: np.ndarray = found[name]
    return outputs.tobytes()


# --- the tier none ---------------------------------------------------------------------------------------------------


def test_a_result_that_nobody_checks_is_paid_when_nobody_complains(market: Market, consumer: Person) -> None:
    provider, job = market.first, leased(market, consumer, INPUT, *NONE)
    assert consumer.refused(12, "job", "result", job)["message"].endswith("no result yet")
    provider.do("lease", "accept", job)
    (provider.folder / "proof.json").write_text("{}")
    assert "takes no proof" in provider.refused(2, "lease", "submit", job, "--proof", "proof.json")["message"]
    done = provider.do("lease", "fulfil", job)
    assert done["state"] == "submitted" and done["payment"] == "0" and done["next"] == f"mlm job watch {job[:10]}"
    shown = consumer.do("job", "show", job)
    assert shown["turn"] == "consumer: complain if no result came" and shown["tier"] == "none"
    read = consumer.do("job", "result", job)
    assert read["outputs"] == done["outputs"] == consumer.do("run", MODEL, INPUT)["outputs"]
    error = consumer.refused(12, "job", "complain", job)
    assert "it is what its provider committed to" in error["message"] and "rated, not rejected" in error["hint"]
    assert provider.refused(12, "job", "settle", job)
    assert provider.refused(12, "lease", "answer", job)
    market.advance("3601s")
    assert provider.do("job", "settle", job)["state"] == "accepted"
    found = market.second.do("verify", job)
    assert found["verified"] and found["tier"] == "none" and "not that it is true" in found["who_can_check"]
    assert [check["passed"] for check in found["checks"]] == [True] * 4
    assert consumer.do("job", "rate", job, "--stars", "5")


def test_a_complaint_is_answered_on_chain(market: Market, consumer: Person) -> None:
    odd_input(consumer, "10.npy", 10)
    provider, job = market.first, withheld(market, consumer, "10.npy", *NONE)
    assert "mlm job complain" in consumer.refused(3, "job", "result", job)["hint"]
    assert market.second.refused(12, "job", "complain", job)["code"] == "state_conflict"
    held = consumer.money, provider.money
    complaint = consumer.do("job", "complain", job)
    assert complaint["state"] == "disputed" and complaint["deposit"] == str(DEPOSIT)
    assert "neither here nor on the remote" in complaint["reason"]
    shown = provider.do("job", "show", job)
    assert shown["turn"] == "provider: answer" and shown["deadline"] == complaint["answer_by"]
    assert "while it is submitted" in consumer.refused(12, "job", "complain", job)["message"]
    assert consumer.refused(12, "lease", "answer", job)["code"] == "state_conflict"
    assert provider.do("lease", "answer", job)["state"] == "accepted"
    assert (consumer.money, provider.money) == (held[0] - DEPOSIT, held[1] + DEPOSIT)
    assert outputs_of(consumer, job) in everything(market), "an answer is public"
    provider.do("job", "settle", job)
    market.first.do("wallet", "withdraw")


def test_a_complaint_without_an_answer_rejects(market: Market, consumer: Person) -> None:
    odd_input(consumer, "11.npy", 11)
    provider, job = market.first, withheld(market, consumer, "11.npy", *NONE)
    held = consumer.money, provider.money
    consumer.do("job", "complain", job)
    market.advance("86400s")
    assert "while it is disputed" in provider.refused(12, "lease", "answer", job)["message"]
    settled = consumer.do("job", "settle", job)
    assert settled["state"] == "rejected" and settled["settled"]
    assert (consumer.money, provider.money) == (held[0] + 5 * TOKEN, held[1] - LOCK)
    assert consumer.do("job", "settle", job)["settled"], "once more is nothing"
    assert consumer.do("job", "reopen", job)["without"] == [provider.do("whoami")["address"].lower()]


# --- private jobs ----------------------------------------------------------------------------------------------------


def test_neither_chain_nor_remote_shows_a_private_job(market: Market, consumer: Person) -> None:
    provider, secret = market.first, odd_input(consumer, "secret.npy", 1)
    private = consumer.do("job", "post", MODEL, "-i", "secret.npy", "--max-price", "5", "--auction", "fixed", *PRIVATE)
    job = private["job"]
    assert private["next"] == f"mlm job watch {job[:10]} --until leased; mlm job deliver {job[:10]}"
    assert "a key is delivered while it is leased" in consumer.refused(12, "job", "deliver", job)["message"]
    provider.do("bid", job, "--price", "5", "--stake")
    error = provider.refused(12, "lease", "fulfil", job)
    assert "it is the consumer's turn" in error["message"] and f"mlm job deliver {job[:10]}" in error["hint"]
    assert consumer.do("job", "show", job)["turn"] == "consumer: deliver the input's key"
    assert provider.refused(12, "lease", "accept", job)["code"] == "state_conflict"
    assert market.second.refused(3, "lease", "show", job, "--input", "stolen.npy")["code"] == "not_found"
    assert consumer.do("job", "deliver", job)["turn"] == "provider: accept"
    assert market.second.refused(3, "lease", "show", job, "--input", "stolen.npy")["code"] == "not_found"
    provider.do("lease", "accept", job)
    provider.do("lease", "show", job, "--input", "received.npy")
    assert np.load(provider.folder / "received.npy").tobytes() == secret
    provider.do("lease", "fulfil", job)
    outputs = outputs_of(consumer, job)
    assert outputs == outputs_of(provider, job), "its author can read it too"
    assert market.second.refused(3, "job", "result", job)["code"] == "not_found"
    seen = everything(market)
    assert secret not in seen and outputs not in seen
    # What would have shown it: the same input in the open.
    public = consumer.do("job", "post", MODEL, "-i", "secret.npy", "--max-price", "5", *NONE)
    assert secret in everything(market) and public["input_commitment"] != private["input_commitment"]
    market.advance("3601s")
    found = market.second.do("verify", job)
    assert found["verified"] and not found["complete"]
    assert [check["passed"] for check in found["checks"]] == [True, None, None, True]


def test_a_private_complaint_makes_the_outputs_public(market: Market, consumer: Person) -> None:
    odd_input(consumer, "12.npy", 12)
    provider, job = market.first, withheld(market, consumer, "12.npy", *PRIVATE)
    consumer.do("job", "complain", job)
    provider.do("lease", "answer", job)
    assert outputs_of(consumer, job) in everything(market)


def test_a_private_input_of_a_proof(market: Market, consumer: Person) -> None:
    """Its outputs are public: the instances of the proof."""
    provider, secret = market.first, odd_input(consumer, "proved.npy", 3)
    job = leased(market, consumer, "proved.npy", "--private")
    consumer.do("job", "deliver", job)
    assert provider.do("lease", "fulfil", job)["state"] == "accepted"
    assert secret not in everything(market)
    assert market.second.do("job", "result", job)["outputs"] == consumer.do("job", "result", job)["outputs"]
    found = market.second.do("verify", job)
    assert found["verified"] and not found["complete"]


def test_a_private_job_is_reopened_for_another_winner(market: Market, consumer: Person) -> None:
    """The same ciphertext, a new delivery."""
    secret = odd_input(consumer, "again.npy", 4)
    job = leased(market, consumer, "again.npy", "--delivery", "60", *PRIVATE)
    market.advance("61s")
    again = consumer.do("job", "reopen", job)["job"]
    market.second.do("bid", again, "--price", "5", "--stake")
    consumer.do("job", "deliver", again)
    market.second.do("lease", "fulfil", again)
    assert outputs_of(consumer, again) == outputs_of(market.second, again)
    assert secret not in everything(market)


def test_a_remote_that_is_down_costs_no_lock(market: Market, consumer: Person) -> None:
    """What is pushed is pushed before the input is accepted: until then not to deliver costs a small fee."""
    odd_input(consumer, "down.npy", 20)
    provider, job = market.first, leased(market, consumer, "down.npy", *NONE)
    provider.do("lease", "show", job, "--input", "here.npy")
    remote, aside = market.home / "devnet" / "remote", market.home / "devnet" / "aside"
    remote.rename(aside)
    remote.write_text("")
    try:
        assert provider.refused(5, "lease", "fulfil", job)["code"] == "storage"
    finally:
        remote.unlink()
        aside.rename(remote)
    assert consumer.do("job", "show", job)["state"] == "leased"
    assert provider.do("lease", "fulfil", job)["state"] == "submitted"
