"""The JSON-RPC client against dead, slow, lying and wasteful nodes. Each node is named for its defect."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
import time

import pytest

from mlm.adapters.chain.rpc import Rpc, RpcError, TooLarge, hex_data, quantity
from mlm.core.errors import ChainError, UsageError
from tests.fake_node import Behave, node, reply


def echo(handler: socketserver.StreamRequestHandler, body: bytes) -> None:
    request = json.loads(body)
    calls = request if isinstance(request, list) else [request]
    answers = [{"jsonrpc": "2.0", "id": call["id"], "result": call["params"]} for call in calls]
    reply(handler, json.dumps(answers[::-1] if isinstance(request, list) else answers[0]).encode())


def test_results_come_back_in_order_whatever_the_node_does() -> None:
    with node(echo) as url:
        rpc = Rpc(url)
        assert rpc.call("m", 1, "x") == [1, "x"]
        assert rpc.batch([("m", (i,)) for i in range(250)]) == [[i] for i in range(250)]
        assert rpc.batch([]) == []
        rpc.close()
        assert rpc.call("m", 2) == [2]


def garbage(handler: socketserver.StreamRequestHandler, body: bytes) -> None:
    reply(handler, b"<html>hello</html>")


def wrong_id(handler: socketserver.StreamRequestHandler, body: bytes) -> None:
    reply(handler, b'{"jsonrpc":"2.0","id":999999,"result":"0x1"}')


def neither(handler: socketserver.StreamRequestHandler, body: bytes) -> None:
    reply(handler, json.dumps({"jsonrpc": "2.0", "id": json.loads(body)["id"]}).encode())


def number(handler: socketserver.StreamRequestHandler, body: bytes) -> None:
    reply(handler, b"17")


def error_text(handler: socketserver.StreamRequestHandler, body: bytes) -> None:
    reply(handler, json.dumps({"id": json.loads(body)["id"], "error": "no"}).encode())


def cut_short(handler: socketserver.StreamRequestHandler, body: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    handler.connection.shutdown(socket.SHUT_RDWR)


def hangs_up(handler: socketserver.StreamRequestHandler, body: bytes) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def not_http(handler: socketserver.StreamRequestHandler, body: bytes) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")
    handler.connection.shutdown(socket.SHUT_RDWR)


def forbidden(handler: socketserver.StreamRequestHandler, body: bytes) -> None:
    reply(handler, b"no", "403 Forbidden")


@pytest.mark.parametrize(
    "behave", [garbage, wrong_id, neither, number, error_text, cut_short, hangs_up, not_http, forbidden]
)
def test_a_bad_node_is_a_chain_error(behave: Behave) -> None:
    with node(behave) as url, pytest.raises(ChainError) as caught:
        Rpc(url, timeout=5).call("eth_chainId")
    assert "\n" not in str(caught.value) and url in str(caught.value) and len(str(caught.value)) < 400


def test_a_silent_node_is_given_up_in_time() -> None:
    with node(lambda handler, body: time.sleep(3)) as url:
        start = time.monotonic()
        with pytest.raises(ChainError, match=r"did not answer eth_chainId within 0\.\d+ s"):
            Rpc(url, timeout=0.3).call("eth_chainId")
        assert time.monotonic() - start < 2


def drips(handler: socketserver.StreamRequestHandler, body: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        handler.wfile.write(b" ")
        time.sleep(0.05)


def test_a_node_that_drips_is_given_up_in_time() -> None:
    with node(drips) as url:
        start = time.monotonic()
        with pytest.raises(ChainError, match="did not answer"):
            Rpc(url, timeout=0.4).call("eth_chainId")
        assert time.monotonic() - start < 2


def drips_its_head(handler: socketserver.StreamRequestHandler, body: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(100):
        handler.wfile.write(f"X-{number}: 1\r\n".encode())
        time.sleep(0.05)


def test_a_node_that_drips_its_head_is_given_up_in_time() -> None:
    with node(drips_its_head) as url:
        start = time.monotonic()
        with pytest.raises(ChainError, match="did not answer"):
            Rpc(url, timeout=0.4).call("eth_chainId")
        assert time.monotonic() - start < 2


def closes(handler: socketserver.StreamRequestHandler, body: bytes) -> None:
    """The end of the connection is the end of the answer: no length is given."""
    text = json.dumps({"jsonrpc": "2.0", "id": json.loads(body)["id"], "result": "0x1"})
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    for character in text:
        handler.wfile.write(character.encode())
        time.sleep(0.002)
    handler.connection.shutdown(socket.SHUT_RDWR)


def test_an_answer_without_a_length_is_read_to_its_end() -> None:
    with node(closes) as url:
        rpc = Rpc(url, timeout=5)
        assert [rpc.call("eth_chainId"), rpc.call("eth_chainId")] == ["0x1", "0x1"]
    with node(closes) as url, pytest.raises(ChainError, match="did not answer"):
        Rpc(url, timeout=0.05).call("eth_chainId")


def test_a_wasteful_node_is_cut_off() -> None:
    with node(lambda handler, body: reply(handler, b"x" * 5000)) as url, pytest.raises(TooLarge, match="at most 1000"):
        Rpc(url, max_response=1000).call("eth_chainId")

    def endless(handler: socketserver.StreamRequestHandler, body: bytes) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            handler.wfile.write(b"400\r\n" + b"x" * 1024 + b"\r\n")

    with node(endless) as url, pytest.raises(TooLarge):
        Rpc(url, max_response=100_000, timeout=5).call("eth_chainId")


def test_a_kept_connection_that_the_node_closed_is_opened_again() -> None:
    served: list[int] = []

    def once(handler: socketserver.StreamRequestHandler, body: bytes) -> None:
        echo(handler, body)
        served.append(1)
        handler.connection.shutdown(socket.SHUT_RDWR)

    with node(once) as url:
        rpc = Rpc(url, timeout=5)
        assert [rpc.call("m", i) for i in range(3)] == [[0], [1], [2]]


def test_a_busy_node_is_asked_again() -> None:
    asked: list[int] = []

    def busy(handler: socketserver.StreamRequestHandler, body: bytes) -> None:
        asked.append(1)
        if len(asked) < 3:
            reply(handler, b"slow down", "429 Too Many Requests")
        else:
            echo(handler, body)

    with node(busy) as url:
        assert Rpc(url, timeout=5).call("m", 1) == [1]
    with node(lambda handler, body: reply(handler, b"no", "503 x")) as url, pytest.raises(ChainError, match="503"):
        Rpc(url, timeout=0.5).call("m")


def test_the_nodes_own_error_is_kept() -> None:
    def refuse(handler: socketserver.StreamRequestHandler, body: bytes) -> None:
        error = {"code": 3, "message": "execution reverted", "data": "0x1234"}
        reply(handler, json.dumps({"id": json.loads(body)["id"], "error": error}).encode(), "400 Bad Request")

    with node(refuse) as url, pytest.raises(RpcError) as caught:
        Rpc(url).call("eth_call")
    assert (caught.value.rpc_code, caught.value.data, caught.value.unsupported) == (3, "0x1234", False)


def test_nobody_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(ChainError, match="cannot be reached") as caught:
        Rpc(url).call("eth_chainId")
    assert "mlm network show" in caught.value.hint


def test_credentials_are_sent_and_never_shown() -> None:
    seen: list[bytes] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while (line := self.rfile.readline()) not in (b"", b"\r\n"):
                seen.append(line)

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        rpc = Rpc(f"http://user:s3cret@127.0.0.1:{server.server_address[1]}/v3/apikey?x=hidden", timeout=1)
        with pytest.raises(ChainError) as caught:
            rpc.call("eth_chainId")
        server.shutdown()
    for text in (str(caught.value), repr(rpc), rpc.where):
        assert "s3cret" not in text and "apikey" not in text and "hidden" not in text
    sent = b"".join(seen)
    assert b"POST /v3/apikey?x=hidden" in sent and b"Authorization: Basic dXNlcjpzM2NyZXQ=" in sent


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8545", "ftp://x", "http://", "file:///etc/passwd", "http://[::1", "http://h:x"]
)
def test_what_is_no_url_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError):
        Rpc(url)


@pytest.mark.parametrize(
    "value",
    [None, 1, "", "0x", "1", "0xzz", "0x" + "1" * 65, "-0x1", ["0x1"], "0x1_0", "0x 1", "0x+1", "0x\u0661", "0x1\n"],
)
def test_what_is_no_quantity(value: object) -> None:
    with pytest.raises(ChainError):
        quantity(value, "it")
    assert quantity("0x0", "it") == 0 and quantity("0xff", "it") == 255


@pytest.mark.parametrize("value", [None, 1, "", "12", "0x1", "0xgg"])
def test_what_is_no_hex(value: object) -> None:
    with pytest.raises(ChainError):
        hex_data(value, "it")
    assert hex_data("0xAB", "it", 1) == "0xab"
    with pytest.raises(ChainError):
        hex_data("0xab", "it", 2)
