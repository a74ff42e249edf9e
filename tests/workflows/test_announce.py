"""`wallet announce`: one key for each account and chain, announced once."""

from __future__ import annotations

from typing import Any

import pytest

from mlm.adapters.chain import typed
from mlm.adapters.ecies import Ecies
from mlm.adapters.wallet import devnet
from mlm.memory.chain import MemoryChain
from mlm.memory.journal import MemoryJournal
from mlm.memory.sender import MemorySender
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.workflows import announce
from mlm.workflows.apply import execute

NAME = "compute-1"


class Signer:
    """One of the devnet's accounts: real signatures."""

    def __init__(self, name: str) -> None:
        self.address, self._key = devnet.address(name), devnet.key(name)

    def sign_typed(self, domain: dict[str, Any], types: dict[str, Any], message: dict[str, Any]) -> bytes:
        return typed.sign(self._key, domain, types, message)


def machine(chain: MemoryChain, name: str = NAME) -> Ports:
    sender = MemorySender(chain, devnet.address(name))
    return Ports(
        chain=lambda: chain,
        sender=lambda: sender,
        signer=lambda: Signer(name),
        encryption=Ecies,
        journal=lambda: MemoryJournal(MemorySystem()),
        system=MemorySystem,
    )


@pytest.fixture
def chain() -> MemoryChain:
    made, keys = MemoryChain(), dict[str, bytes]()
    made.answers[announce.CONTRACT, "keyOf"] = lambda account: keys.get(account, b"")

    def announced(who: str, key: bytes) -> list[Any]:
        keys[who] = key
        return []

    made.effects[announce.CONTRACT, "announce"] = announced
    return made


def test_announced_once_and_again_only_when_replaced(chain: MemoryChain) -> None:
    ports = machine(chain)
    first = execute(ports, announce.OPERATION, announce.Announce())
    assert len(first.steps) == 1 and len(first.result.encryption_key) == 33
    again = execute(machine(chain), announce.OPERATION, announce.Announce())
    assert again.steps == () and again.result == first.result
    chain.effects[announce.CONTRACT, "announce"](ports.sender.address, b"\x02" + bytes(32))
    mended = execute(machine(chain), announce.OPERATION, announce.Announce())
    assert len(mended.steps) == 1 and mended.result == first.result


def test_every_machine_finds_the_same_key_and_every_account_another(chain: MemoryChain) -> None:
    one, same, other = (announce.own(machine(chain, name)) for name in (NAME, NAME, "compute-2"))
    assert one == same and one.public != other.public
    assert one.secret not in (devnet.key(NAME), other.secret), "never the key that signs"
    assert one.secret.hex() not in repr(one)
