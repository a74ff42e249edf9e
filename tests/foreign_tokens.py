"""Contracts that are none of the market's, such as tokens that were there before it (devnet/test/Tokens.sol), compiled
here and put on a chain of a test."""

from __future__ import annotations

import functools
from pathlib import Path

from mlm.adapters.chain import abi
from mlm.adapters.chain.deployment import Deployment
from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.rpc import Rpc
from mlm.adapters.chain.send import EthSender
from mlm.adapters.wallet import devnet as accounts
from tests import forge

MAKER = 9  # the index of the account that deploys: none that a test looks at


@functools.cache
def _built() -> Path:
    """The folder of artifacts, once for the process."""
    forge.build()
    return forge.DEVNET / "out"


def put(url: str, name: str, *args: object, source: str = "Tokens.sol") -> str:
    """The address of a new contract on the chain at `url`: a token, or one of another file of devnet/test."""
    rpc = Rpc(url, timeout=20)
    try:
        here = rpc.identity()
        sender = EthSender(
            EthChain(rpc, Deployment(here.chain_id, "", 0, {})), accounts.derive(accounts.MNEMONIC, MAKER)
        )
        artifact = abi.artifact(name, _built() / source)
        data = artifact.bytecode + artifact.abi.encode_constructor(args)
        signed = sender.sign_request({"data": "0x" + data.hex()}, here.chain_id)
        sender.broadcast(signed)
        receipt = rpc.call("eth_getTransactionReceipt", sender.wait(signed).tx_hash)
        return str(receipt["contractAddress"])
    finally:
        rpc.close()
