"""Audits on a devnet, all of whose results are drawn: what a test changes is one number of the deployment."""

from __future__ import annotations

import json

from mlm.adapters.chain.rpc import Rpc
from mlm.core.digest import words
from mlm.core.dispute.audit import BPS
from tests.command_line import ROOT, Market
from tests.serving.payers import Chain

NAMES = {"token_": "MarketToken", "market_": "JobMarket", "game_": "DisputeGame", "vault_": "StakeVault"}


def draw_all(market: Market, draw_bps: int = BPS) -> None:
    """Put in the place of AuditRewards what its code would be with this `drawBps`; its storage stays.

    One result in thirty-three is drawn otherwise, by hashes that no test can choose.
    """
    chain = Chain.of(market, "watcher")
    artifact = json.loads((ROOT / "devnet" / "artifacts" / "AuditRewards.json").read_text())
    listed = json.loads((ROOT / "devnet" / "deployment.json").read_text())["contracts"]
    params = next(each["args"]["params_"] for each in listed if each["name"] == "AuditRewards")
    parts = [int(chain.read.address_of(name), 16) for name in NAMES.values()]
    own = [draw_bps, params["shareBps"], params["period"], params["openWindow"]]
    least = chain.read.call("AuditRewards", "minStake")
    creation = artifact["bytecode"] + words((*parts, *own, least)).hex()
    rpc = Rpc(market.consumer.do("devnet", "status")["url"])
    try:
        code = rpc.call("eth_call", {"data": creation, "gas": hex(10**7)}, "latest")
        rpc.call("anvil_setCode", chain.read.address_of("AuditRewards"), code)
    finally:
        rpc.close()
    assert chain.read.call("AuditRewards", "drawBps") == draw_bps
