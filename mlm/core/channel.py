"""Payment channels: what a payer signs for each call, how it travels, and what names a channel. Pure.

devnet/contracts/PaymentChannels.sol computes the same; tests/vectors/channels.json holds both. The protocol, on both
sides: docs/channels.md. When a payee may serve a call: mlm/core/admission.py.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from mlm.core.digest import domain as domain_of
from mlm.core.digest import keccak256, word, words
from mlm.core.errors import InvalidData
from mlm.core.terms import camel

MAX_AMOUNT = (1 << 128) - 1
MAX_CALLS = (1 << 64) - 1
# A key's signature has 65 bytes; a contract's (ERC-1271) may be longer.
MAX_SIGNATURE_BYTES = 1024
MAX_HEADER_CHARACTERS = 4096

_WORD, _DIGITS = 32, len(str(MAX_AMOUNT))
_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")  # base64url's own characters -> base64's, and back to none

# ---------------------------------------------------------------- the channel


class ChannelState(StrEnum):
    """Computed from stored facts and the clock, in the order of the contract's enum."""

    UNKNOWN = "unknown"
    OPEN = "open"  # vouchers are paid
    EXPIRED = "expired"  # the rest can be refunded
    CLOSED = "closed"  # by the payee
    REFUNDED = "refunded"


@dataclass(frozen=True)
class ChannelTerms:
    """What a channel's id covers: who pays whom for which version, and what was frozen at the opening.

    The field order is the contract's `ChannelTerms`. Addresses and hashes are 0x-prefixed; prices in base units.
    """

    payer: str
    signer: str  # whose signature vouchers need: a key, or a contract (ERC-1271)
    payee: str
    nonce: int
    version_id: str
    use_price: int  # what the owner of the version is owed for a call, at least
    owner_bps: int
    treasury_bps: int  # of the protocol fee
    stakers_bps: int
    payees: tuple[str, ...]
    bps: tuple[int, ...]

    def as_args(self) -> tuple[Any, ...]:
        """A tuple as the ABI takes it, bytes32 as bytes."""
        values = (getattr(self, item.name) for item in fields(self))
        return tuple(
            bytes.fromhex(value[2:]) if item.name == "version_id" else value
            for item, value in zip(fields(self), values, strict=True)
        )


def terms_from_event(values: Mapping[str, Any]) -> ChannelTerms:
    """The terms in a decoded ChannelOpened event (camelCase names); raises InvalidData for a missing field."""
    taken: dict[str, Any] = {}
    for item in fields(ChannelTerms):
        if (name := camel(item.name)) not in values:
            raise InvalidData(f"the terms of a channel without {name}")
        value = values[name]
        if isinstance(value, bytes):
            value = "0x" + value.hex()
        taken[item.name] = tuple(value) if isinstance(value, (list, tuple)) else value
    return ChannelTerms(**taken)


def channel_id(chain_id: int, contract: str, terms: ChannelTerms) -> str:
    """keccak256(abi.encode(H("mlm/channel/1"), chainid, contract, terms)), 0x-prefixed.

    Terms are part of it: after a reorganisation a channel with other terms has another id, and no voucher of this one.
    """
    head = [domain_of("mlm/channel/1"), word(chain_id), word(int(contract, 16)), word(4 * _WORD)]
    static = terms.as_args()[:-2]
    first = _WORD * len(fields(terms))
    tails = [
        words((len(terms.payees), *(int(payee, 16) for payee in terms.payees))),
        words((len(terms.bps), *terms.bps)),
    ]
    body = words(int(value, 16) if isinstance(value, str) else value for value in static)
    return "0x" + keccak256(b"".join(head) + body + words((first, first + len(tails[0]))) + b"".join(tails)).hex()


@dataclass(frozen=True)
class Channel:
    """A channel as the chain has it. Amounts in base units, times in seconds of the chain's clock."""

    id: str
    terms: ChannelTerms
    deposit: int
    claimed: int  # of the deposit, credited already
    claimed_calls: int
    expires_at: int  # vouchers are paid before it, the rest is refunded from it on
    ending: ChannelState | None = None  # CLOSED or REFUNDED

    def state(self, now: int) -> ChannelState:
        """The table of docs/channels.md."""
        if self.ending is not None:
            return self.ending
        return ChannelState.OPEN if now < self.expires_at else ChannelState.EXPIRED

    @property
    def left(self) -> int:
        """What a refund would give now."""
        return 0 if self.ending else self.deposit - self.claimed


# ---------------------------------------------------------------- the voucher


@dataclass(frozen=True)
class Voucher:
    """`amount` in all, for `calls` calls in all: the number of this call, from 1. `request` binds it to one call."""

    channel: str  # 0x, 32 bytes
    amount: int
    calls: int
    request: str  # 0x, 32 bytes

    def __post_init__(self) -> None:
        for name, text in (("channel", self.channel), ("request", self.request)):
            if len(_unhex(text) or b"") != _WORD:
                raise _wrong(name, "0x and 64 small hex digits", text)
        for name, number, most in (("amount", self.amount, MAX_AMOUNT), ("calls", self.calls, MAX_CALLS)):
            if not 1 <= number <= most:
                raise InvalidData(f"a voucher's {name}: expected 1 to {most}, found {number}")

    @property
    def members(self) -> bytes:
        """The words of the members of `TYPES`."""
        return b"".join(
            (
                bytes.fromhex(self.channel[2:]),
                self.amount.to_bytes(_WORD, "big"),
                self.calls.to_bytes(_WORD, "big"),
                bytes.fromhex(self.request[2:]),
            )
        )


@dataclass(frozen=True)
class SignedVoucher:
    """A voucher and the signature of the channel's signer: money, for the payee."""

    voucher: Voucher
    signature: bytes

    def __post_init__(self) -> None:
        if not 1 <= len(self.signature) <= MAX_SIGNATURE_BYTES:
            raise InvalidData(
                f"a voucher's signature: expected 1 to {MAX_SIGNATURE_BYTES} bytes, found {len(self.signature)}"
            )


TYPES = {
    "Voucher": [
        {"name": "channelId", "type": "bytes32"},
        {"name": "amount", "type": "uint128"},
        {"name": "calls", "type": "uint64"},
        {"name": "request", "type": "bytes32"},
    ]
}


def domain(chain_id: int, contract: str) -> dict[str, Any]:
    """The EIP-712 domain of vouchers: bound to the chain and its PaymentChannels."""
    return {"name": "mlm payment channels", "version": "1", "chainId": chain_id, "verifyingContract": contract}


def message(voucher: Voucher) -> dict[str, Any]:
    """The EIP-712 message of a voucher."""
    return {
        "channelId": bytes.fromhex(voucher.channel[2:]),
        "amount": voucher.amount,
        "calls": voucher.calls,
        "request": bytes.fromhex(voucher.request[2:]),
    }


def request_digest(channel: str, calls: int, version_id: str, input_commitment: str) -> str:
    """keccak256(abi.encode(H("mlm/request/1"), channelId, uint64 calls, versionId, inputCommitment)), 0x-prefixed.

    What a voucher pays for: this call of this channel, of this version, on these tensors.
    """
    parts = (bytes.fromhex(value[2:]) for value in (version_id, input_commitment))
    return "0x" + keccak256(words((domain_of("mlm/request/1"), bytes.fromhex(channel[2:]), calls, *parts))).hex()


def next_voucher(channel: str, last: Voucher | None, *, price: int, request: str, calls: int | None = None) -> Voucher:
    """The voucher of a payer's next call, or of call `calls`: it pays `price` for each call up to its own number.

    `last` is the one with the largest amount that was ever signed; amounts never fall.
    """
    number = calls if calls is not None else (last.calls if last else 0) + 1
    return Voucher(channel, max(number * price, last.amount if last else 0), number, request)


# ---------------------------------------------------------------- the header `Mlm-Voucher`


def encode_header(signed: SignedVoucher) -> str:
    """Unpadded base64url (RFC 4648) of a JSON object with the fields of the voucher; numbers are decimal strings."""
    voucher = signed.voucher
    record = {
        "channel": voucher.channel,
        "amount": str(voucher.amount),
        "calls": str(voucher.calls),
        "request": voucher.request,
        "signature": "0x" + signed.signature.hex(),
    }
    return base64.urlsafe_b64encode(json.dumps(record, separators=(",", ":")).encode()).rstrip(b"=").decode()


def decode_header(text: str) -> SignedVoucher:
    """The inverse of `encode_header`. Hostile: raises InvalidData for what is anything else, naming what was expected.

    JSON may hold spaces and have its fields in any order; a field that is unknown, missing or there twice is refused.
    """
    import orjson  # bounded depth, unlike json

    if len(text) > MAX_HEADER_CHARACTERS:
        raise InvalidData(f"a voucher of {len(text)} characters, more than the limit of {MAX_HEADER_CHARACTERS}")
    # (1) base64url, without padding: the standard's own characters and `=` become one that is of neither.
    try:
        data = binascii.a2b_base64(
            text.encode("ascii").translate(_STANDARD) + b"=" * (-len(text) % 4), strict_mode=True
        )
    except ValueError as error:
        raise InvalidData(f"a voucher: expected unpadded base64url, found other characters: {error}") from error
    # (2) One JSON object.
    try:
        record = orjson.loads(data)
    except ValueError as error:
        raise InvalidData(f"a voucher: expected base64url of a JSON object: {str(error)[:80]}") from error
    found = voucher_from(record)
    # (3) No field twice, of which the library takes the last: a name and a value have two quotation marks each, and
    # none within.
    if data.count(b'"') != 4 * len(record):
        raise InvalidData("a voucher: a field is there twice")
    return found


def voucher_from(record: Any) -> SignedVoucher:
    """A signed voucher from a decoded JSON object, e.g. of an answer; raises InvalidData."""
    expected = {"channel", "amount", "calls", "request", "signature"}
    if not isinstance(record, dict) or set(record) != expected:
        raise InvalidData(f"a voucher: expected an object with the fields {', '.join(sorted(expected))}")
    signature = _unhex(record["signature"])
    if signature is None:
        raise _wrong("signature", "0x and small hex digits", record["signature"])
    amount, calls = _number(record, "amount"), _number(record, "calls")
    return SignedVoucher(Voucher(record["channel"], amount, calls, record["request"]), signature)


def _number(record: Mapping[str, Any], name: str) -> int:
    text = record[name]
    digits = isinstance(text, str) and len(text) <= _DIGITS and text.isascii() and text.isdigit()
    if not digits or (text[0] == "0" and len(text) > 1):
        raise _wrong(name, "a decimal string", text)
    return int(text)


def _unhex(text: Any) -> bytes | None:
    """The bytes of 0x and small hex digits; None for anything else, of which the library takes some."""
    try:
        raw = bytes.fromhex(text[2:])
    except (TypeError, ValueError):
        return None
    return raw if text == "0x" + raw.hex() else None


def _wrong(name: str, expected: str, found: object) -> InvalidData:
    return InvalidData(f"a voucher's {name}: expected {expected}, found {str(found)[:80]!r}")
