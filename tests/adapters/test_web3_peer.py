"""web3.py as the peer: it must read, encode and decode our contracts exactly as our own client does."""

from __future__ import annotations

import json
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import pytest

from mlm.adapters.chain import abi
from mlm.core.events import decode
from mlm.core.terms import Request, Snapshot, Terms
from mlm.ports.signer import Call
from tests.conftest import ROOT

if TYPE_CHECKING:
    from tests.devnet_fixture import RunningDevnet

HEX = "0x" + "5a" * 32
WHO = "0x" + "00" * 19 + "01"
REQUEST = Request(HEX, 1, 1, 1, HEX, HEX, 5 * 10**18, 0, 0, 600, 0, 600, 600, 0, HEX, 7, HEX)
SNAPSHOT = Snapshot(WHO, HEX, 10**17, 500, 100, 4000, 3000, WHO, 10**19, 5, 10**18, (WHO, WHO), (0, 2500))


@pytest.fixture(scope="module")
def web3(devnet: RunningDevnet) -> Any:
    """web3.py on the session's devnet."""
    from web3 import HTTPProvider, Web3

    return Web3(HTTPProvider(devnet.url, request_kwargs={"timeout": 20}))


def contract(web3: Any, devnet: RunningDevnet, name: str) -> Any:
    entry = json.loads((ROOT / "devnet" / "artifacts" / f"{name}.json").read_text())
    return web3.eth.contract(address=web3.to_checksum_address(devnet.deployment.address(name)), abi=entry["abi"])


def test_it_reads_what_we_read(web3: Any, devnet: RunningDevnet) -> None:
    chain = devnet.chain()
    token, market = (contract(web3, devnet, name) for name in ("MarketToken", "JobMarket"))
    for address in devnet.accounts.values():
        assert token.functions.balanceOf(address).call() == chain.call("MarketToken", "balanceOf", address) > 0
    theirs, ours = market.functions.params().call(), chain.call("JobMarket", "params")
    assert [str(value).lower() for value in theirs] == [str(value).lower() for value in ours]


@pytest.mark.parametrize(
    ("function", "args"),
    [
        ("post", (REQUEST, 2**255)),
        ("settle", (bytes(32), Terms(REQUEST, SNAPSHOT))),
        ("submit", (bytes(32), Terms(REQUEST, SNAPSHOT), b"evidence" * 99, bytes(31) + b"\1")),
        ("multicall", ((b"\1\2\3", b""),)),
    ],
)
def test_it_encodes_what_we_encode(web3: Any, devnet: RunningDevnet, function: str, args: tuple[Any, ...]) -> None:
    plain = tuple(arg.as_args() if isinstance(arg, Terms) else arg for arg in args)
    plain = tuple(_bytes(astuple(arg)) if isinstance(arg, Request) else arg for arg in plain)
    theirs = contract(web3, devnet, "JobMarket").encode_abi(function, args=list(plain))
    assert bytes.fromhex(theirs[2:]) == abi.load("JobMarket").encode_call(function, plain)


def _bytes(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(bytes.fromhex(value[2:]) if value == HEX else value for value in values)


def test_it_decodes_the_events_that_we_decode(web3: Any, devnet: RunningDevnet) -> None:
    sender = devnet.sender("consumer")
    signed = sender.sign(Call("MarketToken", "transfer", (devnet.accounts["watcher"], 7)))
    sender.broadcast(signed)
    (log,) = sender.wait(signed).logs
    theirs = (
        contract(web3, devnet, "MarketToken")
        .events.Transfer()
        .process_receipt(web3.eth.get_transaction_receipt(signed.tx_hash))[0]["args"]
    )
    ours = decode("MarketToken", log.topics, log.data)
    assert ours is not None and ours[0] == "Transfer"
    assert {name: str(value).lower() for name, value in ours[1].items()} == {
        name: str(value).lower() for name, value in theirs.items()
    }


def test_it_accepts_the_transactions_that_we_sign(web3: Any, devnet: RunningDevnet) -> None:
    from eth_account import Account

    signed = devnet.sender("consumer").sign(Call("MarketToken", "transfer", (devnet.accounts["watcher"], 1)))
    assert Account.recover_transaction(signed.raw) == devnet.accounts["consumer"]
    assert web3.keccak(signed.raw).hex().removeprefix("0x") == signed.tx_hash.removeprefix("0x")
