"""The Encryption port by eciespy (secp256k1, HKDF-SHA256, AES-256-GCM) and pycryptodome, which eciespy stands on."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from mlm.core.errors import InvalidData, VerificationFailed

if TYPE_CHECKING:
    from ecies.config import Config

_NONCE = bytes(12)  # a content key encrypts one message: its nonce need not differ from another's
_TAG_BYTES = 16


class Ecies:
    """Nothing here is kept, printed or logged."""

    def public_key(self, secret: bytes) -> bytes:
        from coincurve import PrivateKey

        return PrivateKey(secret).public_key.format(compressed=True)

    def multiply(self, secret: bytes, point: bytes = b"") -> bytes:
        from coincurve import PrivateKey, PublicKey

        if not point:
            return PrivateKey(secret).public_key.format(compressed=False)[1:]
        try:
            return PublicKey(b"\x04" + point).multiply(secret).format(compressed=False)[1:]
        except ValueError as error:
            raise InvalidData(f"expected a point of secp256k1, found 0x{point.hex()[:80]}") from error

    def wrap(self, public_key: bytes, data: bytes) -> bytes:
        from ecies import encrypt

        try:
            return encrypt(public_key, data, self._config)
        except (ValueError, TypeError) as error:
            raise InvalidData(f"expected a compressed point of secp256k1, found {public_key.hex()[:80]}") from error

    def unwrap(self, secret: bytes, wrapped: bytes) -> bytes:
        from ecies import decrypt

        try:
            return decrypt(secret, wrapped, self._config)
        except (ValueError, TypeError) as error:  # no point, too short, or another key's
            raise VerificationFailed(
                f"{len(wrapped)} wrapped bytes are not for this account, or were changed"
            ) from error

    def encrypt(self, key: bytes, data: bytes, bound: bytes) -> bytes:
        from Crypto.Cipher import AES

        cipher = AES.new(key, AES.MODE_GCM, nonce=_NONCE)
        cipher.update(bound)
        ciphertext, tag = cipher.encrypt_and_digest(data)
        return ciphertext + tag

    def decrypt(self, key: bytes, data: bytes, bound: bytes) -> bytes:
        from Crypto.Cipher import AES

        cipher = AES.new(key, AES.MODE_GCM, nonce=_NONCE)
        cipher.update(bound)
        try:
            return cipher.decrypt_and_verify(data[:-_TAG_BYTES], data[-_TAG_BYTES:])
        except ValueError as error:
            raise VerificationFailed("the key does not open the encrypted bytes, or they were changed") from error

    @cached_property
    def _config(self) -> Config:
        """Said whole, so that no default of a later version, nor anybody who sets eciespy's global one, changes it."""
        from ecies.config import Config

        return Config(
            elliptic_curve="secp256k1",
            is_ephemeral_key_compressed=True,
            is_hkdf_key_compressed=True,
            symmetric_algorithm="aes-256-gcm",
            symmetric_nonce_length=12,
        )
