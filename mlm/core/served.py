"""What a paid call binds beside its voucher: the server's terms, the signed result, and how they travel. Pure.

A result is signed by EIP-712 in the domain of the channels' contract, so that one is of one chain, one deployment and
one channel. Formats, and who checks what: docs/paying.md.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlm.core.digest import domain as domain_of
from mlm.core.digest import keccak256, words
from mlm.core.errors import InvalidData, VerificationFailed
from mlm.core.refs import ADDRESS

PROFILE_ANY = "mlm/profile/any/1"  # whatever the runner gives: the last bits of floats may differ elsewhere
PROFILE_EXACT = "mlm/profile/exact/1"  # whole numbers, which everybody computes alike (docs/fault-proofs.md)
VOUCHER_HEADER = "Mlm-Voucher"
RESULT_HEADER = "Mlm-Result"
X402_HEADER = "PAYMENT-REQUIRED"  # x402, version 2: the document of a 402, in standard base64
SCHEME = "mlm-channel"  # what x402 calls a way to pay; no x402 client knows this one
MAX_HEADER = 4096  # characters of either header
TYPES = {
    "ServedResult": [
        {"name": "channelId", "type": "bytes32"},
        {"name": "call", "type": "uint64"},
        {"name": "request", "type": "bytes32"},
        {"name": "versionId", "type": "bytes32"},
        {"name": "inputCommitment", "type": "bytes32"},
        {"name": "outputCommitment", "type": "bytes32"},
        {"name": "profile", "type": "bytes32"},
        {"name": "servedAt", "type": "uint64"},
    ]
}

_UINT64, _UINT128 = 1 << 64, 1 << 128


def domain(chain_id: int, channels: str) -> dict[str, Any]:
    """The EIP-712 domain of signed results; `channels` is the address of PaymentChannels."""
    return {"name": "mlm serving", "version": "1", "chainId": chain_id, "verifyingContract": channels}


ANY = "0x" + keccak256(PROFILE_ANY.encode()).hex()  # how a signed result names that profile


def exact_profile(input_commitment: bytes, output_commitment: bytes) -> str:
    """How a result of an exact model names its profile: keccak256(abi.encode(H("mlm/profile/exact/1"), both)), 0x-hex.

    Both commitments are those of the tier optimistic to this run, over all inputs and all outputs of the graph: what a
    fault proof of it starts from.
    """
    return "0x" + keccak256(words((domain_of(PROFILE_EXACT), input_commitment, output_commitment))).hex()


@dataclass(frozen=True)
class ServedResult:
    """What a payee signs: this output, for that request of that channel. `served_at`: seconds, by the server's clock.

    `signature` is 65 bytes r‖s‖v of the payee's account; the other words are 0x and 64 small digits.
    """

    channel: str
    call: int
    request: str
    version_id: str
    input_commitment: str
    output_commitment: str
    profile: str
    served_at: int
    signature: bytes = b""

    @property
    def members(self) -> bytes:
        """The words of the members of `TYPES`."""
        words = (self.request, self.version_id, self.input_commitment, self.output_commitment, self.profile)
        return b"".join(
            (
                bytes.fromhex(self.channel[2:]),
                self.call.to_bytes(32, "big"),
                bytes.fromhex("".join([each[2:] for each in words])),
                self.served_at.to_bytes(32, "big"),
            )
        )

    @property
    def message(self) -> dict[str, Any]:
        """The EIP-712 message of `TYPES`."""
        return {
            "channelId": bytes.fromhex(self.channel[2:]),
            "call": self.call,
            "request": bytes.fromhex(self.request[2:]),
            "versionId": bytes.fromhex(self.version_id[2:]),
            "inputCommitment": bytes.fromhex(self.input_commitment[2:]),
            "outputCommitment": bytes.fromhex(self.output_commitment[2:]),
            "profile": bytes.fromhex(self.profile[2:]),
            "servedAt": self.served_at,
        }

    def signed(self, signature: bytes) -> ServedResult:
        """The same with a signature."""
        return ServedResult(
            self.channel,
            self.call,
            self.request,
            self.version_id,
            self.input_commitment,
            self.output_commitment,
            self.profile,
            self.served_at,
            signature,
        )

    def to_json(self) -> dict[str, str]:
        """As in the header and in files: 0x-hex, and decimal digits for numbers."""
        return {
            "channel": self.channel,
            "call": str(self.call),
            "request": self.request,
            "versionId": self.version_id,
            "inputCommitment": self.input_commitment,
            "outputCommitment": self.output_commitment,
            "profile": self.profile,
            "servedAt": str(self.served_at),
            "signature": "0x" + self.signature.hex(),
        }

    @classmethod
    def from_json(cls, value: object) -> ServedResult:
        """The inverse; hostile input: raises InvalidData."""
        read = Reader(value, "a signed result")
        found = cls(
            *(read.word("channel"), read.number("call", _UINT64), read.word("request"), read.word("versionId")),
            *(read.word("inputCommitment"), read.word("outputCommitment"), read.word("profile")),
            *(read.number("servedAt", _UINT64), read.binary("signature", 65)),
        )
        read.finish()
        return found


def check_result(result: ServedResult, expected: ServedResult, signer: str, payee: str) -> None:
    """Raise VerificationFailed unless a result is the one that was paid for.

    1. `signer`, whoever the signature recovers to, is the payee.
    2. It is of the channel, the call, the request and the version that were asked for.
    3. Its input commitment is that of the tensors that were sent.
    4. Its output commitment is that of the tensors that came back.
    `expected` says what is asked for; its profile, time and signature are not looked at.
    """
    # (1)
    if signer.lower() != payee.lower():
        raise VerificationFailed(f"the result's signature: expected of the payee {payee}, found of {signer}")
    # (2), (3), (4)
    asked = expected.to_json()
    for name, found in result.to_json().items():
        if name in ("profile", "servedAt", "signature") or found == asked[name]:
            continue
        wanted, other = asked[name][:18], found[:18]
        what = {"outputCommitment": "the tensors that came with it", "inputCommitment": "the tensors sent"}
        raise VerificationFailed(
            f"the signed result's {name}: expected {wanted}{f' ({what[name]})' if name in what else ''}, found {other}"
        )


@dataclass(frozen=True)
class Terms:
    """What a server wants: which chain and contract its channels are of, whom it is, of what version, at what price.

    `price` is base units for a call; `margin` the seconds that a channel must still have before it expires.
    """

    chain_id: int
    genesis: str
    channels: str
    token: str
    payee: str
    version_id: str
    price: int
    margin: int

    def to_json(self) -> dict[str, Any]:
        """The object `mlm` of a 402, and `parameters.mlm` of a model's metadata."""
        return {
            "chainId": self.chain_id,
            "genesis": self.genesis,
            "channels": self.channels,
            "token": self.token,
            "payee": self.payee,
            "versionId": self.version_id,
            "price": str(self.price),
            "margin": self.margin,
        }

    @classmethod
    def from_json(cls, value: object) -> Terms:
        """The inverse; hostile input: raises InvalidData. Fields of later servers are left alone."""
        read = Reader(value, "the server's terms")
        return cls(
            read.number("chainId", 1 << 256),
            read.word("genesis"),
            *(read.address("channels"), read.address("token"), read.address("payee")),
            read.word("versionId"),
            read.number("price", _UINT128),
            read.number("margin", 1 << 32),
        )


def payment_required(terms: Terms, url: str, error: str) -> dict[str, Any]:
    """The body of a 402: x402's document (version 2), whose clients see a scheme that they do not know, and ours.

    Source: x402 specification v2, PaymentRequired.
    """
    asked = {
        "scheme": SCHEME,
        "network": f"eip155:{terms.chain_id}",
        "asset": terms.token,
        "amount": str(terms.price),
        "payTo": terms.payee,
        "maxTimeoutSeconds": 60,
        "extra": terms.to_json(),
    }
    return {
        "x402Version": 2,
        "error": error,
        "resource": {"url": url},
        "accepts": [asked],
        "mlm": terms.to_json(),
    }


def header(value: Mapping[str, Any]) -> str:
    """An object as a header carries it: unpadded base64url of its JSON."""
    import orjson

    return base64.urlsafe_b64encode(orjson.dumps(value)).decode().rstrip("=")


def from_header(text: str, what: str) -> dict[str, Any]:
    """The inverse; hostile input: raises InvalidData."""
    import orjson  # bounded depth, unlike json

    if len(text) > MAX_HEADER:
        raise InvalidData(f"expected {what} of at most {MAX_HEADER} characters, found {len(text)}")
    try:
        if text.rstrip("=") != text:
            raise ValueError
        value = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as error:
        raise InvalidData(f"expected {what} as unpadded base64url of JSON, found {text[:40]!r}") from error
    if not isinstance(value, dict):
        raise InvalidData(f"expected an object for {what}, found {type(value).__name__}")
    return value


class Reader:
    """An object of JSON from anybody, field by field. Every method raises InvalidData, naming object and field."""

    def __init__(self, value: object, what: str) -> None:
        if not isinstance(value, dict):
            raise InvalidData(f"expected an object for {what}, found {type(value).__name__}")
        self._value, self._what, self._taken = value, what, set[str]()

    def finish(self) -> None:
        """Nothing unknown may be carried along."""
        if unknown := sorted(map(str, self._value.keys() - self._taken)):
            raise InvalidData(f"unexpected field {unknown[0][:40]!r} in {self._what}")

    def number(self, name: str, below: int) -> int:
        """A number in [0, below): decimal digits, or one of JSON's own."""
        found = self._take(name)
        digits = isinstance(found, str) and len(found) <= 78 and found.isascii() and found.isdigit()
        number = int(found) if digits else found
        if type(number) is not int or not 0 <= number < below:
            raise self._wrong(name, f"a number below 2^{below.bit_length() - 1}", found)
        return number

    def word(self, name: str) -> str:
        """32 bytes, as 0x and 64 small digits."""
        return "0x" + self.binary(name, 32).hex()

    def binary(self, name: str, size: int) -> bytes:
        """`size` bytes as 0x-hex."""
        found = self._take(name)
        try:
            if not isinstance(found, str) or len(found) != 2 + 2 * size or not found.startswith("0x"):
                raise ValueError
            data = bytes.fromhex(found[2:])
        except ValueError:
            data = b""
        if len(data) != size:
            raise self._wrong(name, f"{size} bytes of 0x-hex", found)
        return data

    def address(self, name: str) -> str:
        """An account, in lower case."""
        found = self._take(name)
        if not isinstance(found, str) or not ADDRESS.fullmatch(found):
            raise self._wrong(name, "an address of 40 hex digits behind 0x", found)
        return found.lower()

    def _take(self, name: str) -> Any:
        self._taken.add(name)
        return self._value.get(name)

    def _wrong(self, name: str, expected: str, found: object) -> InvalidData:
        return InvalidData(f"{name!r} of {self._what}: expected {expected}, found {str(found)[:60]!r}")
