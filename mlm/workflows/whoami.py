"""`mlm whoami`: who signs, where, and with what."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.job import Role
from mlm.core.money import Amount, Wei
from mlm.ports.bundle import Ports
from mlm.ports.wallet import Wallet
from mlm.workflows import stake, wallet


@dataclass(frozen=True)
class Whoami:
    """The chosen account on the chosen network."""

    account: str
    address: str
    source: str
    network: str
    chain_id: int
    block: int
    tokens: Amount
    credit: Amount
    coins: Wei
    stake: Amount  # as a provider, locked and unbonding parts included
    free_stake: Amount


def whoami(ports: Ports, keys: Wallet, name: str, network: str) -> Whoami:
    """No key is unlocked for it. Raises WalletError for an unknown account, ChainError for a dead node."""
    held = wallet.show(keys, ports.chain, name)
    staked = stake.show(ports, held.address, Role.PROVIDER)
    return Whoami(
        account=held.name,
        address=held.address,
        source=held.source,
        network=network,
        chain_id=ports.chain.chain_id(),
        block=ports.chain.block().number,
        tokens=held.tokens,
        credit=held.credit,
        coins=held.coins,
        stake=staked.total,
        free_stake=staked.free,
    )
