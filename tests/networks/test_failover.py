"""Several endpoints of one chain: what is in trouble is left for the next, and no answer comes from the past."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from mlm.adapters.chain.rpc import LAG, Identity, Rpc, RpcError, WrongChain
from mlm.core.errors import ChainError
from tests.networks.conftest import Chains
from tests.networks.proxy import Proxy, closed_port, proxy

MOODS = ("dead", "silent", "drips", "cut", "nonsense", "busy", "forbidden", "unsynced")
IDENTITY = {"eth_chainId", "eth_getBlockByNumber", "eth_blockNumber"}


@pytest.fixture
def pair(chains: Chains) -> Iterator[tuple[Proxy, Proxy]]:
    """Two proxies in front of the first chain."""
    with proxy(chains.first) as one, proxy(chains.first) as two:
        yield one, two


def height(of: int) -> dict[str, Any]:
    """What an endpoint tells that stands at this block."""
    return {
        "eth_blockNumber": hex(of),
        "eth_getBlockByNumber": lambda params, block: {**block, "number": hex(of)} if params[0] == "latest" else block,
    }


@pytest.mark.parametrize("mood", MOODS)
def test_the_next_one_answers_and_is_kept(mood: str, pair: tuple[Proxy, Proxy]) -> None:
    one, two = pair
    one.mood = mood
    rpc = Rpc([one.url, two.url], timeout=1.0)
    assert rpc.call("eth_chainId") == hex(7001) and rpc.where == two.url
    asked = len(one.asked)
    assert rpc.batch([("eth_chainId", ()), ("eth_blockNumber", ())])[0] == hex(7001)
    assert len(one.asked) == asked, "the one in trouble was asked again while the other works"
    one.mood, two.mood = "honest", "dead"
    assert rpc.call("eth_chainId") == hex(7001) and rpc.where == one.url


def test_it_goes_on_in_the_middle_of_a_batch(pair: tuple[Proxy, Proxy]) -> None:
    one, two = pair
    one.mood, one.after = "cut", 3  # who it is, and two requests of a hundred calls
    found = Rpc([one.url, two.url], timeout=5).batch([("eth_getBalance", (f"0x{i:040x}", "0x0")) for i in range(350)])
    assert len(found) == 350 and one.asked.count("eth_getBalance") == 300 and two.asked.count("eth_getBalance") == 150


def test_a_nodes_own_error_is_an_answer(pair: tuple[Proxy, Proxy]) -> None:
    one, two = pair
    with pytest.raises(RpcError):
        Rpc([one.url, two.url], timeout=5).call("eth_noSuchMethod")
    assert two.asked == []


def test_an_error_that_all_agree_on_is_told_as_it_is(pair: tuple[Proxy, Proxy]) -> None:
    one, two = pair
    one.mood = two.mood = "unsynced"
    one.after = two.after = 1  # who they are
    with pytest.raises(RpcError, match="not synced yet"):
        Rpc([one.url, two.url], timeout=0.6).call("eth_getBalance", "0x" + "11" * 20, "latest")


def test_busy_endpoints_are_asked_again(pair: tuple[Proxy, Proxy]) -> None:
    one, two = pair
    one.mood = two.mood = "busy"
    rpc = Rpc([one.url, two.url], timeout=5)
    one.answers = {"eth_gasPrice": "0x7"}

    class Later(list[str]):
        """The first is free again once the second has been asked."""

        def __iadd__(self, methods: Any) -> Any:
            one.mood = "honest"
            return super().__iadd__(methods)

    two.asked = Later()
    assert rpc.call("eth_gasPrice") == "0x7" and len(two.asked) > 0


def test_when_all_fail_one_line_names_each_and_no_key(pair: tuple[Proxy, Proxy]) -> None:
    one, two = pair
    one.mood, two.mood = "silent", "forbidden"
    dead = closed_port()
    urls = [one.url.replace("//", "//user:s3cret@") + "/v3/apikey", two.url + "/?key=hidden", dead]
    with pytest.raises(ChainError) as caught:
        Rpc(urls, timeout=0.9, advice="Look here.").call("eth_chainId")
    text = str(caught.value)
    assert "none of 3 endpoints gave an answer to eth_chainId" in text and "\n" not in text
    assert re.search(rf"{one.url} did not answer \w+ and 1 more within 0\.[0-3]\d* s", text), (
        "each has its share of the time"
    )
    assert f"{two.url} answered" in text and "403" in text and f"{dead} cannot be reached" in text
    assert not any(word in text + repr(caught.value.hint) for word in ("s3cret", "apikey", "hidden"))
    assert caught.value.hint == "Look here."


@pytest.mark.parametrize(
    ("lie", "message"),
    [
        ({"eth_chainId": "0x1"}, "expected chain id 7001, found 1"),
        (
            {"eth_getBlockByNumber": lambda params, block: {**block, "hash": "0x" + "77" * 32}},
            "expected genesis 0x[0-9a-f]{16}…, found 0x7777777777777777…",
        ),
    ],
    ids=["chain-id", "genesis"],
)
def test_an_endpoint_of_another_chain_is_named_and_never_used(
    lie: dict[str, Any], message: str, pair: tuple[Proxy, Proxy]
) -> None:
    """Also when it is not the first, and although a third would serve: the settings are wrong."""
    one, two = pair
    one.mood, one.after, two.answers = "dead", 2, lie
    rpc = Rpc([one.url, two.url, one.target], timeout=5)
    assert rpc.call("eth_getBalance", "0x" + "11" * 20, "latest") == "0x0"
    with pytest.raises(WrongChain, match=f"{two.url} is another chain: {message}"):
        rpc.call("eth_getBalance", "0x" + "11" * 20, "latest")
    assert set(two.asked) <= IDENTITY


def test_a_single_endpoint_is_held_to_what_is_expected(chains: Chains) -> None:
    first = Rpc(chains.first).identity()
    assert first.chain_id == 7001
    assert Rpc(chains.first, expected=first).call("eth_chainId") == hex(7001)
    for wrong in (Identity(7002), Identity(7001, "0x" + "12" * 32)):
        with pytest.raises(WrongChain):
            Rpc(chains.first, expected=wrong).call("eth_gasPrice")


def test_an_endpoint_that_lags_is_skipped(chains: Chains, pair: tuple[Proxy, Proxy]) -> None:
    one, two = pair
    one.answers, two.answers = height(1000), height(1000 - LAG - 1)
    with proxy(chains.first) as three:
        three.answers = height(1000 - LAG)
        rpc = Rpc([one.url, two.url, three.url], timeout=5)
        assert rpc.call("eth_blockNumber") == hex(1000)
        one.mood = "dead"
        assert rpc.call("eth_getBalance", "0x" + "11" * 20, "latest") == "0x0"
        assert rpc.where == three.url and "eth_getBalance" not in two.asked


def test_an_endpoint_that_goes_back_in_time_is_left(pair: tuple[Proxy, Proxy]) -> None:
    one, two = pair
    one.answers = two.answers = height(1000)
    rpc = Rpc([one.url, two.url], timeout=1)
    assert rpc.call("eth_getBlockByNumber", "latest", False)["number"] == hex(1000)
    one.answers = height(900)
    assert rpc.call("eth_getBlockByNumber", "latest", False)["number"] == hex(1000) and rpc.where == two.url
    two.answers = height(900)
    with pytest.raises(ChainError, match="lags: expected block 1000 or so, found 900"):
        rpc.call("eth_blockNumber")
