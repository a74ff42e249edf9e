"""Devnet accounts: without a prompt on the recorded devnet, never anywhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlm.adapters.chain import deployment
from mlm.adapters.chain.deployment import Deployed, Deployment
from mlm.adapters.wallet import devnet as accounts
from mlm.adapters.wallet.keystore import Keystore
from mlm.adapters.wallet.local import LocalWallet
from mlm.core.errors import ChainError, NotFound, WalletError
from mlm.memory.chain import MemoryChain
from mlm.ports.chain import Chain
from tests.devnet_fixture import RunningDevnet


def never(name: str) -> str:
    raise AssertionError(f"asked for {name}'s password")


def wallet(folder: Path, chain: Chain, recorded: Path) -> LocalWallet:
    keystore = folder / "keystore"
    return LocalWallet(keystore, lambda: chain, recorded, Keystore(keystore, 1 << 10))


def test_on_the_recorded_devnet(devnet: RunningDevnet, tmp_path: Path) -> None:
    held = wallet(tmp_path, devnet.chain(), devnet.local.home.deployment)
    assert [account.name for account in held.accounts()] == list(accounts.NAMES)
    assert held.unlock("consumer", never) == accounts.key("consumer")
    assert held.find(accounts.address("watcher").lower()).name == "watcher"
    mine = held.create("mine", lambda name: "pass")
    assert held.find("mine") == mine and held.accounts()[-1] == mine
    for reserved in accounts.NAMES:
        with pytest.raises(WalletError, match="name of a devnet account"):
            held.create(reserved, lambda name: "pass")


def record(path: Path, chain_id: int, genesis: str) -> Path:
    contracts = {"MarketToken": Deployed("0x" + "11" * 20, 0, "0x" + "22" * 32)}
    deployment.save(path, Deployment(chain_id, genesis, 0, contracts))
    return path


class Dead(MemoryChain):
    def chain_id(self) -> int:
        raise ChainError("dead")


def test_nowhere_else(tmp_path: Path) -> None:
    chain = MemoryChain()
    genesis = chain.block(0).hash
    cases = {
        "other-genesis": (chain, record(tmp_path / "a.json", 31337, "0x" + "77" * 32)),
        "other-chain": (chain, record(tmp_path / "b.json", 1, genesis)),
        "no-devnet-here": (chain, tmp_path / "missing.json"),
        "dead-node": (Dead(), record(tmp_path / "c.json", 31337, genesis)),
    }
    for name, (reader, recorded) in cases.items():
        held = wallet(tmp_path / name, reader, recorded)
        assert held.accounts() == []
        with pytest.raises(WalletError, match="recorded devnet only"):
            held.unlock("consumer", never)
        with pytest.raises(WalletError, match="recorded devnet only"):
            held.find("consumer")
        with pytest.raises(WalletError, match="no account is called"):
            held.find(accounts.address("consumer"))
    assert wallet(tmp_path / "right", chain, record(tmp_path / "d.json", 31337, genesis)).accounts()


def test_a_keystore_account_asks_no_chain(tmp_path: Path) -> None:
    held = wallet(tmp_path, Dead(), tmp_path / "missing.json")
    held.create("mine", lambda name: "pass")
    assert held.find("mine").source == "keystore" and len(held.unlock("mine", lambda name: "pass")) == 32


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b'{"chainId": 1}', b'{"chainId": "1", "genesisHash": "0x", "block": 0, "contracts": {}}'],
)
def test_a_bad_deployment_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "deployment.json"
    path.write_bytes(content)
    with pytest.raises(Exception, match="deployment.json: expected"):
        deployment.load(path)
    with pytest.raises(NotFound):
        deployment.load(tmp_path / "missing.json")
