"""A payer and a payee with real signatures, in memory: what the tests of paying share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from mlm.adapters.chain import typed
from mlm.adapters.onnx.tensors import NumpyTensorCodec
from mlm.adapters.wallet import devnet
from mlm.core.channel import Channel, ChannelTerms, channel_id
from mlm.core.served import Terms
from mlm.memory.model_server import MemoryModelServer
from mlm.memory.spent import MemorySpent
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.ports.spent import Spent
from mlm.workflows.paying import Limits, Payer

PRICE, CHAIN = 1000, 31337
CONTRACT, TOKEN = "0x" + "c0" * 20, "0x" + "70" * 20
VERSION = "0x" + "11" * 32
NOW = 1_800_000_000


@dataclass(frozen=True)
class Signer:
    """An account of the devnet, without a chain."""

    name: str

    @property
    def address(self) -> str:
        return devnet.address(self.name)

    def sign_typed(self, domain: dict[str, Any], types: dict[str, Any], message: dict[str, Any]) -> bytes:
        return typed.sign(devnet.key(self.name), domain, types, message)


PAYER, PAYEE, STRANGER = Signer("consumer"), Signer("compute-1"), Signer("watcher")


def terms(price: int = PRICE, **changed: Any) -> Terms:
    """A server's terms."""
    values = {
        "chain_id": CHAIN,
        "genesis": "0x" + "22" * 32,
        "channels": CONTRACT,
        "token": TOKEN,
        "payee": PAYEE.address.lower(),
        "version_id": VERSION,
        "price": price,
        "margin": 60,
    }
    return Terms(**{**values, **changed})


def channel(deposit: int = 100 * PRICE, **changed: Any) -> Channel:
    """An open channel of the payer to the payee."""
    frozen = ChannelTerms(PAYER.address, PAYER.address, PAYEE.address, 7, VERSION, 0, 0, 0, 0, (), ())
    values = {"deposit": deposit, "claimed": 0, "claimed_calls": 0, "expires_at": NOW + 86_400}
    return Channel(channel_id(CHAIN, CONTRACT, frozen), frozen, **{**values, **changed})


def server(opened: Channel | None = None, payee: Signer = PAYEE) -> MemoryModelServer:
    """An honest one."""
    return MemoryModelServer(terms(), opened or channel(), payee, typed.recover, NumpyTensorCodec(), NOW)


def ports(spent: Spent | None = None, signer: Signer = PAYER) -> Ports:
    """What a payer needs."""
    made: dict[str, Any] = {
        "spent": spent or MemorySpent(),
        "signer": signer,
        "tensors": NumpyTensorCodec(),
        "system": MemorySystem(NOW),
        "recover": typed.recover,
    }
    return Ports(**{name: partial(lambda value: value, value) for name, value in made.items()})


def payer(made: Ports, against: MemoryModelServer, limits: Limits | None = None, more: Any = None) -> Payer:
    """A payer of the server's own channel."""
    return Payer(made, against, against.terms, against.channel_on_chain, limits or Limits(PRICE), more)


def x(number: float) -> dict[str, np.ndarray]:
    """One input."""
    return {"x": np.array([number], dtype=np.float32)}
