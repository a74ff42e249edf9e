"""A JSON-RPC node that answers from prepared bytes: the same history, at the same speed, for whoever asks.

    python -m bench.replay JOBS     (prints its URL, serves until it is killed)

Its history is the vectors' events (tests/vectors/events.json) of job after job, each with an id of its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench.timing import ROOT

CHAIN_ID, FIRST_BLOCK = 31337, 1
LIFE = (  # the events of one job, as the market emits them
    "MarketToken.Transfer", "JobMarket.JobPosted", "JobMarket.BidPlaced", "StakeVault.StakeLocked",
    "JobMarket.BidPlaced", "StakeVault.StakeLocked", "StakeVault.StakeUnlocked", "JobMarket.BidsClosed",
    "JobMarket.InputAccepted", "JobMarket.ResultSubmitted", "StakeVault.StakeUnlocked", "JobMarket.JobSettled",
    "JobMarket.Credited", "JobMarket.Credited", "JobMarket.Credited", "JobMarket.Withdrawn",
)  # fmt: skip
JOBS_PER_BLOCK = 5


def vectors() -> dict[str, dict[str, Any]]:
    """contract.event -> its vector."""
    events = json.loads((ROOT / "tests" / "vectors" / "events.json").read_text(encoding="utf-8"))["events"]
    return {f"{entry['contract']}.{entry['event']}": entry for entry in events}


def addresses() -> dict[str, str]:
    """An address for each contract that emits."""
    names = sorted({name.partition(".")[0] for name in vectors()})
    return {name: f"0x{i + 1:040x}" for i, name in enumerate(names)}


def block_hash(number: int) -> str:
    """The hash of a block."""
    return "0x" + sha256(b"block %d" % number).hexdigest()


def block(number: int) -> dict[str, str]:
    """A block's header, as far as anybody reads it."""
    return {
        "number": hex(number),
        "hash": block_hash(number),
        "parentHash": block_hash(number - 1),
        "timestamp": hex(1_700_000_000 + number),
        "baseFeePerGas": "0x7",
    }


def logs(jobs: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """The block and the log of each event of `jobs` jobs."""
    known, where = vectors(), addresses()
    places = [(name.partition(".")[0], known[name]) for name in LIFE]
    for job in range(jobs):
        number, own = FIRST_BLOCK + job // JOBS_PER_BLOCK, sha256(b"job %d" % job).hexdigest()
        for position, (contract, vector) in enumerate(places):
            index = job % JOBS_PER_BLOCK * len(LIFE) + position
            topics = vector["topics"]
            if vector["args"].get("jobId"):
                topics = [topic.replace(vector["args"]["jobId"][2:], own) for topic in topics]
            yield (
                number,
                {
                    "address": where[contract],
                    "topics": topics,
                    "data": vector["data"],
                    "blockNumber": hex(number),
                    "blockHash": block_hash(number),
                    "transactionHash": "0x" + sha256(b"tx %d %d" % (job, position)).hexdigest(),
                    "transactionIndex": "0x0",
                    "logIndex": hex(index),
                    "removed": False,
                },
            )


def serve(jobs: int) -> None:
    """Serve the history of `jobs` jobs on a free port."""
    by_block: dict[int, list[str]] = {}
    for number, log in logs(jobs):
        by_block.setdefault(number, []).append(json.dumps(log, separators=(",", ":")))
    encoded = {number: ",".join(found).encode() for number, found in by_block.items()}
    last = max(encoded)

    @cache  # what a first round asks for is ready in the others
    def history(low: int, high: int) -> bytes:
        return b"[" + b",".join(encoded[number] for number in range(max(low, 1), min(high, last) + 1)) + b"]"

    def result(method: str, params: list[Any]) -> bytes:
        if method == "eth_chainId":
            return b'"%s"' % hex(CHAIN_ID).encode()
        if method == "eth_getLogs":
            return history(*(int(params[0][end], 16) for end in ("fromBlock", "toBlock")))
        if method == "eth_getBlockByNumber":
            named = {"latest": last, "safe": last, "finalized": last, "earliest": 0}
            number = named[params[0]] if params[0] in named else int(params[0], 16)
            return json.dumps(block(number)).encode() if number <= last else b"null"
        raise ValueError(f"no answer was prepared to {method}")

    class Node(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            many = isinstance(asked, list)
            body = b",".join(
                b'{"jsonrpc":"2.0","id":%d,"result":%s}' % (one["id"], result(one["method"], one["params"]))
                for one in (asked if many else [asked])
            )
            body = b"[%s]" % body if many else body
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Node)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
