"""One real devnet for the whole test session: engine, contracts, funded accounts, on a home of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlm.adapters.chain import deployment
from mlm.adapters.chain.deployment import Deployment
from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.rpc import Rpc
from mlm.adapters.chain.send import EthSender
from mlm.adapters.devnet.supervisor import LocalDevnet
from mlm.adapters.wallet import devnet as accounts
from mlm.ports.chain import Receipt
from mlm.ports.signer import Call


@dataclass(frozen=True)
class RunningDevnet:
    """What tests use. Accounts: deployer, model-provider, consumer, compute-1, compute-2, watcher."""

    local: LocalDevnet
    mlm_home: Path
    url: str
    deployment: Deployment

    @property
    def accounts(self) -> dict[str, str]:
        """Checksummed address of each named account."""
        return {name: accounts.address(name) for name in accounts.NAMES}

    def chain(self) -> EthChain:
        """A new reader."""
        return EthChain(Rpc(self.url), self.deployment)

    def sender(self, account: str) -> EthSender:
        """A new sender of a named account."""
        return EthSender(self.chain(), accounts.key(account))

    def send(self, account: str, contract: str, function: str, *args: object) -> Receipt:
        """Send one call and wait for it."""
        sender = self.sender(account)
        signed = sender.sign(Call(contract, function, args))
        sender.broadcast(signed)
        return sender.wait(signed)

    def advance(self, seconds: int) -> None:
        """Move the chain's clock forward and mine a block there."""
        self.local.control("advance", seconds)


@pytest.fixture(scope="session")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDevnet]:
    """Started once, stopped at the end of the session. Needs the engine in devnet/node_modules: `npm ci` there."""
    mlm_home = tmp_path_factory.mktemp("devnet-home")
    local = LocalDevnet(mlm_home / "devnet", mlm_home / "cache")
    try:
        up = local.start()
        yield RunningDevnet(local, mlm_home, up.url, deployment.load(Path(up.deployment)))
    finally:
        local.stop()
