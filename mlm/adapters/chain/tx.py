"""EIP-1559 transactions (type 2): RLP, signature, hash. Pure Python but for libsecp256k1; no I/O.

Sources: EIP-1559, EIP-2718; the Yellow Paper's appendix B (RLP). Tests hold it against eth_account.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.digest import keccak256
from mlm.ports.signer import Signed

Rlp = bytes | list["Rlp"]


@dataclass(frozen=True)
class Transaction:
    """An unsigned type-2 transaction. `to` is None for a contract's creation; fees are wei per gas."""

    chain_id: int
    nonce: int
    priority_fee: int
    max_fee: int
    gas: int
    to: str | None
    value: int
    data: bytes

    def _fields(self) -> list[Rlp]:
        to = bytes.fromhex(self.to[2:]) if self.to else b""
        numbers = (self.chain_id, self.nonce, self.priority_fee, self.max_fee, self.gas)
        return [*(_number(number) for number in numbers), to, _number(self.value), self.data, []]

    def unsigned(self) -> bytes:
        """What is signed: the type and the RLP of the fields."""
        return b"\x02" + rlp(self._fields())

    def sign(self, key: bytes) -> Signed:
        """Sign with a 32-byte secp256k1 key (deterministic, low s)."""
        from coincurve import PrivateKey

        digest = keccak256(self.unsigned())
        signature = PrivateKey(key).sign_recoverable(digest, hasher=None)
        r, s, parity = signature[:32], signature[32:64], signature[64]
        parts: list[Rlp] = [_number(parity), r.lstrip(b"\0"), s.lstrip(b"\0")]
        raw = b"\x02" + rlp(self._fields() + parts)
        return Signed(raw, "0x" + keccak256(raw).hex(), self.nonce, self.priority_fee, self.max_fee, self.gas)


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def rlp(value: Rlp) -> bytes:
    """Recursive length prefix encoding."""
    if isinstance(value, bytes):
        return value if len(value) == 1 and value[0] < 0x80 else _head(0x80, len(value)) + value
    body = b"".join(rlp(item) for item in value)
    return _head(0xC0, len(body)) + body


def call_fields(to: str, value: int, data: bytes) -> bytes:
    """Receiver (0x-hex, or 0x for a creation), value and data as they follow each other in a signed transaction."""
    return rlp(bytes.fromhex(to[2:])) + rlp(_number(value)) + rlp(data)


def _head(offset: int, length: int) -> bytes:
    if length < 56:
        return bytes([offset + length])
    size = _number(length)
    return bytes([offset + 55 + len(size)]) + size


def create_address(sender: str, nonce: int) -> str:
    """The address of the contract that `sender` creates with `nonce` (Yellow Paper, section 7), lower case."""
    return "0x" + keccak256(rlp([bytes.fromhex(sender[2:]), _number(nonce)]))[12:].hex()


def address_of_key(key: bytes) -> str:
    """The checksummed address of a secp256k1 key."""
    from coincurve import PrivateKey

    point = PrivateKey(key).public_key.format(compressed=False)
    return checksum("0x" + keccak256(point[1:])[12:].hex())


def checksum(address: str) -> str:
    """EIP-55."""
    text = address[2:].lower()
    digest = keccak256(text.encode()).hex()
    return "0x" + "".join(c.upper() if int(digest[i], 16) >= 8 else c for i, c in enumerate(text))
