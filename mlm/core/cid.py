"""Content identifiers: CIDv1 over sha2-256, for the three codecs that mlm writes. Nothing here reads or stores a block.

Format: https://github.com/multiformats/cid (version 1), multibase base32 lower case without padding (RFC 4648).
"""

from __future__ import annotations

from base64 import b32decode, b32encode
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from mlm.core.errors import InvalidData

RAW = 0x55
DAG_PB = 0x70
DAG_CBOR = 0x71
CODECS = {RAW: "raw", DAG_PB: "dag-pb", DAG_CBOR: "dag-cbor"}

_SHA2_256 = 0x12
_BINARY_LENGTH = 36  # version, codec, hash function, hash length: a byte each; then 32 bytes
_TEXT_LENGTH = 59  # "b" and 58 base32 digits
_PREFIX = {codec: bytes((1, codec, _SHA2_256, 32)) for codec in CODECS}


@dataclass(frozen=True, slots=True, order=True)
class Cid:
    """The name of a block: its codec and the sha2-256 of its bytes. `str()` is canonical, and so is `bytes()`."""

    codec: int
    digest: bytes

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise InvalidData(f"a CID's codec must be raw, dag-pb or dag-cbor, got 0x{self.codec:x}")
        if len(self.digest) != 32:
            raise InvalidData(f"a CID's sha2-256 digest has 32 bytes, got {len(self.digest)}")

    @classmethod
    def of(cls, codec: int, data: bytes | bytearray | memoryview) -> Cid:
        """The CID of a block's bytes."""
        return cls(codec, sha256(data).digest())

    @classmethod
    def parse(cls, text: str) -> Cid:
        """Read the canonical text form; raises InvalidData for any other spelling, version, codec or hash function."""
        if len(text) == 46 and text.startswith("Qm"):
            raise InvalidData(f"expected a CIDv1, got the CIDv0 {text}", hint="Convert it with `ipfs cid base32 CID`.")
        if len(text) != _TEXT_LENGTH or text[0] != "b":
            raise InvalidData(f"expected a CIDv1 in base32 ({_TEXT_LENGTH} characters from 'b'), got {_short(text)}")
        if not text.isascii() or not text.islower():
            raise InvalidData(f"expected a CID in lower-case base32, got {_short(text)}")
        try:
            raw = b32decode(text[1:].upper() + "======")
        except ValueError as error:
            raise InvalidData(f"expected a CID in base32 (a-z, 2-7), got {_short(text)}") from error
        cid = cls.from_bytes(raw)
        if str(cid) != text:
            raise InvalidData(f"expected the canonical CID {cid}, got {text}")
        return cid

    @classmethod
    def from_bytes(cls, raw: bytes) -> Cid:
        """Read exactly 36 bytes; raises InvalidData otherwise."""
        if len(raw) != _BINARY_LENGTH:
            raise InvalidData(f"expected {_BINARY_LENGTH} bytes of a CIDv1 with sha2-256, got {len(raw)}")
        if raw[0] != 1:
            raise InvalidData(f"expected CID version 1, got {raw[0]}")
        if raw[2] != _SHA2_256 or raw[3] != 32:
            raise InvalidData(f"expected a CID with sha2-256 (0x12, 32 bytes), got hash 0x{raw[2]:x}, {raw[3]} bytes")
        return cls(raw[1], bytes(raw[4:]))

    def __bytes__(self) -> bytes:
        return _PREFIX[self.codec] + self.digest

    def __str__(self) -> str:
        return "b" + b32encode(bytes(self)).decode("ascii").lower().rstrip("=")

    def __json__(self) -> str:
        """What `--json` shows."""
        return str(self)

    def __repr__(self) -> str:
        return f"Cid({self})"

    def verify(self, data: bytes | bytearray | memoryview) -> None:
        """Raise InvalidData unless `data` is the block that this CID names."""
        actual = sha256(data).digest()
        if actual != self.digest:
            raise InvalidData(f"block {self} is damaged: its bytes have the CID {Cid(self.codec, actual)}")


def is_cid(text: str) -> bool:
    """Whether a text is a CID as a whole."""
    try:
        Cid.parse(text)
    except InvalidData:
        return False
    return True


def _short(text: str) -> str:
    """Hostile text in an error message: printable and short."""
    return repr(text if len(text) <= 80 else text[:77] + "...")
