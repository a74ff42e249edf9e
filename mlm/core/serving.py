"""Serving a model: limits, what is refused and with which status, rates. Pure.

The protocol's documents are in inference.py, vouchers in channel.py, signed results in served.py.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from mlm.core.errors import MlmError, UsageError
from mlm.core.inference import Signature, model_metadata

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")  # a model's name, as it stands in paths


class Status(Enum):
    """Why a call is refused: the HTTP status, and the stable word in the answer's `code`."""

    MALFORMED = 400, "malformed"
    UNAUTHORIZED = 401, "signature_invalid"
    PAYMENT_REQUIRED = 402, "payment_required"
    FORBIDDEN = 403, "not_entitled"
    NOT_FOUND = 404, "not_found"
    METHOD = 405, "method_not_allowed"
    TOO_SLOW = 408, "too_slow"
    CONFLICT = 409, "conflict"
    TOO_LARGE = 413, "too_large"
    MEDIA_TYPE = 415, "unsupported_media_type"
    TOO_MANY = 429, "too_many_calls"
    HEADERS = 431, "headers_too_large"
    FAILED = 500, "model_failed"
    BUSY = 503, "busy"

    @property
    def http(self) -> int:
        """The status of the answer."""
        return int(self.value[0])

    @property
    def word(self) -> str:
        """What programs tell refusals apart by."""
        return str(self.value[1])


class Refusal(MlmError):
    """A call that is not served. `word` is the stable code, `retry_after` in whole seconds.

    `detail` goes into the answer's JSON, `headers` into its headers.
    """

    def __init__(
        self,
        status: Status,
        message: str,
        *,
        word: str = "",
        retry_after: int | None = None,
        detail: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.word, self.retry_after = status, word or status.word, retry_after
        self.detail, self.headers = detail or {}, headers or {}

    def document(self) -> dict[str, Any]:
        """The answer's JSON: `error` as the protocol has it, and more beside it."""
        return {**self.detail, "error": str(self), "code": self.word}


@dataclass(frozen=True)
class Limits:
    """What one server takes. Bytes, seconds, counts."""

    body: int = 8 << 20  # bytes of one request's body
    headers: int = 16 << 10  # bytes of one request's line and headers
    seconds: float = 10.0  # in which a request's headers, and then its body, must have come
    idle: float = 30.0  # that a connection may stay open between two requests
    connections: int = 512
    queue: int = 256  # calls that wait for the model
    batch: int = 32  # calls that run together
    payer_calls: int = 64  # calls of one payer at once
    payer_rate: float = 0.0  # calls of one payer a second, on average; 0: no bound
    drain: float = 30.0  # seconds that admitted calls have to end in when the server stops

    @property
    def held(self) -> int:
        """Bytes of bodies that are in memory at once, together."""
        return 8 * self.body


class Rate:
    """Token buckets by payer: `rate` calls a second on average, twice that at once. Of the latest payers only.

    To forget one gives it a full bucket, so as many are kept as could be connected at once, and more.
    """

    def __init__(self, rate: float, most: int = 4096) -> None:
        self._rate, self._most = rate, most
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # payer -> tokens, and when

    def take(self, payer: str, now: float) -> float:
        """Take one call; 0.0 when it is within the rate, else the seconds to wait. `now` is monotonic."""
        if self._rate <= 0:
            return 0.0
        full = max(1.0, 2 * self._rate)
        tokens, before = self._buckets.pop(payer, (full, now))
        tokens = min(full, tokens + (now - before) * self._rate)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
        self._buckets[payer] = (tokens - 1 if not wait else tokens, now)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return wait


def model_name(given: str | None, source: str) -> str:
    """The name under which a model is served: what was asked for, else the last part of where it comes from."""
    if given is not None:
        if not NAME.fullmatch(given):
            raise UsageError(f"--name: expected letters, digits, '.', '_' and '-', found {given[:60]!r}")
        return given
    last = source.partition("@")[0].rstrip("/").rpartition("/")[2].removesuffix(".onnx")
    return last if NAME.fullmatch(last) else "model"


@dataclass
class Served:
    """The answer to one call, and what the log says of who paid."""

    body: bytes
    headers: dict[str, str]
    logged: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """What a server serves: one model. `terms` is what a call costs and where it is paid, None where it is free."""

    name: str
    version: str
    signature: Signature
    terms: Mapping[str, Any] | None = None

    def metadata(self) -> dict[str, Any]:
        """The model's metadata; what is mlm's own stands under parameters.mlm."""
        return model_metadata(self.name, [self.version], self.signature, {"mlm": self.terms or {"free": True}})


def to_claim(due: int, expires_at: int, now: int, *, threshold: int, margin: int) -> bool:
    """Whether a channel's best voucher is to be claimed now: `due` beyond what was claimed, in base units.

    From `threshold` on (0: never for that), and whatever is due within twice the `margin` seconds before the expiry:
    nothing is served within the last one, so that a claim has all of it to be included.
    """
    return due > 0 and (0 < threshold <= due or now + 2 * margin >= expires_at)
