"""Clients of a server, good and bad, over plain sockets: nothing that a library would mend or hide."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlparse

import numpy as np

TIMEOUT = 30.0  # seconds, a bound and no measure


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def connect(url: str) -> socket.socket:
    """A connection to the server at `url`."""
    parts = urlparse(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=TIMEOUT)


def read_reply(connection: socket.socket) -> Reply:
    """The next answer on a connection; status 0 where it was closed before it was whole."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := _received(connection, 1)):  # no more: another answer may follow
            return Reply(0, {}, data)
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        if not (more := _received(connection, int(headers["content-length"]) - len(body))):
            return Reply(0, {}, data)
        body += more
    return Reply(int(first.split()[1]), headers, body)


def _received(connection: socket.socket, most: int) -> bytes:
    """What comes next; nothing where the connection was closed or cut."""
    try:
        return connection.recv(most)
    except ConnectionError:
        return b""


def raw(url: str, data: bytes) -> Reply:
    """What comes back for these bytes."""
    with connect(url) as connection:
        connection.sendall(data)
        return read_reply(connection)


def request(url: str, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Reply:
    """One request on a connection of its own."""
    lines = {"host": "test", "content-length": str(len(body)), **(headers or {})}
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    return raw(url, head.encode("latin-1") + body)


def tensor(name: str, array: np.ndarray, datatype: str = "FP32") -> dict[str, Any]:
    """An input of the protocol."""
    return {"name": name, "shape": list(array.shape), "datatype": datatype, "data": array.ravel().tolist()}
