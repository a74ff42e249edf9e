"""Two real chains that differ in all that a network can differ in, and somebody with an encrypted key on both."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.chain.rpc import Rpc
from mlm.adapters.wallet import devnet as accounts
from mlm.adapters.wallet.keystore import Keystore
from tests.anvil import anvil
from tests.command_line import Person, Ran

# One mines when it gets a transaction, the other at intervals, at a higher base fee and from another second on.
FIRST = ("--chain-id", "7001", "--hardfork", "cancun")
SECOND = ("--chain-id", "7002", "--hardfork", "prague", "--block-time", "0.2")
SECOND_FEES = ("--block-base-fee-per-gas", "7000000000", "--timestamp", "1700000000", "--slots-in-an-epoch", "2")


@dataclass(frozen=True)
class Chains:
    """URLs."""

    first: str
    second: str


@pytest.fixture(scope="package")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chains]:
    folder = tmp_path_factory.mktemp("anvils")
    with anvil(folder, *FIRST) as first, anvil(folder, *SECOND, *SECOND_FEES) as second:
        yield Chains(first, second)


@pytest.fixture(scope="package")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose keystore holds `owner` and `other`, who have 10,000 ETH on each chain.

    At scrypt's least cost: `mlm wallet import`, which tests/cli tries, makes files that take half a second to open.
    """
    root = tmp_path_factory.mktemp("keyring")
    (root / "password").write_text("secret\n")
    keystore = Keystore(root / "home" / "keystore", scrypt_n=2)
    for index, name in ((7, "owner"), (8, "other")):
        keystore.add(name, accounts.derive(accounts.MNEMONIC, index), lambda name: "secret")
    return root


@pytest.fixture
def owner(keyring: Path, tmp_path: Path) -> Person:
    """`owner`, with settings of this test alone."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "keystore").symlink_to(keyring / "home" / "keystore")
    return Person("owner", tmp_path, home, {"MLM_PASSWORD_FILE": str(keyring / "password")})


DEPLOY = ("network", "deploy", "two", "--insecure-srs", "--guardian", "other")
OWNER, OTHER = (accounts.address_of_key(accounts.derive(accounts.MNEMONIC, index)) for index in (7, 8))


@dataclass(frozen=True)
class Both:
    """The market on both chains, deployed by `owner`: on the first at once, on the second after being killed."""

    owner: Person
    chains: Chains
    killed: Ran
    begun: int  # transactions of the killed deployment
    plan: dict[str, Any]  # what --dry-run said was left
    done: dict[str, Any]  # what the second start did
    log: dict[str, Any]  # `op log` afterwards
    sent: int  # transactions in all


@pytest.fixture(scope="package")
def both(keyring: Path, chains: Chains) -> Both:
    owner = Person("owner", keyring, keyring / "home", {"MLM_PASSWORD_FILE": str(keyring / "password")})
    owner.do("network", "add", "one", "--rpc", chains.first)
    owner.do("network", "add", "two", "--rpc", chains.second)
    owner.do("network", "deploy", "one", *DEPLOY[3:])
    rpc = Rpc(chains.second)

    def count(tag: str) -> int:
        return int(rpc.call("eth_getTransactionCount", OWNER, tag), 16)

    before = count("latest")
    killed = owner.killed(12, "after", *DEPLOY)
    begun = count("pending") - before
    while count("latest") < before + begun:  # for the plan's sake: going on would wait by itself
        time.sleep(0.05)
    plan = owner.run(*DEPLOY, "--dry-run", "--json").value
    done = owner.run(*DEPLOY, "--json").value
    return Both(owner, chains, killed, begun, plan, done, owner.do("op", "log"), count("latest") - before)
