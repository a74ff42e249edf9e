"""A bare anvil for tests that need a chain without the devnet around it: its own settings, blocks when told."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlm.adapters.chain import abi
from mlm.adapters.chain.deployment import Deployed, Deployment
from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.rpc import Rpc
from mlm.adapters.chain.send import EthSender
from mlm.adapters.devnet import engine
from mlm.adapters.wallet import devnet as accounts
from mlm.core.errors import ChainError


@contextmanager
def anvil(folder: Path, *flags: str) -> Iterator[str]:
    """The URL of a running anvil; stopped by its own pid at the end. It mines a block for every transaction."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(engine.find(folder).binary), "--host", "127.0.0.1", "--port", str(port), "--silent", *flags]
    node = subprocess.Popen(command, cwd=folder)
    url = f"http://127.0.0.1:{port}"
    rpc = Rpc(url, timeout=20)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                rpc.call("eth_chainId")
                break
            except ChainError:
                assert time.monotonic() < deadline and node.poll() is None
                time.sleep(0.05)
        yield url
    finally:
        rpc.close()
        node.kill()
        node.wait(timeout=10)


def with_token(url: str) -> EthChain:
    """A chain whose deployment is one MarketToken, all of it the deployer's; fund its account before."""
    rpc = Rpc(url, timeout=20)
    found = rpc.identity()
    chain_id, genesis = found.chain_id, found.genesis_hash
    key = accounts.key("deployer")
    sender = EthSender(EthChain(rpc, Deployment(chain_id, genesis, 0, {})), key)
    rpc.call("anvil_setBalance", sender.address, hex(10**21))
    artifact = abi.artifact("MarketToken")
    data = artifact.bytecode + artifact.abi.encode_constructor([sender.address, 10**24])
    signed = sender.sign_request({"data": "0x" + data.hex()}, chain_id)
    sender.broadcast(signed)
    receipt = sender.wait(signed)
    found = rpc.call("eth_getTransactionReceipt", receipt.tx_hash)
    token = Deployed(found["contractAddress"], receipt.block_number, receipt.tx_hash)
    return EthChain(rpc, Deployment(chain_id, genesis, 0, {"MarketToken": token}))
