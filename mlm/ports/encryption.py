"""Encryption for one reader, and under a key that a reader is given."""

from typing import Protocol


class Encryption(Protocol):
    """Secrets are 32-byte scalars of secp256k1, public keys compressed points of 33 bytes, content keys 32 bytes.

    A content key encrypts one message only.
    """

    def public_key(self, secret: bytes) -> bytes:
        """What is announced of a secret."""

    def multiply(self, secret: bytes, point: bytes = b"") -> bytes:
        """secret · point, or secret · generator without one: points are x ‖ y, 64 bytes. InvalidData for no point."""

    def wrap(self, public_key: bytes, data: bytes) -> bytes:
        """Encrypt for whoever has the secret of `public_key` (ECIES). Raises InvalidData for what is no such key."""

    def unwrap(self, secret: bytes, wrapped: bytes) -> bytes:
        """The inverse; raises VerificationFailed for what was not wrapped for this secret, or was changed."""

    def encrypt(self, key: bytes, data: bytes, bound: bytes) -> bytes:
        """Ciphertext and tag, by AES-256-GCM; `bound` must be known to decrypt and is not in it."""

    def decrypt(self, key: bytes, data: bytes, bound: bytes) -> bytes:
        """The inverse; raises VerificationFailed for another key, other associated data, or changed bytes."""
