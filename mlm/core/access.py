"""Signed access: how a reader shows a gateway that it may have the blocks of a licensed asset. Pure.

A statement is of one account, one asset, one gateway and a few minutes, so that it is worth nothing anywhere else: who
is shown one can neither use it at another gateway nor keep it. What it does not say is that the account is entitled:
that the chain says, each time. docs/gateway.md has the protocol.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlm.core import urls
from mlm.core.digest import keccak256
from mlm.core.errors import InvalidData

HEADER = "Mlm-Access"
SECONDS = 120  # that a statement of ours holds
LONGEST = 600  # seconds that a gateway takes one for, its own clock's slack included
MAX_HEADER = 2_048  # characters
TYPES = {
    "Access": [
        {"name": "account", "type": "address"},
        {"name": "licence", "type": "uint256"},
        {"name": "tokenId", "type": "uint256"},
        {"name": "audience", "type": "bytes32"},
        {"name": "expiresAt", "type": "uint64"},
    ]
}
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")
_DIGITS = re.compile(r"0|[1-9][0-9]{0,77}")
_SIGNATURE = re.compile(r"0x[0-9a-f]{130}")
_FIELDS = ("account", "licence", "tokenId", "audience", "expiresAt", "signature")


@dataclass(frozen=True)
class Access:
    """What is signed. `licence` is the ERC-1155 id that entitles the account, 0 for the asset's owner.

    `account` is 0x-hex in lower case, `audience` that of the gateway, `expires_at` in seconds since 1970.
    """

    account: str
    licence: int
    token_id: int
    audience: bytes
    expires_at: int

    def message(self) -> dict[str, Any]:
        """As EIP-712 signs it."""
        return {
            "account": self.account,
            "licence": self.licence,
            "tokenId": self.token_id,
            "audience": self.audience,
            "expiresAt": self.expires_at,
        }


@dataclass(frozen=True)
class Challenge:
    """What a gateway asks for: a statement about an asset, on the chain and for the contract that it goes by."""

    chain_id: int
    licences: str  # LicenceToken, 0x-hex in lower case
    token_id: int

    def value(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"chainId": self.chain_id, "licences": self.licences, "tokenId": f"0x{self.token_id:064x}"}

    @classmethod
    def read(cls, value: Any) -> Challenge:
        """A gateway's own words; raises InvalidData."""
        found = value if isinstance(value, dict) else {}
        chain_id, licences, token = (found.get(name) for name in ("chainId", "licences", "tokenId"))
        if not (
            type(chain_id) is int
            and 0 < chain_id < 2**64
            and isinstance(licences, str)
            and _ADDRESS.fullmatch(licences)
            and isinstance(token, str)
            and re.fullmatch(r"0x[0-9a-f]{64}", token)
        ):
            raise InvalidData("expected chainId, licences and tokenId in what the gateway asks for")
        return cls(chain_id, licences, int(token, 16))


def domain(chain_id: int, licences: str) -> dict[str, Any]:
    """The EIP-712 domain."""
    return {"name": "mlm access", "version": "1", "chainId": chain_id, "verifyingContract": licences}


def audience(origin: str) -> bytes:
    """keccak256 of a gateway's origin as RFC 6454 spells it: scheme://host[:port], in lower case, no default port."""
    return keccak256(origin.encode())


def origin_of(url: str) -> str:
    """The origin of a gateway's URL. Raises UsageError."""
    found = urls.parse(url)
    host = f"[{found.host}]" if ":" in found.host else found.host
    scheme, usual = ("https", 443) if found.secure else ("http", 80)
    return f"{scheme}://{host.lower()}" + ("" if found.port in (None, usual) else f":{found.port}")


def to_header(access: Access, signature: bytes) -> str:
    """The header's value: unpadded base64url of JSON, numbers as decimal strings."""
    value = {
        "account": access.account,
        "licence": str(access.licence),
        "tokenId": str(access.token_id),
        "audience": "0x" + access.audience.hex(),
        "expiresAt": str(access.expires_at),
        "signature": "0x" + signature.hex(),
    }
    raw = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_header(text: str) -> tuple[Access, bytes]:
    """A statement and its signature, of whoever sent them; raises InvalidData for any other spelling."""
    if len(text) > MAX_HEADER:
        raise InvalidData(f"{HEADER}: expected at most {MAX_HEADER} characters, found {len(text)}")
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        value: Mapping[str, Any] = json.loads(raw)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise InvalidData(f"{HEADER}: expected unpadded base64url of JSON") from error
    if not isinstance(value, dict) or set(value) != set(_FIELDS) or not all(type(v) is str for v in value.values()):
        raise InvalidData(f"{HEADER}: expected the texts {', '.join(_FIELDS)}, and no more")
    numbers = [_number(value, name, bits) for name, bits in (("licence", 256), ("tokenId", 256), ("expiresAt", 64))]
    patterns = {"account": _ADDRESS, "audience": re.compile(r"0x[0-9a-f]{64}"), "signature": _SIGNATURE}
    for name, pattern in patterns.items():
        if not pattern.fullmatch(value[name]):
            raise InvalidData(f"{HEADER}: {name} is not 0x and lower-case digits of the right length")
    access = Access(value["account"], numbers[0], numbers[1], bytes.fromhex(value["audience"][2:]), numbers[2])
    return access, bytes.fromhex(value["signature"][2:])


def _number(value: Mapping[str, Any], name: str, bits: int) -> int:
    text = value[name]
    if not _DIGITS.fullmatch(text) or int(text) >= 1 << bits:
        raise InvalidData(f"{HEADER}: {name} is not a decimal number below 2^{bits}")
    return int(text)


def check(access: Access, *, audience: bytes, now: int) -> None:
    """Hold a statement to this gateway and this moment. Raises InvalidData, which says which of them failed.

    1. It is for this gateway.
    2. It has not expired, and does not hold for longer than LONGEST seconds: one that leaks is soon worth nothing.
    """
    # (1) Before all else: another gateway's statement says nothing here.
    if access.audience != audience:
        raise InvalidData(f"{HEADER}: signed for another gateway: expected audience 0x{audience.hex()}")
    # (2) Half-open, as everywhere.
    if now >= access.expires_at:
        raise InvalidData(f"{HEADER}: expired at {access.expires_at}, it is {now}")
    if access.expires_at - now > LONGEST:
        raise InvalidData(f"{HEADER}: holds for {access.expires_at - now} seconds, expected at most {LONGEST}")
