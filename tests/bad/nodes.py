"""Nodes that are dead, slow, of another chain, or liars; and files that say where the contracts are."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler
from typing import Any

from mlm.adapters.chain.rpc import Rpc
from tests.bad.harness import Scene, bad
from tests.fake_node import Behave, node, reply

NODE = "{node}"


def _answers(body: bytes, results: Callable[[str, list[Any]], Any]) -> bytes:
    request = json.loads(body)
    calls = request if isinstance(request, list) else [request]
    answers = [
        {"jsonrpc": "2.0", "id": call["id"], "result": results(call["method"], call["params"])} for call in calls
    ]
    return json.dumps(answers if isinstance(request, list) else answers[0]).encode()


def _behaving(scene: Scene, behave: Behave) -> None:
    """A network of the user's settings whose node behaves so."""
    url = scene.enter(node(behave))
    scene.network(url)
    scene.words["node"] = url
    scene.env["MLM_CHAIN_TIMEOUT"] = "0.3"


def _lying(scene: Scene, **lies: Any) -> None:
    """The devnet's own node, but for some answers."""
    truth = Rpc(scene.url)
    scene.later(truth.close)

    def result(method: str, params: list[Any]) -> Any:
        return lies[method] if method in lies else truth.call(method, *params)

    _behaving(scene, lambda handler, body: reply(handler, _answers(body, result)))
    scene.env["MLM_CHAIN_TIMEOUT"] = "20"


@bad("mlm search", 6, NODE, "cannot be reached", "refused", hint="mlm network show")
def dead_node(scene: Scene) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    scene.network(url)
    scene.words["node"] = url


@bad("mlm search", 6, "no-such-host.invalid", "cannot be reached")
def node_without_an_address(scene: Scene) -> None:
    scene.network("http://no-such-host.invalid:8545")


@bad("mlm search", 6, NODE, "did not answer", "within 0.3 s", hint="chain.timeout")
def slow_node(scene: Scene) -> None:
    _behaving(scene, lambda handler, body: time.sleep(1))


@bad("mlm search", 6, NODE, "did not answer", "within 0.3 s", hint="chain.timeout")
def node_that_drips(scene: Scene) -> None:
    def drip(handler: StreamRequestHandler, body: bytes) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(40):
            handler.wfile.write(b" ")
            time.sleep(0.05)

    _behaving(scene, drip)


@contextmanager
def _port(says: bytes = b"") -> Iterator[str]:
    """A port that takes connections and, whatever it is told, says this."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                    kept[-1].sendall(says)
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        for each in kept:
            each.close()


@bad("mlm search", 6, "did not answer", "within 0.3 s")
def https_on_a_port_that_never_speaks(scene: Scene) -> None:
    scene.network(f"https://{scene.enter(_port())}")
    scene.env["MLM_CHAIN_TIMEOUT"] = "0.3"


@bad("mlm search", 6, "cannot be reached", "SSL")
def https_on_a_port_that_speaks_http(scene: Scene) -> None:
    scene.network(f"https://{scene.enter(_port(b'HTTP/1.1 400 Bad Request'))}")
    scene.env["MLM_CHAIN_TIMEOUT"] = "2"


@bad("mlm search", 6, NODE, "expected JSON-RPC", "<html>")
def web_page_in_place_of_a_node(scene: Scene) -> None:
    _behaving(scene, lambda handler, body: reply(handler, b"<html>Welcome to nginx</html>"))


@bad("mlm search", 6, NODE, "HTTP status 404", "expected 200")
def address_that_is_no_node(scene: Scene) -> None:
    _behaving(scene, lambda handler, body: reply(handler, b"not found", "404 Not Found"))


@bad("mlm search", 6, NODE, "HTTP status 301", "expected 200")
def node_that_sends_elsewhere(scene: Scene) -> None:
    _behaving(scene, lambda handler, body: reply(handler, b"", "301 Moved\r\nLocation: http://evil.invalid"))


@bad("mlm search", 6, NODE, "HTTP status 429", "expected 200")
def node_that_is_always_busy(scene: Scene) -> None:
    _behaving(scene, lambda handler, body: reply(handler, b"slow down", "429 Too Many Requests"))


@bad("mlm search", 6, NODE, "cut short")
def node_that_hangs_up_midway(scene: Scene) -> None:
    def cut(handler: StreamRequestHandler, body: bytes) -> None:
        handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"jso')
        handler.connection.shutdown(socket.SHUT_RDWR)

    _behaving(scene, cut)


@bad("mlm search", 6, NODE, "expected at most 268435456", "1099511627776 bytes")
def node_that_answers_a_terabyte(scene: Scene) -> None:
    def flood(handler: StreamRequestHandler, body: bytes) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n")

    _behaving(scene, flood)


@bad("mlm search", 6, NODE, "refused eth_", "we are closed", error="rpc")
def node_that_refuses_everything(scene: Scene) -> None:
    def refuse(handler: StreamRequestHandler, body: bytes) -> None:
        request = json.loads(body)
        calls = request if isinstance(request, list) else [request]
        error = {"code": -32000, "message": "we are closed\x1b[2J\nerror: pay 0xbad"}
        answers = [{"jsonrpc": "2.0", "id": call["id"], "error": error} for call in calls]
        reply(handler, json.dumps(answers if isinstance(request, list) else answers[0]).encode())

    _behaving(scene, refuse)


@bad("mlm search", 6, "expected chain id 31337, found 1", error="wrong_chain")
def wrong_chain_id(scene: Scene) -> None:
    _lying(scene, eth_chainId="0x1")


@bad("mlm search", 6, "expected genesis 0x", "found 0x1212", error="wrong_chain")
def wrong_genesis_block(scene: Scene) -> None:
    truth = Rpc(scene.url)
    block = truth.call("eth_getBlockByNumber", "0x0", False)
    truth.close()
    _lying(scene, eth_getBlockByNumber={**block, "hash": "0x" + "12" * 32})


@bad("mlm search", 6, "expected logs", "found")
def node_whose_logs_are_none(scene: Scene) -> None:
    _lying(scene, eth_getLogs="0x")


@bad("mlm wallet show consumer", 6, "expected", "found")
def node_whose_balance_is_no_number(scene: Scene) -> None:
    _lying(scene, eth_getBalance="many")


@bad("mlm wallet show consumer", 6, "JobMarket.creditOf", "ends at byte 31, expected 32")
def node_whose_contracts_answer_nonsense(scene: Scene) -> None:
    _lying(scene, eth_call="0x" + "ff" * 31)


@bad("mlm search", 3, "no deployment file at", "nothing.json")
def deployment_file_that_is_not_there(scene: Scene) -> None:
    scene.network(scene.url, deployment=str(scene.home / "nothing.json"))


@bad("mlm search", 4, "theirs.json", "expected JSON", "found")
def deployment_file_cut_short(scene: Scene) -> None:
    scene.network(scene.url)
    file = scene.home / "theirs.json"
    file.write_text(file.read_text()[:100])


@bad("mlm search", 4, "theirs.json", "expected contracts.MarketToken.address", "found '0x12'")
def deployment_file_with_half_an_address(scene: Scene) -> None:
    scene.network(scene.url)
    file = scene.home / "theirs.json"
    value = json.loads(file.read_text())
    value["contracts"]["MarketToken"]["address"] = "0x12"
    file.write_text(json.dumps(value))


@bad("mlm search", 2, "is of chain 31337", "says 5")
def deployment_file_of_another_chain(scene: Scene) -> None:
    scene.network(scene.url, chain_id=5)


@bad("mlm price show alice/digits-mlp", 6, "AssetRegistry", "expected a contract", "found none", hint="deployment file")
def contracts_that_are_not_there(scene: Scene) -> None:
    scene.network(scene.url)
    file = scene.home / "theirs.json"
    value = json.loads(file.read_text())
    for number, entry in enumerate(value["contracts"].values(), 1):
        entry["address"] = f"0x{number:040x}".replace("0x00", "0xee")
    file.write_text(json.dumps(value))


@bad("mlm search", 6, "the devnet is down", hint="mlm devnet up")
def devnet_that_is_down(scene: Scene) -> None:
    (scene.home / "devnet").unlink()


@bad(
    "mlm network add x --rpc ftp://h --chain-id 1 --deployment d.json",
    2,
    "--rpc: expected an http(s) URL",
    "found 'ftp'",
)
def address_of_another_protocol(scene: Scene) -> None:
    scene.write("d.json", (scene.home / "devnet" / "deployment.json").read_bytes())


@bad("mlm search", 2, "expected an http(s) URL", "found")
def address_that_is_none(scene: Scene) -> None:
    scene.network("http://[::1")


@bad("mlm asset show mlm://5/alice/digits-mlp@1.0.0", 2, "is on chain 5", "this network is 31337", hint="--network")
def link_to_another_chain(scene: Scene) -> None:
    pass
