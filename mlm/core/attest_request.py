"""What a provider asks of an attester, about a job's result or a session key, and what comes back: JSON. Pure.

Neither is taken at its word: an attester holds what it is asked against the chain's job, a provider what it is answered
against what it expects.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import Any

from mlm.core.attesting import SIGNATURE_BYTES, Attestation
from mlm.core.clock import LAST
from mlm.core.errors import InvalidData
from mlm.core.tee import MAX_MEASUREMENTS, NO_JOB
from mlm.core.tee_files import MAX_EVIDENCE

PATH = "/v1/attest"
MAX_BODY = 1 << 20  # bytes of a request; an answer is far smaller
MAX_ANSWER = 1 << 14
_UINT = 1 << 256
_EVIDENCE = ("x", "y", "checkedAt", "simulated", "quote", "collateral")
_FIELDS = ("job", "model", "measurements", "root", *_EVIDENCE)
_KEY_FIELDS = ("provider", "model", "expiresAt", *_EVIDENCE)


@dataclass(frozen=True)
class AttestRequest:
    """A quote and its collateral, of which job they are, and what the chain does not know yet: `root` is the outputs'.

    `checked_at`: the instant, in seconds of the chain's clock, about which all attesters are asked.
    """

    job_id: str
    model: bytes
    measurements: tuple[bytes, ...]
    root: bytes
    x: int
    y: int
    checked_at: int
    simulated: bool
    quote: bytes = field(repr=False)
    collateral: bytes = field(repr=False)

    def to_json(self) -> bytes:
        """The request's body."""
        return json.dumps(
            {
                "job": self.job_id,
                "model": _hex(self.model),
                "measurements": [_hex(each) for each in self.measurements],
                "root": _hex(self.root),
                **_evidence(self),
            }
        ).encode()

    @classmethod
    def from_json(cls, body: bytes) -> AttestRequest:
        """A request of anybody; raises InvalidData."""
        found = _object(body, _FIELDS, "a request for an attestation")
        listed = found["measurements"]
        if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_MEASUREMENTS:
            raise InvalidData(f"expected 1 to {MAX_MEASUREMENTS} measurements in a request for an attestation")
        return cls(
            "0x" + _word(found["job"], "job").hex(),
            _word(found["model"], "model"),
            tuple(_word(each, "measurements") for each in listed),
            _word(found["root"], "root"),
            *_evidence_of(found),
        )


@dataclass(frozen=True)
class KeyRequest:
    """A session key of the point (x, y), and the quote that binds it, its provider, its model and its end.

    Chain and market are the attester's own. `checked_at` as of a result.
    """

    provider: str
    model: bytes
    expires_at: int
    x: int
    y: int
    checked_at: int
    simulated: bool
    quote: bytes = field(repr=False)
    collateral: bytes = field(repr=False)

    @property
    def job_id(self) -> str:
        """What its attestation has for a job."""
        return NO_JOB

    def to_json(self) -> bytes:
        """The request's body."""
        head = {"provider": self.provider, "model": _hex(self.model), "expiresAt": self.expires_at}
        return json.dumps({**head, **_evidence(self)}).encode()

    @classmethod
    def from_json(cls, body: bytes) -> KeyRequest:
        """A request of anybody; raises InvalidData."""
        found = _object(body, _KEY_FIELDS, "a request for a session key")
        provider, end = _bytes(found["provider"], "provider", 20), _seconds(found["expiresAt"], "expiresAt")
        return cls("0x" + provider.hex(), _word(found["model"], "model"), end, *_evidence_of(found))


@dataclass(frozen=True)
class Signed:
    """An attester's answer: what it signed, and its signature."""

    attestation: Attestation
    signature: bytes

    def to_json(self) -> dict[str, Any]:
        """The answer's document."""
        return {"attestation": self.attestation.to_json(), "signature": _hex(self.signature)}

    @classmethod
    def from_json(cls, body: bytes) -> Signed:
        """An answer of anybody; raises InvalidData. Whose signature it is, is not checked here."""
        found = _object(body, ("attestation", "signature"), "an attester's answer")
        text = found["signature"]
        try:
            if not isinstance(text, str) or not text.startswith("0x") or len(text) != 2 + 2 * SIGNATURE_BYTES:
                raise ValueError
            signature = bytes.fromhex(text[2:])
        except ValueError as error:
            raise InvalidData(f"expected a signature of {SIGNATURE_BYTES} bytes in an attester's answer") from error
        return cls(Attestation.from_json(found["attestation"]), signature)


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _object(body: bytes, names: tuple[str, ...], what: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidData(f"expected {what} as JSON, found {str(error)[:80]}") from error
    if not isinstance(found, dict) or set(found) != set(names):
        raise InvalidData(f"expected {what} with the fields {', '.join(names)}")
    return found


def _evidence(asked: AttestRequest | KeyRequest) -> dict[str, Any]:
    """The fields of _EVIDENCE."""
    return {
        "x": hex(asked.x),
        "y": hex(asked.y),
        "checkedAt": asked.checked_at,
        "simulated": asked.simulated,
        "quote": base64.b64encode(asked.quote).decode(),
        "collateral": base64.b64encode(asked.collateral).decode(),
    }


def _evidence_of(found: dict[str, Any]) -> tuple[int, int, int, bool, bytes, bytes]:
    """The inverse; raises InvalidData."""
    if type(found["simulated"]) is not bool:
        raise InvalidData("expected simulated true or false")
    return (
        _number(found["x"], "x"),
        _number(found["y"], "y"),
        _seconds(found["checkedAt"], "checkedAt"),
        found["simulated"],
        _base64(found["quote"], "quote"),
        _base64(found["collateral"], "collateral"),
    )


def _word(value: Any, name: str) -> bytes:
    return _bytes(value, name, 32)


def _bytes(value: Any, name: str, size: int) -> bytes:
    try:
        if isinstance(value, str) and len(value) == 2 + 2 * size and value.startswith("0x"):
            return bytes.fromhex(value[2:])
    except ValueError:
        pass
    raise InvalidData(f"{name}: expected 0x and {2 * size} digits, found {str(value)[:80]!r}")


def _seconds(value: Any, name: str) -> int:
    if type(value) is not int or not 0 <= value <= LAST:
        raise InvalidData(f"expected {name} in seconds, found {str(value)[:80]!r}")
    return int(value)


def _number(value: Any, name: str) -> int:
    try:
        found = int(value, 16) if isinstance(value, str) and len(value) <= 66 else -1
    except ValueError:
        found = -1
    if not 0 <= found < _UINT:
        raise InvalidData(f"{name}: expected a number in hexadecimal digits, found {str(value)[:80]!r}")
    return found


def _base64(value: Any, name: str) -> bytes:
    try:
        if isinstance(value, str) and len(value) <= MAX_EVIDENCE * 2:
            return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise InvalidData(f"{name}: expected at most {MAX_EVIDENCE} bytes in base64")
