"""Indexing 100,000 events: `mlm sync` beside `web3.py` with `get_logs` and `process_log`, from one node's same bytes.

    python -m bench.indexing mlm|web3 URL     (one side alone: prints events a second)

mlm checks every block's hash, decodes strictly, and writes events and facts into DuckDB; the peer only decodes, into a
list. Imports are not counted, on neither side.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from bench.benchmark import Benchmark, Figure
from bench.replay import CHAIN_ID, FIRST_BLOCK, LIFE, addresses, block_hash
from bench.timing import PYTHON, ROOT, by_turns, clean, ratio

EVENTS = 100_000
JOBS = EVENTS // len(LIFE)
PART = 10  # the peer's rate does not depend on how much there is: it gets a tenth
REPEAT = 3


def mlm(url: str) -> float:
    """Events in a processor second of a first sync."""
    import numpy  # noqa: F401  (as the peer's libraries, imported beforehand)

    from mlm.adapters.chain.deployment import Deployed, Deployment
    from mlm.adapters.chain.read import EthChain
    from mlm.adapters.chain.rpc import Rpc
    from mlm.adapters.state import DuckState
    from mlm.adapters.system import OsSystem
    from mlm.ports.bundle import Ports
    from mlm.workflows.sync import sync

    nowhere = {name: Deployed(address, FIRST_BLOCK, "0x" + "0" * 64, "") for name, address in addresses().items()}
    deployment = Deployment(CHAIN_ID, block_hash(0), FIRST_BLOCK, nowhere)
    chain = EthChain(Rpc(url), deployment)
    with tempfile.TemporaryDirectory() as folder:
        state = DuckState(Path(folder) / "state.duckdb")
        state.query("marks")  # creates the file, and imports what opening it needs
        ports = Ports(chain=lambda: chain, state=lambda: state, system=OsSystem)
        started = time.process_time()
        done = sync(ports)
        seconds = time.process_time() - started
    if done.events != EVENTS:
        raise RuntimeError(f"expected {EVENTS} events, found {done.events}")
    return EVENTS / seconds


def web3(url: str) -> float:
    """Events in a processor second of the peer, over the first part of the same history, in one range."""
    from web3 import HTTPProvider, Web3

    provider = Web3(HTTPProvider(url, request_kwargs={"timeout": 600}))
    events = {}
    for name, address in addresses().items():
        entries = json.loads((ROOT / "devnet" / "artifacts" / f"{name}.json").read_text())["abi"]
        contract = provider.eth.contract(address=provider.to_checksum_address(address), abi=entries)
        for event in (contract.events[entry["name"]]() for entry in entries if entry["type"] == "event"):
            events[contract.address, event.topic] = event
    where = [provider.to_checksum_address(address) for address in addresses().values()]
    started = time.process_time()
    last = provider.eth.get_block("latest")["number"] // PART
    logs = provider.eth.get_logs({"fromBlock": FIRST_BLOCK, "toBlock": last, "address": where})
    decoded = [events[log["address"], provider.to_hex(log["topics"][0])].process_log(log) for log in logs]
    seconds = time.process_time() - started
    if len(decoded) != EVENTS // PART:
        raise RuntimeError(f"expected {EVENTS // PART} events, found {len(decoded)}")
    return len(decoded) / seconds


SIDES = {"mlm": mlm, "web3": web3}


def _side(name: str, url: str) -> float:
    """One side in a process of its own."""
    words = [*PYTHON, "-m", "bench.indexing", name, url]
    done = subprocess.run(words, cwd=ROOT, env=clean({}), capture_output=True, text=True, check=True)
    return float(done.stdout)


@cache
def _times() -> list[list[float]]:
    node = subprocess.Popen([*PYTHON, "-m", "bench.replay", str(JOBS)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert node.stdout is not None
        url = node.stdout.readline().strip()
        return by_turns(REPEAT, *(lambda name=name: _side(name, url) for name in SIDES))
    finally:
        node.kill()
        node.wait()


BENCHMARKS = (
    Benchmark(
        "index: 100,000 events, rate",
        "x",
        lambda: ratio(_times()[0], _times()[1]),
        peer="web3.py get_logs + process_log",
        least=20,
    ),
    Benchmark("index: events a second", "1/s", lambda: Figure.of(_times()[0])),
)

if __name__ == "__main__":
    print(SIDES[sys.argv[1]](sys.argv[2]))
