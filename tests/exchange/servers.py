"""Real web servers on the loopback: static files with and without ranges, and gateways that behave badly."""

from __future__ import annotations

import gzip
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mlm.core import car, dag
from mlm.core.cid import Cid
from mlm.memory.blocks import MemoryBlocks

Answer = Callable[["Handler"], None]


@dataclass
class Server:
    """What a server was asked and how many bytes of bodies it sent. `budget`: after so many it dies in mid-answer."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    sent: int = 0
    budget: int | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with connections that are kept."""

    protocol_version = "HTTP/1.1"
    state: Server
    answer: Callable[[Any], None]

    def do_GET(self) -> None:
        with self.state.lock:
            self.state.asked.append(self.path)
        type(self).answer(self)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *args: object) -> None:
        pass

    def head(self, status: int, **headers: object) -> None:
        """Status and headers; `_` stands for `-`."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def body(self, data: bytes) -> None:
        """Bytes, as long as the budget lasts: then the connection breaks."""
        for at in range(0, len(data), 1 << 16):
            piece = data[at : at + (1 << 16)]
            with self.state.lock:
                if self.state.budget is not None:
                    piece = piece[: max(0, self.state.budget - self.state.sent)]
                self.state.sent += len(piece)
            try:
                self.wfile.write(piece)
            except OSError:  # whoever asked has gone
                self.close_connection = True
                return
            if len(piece) < min(1 << 16, len(data) - at):
                self.close_connection = True
                return

    def whole(self, data: bytes, status: int = 200) -> None:
        """An answer with its length."""
        self.head(status, Content_Length=len(data))
        self.body(data)


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever asked has hung up: that is what these servers are for."""


@contextmanager
def serve(answer: Answer) -> Iterator[Server]:
    """A server on a free port until the block ends."""
    state = Server()
    kind = type("Made", (Handler,), {"state": state, "answer": staticmethod(answer)})
    server = _Quiet(("127.0.0.1", 0), kind)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def files(folder: Path, *, ranges: bool = True) -> Answer:
    """A static web server over a folder."""

    def answer(handler: Handler) -> None:
        path = folder / handler.path.partition("?")[0].lstrip("/")
        if not path.is_file():
            handler.whole(b"not found", 404)
            return
        size = path.stat().st_size
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers.get("Range", ""))
        with path.open("rb") as file:
            if ranges and found and int(found[1]) >= size:
                handler.whole(b"", 416)
            elif ranges and found:
                first, last = int(found[1]), min(int(found[2]), size - 1)
                file.seek(first)
                piece = file.read(last + 1 - first)
                handler.head(206, Content_Length=len(piece), Content_Range=f"bytes {first}-{last}/{size}")
                handler.body(piece)
            else:
                handler.whole(file.read())

    return answer


def gateway(blocks: MemoryBlocks, *, cars: bool = True) -> Answer:
    """An honest trustless gateway."""

    def answer(handler: Handler) -> None:
        cid, form = asked(handler)
        if cid is None or not blocks.has(cid):
            handler.whole(b"not found", 404)
        elif form == "raw":
            handler.whole(blocks.blocks[cid])
        elif cars:
            handler.whole(b"".join(car.write(cid, ((each, blocks.get(each)) for each in dag.dag(blocks, cid)))))
        else:
            handler.whole(b"no CARs", 501)

    return answer


def asked(handler: Handler) -> tuple[Cid | None, str]:
    """The CID and the format that a gateway is asked for."""
    found = re.fullmatch(r"/ipfs/([a-z2-7]+)\?format=(raw|car).*", handler.path)
    return (Cid.parse(found[1]), found[2]) if found else (None, "")


def lying(handler: Handler) -> None:
    """Other bytes than were asked for, as raw block and in a CAR."""
    cid, form = asked(handler)
    assert cid is not None
    handler.whole(b"lies" if form == "raw" else car.header(cid) + car.record(cid, b"lies") + b"lies")


def cutting(handler: Handler) -> None:
    """Half of what it announces."""
    handler.head(200, Content_Length=1000)
    handler.body(b"x" * 500)
    handler.close_connection = True


def dripping(handler: Handler) -> None:
    """A byte now and then."""
    handler.head(200, Content_Length=1000)
    for _ in range(100):
        handler.body(b"x")
        time.sleep(0.1)
        if handler.close_connection:
            return


def silent(handler: Handler) -> None:
    """Nothing, for long."""
    time.sleep(8)
    handler.close_connection = True


def endless(handler: Handler) -> None:
    """A body without length and without end."""
    handler.head(200, Connection="close")
    handler.close_connection = True
    for _ in range(1000):
        try:
            handler.wfile.write(b"\0" * (1 << 20))
        except OSError:
            return


def huge(handler: Handler) -> None:
    """A length that nobody could store."""
    handler.head(200, Content_Length=1 << 50)
    handler.close_connection = True


def redirecting(handler: Handler) -> None:
    """To something inside that a gateway has no business with."""
    handler.head(302, Location="http://169.254.169.254/secret?key=1", Content_Length=0)


def zipped(handler: Handler) -> None:
    """A bomb: little that becomes much."""
    data = gzip.compress(b"\0" * (1 << 24))
    handler.head(200, Content_Length=len(data), Content_Encoding="gzip")
    handler.body(data)


def wordy(handler: Handler) -> None:
    """Headers without end."""
    handler.send_response(200)
    for number in range(2_000):
        handler.send_header(f"X-{number}", "x" * 100)
    try:
        handler.end_headers()
    except OSError:
        handler.close_connection = True


def broken(handler: Handler) -> None:
    """What is no HTTP."""
    handler.wfile.write(b"220 smtp.example ESMTP\r\n")
    handler.close_connection = True


def failing(handler: Handler) -> None:
    """A server in trouble."""
    handler.whole(b"internal error\x1b[2J", 500)


BAD: dict[str, tuple[Answer, str]] = {
    "lies": (lying, "lies"),
    "cuts": (cutting, "broke off|cut"),
    "drips": (dripping, "did not answer within"),
    "is silent": (silent, "did not answer within"),
    "never ends": (endless, "expected at most"),
    "announces too much": (huge, "expected at most"),
    "redirects": (redirecting, "follows no redirect"),
    "zips": (zipped, "answered in gzip"),
    "has too many headers": (wordy, "cannot be reached|headers"),
    "speaks something else": (broken, "cannot be reached"),
    "fails": (failing, "HTTP status 500"),
}
