"""A devnet with a published model and a posted job, and a witness of what commands ask its node.

The commands work with a network called `witnessed`: the devnet's node behind a proxy that keeps every request and the
time that the node took to answer it, which is the chain's own time.
"""

from __future__ import annotations

import atexit
import http.client
import json
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.timing import MLM, Took, clean, command

OWN = "own"  # an account with a keystore file, unlike the devnet's own
MODEL, INPUT = "alice/digits-mlp", "samples/digit.npy"


@dataclass
class Witness:
    """What the node was asked since `forget`: bodies in order, and the seconds it took for all of them."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    seconds: float = 0.0

    def forget(self) -> None:
        """Begin anew."""
        self.bodies, self.seconds = [], 0.0


@dataclass(frozen=True)
class Market:
    """The devnet, whoever's commands run there, and the witness."""

    folder: Path
    home: Path
    witness: Witness
    job: str

    def environment(self, account: str = "consumer") -> dict[str, str]:
        """The settings of a command."""
        own = {"MLM_ACCOUNT": account, "MLM_NETWORK": "witnessed", "MLM_PASSWORD_FILE": str(self.home / "password")}
        return {"MLM_HOME": str(self.home), **own}

    def run(self, *words: str, account: str = "consumer") -> Took:
        """Run a command of mlm."""
        return command([*MLM, *words, "--yes"], self.folder, self.environment(account))


def _value(words: list[str], folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [*MLM, *words, "--json"], cwd=folder, env=clean(environment), capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@cache
def market() -> Market:
    """Started once for all benchmarks, stopped when the process ends."""
    keep = tempfile.TemporaryDirectory(prefix="mlm-bench-")
    root = Path(keep.name)
    home = root / "home"
    provider = {"MLM_HOME": str(home), "MLM_ACCOUNT": "model-provider"}
    up = _value(["devnet", "up"], root, provider)

    def stop() -> None:
        command([*MLM, "devnet", "down"], root, {"MLM_HOME": str(home)})
        keep.cleanup()

    atexit.register(stop)
    _value(["init", "digits-mlp", "--template", "digits-mlp"], root, provider)
    folder = root / "digits-mlp"
    for words in (["add", "."], ["commit", "-m", "first"], ["publish", "--handle", "alice"]):
        _value(words, folder, provider)
    posting = ["job", "post", MODEL, "-i", INPUT, "--max-price", "5"]
    posted = _value(posting, folder, provider | {"MLM_ACCOUNT": "consumer"})
    (home / "password").write_text("of the account with a keystore file\n")
    _value(["wallet", "new", OWN, "--password-file", str(home / "password")], root, provider)
    _value(["wallet", "faucet", OWN], root, provider)
    witness = _witnessed(up["url"])
    chain = ["--chain-id", str(up["chain_id"]), "--deployment", up["deployment"]]
    _value(["network", "add", "witnessed", "--rpc", witness.url, *chain], root, provider)
    return Market(folder, home, witness, posted["result"]["job"])


def _witnessed(url: str) -> Witness:
    """A proxy in front of a node, which serves until this process ends."""
    node, witness, turn = urlsplit(url), Witness(), threading.Lock()

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            self.upstream = http.client.HTTPConnection(str(node.hostname), node.port, timeout=60)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            started = time.perf_counter()
            self.upstream.request("POST", "/", body, {"Content-Type": "application/json"})
            answer = self.upstream.getresponse()
            data = answer.read()
            with turn:
                witness.seconds += time.perf_counter() - started
                witness.bodies.append(body)
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    witness.url = f"http://127.0.0.1:{server.server_address[1]}"
    return witness
