"""The key of a sealed version: made again by who sealed it, found on the chain by whom it was given to, and given on.

Nothing here is kept: secrets follow from the account's signature wherever they are needed (mlm/core/key_exchange.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mlm.core import encryption, key_exchange
from mlm.core.errors import InvalidData, NotLicensed, StateConflict, VerificationFailed
from mlm.core.key_exchange import NO_REF, Point, SealedKey
from mlm.core.licensing import Order
from mlm.ports.bundle import Ports
from mlm.workflows import announce
from mlm.workflows.entitlement import entitled
from mlm.workflows.lookup import Version
from mlm.workflows.rows import every
from mlm.workflows.sync import sync

CONTRACT = "ContentKeys"


@dataclass(frozen=True)
class Given:
    """A wrapped key that is on the chain for this account: for whose secret, and bound to what."""

    sealed: SealedKey
    secret: bytes = field(repr=False)
    ref: bytes


def digest_of(ports: Ports, version_id: str) -> bytes:
    """What the owner committed to, 32 bytes; raises StateConflict before that."""
    found: bytes = ports.chain.call(CONTRACT, "digestOf", _raw(version_id))
    if not any(found):
        raise StateConflict(
            f"nobody has said yet under which key version {version_id[:10]} is sealed",
            hint="Its owner runs `mlm publish` again, which ends what was begun.",
        )
    return found


def is_right(ports: Ports, version_id: str, key: bytes) -> bool:
    """Whether it is the key that the version's owner committed to."""
    return key_exchange.digest_of(key) == digest_of(ports, version_id)


def own(ports: Ports, token_id: int, version: str) -> bytes:
    """The content key under which this account seals a version."""
    return key_exchange.content_key(announce.own(ports).secret, token_id, version)


def find(ports: Ports, version: Version) -> bytes:
    """The content key of a version, checked against its owner's commitment.

    1. The account's own, if it sealed the version.
    2. One that was delivered for an order of the account's.
    3. One that was granted to it.
    Raises NotLicensed where there is none, StateConflict before the owner has committed to one.
    """
    digest = digest_of(ports, version.version_id)
    secret, account = announce.own(ports).secret, ports.signer.address
    # (1) No chain need be read for it.
    key = key_exchange.content_key(secret, version.token_id, str(version.asset.version))
    if key_exchange.digest_of(key) == digest:
        return key
    # (2), (3)
    sync(ports)
    for given in (*_delivered(ports, version.version_id, secret), *_granted(ports, version.version_id, secret)):
        try:
            key = opened(ports, given.sealed, given.secret, version.version_id, account, given.ref)
            return key_exchange.check_key(key, digest, str(version.asset))
        except (InvalidData, VerificationFailed):
            continue  # anybody may grant anything
    raise NotLicensed(
        f"{version.asset} is licensed and its files are sealed: {account} holds no key that opens it",
        hint=_hint(ports, version, account),
    )


def _hint(ports: Ports, version: Version, account: str) -> str:
    name = f"{version.asset.handle}/{version.asset.name}"
    if entitled(ports, version.token_id, account) is not None:
        return f"The account is entitled to it: `mlm licence request {version.asset}` asks for the key."
    return f"`mlm buy {name}` buys a licence, `mlm licence list {name}` shows what is offered."


def order_of(row: Any) -> Order:
    """The order of a row of the index."""
    return Order.from_event(row["purchase"])


def _delivered(ports: Ports, version_id: str, secret: bytes) -> Iterator[Given]:
    for row in every(ports, "licence_orders", version_id=version_id, buyer=ports.signer.address):
        if row["wrapped"]:
            ref = bytes.fromhex(row["order_id"][2:])
            yield Given(sealed_in(row), key_exchange.order_secret(secret, order_of(row).nonce), ref)


def _granted(ports: Ports, version_id: str, secret: bytes) -> Iterator[Given]:
    reader = key_exchange.request_secret(secret, _raw(version_id))
    # Anybody may grant anything, as often as it likes: what the owner granted, or who sealed it, is looked at first.
    sealers = [row["owner"] for row in ports.state.query("content_keys", version_id=version_id)]
    for granter in (_owner(ports, version_id), *sealers, None):
        where = {"version_id": version_id, "account": ports.signer.address, "granter": granter}
        for row in ports.state.query("key_grants", **where, limit=1000):
            yield Given(sealed_in(row), reader, NO_REF)


def _owner(ports: Ports, version_id: str) -> str:
    token_id, _ = ports.chain.call("AssetRegistry", "versionOf", _raw(version_id))
    found: str = ports.chain.call("AssetRegistry", "ownerOf", token_id)
    return found


def sealed_in(row: Any) -> SealedKey:
    """The wrapped key of a row of the index."""
    return SealedKey(Point(int(row["x"], 16), int(row["y"], 16)), bytes.fromhex(row["wrapped"][2:]))


def opened(ports: Ports, sealed: SealedKey, secret: bytes, version_id: str, account: str, ref: bytes) -> bytes:
    """The key that the reader with `secret` finds in a sealed one; raises InvalidData for no point."""
    point = key_exchange.to_bytes(key_exchange.check_point(sealed.point))
    shared = key_exchange.address_of(key_exchange.from_bytes(ports.encryption.multiply(secret, point)))
    return key_exchange.xor(sealed.wrapped, key_exchange.pad(shared, _raw(version_id), _account(account), ref))


def wrapped(ports: Ports, key: bytes, reader: Point, version_id: str, account: str, ref: bytes) -> SealedKey:
    """The key for one reader. The ephemeral secret follows from this account's and from whom it is for: a rerun after
    a kill plans the very same transaction. Raises InvalidData for a reader that is no point."""
    to = key_exchange.to_bytes(key_exchange.check_point(reader))
    salt = b"".join((_raw(version_id), _account(account), ref, to))
    secret = announce.own(ports).secret
    ephemeral = key_exchange.ephemeral_secret(encryption.derived(secret, salt, b"mlm/ephemeral/1"))
    shared = key_exchange.address_of(key_exchange.from_bytes(ports.encryption.multiply(ephemeral, to)))
    point = key_exchange.from_bytes(ports.encryption.multiply(ephemeral))
    pad = key_exchange.pad(shared, _raw(version_id), _account(account), ref)
    return SealedKey(point, key_exchange.xor(key, pad))


def reader(ports: Ports, secret: bytes) -> Point:
    """The point of a reader's secret."""
    return key_exchange.from_bytes(ports.encryption.multiply(secret))


def _raw(version_id: str) -> bytes:
    return bytes.fromhex(version_id[2:])


def _account(address: str) -> bytes:
    return bytes.fromhex(address[2:])
