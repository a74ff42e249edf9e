"""Raw JSON-RPC over one keep-alive HTTP connection: bounded in time and size, and its error.

What a method means lives in read.py and send.py. A node is hostile: every answer is checked for shape before use.
"""

from __future__ import annotations

import base64
import http.client
import ssl
import threading
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from mlm.core.errors import ChainError, UsageError

MAX_RESPONSE = 256 * 1024 * 1024  # bytes; 100,000 logs are about 69 MB
BATCH = 100  # calls in one HTTP request; public nodes refuse more
_BUSY = (429, 502, 503)  # worth one more try after a pause
_DEAD_CONNECTION = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)


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


class TooLarge(ChainError):
    """The answer passes the size limit: ask for less."""


class Rpc:
    """One JSON-RPC endpoint. Safe to share between threads: requests take turns on the connection."""

    def __init__(self, url: str, timeout: float = 20.0, max_response: int = MAX_RESPONSE) -> None:
        """`timeout` bounds each request from connecting to the last byte, in seconds. Raises UsageError."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise UsageError(f"expected an http(s) URL for the node, found one that does not parse: {error}") from error
        if parts.scheme not in ("http", "https") or not host:
            raise UsageError(f"expected an http(s) URL for the node, found scheme {parts.scheme!r}")
        self._secure = parts.scheme == "https"
        self._host, self._port = host, port or (443 if self._secure else 80)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if parts.username is not None:
            secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
        # Path and query often hold an API key: only scheme, host and port are ever shown.
        self.where = f"{parts.scheme}://{host}:{self._port}"
        self._timeout, self._max = timeout, max_response
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        self._id = 0

    def __repr__(self) -> str:
        return f"Rpc({self.where})"

    def call(self, method: str, *params: Any) -> Any:
        """One call's result; raises RpcError for the node's own error, ChainError for anything else."""
        return self._result(method, self._send([(method, params)], single=True)[0])

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Results in order of `calls`; raises the first error."""
        results: list[Any] = []
        for start in range(0, len(calls), BATCH):
            part = calls[start : start + BATCH]
            answers = self._send(part, single=False)
            results += [self._result(method, answer) for (method, _), answer in zip(part, answers, strict=True)]
        return results

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

    def _send(self, calls: Sequence[tuple[str, Sequence[Any]]], single: bool) -> list[dict[str, Any]]:
        import orjson

        methods = calls[0][0] if single or len(calls) == 1 else f"{calls[0][0]} and {len(calls) - 1} more"
        with self._lock:
            first = self._id + 1
            self._id += len(calls)
            requests = [
                {"jsonrpc": "2.0", "id": first + i, "method": method, "params": list(params)}
                for i, (method, params) in enumerate(calls)
            ]
            raw = self._exchange(orjson.dumps(requests[0] if single else requests), methods)
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

    def _exchange(self, body: bytes, methods: str) -> bytes:
        deadline = time.monotonic() + self._timeout
        fresh_tries, pause = 1, 0.25
        while True:
            reused = self._connection is not None
            try:
                status, raw = self._once(body, deadline)
            except TimeoutError as error:
                self._drop()
                raise ChainError(
                    f"{self.where} did not answer {methods} within {self._timeout:g} s",
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
                    hint="Start the bundled chain with `mlm devnet up`, or check the node with `mlm network show`.",
                ) from error
            if status in _BUSY and time.monotonic() + pause < deadline:
                time.sleep(pause)
                pause *= 2
                continue
            # Many nodes send a JSON-RPC error with status 400 or 500: let the body speak when it is JSON.
            if status != 200 and raw[:1] not in (b"{", b"["):
                raise ChainError(f"{self.where} answered {methods} with HTTP status {status}, expected 200")
            return raw

    def _once(self, body: bytes, deadline: float) -> tuple[int, bytes]:
        connection = self._connection or self._open()
        self._connection = connection
        connection.timeout = _left(deadline)
        if connection.sock is None:
            connection.connect()
        connection.sock.settimeout(_left(deadline))
        connection.request("POST", self._path, body, self._headers)
        response = connection.getresponse()
        if (response.length or 0) > self._max:
            self._drop()
            raise self._too_large(response.length or 0)
        chunks, size = [], 0
        while True:
            # The socket's limit is for one read: a node that drips must not outlast the deadline.
            if connection.sock is not None:
                connection.sock.settimeout(_left(deadline))
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
        if self._secure:
            return http.client.HTTPSConnection(self._host, self._port, context=ssl.create_default_context())
        return http.client.HTTPConnection(self._host, self._port)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _too_large(self, size: int) -> TooLarge:
        return TooLarge(f"{self.where} answered with {size} bytes or more, expected at most {self._max}")

    def _nonsense(self, method: str, found: str) -> ChainError:
        return ChainError(f"{self.where} answered {method} with nonsense: expected JSON-RPC 2.0, found {found}")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _reason(error: Exception) -> str:
    return printable(str(error)) or type(error).__name__


def printable(text: str, most: int = 300) -> str:
    """Text from outside on one line, without control characters that a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text[:most]).strip()


def quantity(value: Any, what: str) -> int:
    """Read a JSON-RPC quantity such as 0x1f; raises ChainError naming `what` otherwise."""
    if isinstance(value, str) and value[:2] == "0x" and 3 <= len(value) <= 66:
        try:
            return int(value, 16)
        except ValueError:
            pass
    raise ChainError(f"the node answered nonsense: expected a hex number for {what}, found {str(value)[:40]!r}")


def hex_data(value: Any, what: str, length: int | None = None) -> str:
    """Read 0x-prefixed hex (of `length` bytes, if given) as lower case; raises ChainError naming `what` otherwise."""
    if isinstance(value, str) and value[:2] == "0x":
        text = value.lower()
        try:
            size = len(bytes.fromhex(text[2:]))
        except ValueError:
            size = -1
        if size >= 0 and (length is None or size == length):
            return text
    expected = "hex data" if length is None else f"{length} bytes of hex"
    raise ChainError(f"the node answered nonsense: expected {expected} for {what}, found {str(value)[:40]!r}")
