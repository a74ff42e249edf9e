"""Servers on 127.0.0.1 that stand where an Ethereum node is expected, each with a defect of its own."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Behave = Callable[[socketserver.StreamRequestHandler, bytes], None]


@contextmanager
def node(behave: Behave) -> Iterator[str]:
    """A server that reads requests and hands each, with its body, to `behave`; its URL."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while True:
                length = 0
                while (line := self.rfile.readline()) not in (b"", b"\r\n"):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                if not line:
                    return
                try:
                    behave(self, self.rfile.read(length))
                except OSError:
                    return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def reply(handler: socketserver.StreamRequestHandler, body: bytes, head: str = "200 OK") -> None:
    """Answer with a whole HTTP response."""
    handler.wfile.write(f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
