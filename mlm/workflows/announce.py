"""`mlm wallet announce`, and the account's encryption key for whoever needs it: under which key others write to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core import encryption
from mlm.core.plan import Call, Plan, Tx
from mlm.ports.bundle import Ports
from mlm.workflows.apply import DoneStep, Operation

CONTRACT = "EncryptionKeys"


@dataclass(frozen=True)
class Announce:
    """Parameters of `wallet announce`: none."""


@dataclass(frozen=True)
class Announced:
    """The public key under which others encrypt what only `account` may read; it follows from the account's own."""

    account: str
    encryption_key: bytes


@dataclass(frozen=True)
class KeyPair:
    """An account's encryption key, made anew from its signature wherever it is needed; kept nowhere."""

    secret: bytes = field(repr=False)
    public: bytes


def own(ports: Ports) -> KeyPair:
    """The chosen account's; the same on every machine."""
    chain_id, contract, account = ports.chain.chain_id(), ports.chain.address_of(CONTRACT), ports.signer.address
    signed_for, message = encryption.domain(chain_id, contract), encryption.message(account)
    secret = encryption.secret_of(ports.signer.sign_typed(signed_for, encryption.TYPES, message))
    return KeyPair(secret, ports.encryption.public_key(secret))


def of(ports: Ports, account: str) -> bytes:
    """The key that an account announced last, as the contract has it; empty where there is none."""
    found: bytes = ports.chain.call(CONTRACT, "keyOf", account)
    return found


def steps(ports: Ports, keys: KeyPair) -> tuple[Tx, ...]:
    """Announces the account's key unless it stands already: whoever replaced it, what others send can be read again."""
    if of(ports, ports.signer.address) == keys.public:
        return ()
    return (Tx("announce the account's encryption key", Call(CONTRACT, "announce", (keys.public,))),)


def plan(ports: Ports, params: Announce) -> Plan[KeyPair]:
    """One transaction, none where the key stands already."""
    keys = own(ports)
    return Plan("wallet announce", steps(ports, keys), keys)


def result(ports: Ports, params: Announce, plan: Plan[KeyPair], done: tuple[DoneStep, ...]) -> Announced:
    """As the contract has it."""
    return Announced(ports.signer.address, of(ports, ports.signer.address))


OPERATION = Operation(
    "wallet announce",
    Announce,
    plan,
    result,
    "A key that is announced stands until another one is; it shows nothing and costs nothing.",
)
