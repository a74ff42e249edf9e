"""The accounts of one network (ports.wallet.Wallet): the keystore's, and the devnet's named ones on the devnet only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlm.adapters.chain import deployment
from mlm.adapters.wallet import devnet
from mlm.adapters.wallet.keystore import Keystore
from mlm.core.errors import ChainError, InvalidData, NotFound, WalletError
from mlm.ports.chain import Chain
from mlm.ports.wallet import Account, Password


class LocalWallet:
    """Keystore files in `folder`; `recorded` is the deployment file of this machine's devnet (beside the keystore).

    A devnet account is used only while `chain` is that very devnet, by chain id and genesis hash: asked once, and only
    when a devnet account is wanted.
    """

    def __init__(
        self,
        folder: Path,
        chain: Callable[[], Chain],
        recorded: Path | None = None,
        keystore: Keystore | None = None,
    ) -> None:
        self._keystore = keystore or Keystore(folder)
        self._chain = chain
        self._recorded = recorded or folder.parent / "devnet" / "deployment.json"
        self._answer: bool | None = None

    def accounts(self) -> list[Account]:
        kept = self._keystore.accounts()
        if not self._is_devnet():
            return kept
        return [Account(name, devnet.address(name), "devnet") for name in devnet.NAMES] + kept

    def find(self, name: str) -> Account:
        """By name or address. A name is looked up without asking the chain about any other."""
        if name in devnet.NAMES:
            self._need_devnet(name)
            return Account(name, devnet.address(name), "devnet")
        if not name.startswith("0x") and self._keystore.has(name):
            return self._keystore.account(name)  # says what is wrong with its file
        for account in self.accounts() if name.startswith("0x") else ():
            if name.lower() == account.address.lower():
                return account
        raise WalletError(
            f"no account is called {name!r}", hint="See `mlm wallet list`, or make one: `mlm wallet new NAME`."
        )

    def create(self, name: str, password: Password) -> Account:
        self._not_reserved(name)
        return self._keystore.create(name, password)

    def add(self, name: str, key: bytes, password: Password) -> Account:
        self._not_reserved(name)
        return self._keystore.add(name, key, password)

    def unlock(self, name: str, password: Password) -> bytes:
        """No password is asked for a devnet account: its key is public."""
        if name in devnet.NAMES:
            self._need_devnet(name)
            return devnet.key(name)
        return self._keystore.unlock(name, password)

    def _is_devnet(self) -> bool:
        if self._answer is None:
            self._answer = self._compare()
        return self._answer

    def _compare(self) -> bool:
        try:
            recorded = deployment.load(self._recorded)
            chain = self._chain()
            here = chain.chain_id(), chain.block(0).hash
        except (ChainError, InvalidData, NotFound):
            return False  # no devnet was ever made here, or the chosen node is another chain or down
        return here == (recorded.chain_id, recorded.genesis_hash)

    def _need_devnet(self, name: str) -> None:
        if not self._is_devnet():
            self._chain()  # a devnet that is down says so itself
            raise WalletError(
                f"{name!r} has a public key and serves on the recorded devnet only, which the chosen network is not",
                hint="Run `mlm devnet up`, or choose an account of your own with --account.",
            )

    def _not_reserved(self, name: str) -> None:
        if name in devnet.NAMES:
            raise WalletError(f"{name!r} is the name of a devnet account", hint="Choose another name.")
