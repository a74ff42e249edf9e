"""uvicorn's HTTP protocol with bounds of its own: connections, headers, and how long either may take.

uvicorn bounds neither the size of headers nor the time in which they come, nor a client that never reads its answer.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from mlm.core.serving import Limits, Refusal, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


def whole(refusal: Refusal) -> bytes:
    """A whole answer, for a request that never reached the application; the connection ends with it."""
    import orjson

    body, status = orjson.dumps(refusal.document()), refusal.status.http
    head = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *([f"retry-after: {refusal.retry_after}"] if refusal.retry_after else []),
        "connection: close",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


def guarded(limits: Limits, refused: Callable[[Status], None]) -> type[HttpToolsProtocol]:
    """The protocol class; `refused` hears of what it refuses."""
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class Guarded(HttpToolsProtocol):
        """One connection."""

        _timer: asyncio.TimerHandle | None = None  # until the headers are complete
        _stalled: asyncio.TimerHandle | None = None  # while the client does not read
        _ended = False
        _bytes = 0  # of the request's line and headers so far
        _whole = False  # they are complete

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                self._end(Refusal(Status.BUSY, f"more than {limits.connections} connections are open", retry_after=1))
                return
            self._arm()

        def connection_lost(self, exc: Exception | None) -> None:
            for timer in (self._timer, self._stalled):
                if timer is not None:
                    timer.cancel()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._ended:
                return
            if self._timer is None and (self.cycle is None or self.cycle.response_complete):
                self._arm()  # also when nothing but line ends come
            if not self._whole:
                self._bytes += len(data)
            super().data_received(data)
            if not self._ended and not self._whole and self._bytes > limits.headers:
                self._end(_large(limits))

        def on_message_begin(self) -> None:
            self._whole, self._bytes = False, max(1, self._bytes)
            super().on_message_begin()

        def on_url(self, url: bytes) -> None:
            self._count(len(url))
            super().on_url(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            self._count(len(name) + len(value) + 4)
            super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._whole, self._bytes = True, 0
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            super().on_headers_complete()

        def send_400_response(self, msg: str) -> None:
            """What the parser refused, or a callback above."""
            large = self._bytes > limits.headers and not self._whole
            self._end(_large(limits) if large else Refusal(Status.MALFORMED, "this is no HTTP request"))

        def pause_writing(self) -> None:
            super().pause_writing()
            self._stalled = self.loop.call_later(limits.seconds, self.transport.abort)

        def resume_writing(self) -> None:
            if self._stalled is not None:
                self._stalled.cancel()
                self._stalled = None
            super().resume_writing()

        def _count(self, size: int) -> None:
            """In one packet may come more than a packet's worth: the parser hears of it as an error."""
            self._lines = getattr(self, "_lines", 0) + size if self.headers else size
            if self._lines > limits.headers:
                self._bytes = self._lines
                raise ValueError("the headers are too large")

        def _arm(self) -> None:
            self._timer = self.loop.call_later(limits.seconds, self._late)

        def _late(self) -> None:
            self._timer = None
            if self._bytes:
                words = f"expected the headers within {limits.seconds:g} s"
                self._end(Refusal(Status.TOO_SLOW, words))
            else:
                self.transport.close()  # it never asked anything

        def _end(self, refusal: Refusal) -> None:
            self._ended = True
            refused(refusal.status)
            if not self.transport.is_closing():
                # An answer that is under way is not cut in two.
                if self.cycle is None or self.cycle.response_complete:
                    self.transport.write(whole(refusal))
                self.transport.close()
            # A client that never reads must not keep it half closed.
            self.loop.call_later(limits.seconds, self.transport.abort)

    return Guarded


def _large(limits: Limits) -> Refusal:
    return Refusal(Status.HEADERS, f"expected at most {limits.headers} bytes of headers")


def server(config: Any) -> Any:
    """uvicorn's server without its signal handlers: the command line has its own."""
    from contextlib import contextmanager

    import uvicorn

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Any:
            yield

    return Server(config)
