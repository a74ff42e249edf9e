"""Accounts and their keys. A key leaves a wallet only as bytes handed to a signer; nothing here prints one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

Password = Callable[[str], str]  # asked with the account's name; comes from a file, the environment or a prompt


@dataclass(frozen=True)
class Account:
    """An account that can sign. `source` is `devnet` or `keystore`."""

    name: str
    address: str  # checksummed
    source: str


class Wallet(Protocol):
    """Names are unique; a keystore account may not take a devnet account's name."""

    def accounts(self) -> list[Account]:
        """All accounts usable on the chosen network, devnet's first, then by name."""

    def find(self, name: str) -> Account:
        """By name or address; raises WalletError."""

    def create(self, name: str, password: Password) -> Account:
        """A new random key in the keystore; raises WalletError when the name is taken."""

    def add(self, name: str, key: bytes, password: Password) -> Account:
        """Keep a given 32-byte key in the keystore; raises WalletError when the name is taken or the key is none."""

    def unlock(self, name: str, password: Password) -> bytes:
        """The 32-byte key; raises WalletError for a wrong password or a damaged file."""


class Faucet(Protocol):
    """Only the devnet has one."""

    def give(self, to: str, tokens: int, wei: int) -> tuple[str, ...]:
        """Send base units of the token and wei; the hashes of the transactions."""
