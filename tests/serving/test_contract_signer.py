"""A payer that is a contract (ERC-1271): its vouchers are taken where the server asks the chain, while it agrees."""

from __future__ import annotations

import numpy as np
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from mlm.adapters.wallet import devnet as accounts
from tests import foreign_tokens
from tests.command_line import INPUT, Market
from tests.disputing import EXACT, lowered
from tests.serving.conftest import start, stop
from tests.serving.payers import Chain, Payer, call, terms_of

SERVED = (EXACT, "--price", "0.3", "--name", "contracts")
PAYEE, ASKS = {"MLM_ACCOUNT": "compute-1"}, {"MLM_SERVE_CONTRACT_SIGNERS": "true"}


def choose(chain: Chain, wallet: str, signer: str) -> None:
    """Whose key the wallet takes for its own."""
    data = keccak(b"choose(address)")[:4] + encode(["address"], [signer])
    signed = chain.sender.sign_request({"to": wallet, "data": "0x" + data.hex()}, chain.read.chain_id())
    chain.sender.broadcast(signed)
    chain.sender.wait(signed)


def test_a_contracts_vouchers_are_served_claimed_and_refused_once_it_says_otherwise(market: Market) -> None:
    lowered(market)
    chain, given = Chain.of(market, "consumer"), np.load(market.consumer.folder / INPUT)
    url = market.consumer.do("devnet", "status")["url"]
    wallet = foreign_tokens.put(url, "WalletOfContract", source="Providers.t.sol")
    choose(chain, wallet, chain.sender.address)
    running = start(market.first.folder, market.home, *SERVED, env=PAYEE)
    try:
        payer = Payer.open(chain, terms_of(running), 9, calls=5, signer=wallet)
        vouchers = [payer.voucher(number, {"image": given + number}) for number in (1, 2)]
        refused = call(running, vouchers[0], given + 1)
        assert (refused.status, refused.json["code"]) == (401, "signature_invalid"), refused
    finally:
        assert stop(running) == 0
    running = start(market.first.folder, market.home, *SERVED, env=PAYEE | ASKS)
    try:
        assert call(running, vouchers[0], given + 1).status == 200
        assert payer.claimed == 0
        market.first.do("channel", "claim", payer.id)
        assert payer.claimed == terms_of(running).price
        choose(chain, wallet, accounts.address("watcher"))
        refused = call(running, vouchers[1], given + 2)
        assert (refused.status, refused.json["code"]) == (401, "signature_invalid")
    finally:
        assert stop(running) == 0
