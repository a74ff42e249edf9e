"""The client's end of HTTP: servers that drip, flood, redirect, lie about lengths or talk nonsense. Each ends in one
error, within its time."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from mlm.adapters.model_server import HttpModelServer, outputs_of
from mlm.core.errors import InvalidData, MlmError, NotFound, ServerFailed, UsageError

GOOD = json.dumps(
    {"outputs": [{"name": "y", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}}]}
).encode()
INPUT = {"x": np.zeros(1, np.float32)}


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads a request and then does as it is told, for each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(connection,), daemon=True).start()

        def one(connection: socket.socket) -> None:
            with connection:
                connection.recv(1 << 16)
                try:
                    answer(connection)
                    # Closed with bytes unread, a socket resets the connection: the client might not read what was sent.
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(1 << 16):
                        pass
                except OSError:
                    return  # the client has gone

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/v2/models/m"
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def says(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> Callable[[socket.socket], None]:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return lambda connection: connection.sendall("\r\n".join(lines).encode() + body)


def drips(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    stop = threading.Event()
    while not stop.wait(0.02):
        connection.sendall(b" ")


def floods(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + bytes(1 << 16) + b"\r\n")


def drips_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while not threading.Event().wait(0.02):
        connection.sendall(b"x")


NASTY: dict[str, tuple[Callable[[socket.socket], None], type[MlmError], str]] = {
    "never answers": (lambda connection: threading.Event().wait(5) and None, ServerFailed, "did not answer within"),
    "hangs up": (lambda connection: None, ServerFailed, "cannot be reached"),
    "drips": (drips, ServerFailed, "did not answer within"),
    "drips headers": (drips_headers, ServerFailed, "did not answer within"),
    "floods": (floods, ServerFailed, "expected at most 1048576"),
    "announces too much": (says("200 OK", b"", length=1 << 40), ServerFailed, "expected at most 1048576"),
    "is cut short": (says("200 OK", GOOD, length=len(GOOD) + 100), ServerFailed, "cut short"),
    "redirects": (says("307 Go", b"", "Location: http://169.254.169.254/"), ServerFailed, "redirects"),
    "compresses": (says("200 OK", b"x", "Content-Encoding: gzip"), ServerFailed, "gzip"),
    "is no HTTP": (lambda connection: connection.sendall(b"SSH-2.0-x\r\n"), ServerFailed, "cannot be reached"),
    "is no JSON": (says("200 OK", b"<html>"), InvalidData, "expected outputs as JSON"),
    "has no outputs": (says("200 OK", b"{}"), InvalidData, "expected 1 to 256 outputs"),
    "signs nonsense": (says("200 OK", GOOD, "Mlm-Result: e30"), InvalidData, "of a signed result"),
    "has a header of its own length": (
        says("200 OK", GOOD, "Inference-Header-Content-Length: 999999"),
        InvalidData,
        "Inference-Header-Content-Length",
    ),
}


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_server_ends_in_one_error(name: str) -> None:
    answer, error, words = NASTY[name]
    with answering(answer) as url:
        far = HttpModelServer(url, timeout=0.4, limit=1 << 20)
        with pytest.raises(error, match=words):
            far.infer(INPUT, None, 0.4)
        far.close()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"outputs": [{"name": "y", "datatype": "FP32", "shape": [9], "data": [1]}]}', "expected 9 numbers, found 1"),
        (b'{"outputs": [{"name": "y", "datatype": "BYTES", "shape": [1], "data": ["a"]}]}', "a datatype of BOOL"),
        (b'{"outputs": [{"name": "y", "datatype": "INT8", "shape": [1], "data": [300]}]}', "values that int8 cannot"),
        (b'{"outputs": [{"name": "y", "datatype": "FP32", "shape": [-1], "data": [1]}]}', "axes in|numbers"),
        (b'{"outputs": [{"name": "y", "datatype": "FP32", "shape": [1e3], "data": [1]}]}', "whole numbers"),
        (b'{"outputs": [{"name": "y", "datatype": "FP32", "shape": [1], "data": [[[["a"]]]]}]}', "found 1 of"),
        (b'{"outputs": [{"name": "y", "datatype": "FP32", "shape": [99999999, 999999], "data": []}]}', "numbers"),
        (
            b'{"outputs": [{"name": "y", "datatype": "FP32", "shape": [1], "parameters": {"binary_data_size": 9}}]}',
            "raw",
        ),
        (b"[" * 100_000, "expected outputs as JSON"),
    ],
)
def test_outputs_that_do_not_agree_with_themselves_are_refused(body: bytes, words: str) -> None:
    with pytest.raises(InvalidData, match=words):
        outputs_of(None, body)


def test_outputs_in_json_and_in_binary_are_the_same() -> None:
    values = np.array([[1.5, -2.25], [3e-30, 7.0]], np.float32)
    plain = {"outputs": [{"name": "y", "datatype": "FP32", "shape": [2, 2], "data": values.tolist()}]}
    head = json.dumps(
        {"outputs": [{"name": "y", "datatype": "FP32", "shape": [2, 2], "parameters": {"binary_data_size": 16}}]}
    ).encode()
    for found in (outputs_of(None, json.dumps(plain).encode()), outputs_of(str(len(head)), head + values.tobytes())):
        assert found["y"].dtype == np.float32
        assert found["y"].tobytes() == values.tobytes()


def test_an_answer_says_how_long_to_wait_and_what_it_wants() -> None:
    busy = says("503 Busy", b'{"error": "later\\u001b[31m"}', "Retry-After: 7")
    with answering(busy) as url:
        answer = HttpModelServer(url, timeout=5).infer(INPUT, None, 5)
    assert (answer.status, answer.retry_after) == (503, 7.0)
    assert answer.said.isprintable() and answer.said.startswith("later")
    with answering(says("402 Pay", b'{"error": "pay", "mlm": {"chainId": "x"}}')) as url, pytest.raises(InvalidData):
        HttpModelServer(url, timeout=5).infer(INPUT, None, 5)


def test_a_model_is_found_by_its_name_or_as_the_only_one() -> None:
    with (
        answering(says("404 No", b'{"error": "no such model"}')) as url,
        pytest.raises(NotFound, match="no such model"),
    ):
        HttpModelServer(url, timeout=5).offer()
    with answering(says("200 OK", b'{"models": ["a", "b"]}')) as url, pytest.raises(UsageError, match="found a, b"):
        HttpModelServer(url.removesuffix("/v2/models/m"), timeout=5).offer()
    with pytest.raises(UsageError, match="asked for"):
        HttpModelServer("http://127.0.0.1:1/v2/models/a", "b")
    with pytest.raises(UsageError, match="found the path"):
        HttpModelServer("http://127.0.0.1:1/v2/models/a/b/c")
