"""A proxy of ours in front of a real chain (tests/anvil.py), that misbehaves at will."""

from __future__ import annotations

import json
import socket
import socketserver
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.fake_node import node, reply


@dataclass
class Proxy:
    """In front of a node. `mood` says what it does to requests; `after` lets so many through honestly first."""

    target: str
    url: str = ""
    mood: str = "honest"
    after: int = 0
    asked: list[str] = field(default_factory=list)  # methods, in order, whatever became of them
    lacks: set[str] = field(default_factory=set)  # methods that it does not know
    loses: str = ""  # a method that it passes on, and whose answer is lost: it is dead from then on
    answers: dict[str, Any] = field(default_factory=dict)  # method -> result told instead of the node's

    def behave(self, handler: socketserver.StreamRequestHandler, body: bytes) -> None:
        """Answer one HTTP request as the mood is."""
        request = json.loads(body)
        self.asked += [call["method"] for call in (request if isinstance(request, list) else [request])]
        if self.loses and self.loses in self.asked:
            self._forward(request)
            self.mood, self.loses = "dead", ""
        if self.after > 0:
            self.after -= 1
            return reply(handler, self._forward(request))
        match self.mood:
            case "honest":
                reply(handler, self._forward(request))
            case "dead":
                handler.connection.shutdown(socket.SHUT_RDWR)
            case "silent":
                time.sleep(3)
            case "drips":
                handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
                for number in range(300):
                    handler.wfile.write(f"X-{number}: 1\r\n".encode())
                    time.sleep(0.02)
            case "cut":
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[")
                handler.connection.shutdown(socket.SHUT_RDWR)
            case "nonsense":
                reply(handler, b"<html>welcome</html>")
            case "busy":
                reply(handler, b"slow down", "429 Too Many Requests")
            case "forbidden":
                reply(handler, b"no such key", "403 Forbidden")
            case "unsynced":
                error = {"code": -32000, "message": "node is syncing, not synced yet"}
                calls = request if isinstance(request, list) else [request]
                told = [{"jsonrpc": "2.0", "id": call["id"], "error": error} for call in calls]
                reply(handler, json.dumps(told if isinstance(request, list) else told[0]).encode())
            case mood:
                raise AssertionError(mood)

    def _forward(self, request: Any) -> bytes:
        if isinstance(request, dict) and request["method"] in self.lacks:
            error = {"code": -32601, "message": f"the method {request['method']} does not exist"}
            return json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error}).encode()
        sent = urllib.request.Request(
            self.target, json.dumps(request).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(sent, timeout=20) as answer:
            raw: bytes = answer.read()
        if not self.answers:
            return raw
        calls, told = (request, json.loads(raw)) if isinstance(request, list) else ([request], [json.loads(raw)])
        by_id = {answer["id"]: answer for answer in told}
        for call in calls:
            if call["method"] in self.answers:
                lie = self.answers[call["method"]]
                found = by_id[call["id"]]
                found["result"] = lie(call["params"], found.get("result")) if callable(lie) else lie
        return json.dumps(told if isinstance(request, list) else told[0]).encode()


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """A proxy in front of `target`."""
    made = Proxy(target)
    with node(made.behave) as url:
        made.url = url
        yield made


def closed_port() -> str:
    """A URL where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
