"""What only one account may read: where its keys come from, and the block that holds it. Pure.

An account's encryption key follows from a signature (EIP-712) by its own key that is never published, as the salts of
sealed bids do: signatures are deterministic (RFC 6979), so every machine of the account finds it again. What an account
encrypts has a key of its own, made of that secret and a salt that stands beside it: its author can read it again.
Formats and derivations: docs/privacy.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mlm.core import dagcbor
from mlm.core.digest import keccak256
from mlm.core.errors import InvalidData, VerificationFailed

FORMAT = "mlm/encrypted/1"
SALT_BYTES = 32
TYPES = {"EncryptionKey": [{"name": "account", "type": "address"}]}

_KEY_BYTES = 32
_WRAPPED = b"mlm/wrapped-key/1"


def domain(chain_id: int, contract: str) -> dict[str, Any]:
    """The EIP-712 domain of the signature behind an account's key: bound to the chain and its EncryptionKeys."""
    return {"name": "mlm encryption key", "version": "1", "chainId": chain_id, "verifyingContract": contract}


def message(account: str) -> dict[str, Any]:
    """The EIP-712 message of the signature behind an account's key."""
    return {"account": account}


def secret_of(signature: bytes) -> bytes:
    """The secret scalar that a signature gives: below secp256k1's order and not 0, but for one in 2^127."""
    return keccak256(signature)


def content_key(secret: bytes, salt: bytes) -> bytes:
    """The AES-256 key of one message of the account with this secret. Source: RFC 5869 (HKDF-SHA256)."""
    return derived(secret, salt, b"mlm/content-key/1")


def root_salt(key: bytes) -> bytes:
    """The salt of the root of tensors that are encrypted under `key`: whoever can read them can check it."""
    return derived(key, b"", b"mlm/root-salt/1")


def derived(secret: bytes, salt: bytes, context: bytes) -> bytes:
    """32 bytes of HKDF-SHA256 (RFC 5869)."""
    from Crypto.Hash import SHA256
    from Crypto.Protocol.KDF import HKDF

    found = HKDF(secret, _KEY_BYTES, salt, SHA256, context=context)
    assert isinstance(found, bytes)
    return found


def bound_to(what: bytes) -> bytes:
    """The associated data of a message about `what`: an input commitment, or the job of a result."""
    return FORMAT.encode() + what


def key_for(job: bytes, key: bytes) -> bytes:
    """A content key as it is wrapped for its reader: of this job, so that nobody can pass another job's on."""
    return _WRAPPED + job + key


def key_from(job: bytes, unwrapped: bytes) -> bytes:
    """The content key in what was unwrapped; raises VerificationFailed where it is of another job, or no key."""
    if len(unwrapped) != len(_WRAPPED) + len(job) + _KEY_BYTES or not unwrapped.startswith(_WRAPPED + job):
        raise VerificationFailed(f"the wrapped key is not of job 0x{job.hex()[:8]}")
    return unwrapped[-_KEY_BYTES:]


@dataclass(frozen=True)
class Encrypted:
    """One encrypted message. `data` is AES-256-GCM's ciphertext and tag; `wrapped` its key for whoever is to read it,
    by ECIES, empty where the key travels otherwise."""

    salt: bytes = field(repr=False)
    data: bytes = field(repr=False)
    wrapped: bytes = field(default=b"", repr=False)

    def to_block(self) -> bytes:
        """The DAG-CBOR block; raises InvalidData when it would be too large."""
        return dagcbor.encode({"format": FORMAT, "salt": self.salt, "data": self.data, "wrapped": self.wrapped})


def read(block: bytes) -> Encrypted | None:
    """The message in a block, None for a block of another format. Hostile: raises InvalidData for a malformed one."""
    document = dagcbor.decode(block)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return None
    salt, data, wrapped = (document.get(name) for name in ("salt", "data", "wrapped"))
    if len(document) != 4 or not (isinstance(salt, bytes) and isinstance(data, bytes) and isinstance(wrapped, bytes)):
        raise InvalidData(f"a block of {FORMAT} has the fields data, salt and wrapped, all of bytes, and no other")
    if len(salt) != SALT_BYTES:
        raise InvalidData(f"a block of {FORMAT} has a salt of {SALT_BYTES} bytes, found {len(salt)}")
    return Encrypted(salt, data, wrapped)
