"""How a content key is handed to one reader so that a wrong key can be shown to be wrong. Pure; no curve arithmetic.

Diffie–Hellman over secp256k1; the shared secret is the ADDRESS of the shared point, because that is what the EVM can
compute (`ecrecover`). devnet/contracts/libraries/KeyExchange.sol computes the same; docs/licences.md is the protocol,
tests/vectors/key_exchange.json holds both to it. Multiplying points is the Encryption port's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core.digest import domain, keccak256, words
from mlm.core.encryption import derived
from mlm.core.errors import InvalidData, VerificationFailed

# SEC 2, section 2.4.1: the field and the order.
FIELD = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

NO_REF = bytes(32)  # of a key that was granted; of one that was bought it is the order's id


@dataclass(frozen=True)
class Point:
    """A point of secp256k1, uncompressed."""

    x: int
    y: int

    def args(self) -> tuple[int, int]:
        """As the ABI takes it."""
        return self.x, self.y


NO_READER = Point(0, 0)  # where no key is delivered


@dataclass(frozen=True)
class SealedKey:
    """A content key wrapped for one reader: an ephemeral point, and the key XOR a pad."""

    point: Point
    wrapped: bytes = field(repr=False)

    def args(self) -> tuple[int, int, bytes]:
        """As the ABI takes it."""
        return self.point.x, self.point.y, self.wrapped


def check_point(point: Point) -> Point:
    """Return a point that lies on the curve and that the EVM can multiply; raises InvalidData."""
    x, y = point.x, point.y
    if not (0 < x < ORDER and 0 < y < FIELD and (y * y - x**3 - 7) % FIELD == 0):
        raise InvalidData(f"expected a point of secp256k1 with an abscissa below the order, found x = 0x{x:x}"[:160])
    return point


def to_bytes(point: Point) -> bytes:
    """x ‖ y, 64 bytes."""
    return words((point.x, point.y))


def from_bytes(raw: bytes) -> Point:
    """The inverse."""
    return Point(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))


def address_of(point: Point) -> bytes:
    """The last 20 bytes of keccak256(x ‖ y), as for an account's public key."""
    return keccak256(to_bytes(point))[12:]


def digest_of(key: bytes) -> bytes:
    """What a version's owner commits to: keccak256(abi.encode(keccak256("mlm/licensed-key/1"), key))."""
    return keccak256(words((domain("mlm/licensed-key/1"), key)))


def pad(shared: bytes, version_id: bytes, account: bytes, ref: bytes) -> bytes:
    """What a key is XORed with, 32 bytes; `shared` and `account` are addresses of 20 bytes."""
    as_number = (int.from_bytes(shared, "big"), version_id, int.from_bytes(account, "big"), ref)
    return keccak256(words((domain("mlm/key-pad/1"), *as_number)))


def xor(key: bytes, with_: bytes) -> bytes:
    """Wraps and unwraps."""
    return bytes(left ^ right for left, right in zip(key, with_, strict=True))


def check_key(key: bytes, digest: bytes, version: str) -> bytes:
    """Return a key that is the one committed to; raises VerificationFailed."""
    if (actual := digest_of(key)) != digest:
        raise VerificationFailed(
            f"the key for {version} is wrong: its digest is 0x{actual.hex()}, its owner committed to 0x{digest.hex()}",
            hint="`mlm licence complain ORDER` takes the price of a bought one back.",
        )
    return key


def content_key(secret: bytes, token_id: int, version: str) -> bytes:
    """The content key of a version of this account's asset: every machine of the account finds it again.

    The version's name and not its id, which covers the encrypted file. Source: RFC 5869 (HKDF-SHA256).
    """
    return derived(secret, words((token_id, keccak256(version.encode()))), b"mlm/sealed-key/1")


def order_secret(secret: bytes, nonce: int) -> bytes:
    """The reader's secret of one purchase, by its nonce: an order's id covers the reader and cannot give it."""
    return _scalar(derived(secret, words((nonce,)), b"mlm/order-secret/1"))


def request_secret(secret: bytes, version_id: bytes) -> bytes:
    """The reader's secret of what this account asks for without an order."""
    return _scalar(derived(secret, version_id, b"mlm/request-secret/1"))


def ephemeral_secret(random: bytes) -> bytes:
    """An ephemeral scalar of 32 random bytes."""
    return _scalar(random)


def _scalar(raw: bytes) -> bytes:
    """In [1, order)."""
    return (int.from_bytes(raw, "big") % (ORDER - 1) + 1).to_bytes(32, "big")
