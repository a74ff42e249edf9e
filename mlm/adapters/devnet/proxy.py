"""The devnet's JSON-RPC endpoint: reads are passed to the node, changes go through the keeper's journal.

Only 127.0.0.1, only JSON bodies, only a local Host header: a web page in the user's browser must not reach it.
"""

from __future__ import annotations

import http.client
import re
import socketserver
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any

import orjson

from mlm.adapters.devnet.keeper import Keeper
from mlm.adapters.devnet.node import CHAIN_ID, Answer
from mlm.core.errors import MlmError, UsageError

MAX_BODY = 32 * 1024 * 1024  # bytes
_READ_TIMEOUT = 300.0  # seconds that an idle client keeps its connection
_NODE_TIMEOUT = 120.0  # seconds for the node's answer
_RECOVERY = 60.0  # seconds to wait for a node that died
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

# Reads whose answer depends on the newest block: the clock ticks before them.
_PRESENT = {
    *("eth_call", "eth_estimateGas", "eth_blockNumber", "eth_getBlockByNumber", "eth_simulateV1"),
    *("eth_createAccessList", "eth_feeHistory"),
}
_CHEATS = {"anvil_setBalance", "anvil_setCode", "anvil_setNonce", "anvil_setStorageAt"}
_READS = {"anvil_nodeInfo", "anvil_metadata", "anvil_dumpState"}
_REFUSED = re.compile(r"(evm|anvil|hardhat|personal|miner|engine|wallet)_.*|eth_send.*|eth_sign.*|debug_set.*")


class Proxy(socketserver.ThreadingTCPServer):
    """Listens on 127.0.0.1. `port` 0 takes a free one."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, keeper: Keeper, port: int) -> None:
        self.keeper = keeper
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    """One client's connection; it keeps one connection to the node."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for head and body
    disable_nagle_algorithm = True
    timeout = _READ_TIMEOUT
    server: Proxy
    _node: http.client.HTTPConnection | None = None

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: requests are not logged."""

    def finish(self) -> None:
        if self._node is not None:
            self._node.close()
        try:
            super().finish()
        except OSError:
            pass  # the client went away while its answer was being sent

    def do_POST(self) -> None:
        """One JSON-RPC request or batch."""
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        if host not in ("127.0.0.1", "localhost"):
            return self._refuse(403, "expected the host 127.0.0.1")
        if not (self.headers.get("Content-Type") or "").startswith("application/json"):
            return self._refuse(415, "expected application/json")
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            return self._refuse(413, f"expected a body of at most {MAX_BODY} bytes")
        body = self.rfile.read(int(length))
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError:
            return self._reply(_wrap(None, Answer(error={"code": -32700, "message": "expected JSON"})))
        calls = request if isinstance(request, list) else [request]
        if not calls or not all(isinstance(call, dict) and isinstance(call.get("method"), str) for call in calls):
            return self._reply(_wrap(None, Answer(error={"code": -32600, "message": "expected a JSON-RPC request"})))
        methods = [call["method"] for call in calls]
        if any(_is_change(method) for method in methods):
            answers = [self._one(call) for call in calls]
            return self._reply(b"[" + b",".join(answers) + b"]" if isinstance(request, list) else answers[0])
        return self._reply(self._read(methods, body))

    def _one(self, call: Mapping[str, Any]) -> bytes:
        """One call on its own: a change, or a read between changes."""
        method, params = call["method"], call.get("params") or []
        if not _is_change(method):
            return self._read([method], orjson.dumps(call))
        return _wrap(call.get("id"), change(self.server.keeper, method, params))

    def _read(self, methods: list[str], body: bytes) -> bytes:
        keeper = self.server.keeper
        if not _PRESENT.isdisjoint(methods):
            try:
                keeper.tick()
            except MlmError:
                pass  # a full disk stops the clock, not the reading
        deadline = time.monotonic() + _RECOVERY
        while True:
            try:
                return self._ask(keeper.node.port, body)
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                if isinstance(error, TimeoutError) or time.monotonic() > deadline:
                    return _failed(body, f"the devnet's node does not answer: {error}")
            try:
                keeper.ensure()
            except MlmError as error:
                return _failed(body, str(error))
            time.sleep(0.02)

    def _ask(self, port: int, body: bytes) -> bytes:
        if self._node is not None and self._node.port != port:
            self._drop()  # the node was restarted on another port
        if self._node is None:
            self._node = http.client.HTTPConnection("127.0.0.1", port, timeout=_NODE_TIMEOUT)
        self._node.request("POST", "/", body, {"Content-Type": "application/json"})
        return self._node.getresponse().read()

    def _drop(self) -> None:
        if self._node is not None:
            self._node.close()
            self._node = None

    def _reply(self, body: bytes, status: int = 200) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _refuse(self, status: int, message: str) -> None:
        self.close_connection = True  # the body was not read
        self._reply(_wrap(None, Answer(error={"code": -32600, "message": message})), status)


def _is_change(method: str) -> bool:
    if method in _READS:
        return False
    return method in _CHANGES or method in _CHEATS or method.startswith("mlm_") or bool(_REFUSED.fullmatch(method))


def change(keeper: Keeper, method: str, params: Any) -> Answer:
    """Do one call that changes the chain, or refuse it."""
    if not isinstance(params, list):
        return Answer(error={"code": -32602, "message": "expected params as a list"})
    try:
        if method in _CHEATS:
            return keeper.cheat(method, params)
        if method in _CHANGES:
            return _CHANGES[method](keeper, *params)
    except TypeError:
        return Answer(error={"code": -32602, "message": f"{method}: expected other params"})
    except MlmError as error:
        return Answer(error={"code": -32000, "message": str(error), "data": {"hint": error.hint, "code": error.code}})
    message = f"{method} would bypass the devnet's journal: send signed transactions, and use `mlm devnet`"
    return Answer(error={"code": -32601, "message": message})


def _send(keeper: Keeper, raw: Any) -> Answer:
    if not isinstance(raw, str) or not re.fullmatch(r"0x([0-9a-fA-F]{2})+", raw):
        return Answer(error={"code": -32602, "message": "expected a raw transaction as 0x-hex"})
    return keeper.send(raw)


def _increase_time(keeper: Keeper, seconds: Any) -> Answer:
    keeper.set_clock(max(keeper.now(), keeper.head.time) + _number(seconds))
    return Answer(keeper.offset)


def _set_time(keeper: Keeper, at: Any) -> Answer:
    keeper.set_clock(_number(at))
    return Answer()


def _mine(keeper: Keeper, at: Any = None) -> Answer:
    when = at.get("timestamp") if isinstance(at, dict) else at
    if when is not None:
        keeper.set_clock(_number(when))
    return keeper.mine()


def _mine_many(keeper: Keeper, count: Any = 1) -> Answer:
    blocks = _number(count)
    if blocks > 10_000:
        raise UsageError(f"expected at most 10000 blocks, found {blocks}")
    for _ in range(blocks):
        keeper.mine()
    return Answer()


def _advance(keeper: Keeper, seconds: Any) -> Answer:
    keeper.advance(_number(seconds))
    return status(keeper)


def _snapshot(keeper: Keeper, name: Any) -> Answer:
    keeper.snapshot(_name(name))
    return status(keeper)


def _restore(keeper: Keeper, name: Any) -> Answer:
    keeper.restore(_name(name))
    return status(keeper)


def status(keeper: Keeper) -> Answer:
    """What `mlm devnet status` shows."""
    return Answer(
        {
            "block": keeper.head.number,
            "hash": keeper.head.hash,
            "time": keeper.now(),
            "offset": keeper.offset,
            "nodePid": keeper.node.process.pid,
            "journalled": keeper.pending,
            "restarts": keeper.restarts,
            "diverged": keeper.diverged[:16],
            "chainId": CHAIN_ID,
        }
    )


_CHANGES: Mapping[str, Callable[..., Answer]] = {
    "eth_sendRawTransaction": _send,
    "evm_increaseTime": _increase_time,
    "evm_setNextBlockTimestamp": _set_time,
    "evm_mine": _mine,
    "anvil_mine": _mine_many,
    "mlm_status": status,
    "mlm_advance": _advance,
    "mlm_snapshot": _snapshot,
    "mlm_restore": _restore,
}


def _number(value: Any) -> int:
    number = value if isinstance(value, int) and not isinstance(value, bool) else -1
    if isinstance(value, str):
        try:
            number = int(value, 0)
        except ValueError:
            number = -1
    if not 0 <= number < 1 << 40:
        raise UsageError(f"expected a number of at most 40 bits, found {str(value)[:40]!r}")
    return number


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise UsageError(f"expected a name of a-z, 0-9 and -, found {str(value)[:80]!r}")
    return value


def _wrap(identifier: Any, answer: Answer) -> bytes:
    content = {"error": answer.error} if answer.error is not None else {"result": answer.result}
    return orjson.dumps({"jsonrpc": "2.0", "id": identifier, **content})


def _failed(body: bytes, message: str) -> bytes:
    """The same error for every call of a body that the node could not answer."""
    error = Answer(error={"code": -32000, "message": message})
    request = orjson.loads(body)
    if isinstance(request, list):
        return b"[" + b",".join(_wrap(call.get("id"), error) for call in request) + b"]"
    return _wrap(request.get("id"), error)
