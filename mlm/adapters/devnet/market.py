"""The market on the devnet: contracts deployed, named accounts funded, a faucet. Everything here can be repeated."""

from __future__ import annotations

from mlm.adapters.chain import deploy, deployment, listing
from mlm.adapters.chain.deploy import TOKEN, ChainContracts
from mlm.adapters.chain.deployment import Deployment
from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.rpc import Rpc
from mlm.adapters.chain.send import EthSender
from mlm.adapters.devnet.home import Home
from mlm.adapters.wallet import devnet as accounts
from mlm.core.errors import InvalidData, NotFound, StateConflict
from mlm.core.money import MLM
from mlm.core.plan import Call
from mlm.ports.contracts import Choices

GRANT = 100_000 * 10**MLM.decimals  # tokens that each named account starts with, base units
_WAIT = 30.0  # seconds for one transaction


def prepare(home: Home, url: str) -> tuple[Deployment, bool]:
    """Deploy and fund what is missing; the deployment, and whether anything had to be done."""
    rpc = Rpc(url)
    try:
        found = recorded(home)
        if found is not None and deploy.stands(rpc, found):
            if old := deploy.outdated(found):
                raise StateConflict(
                    f"the devnet holds contracts of another version of mlm: {', '.join(old)}",
                    hint="`mlm devnet reset`, then `mlm devnet up`, starts a new chain with this version's.",
                )
            return found, False
        made = _deploy(rpc)
        chain = EthChain(rpc, made)
        for name in accounts.NAMES:
            if name != accounts.FAUCET and chain.call(TOKEN, "balanceOf", accounts.address(name)) == 0:
                _send_tokens(chain, accounts.address(name), GRANT)
        # Written last: a deployment file says that all of the above is done.
        deployment.save(home.deployment, made)
        return made, True
    finally:
        rpc.close()


def _deploy(rpc: Rpc) -> Deployment:
    """Every contract that is missing, made by the faucet's account, which also holds the supply and every role."""
    account = accounts.address(accounts.FAUCET)
    chain = EthChain(rpc, Deployment(rpc.identity().chain_id, "", 0, {}))
    contracts = ChainContracts(chain, listing.shipped(), lambda made, file: None)
    choices = Choices(dict.fromkeys(("holder", "treasury", "guardian", "governance"), account))
    sender = EthSender(chain, accounts.key(accounts.FAUCET))
    for creation in contracts.creations(account, choices):
        if creation.call is not None:
            signed = sender.sign(creation.call)
            sender.broadcast(signed)
            sender.wait(signed, timeout=_WAIT)
    return contracts.read(account, choices)


def recorded(home: Home) -> Deployment | None:
    """The recorded deployment, or None when there is none that can be read."""
    try:
        return deployment.load(home.deployment)
    except (NotFound, InvalidData):
        return None


class DevnetFaucet:
    """Gives tokens and ETH away (ports.wallet.Faucet). `chain` must be the recorded devnet: its first call checks."""

    def __init__(self, chain: EthChain) -> None:
        self._chain = chain

    def give(self, to: str, tokens: int, wei: int) -> tuple[str, ...]:
        """Send base units of the token and wei; the hashes of the transactions."""
        sent = []
        if tokens:
            sent.append(_send_tokens(self._chain, to, tokens))
        if wei:
            sender = EthSender(self._chain, accounts.key(accounts.FAUCET))
            signed = sender.sign_request({"to": to, "value": hex(wei)}, self._chain.chain_id())
            sender.broadcast(signed)
            sent.append(sender.wait(signed, timeout=_WAIT).tx_hash)
        return tuple(sent)


def _send_tokens(chain: EthChain, to: str, amount: int) -> str:
    sender = EthSender(chain, accounts.key(accounts.FAUCET))
    signed = sender.sign(Call(TOKEN, "transfer", (to, amount)))
    sender.broadcast(signed)
    return sender.wait(signed, timeout=_WAIT).tx_hash
