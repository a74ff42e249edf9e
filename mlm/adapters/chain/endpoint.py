"""One JSON-RPC endpoint over one keep-alive HTTP connection: bounded in time and size, and its errors.

Choosing among several endpoints is rpc.py's; what a method means is read.py's and send.py's.
"""

from __future__ import annotations

import base64
import http.client
import ssl
import threading
import time
from collections.abc import Sequence
from typing import Any

from mlm.adapters.http import Limit, Timed, printable
from mlm.core import urls
from mlm.core.errors import ChainError

MAX_RESPONSE = 256 * 1024 * 1024  # bytes; 100,000 logs are about 69 MB
_BUSY = (429, 502, 503)  # worth another try after a pause
_DEAD_CONNECTION = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)
# How nodes and their proxies say that another one, or the same one later, may answer. No standard has it.
_PASSING = ("rate limit", "too many requests", "not synced", "is syncing", "header not found", "unknown block")

Request = tuple[str, Sequence[Any]]


class RpcError(ChainError):
    """The node answered with an error object. `rpc_code`, `rpc_message` and `data` are the node's own words."""

    code = "rpc"

    def __init__(self, where: str, method: str, rpc_code: int, rpc_message: str, data: Any) -> None:
        self.method, self.rpc_code, self.rpc_message, self.data = method, rpc_code, rpc_message, data
        super().__init__(f"{where} refused {method}: {printable(rpc_message)} (code {rpc_code})")

    @property
    def unsupported(self) -> bool:
        """Whether the node does not know the method at all."""
        text = self.rpc_message.lower()
        return self.rpc_code == -32601 or "method not found" in text or "not supported" in text

    @property
    def passing(self) -> bool:
        """Whether it says something of the node, behind or overrun, and nothing of the call."""
        text = self.rpc_message.lower()
        return self.rpc_code in (429, -32029) or any(word in text for word in _PASSING)


class Busy(ChainError):
    """The endpoint asks for a pause."""


class TooLarge(ChainError):
    """The answer passes the size limit: ask for less."""


class Endpoint:
    """One URL. Safe to share between threads: requests take turns on the connection."""

    def __init__(self, url: str, max_response: int = MAX_RESPONSE, advice: str = "", patient: bool = True) -> None:
        """`advice` is the hint when it cannot be reached; `patient`: a busy one is asked again. Raises UsageError."""
        self._url = urls.parse(url)
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._url.user is not None:
            self._headers["Authorization"] = "Basic " + base64.b64encode(self._url.user.encode()).decode()
        self.where = self._url.shown
        self._max, self._advice, self._patient = max_response, advice, patient
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        self._id = 0

    def __repr__(self) -> str:
        return f"Endpoint({self.where})"

    def call(self, request: Request, within: float) -> Any:
        """One call's result. `within` bounds it from connecting to the last byte, in seconds.

        Raises RpcError for the node's own error, Busy, TooLarge, and ChainError for anything else.
        """
        return self._result(request[0], self._send([request], True, within)[0])

    def batch(self, calls: Sequence[Request], within: float) -> list[Any]:
        """Results in order of `calls`, from one HTTP request; raises the first error."""
        answers = self._send(calls, False, within)
        return [self._result(method, answer) for (method, _), answer in zip(calls, answers, strict=True)]

    def close(self) -> None:
        """Drop the connection; the next call opens another."""
        with self._lock:
            self._drop()

    def _result(self, method: str, answer: dict[str, Any]) -> Any:
        error = answer.get("error")
        if error is not None:
            if not isinstance(error, dict):
                raise self._nonsense(method, f"an error that is no object: {str(error)[:80]!r}")
            code = error.get("code")
            raise RpcError(
                self.where, method, code if isinstance(code, int) else 0, str(error.get("message")), error.get("data")
            )
        if "result" not in answer:
            raise self._nonsense(method, "an answer with neither result nor error")
        return answer["result"]

    def _send(self, calls: Sequence[Request], single: bool, within: float) -> list[dict[str, Any]]:
        import orjson

        methods = calls[0][0] if single or len(calls) == 1 else f"{calls[0][0]} and {len(calls) - 1} more"
        with self._lock:
            first = self._id + 1
            self._id += len(calls)
            requests = [
                {"jsonrpc": "2.0", "id": first + i, "method": method, "params": list(params)}
                for i, (method, params) in enumerate(calls)
            ]
            raw = self._exchange(orjson.dumps(requests[0] if single else requests), methods, within)
        try:
            decoded = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise self._nonsense(methods, f"no JSON: {raw[:60]!r}") from error
        # A node that refuses the whole batch answers one error object.
        answers = [decoded] if single or isinstance(decoded, dict) else decoded
        if not isinstance(answers, list) or not all(isinstance(answer, dict) for answer in answers):
            raise self._nonsense(methods, f"no JSON-RPC answer: {raw[:60]!r}")
        if len(answers) == 1 and len(calls) > 1 and "error" in answers[0]:
            self._result(methods, answers[0])
        by_id = {answer.get("id"): answer for answer in answers if isinstance(answer.get("id"), int)}
        if single and "error" in answers[0] and answers[0].get("id") is None:
            return answers  # JSON-RPC 2.0: the id is null when the node could not read the request
        missing = [i for i in range(first, first + len(calls)) if i not in by_id]
        if missing:
            raise self._nonsense(methods, f"no answer to request {missing[0]}")
        return [by_id[first + i] for i in range(len(calls))]

    def _exchange(self, body: bytes, methods: str, within: float) -> bytes:
        limit, deadline = Limit(within), time.monotonic() + within
        fresh_tries, pause = 1, 0.25
        while True:
            reused = self._connection is not None
            try:
                status, raw = self._once(body, limit)
            except TimeoutError as error:
                self._drop()
                raise ChainError(
                    f"{self.where} did not answer {methods} within {within:.3g} s",
                    hint="Raise chain.timeout, or choose another node with `mlm network`.",
                ) from error
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                # A kept connection may have been closed by the node meanwhile: that says nothing of the node.
                # Every method we use is idempotent, eth_sendRawTransaction included.
                if isinstance(error, _DEAD_CONNECTION) and (reused or fresh_tries > 0):
                    fresh_tries -= 0 if reused else 1
                    continue
                raise ChainError(
                    f"{self.where} cannot be reached for {methods}: {_reason(error)}",
                    hint=self._advice or "Check the node with `mlm network show`.",
                ) from error
            if status in _BUSY and self._patient and time.monotonic() + pause < deadline:
                time.sleep(pause)
                pause *= 2
                continue
            # Many nodes send a JSON-RPC error with status 400 or 500: let the body speak when it is JSON.
            if status != 200 and raw[:1] not in (b"{", b"["):
                kind = Busy if status in _BUSY else ChainError
                raise kind(f"{self.where} answered {methods} with HTTP status {status}, expected 200")
            return raw

    def _once(self, body: bytes, limit: Limit) -> tuple[int, bytes]:
        connection = self._connection or self._open()
        self._connection = connection
        # http.client reads the head from the socket's file line by line, each with a time limit of its own.
        connection.response_class = lambda sock, **options: http.client.HTTPResponse(  # type: ignore[assignment]
            Timed(sock, limit),  # type: ignore[arg-type]
            **options,
        )
        connection.timeout = limit.left()
        if connection.sock is None:
            connection.connect()
        connection.sock.settimeout(limit.left())
        connection.request("POST", self._url.target, body, self._headers)
        response = connection.getresponse()
        if (response.length or 0) > self._max:
            self._drop()
            raise self._too_large(response.length or 0)
        chunks, size = [], 0
        while True:
            chunk = response.read1(1 << 20)
            if not chunk:
                break
            chunks.append(chunk)
            size += len(chunk)
            if size > self._max:
                self._drop()
                raise self._too_large(size)
        if response.length:
            raise http.client.HTTPException(f"an answer cut short by {response.length} bytes")
        response.close()  # read1 leaves it open at its end, and the connection busy
        if response.will_close:
            self._drop()
        return response.status, b"".join(chunks)

    def _open(self) -> http.client.HTTPConnection:
        host, port = self._url.host, self._url.port
        if self._url.secure:
            return http.client.HTTPSConnection(host, port, context=ssl.create_default_context())
        return http.client.HTTPConnection(host, port)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _too_large(self, size: int) -> TooLarge:
        return TooLarge(f"{self.where} answered with {size} bytes or more, expected at most {self._max}")

    def _nonsense(self, method: str, found: str) -> ChainError:
        return ChainError(f"{self.where} answered {method} with nonsense: expected JSON-RPC 2.0, found {found}")


def _reason(error: Exception) -> str:
    return printable(str(error)) or type(error).__name__
