"""HTTP requests to servers of others: bounded in time and size, never redirected, never decompressed.

Why not a library: none bounds a whole answer by a deadline, and a server that drips a byte a second is none that
serves. What an answer means is for those who ask.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mlm.core import urls
from mlm.core.errors import StorageError

MAX_TEXT = 1 << 20  # bytes of an answer that is JSON or a message
_GONE = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)
_BUSY = (429, 503)
_TRIES = 3  # of a request that a server says it is too busy for
_KEPT = 8  # connections
_KEY = 8  # characters of a path or query that may be a key
_SHOWN = 200  # characters of a server's own words


@dataclass(frozen=True)
class Answer:
    """A whole answer. `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def said(self) -> str:
        """The server's own words on one line, for a message."""
        return printable(self.body[: 4 * _SHOWN].decode("utf-8", "replace"), _SHOWN)


class Client:
    """One server. Safe to share between threads: each request has a connection of its own, kept for the next."""

    def __init__(
        self, url: str, timeout: float, token: Callable[[], str] = str, name: str = "", *, public: str = ""
    ) -> None:
        """`timeout` bounds each answer in seconds; `token` gives a bearer token, or "". Raises UsageError.

        `public`: for a URL that somebody else chose: connections are made to addresses of the public internet alone.
        It names the setting that lifts this.
        """
        self._url, self._public = urls.parse(url), public
        self.timeout, self._token = timeout, token
        self._base = self._url.target.partition("?")[0].rstrip("/")
        self._query = self._url.target.partition("?")[2]
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self.where = f"{name} ({self._url.shown})" if name else self._url.shown

    def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        limit: int = MAX_TEXT,
        within: float | None = None,
    ) -> Answer:
        """One answer, whatever its status, of at most `limit` bytes, within the time limit or `within` seconds.

        Raises StorageError for a server that is dead, slow, redirects, or sends more, less or otherwise than it says.
        """
        pause = 0.5
        for left in reversed(range(_TRIES)):
            with self.open(method, path, headers=headers, body=body, within=within) as stream:
                answer = Answer(stream.status, stream.headers, stream.rest(limit))
            if answer.status != 200 or limit <= MAX_TEXT:
                answer = replace(answer, body=self._blanked(answer.body))
            if answer.status not in _BUSY or not left:
                break
            time.sleep(pause)
            pause *= 2
        return answer

    def open(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        within: float | None = None,
    ) -> Stream:
        """An answer whose body is still to be read. Raises StorageError as `ask` does."""
        timeout = within or self.timeout
        target = self._base + path
        if self._query:
            target += ("&" if "?" in path else "?") + self._query
        sent = {"User-Agent": "mlm", "Accept-Encoding": "identity", **self._credentials(), **(headers or {})}
        while True:
            connection = self._take()
            reused = connection.sock is not None
            limit = Limit(timeout)
            try:
                return self._once(connection, limit, method, target, body, sent)
            except TimeoutError as error:
                connection.close()
                raise self._slow(timeout) from error
            except (OSError, http.client.HTTPException, ValueError) as error:
                connection.close()
                # A kept connection may have been closed meanwhile, which says nothing of the server.
                if reused and isinstance(error, _GONE):
                    continue
                raise self.trouble(f"cannot be reached: {_reason(error)}") from error

    def _once(
        self,
        connection: http.client.HTTPConnection,
        limit: Limit,
        method: str,
        target: str,
        body: bytes,
        headers: dict[str, str],
    ) -> Stream:
        # http.client reads the head from the socket's file line by line, each with a time limit of its own.
        connection.response_class = lambda sock, **options: http.client.HTTPResponse(  # type: ignore[assignment]
            Timed(sock, limit),  # type: ignore[arg-type]
            **options,
        )
        connection.timeout = limit.left()
        if connection.sock is None:
            connection.connect()
        connection.sock.settimeout(limit.left())
        connection.request(method, target, body or (b"" if method == "POST" else None), headers)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        if 300 <= response.status < 400 and response.status != 304:
            connection.close()
            to = urls.bare(found.get("location", "")) or "elsewhere"
            raise self.trouble(f"redirects to {to}, expected an answer: mlm follows no redirect")
        if (encoding := found.get("content-encoding", "identity").lower()) != "identity":
            connection.close()
            raise self.trouble(f"answered in {printable(encoding, 40)}, expected the bytes themselves")
        return Stream(self, connection, response, limit, found)

    def _credentials(self) -> dict[str, str]:
        token = self._token()
        if token:
            return {"Authorization": f"Bearer {token}"}
        if self._url.user is not None:
            return {"Authorization": "Basic " + base64.b64encode(self._url.user.encode()).decode()}
        return {}

    def _blanked(self, text: bytes) -> bytes:
        """A server's words without what only we and it know: whoever repeats a request repeats its keys."""
        user = self._url.user or ""
        hidden = [self._token(), user, user.partition(":")[2], base64.b64encode(user.encode()).decode()]
        hidden += [part for part in (self._base, self._query) if len(part) >= _KEY]
        for secret in sorted(filter(None, hidden), key=len, reverse=True):
            text = text.replace(secret.encode(), b"...")
        return text

    def _take(self) -> http.client.HTTPConnection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        made: http.client.HTTPConnection
        if self._url.secure:
            made = http.client.HTTPSConnection(self._url.host, self._url.port, context=ssl.create_default_context())
        else:
            made = http.client.HTTPConnection(self._url.host, self._url.port)
        if self._public:
            made._create_connection = partial(connect_public, self._public)  # type: ignore[attr-defined]  # TLS still names the host
        return made

    def keep(self, connection: http.client.HTTPConnection) -> None:
        """Take a connection back whose answer was read to its end."""
        with self._lock:
            if len(self._idle) < _KEPT:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close the connections that nobody uses now."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def trouble(self, what: str) -> StorageError:
        """An error of this server."""
        words = self._blanked(what.encode()).decode("utf-8", "replace")
        return StorageError(f"the remote {self.where} {words}", hint="`mlm remote list` shows the remotes.")

    def refused(self, answer: Answer, what: str) -> StorageError:
        """The error of an answer with a status that nobody wanted."""
        error = self.trouble(f"answered {what} with HTTP status {answer.status}: {answer.said or 'nothing'}")
        if answer.status in (401, 403):
            error.hint = "Give its token: `mlm remote add` has --token-file and --token-env."
        return error

    def _slow(self, timeout: float) -> StorageError:
        error = self.trouble(f"did not answer within {timeout:g} s")
        error.hint = "Another remote may be faster; remote.timeout says how long mlm waits."
        return error


def addresses_of(host: str, port: int) -> list[str]:
    """What a name leads to now. Raises OSError where that is nothing."""
    return [str(address[0]) for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def connect_public(
    setting: str, where: tuple[str, int], timeout: float | None = None, source: tuple[str, int] | None = None
) -> socket.socket:
    """As socket.create_connection, to the very addresses that were looked up and found to be public. Raises OSError.

    `setting` would have others taken too.
    """
    host, port = where
    found = addresses_of(host, port)
    if private := [each for each in found if not urls.is_public(each)]:
        raise OSError(f"its address {private[0]} is not of the public internet; the setting {setting} allows such ones")
    troubles = []
    for address in found:
        try:
            return socket.create_connection((address, port), timeout, source)
        except OSError as error:
            troubles.append(error)
    raise troubles[0] if troubles else OSError("it has no address")


class Stream:
    """An answer that is being read. A context manager: a connection whose answer was read whole is kept."""

    def __init__(
        self,
        client: Client,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
        limit: Limit,
        headers: Mapping[str, str],
    ) -> None:
        self._client, self._connection, self._response, self._limit = client, connection, response, limit
        self.status, self.headers = response.status, headers

    def read(self, count: int) -> bytes:
        """At most `count` bytes, b"" at the end. Raises StorageError for a slow, dead or short answer."""
        try:
            data = self._response.read1(count) if count else b""
            if not data and count and self._response.length:
                raise http.client.HTTPException(f"an answer cut short by {self._response.length} bytes")
            return data
        except TimeoutError as error:
            raise self._client._slow(self._limit.seconds) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._client.trouble(f"broke off its answer: {_reason(error)}") from error

    def rest(self, limit: int) -> bytes:
        """Everything that is left; raises StorageError above `limit` bytes."""
        announced = self._response.length or 0
        chunks: list[bytes] = []
        size = 0
        while announced <= limit and (chunk := self.read(1 << 20)):
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                break
        if max(size, announced) > limit:
            raise self._client.trouble(f"answered with {max(size, announced)} bytes or more, expected at most {limit}")
        return b"".join(chunks)

    def renew(self) -> None:
        """The time limit starts again: something worth it has arrived."""
        self._limit.start()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exc: object) -> None:
        whole = self._response.isclosed() or self._response.length == 0
        closes = self._response.will_close
        self._response.close()
        if whole and not closes:
            self._client.keep(self._connection)
        else:
            self._connection.close()


class Limit:
    """So many seconds from when it was last started."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.start()

    def start(self) -> None:
        self._end = time.monotonic() + self.seconds

    def left(self) -> float:
        """Seconds; raises TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Timed:
    """A socket, for HTTPResponse: whatever is read from its file ends at the limit, however the server drips."""

    def __init__(self, sock: socket.socket, limit: Limit) -> None:
        self._socket, self._limit = sock, limit

    def makefile(self, mode: str) -> io.BufferedReader:
        """What HTTPResponse reads from."""
        return io.BufferedReader(_Reader(self._socket, self._limit))


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, limit: Limit) -> None:
        self._socket, self._limit = sock, limit
        self._file = sock.makefile("rb", buffering=0)  # keeps the socket open for as long as this reader is

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._limit.left())
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


def json_object(raw: bytes) -> dict[str, Any] | None:
    """A JSON object; None for anything else, also for one that nests deeper than anybody reads."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _reason(error: Exception) -> str:
    return printable(str(error)) or type(error).__name__


def printable(text: str, most: int = 300) -> str:
    """Text from outside on one line, without control characters that a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text[:most]).strip()
