"""SIGKILL at random instants: no transaction whose receipt was seen is lost, and replayed blocks keep their hashes."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlm.adapters.chain.rpc import Rpc
from mlm.adapters.chain.tx import Transaction, address_of_key
from mlm.adapters.devnet import engine, keeper
from mlm.adapters.devnet.home import is_held, read_json
from mlm.adapters.devnet.process import holder
from mlm.adapters.devnet.supervisor import LocalDevnet
from mlm.adapters.wallet import devnet as accounts
from mlm.core.errors import ChainError

KEY = accounts.key("compute-1")
SENDER = address_of_key(KEY)
TO = "0x" + "55" * 20


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalDevnet]:
    made = LocalDevnet(tmp_path / "devnet", tmp_path / "cache")
    try:
        yield made
    finally:
        made.stop()
        assert not is_held(made.home.supervisor_lock) and not is_held(made.home.node_lock)


class Stream:
    """Sends transfers one after another, on and on, through whatever happens; remembers each that has a receipt."""

    def __init__(self, local: LocalDevnet, nonce: int) -> None:
        self.local, self.nonce = local, nonce
        self.seen: dict[str, tuple[int, str]] = {}  # hash -> block number and hash
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Stream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        rpc: Rpc | None = None
        while not self._stop.is_set():
            signed = Transaction(31337, self.nonce, 1, 10**11, 21000, TO, 1, b"").sign(KEY)
            try:
                if rpc is None:
                    url = self.local.url()
                    if url is None:
                        time.sleep(0.01)
                        continue
                    rpc = Rpc(url, timeout=30)
                try:
                    rpc.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
                except ChainError as error:
                    if "nonce too low" not in str(error) and "already imported" not in str(error):
                        raise
                receipt = rpc.call("eth_getTransactionReceipt", signed.tx_hash)
                if receipt is not None:
                    self.seen[signed.tx_hash] = int(receipt["blockNumber"], 16), receipt["blockHash"]
                    self.nonce += 1
            except ChainError as error:
                self.failures.append(str(error))
                rpc = None
                time.sleep(0.01)


def check(local: LocalDevnet, seen: dict[str, tuple[int, str]]) -> None:
    """Everything seen is still there, in the very same block."""
    url = local.url()
    assert url is not None
    rpc = Rpc(url)
    receipts = rpc.batch([("eth_getTransactionReceipt", (tx,)) for tx in seen])
    for (tx, (number, block)), receipt in zip(seen.items(), receipts, strict=True):
        assert receipt is not None, f"{tx} of block {number} is lost"
        assert (int(receipt["blockNumber"], 16), receipt["blockHash"]) == (number, block)
    nonce = int(rpc.call("eth_getTransactionCount", SENDER, "latest"), 16)
    assert nonce >= len(seen)
    assert int(rpc.call("eth_getBalance", TO, "latest"), 16) == nonce
    assert local.status().diverged == ()


def kill(pid: int | None) -> None:
    if pid:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


VICTIMS = ["node", "supervisor", "both"]


def test_nothing_acknowledged_is_lost(local: LocalDevnet, monkeypatch: pytest.MonkeyPatch) -> None:
    local.start()
    chosen = random.Random(os.environ.get("MLM_SEED", time.time()))
    seen: dict[str, tuple[int, str]] = {}
    nonce = 0
    for attempt in range(12):
        victim = VICTIMS[attempt % 3]
        with Stream(local, nonce) as stream:
            time.sleep(chosen.uniform(0.01, 0.5))
            # The supervisor first: alone it would restore the node at once.
            if victim != "node":
                kill(holder(local.home.supervisor_lock))
            if victim != "supervisor":
                kill(holder(local.home.node_lock))
            if victim == "node":
                time.sleep(chosen.uniform(0.05, 0.3))
            else:
                local.start()
                time.sleep(chosen.uniform(0.0, 0.1))
        seen |= stream.seen
        nonce = stream.nonce
        if victim == "node":
            assert stream.failures == [], "the node's death must not be seen by clients"
        check(local, seen)
    assert len(seen) > 50


def test_a_kill_during_the_restoration_is_survived(local: LocalDevnet) -> None:
    local.start()
    with Stream(local, 0) as stream:
        time.sleep(1.0)
    home = local.home
    for delay in (0.0, 0.02, 0.05, 0.08, 0.12):
        kill(holder(home.supervisor_lock))
        kill(holder(home.node_lock))
        while is_held(home.supervisor_lock):
            time.sleep(0.005)
        starting = threading.Thread(target=_start_quietly, args=(local,))
        starting.start()
        time.sleep(delay)
        if is_held(home.supervisor_lock):
            kill(int(home.supervisor_lock.read_text() or 0))
        starting.join(60)
        local.start()
        check(local, stream.seen)


def _start_quietly(local: LocalDevnet) -> None:
    try:
        local.start()
    except ChainError:
        pass  # it was killed while it started, as the test means to


def test_a_torn_last_line_is_cut_off(local: LocalDevnet) -> None:
    local.start()
    with Stream(local, 0) as stream:
        time.sleep(0.3)
    kill(holder(local.home.supervisor_lock))
    kill(holder(local.home.node_lock))
    journal = sorted(local.home.chain.glob("journal.*"))[-1]
    with journal.open("ab") as file:
        file.write(b'1234abcd {"kind":"tx","ra')
    local.start()
    check(local, stream.seen)
    with Stream(local, stream.nonce) as more:
        time.sleep(0.2)
    check(local, stream.seen | more.seen)


def test_a_damaged_snapshot_falls_back_to_the_one_before(local: LocalDevnet) -> None:
    local.start()
    with Stream(local, 0) as stream:
        while len(list(local.home.chain.glob("state.*.json"))) < 2:
            time.sleep(0.05)
    kill(holder(local.home.supervisor_lock))
    kill(holder(local.home.node_lock))
    newest = sorted(local.home.chain.glob("state.*.json"))[-1]
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    local.start()
    check(local, stream.seen)


def test_the_clock_and_time_jumps_survive(local: LocalDevnet) -> None:
    local.start()
    local.control("advance", 86_400)
    before = local.status()
    assert before.offset >= 86_400
    kill(holder(local.home.supervisor_lock))
    kill(holder(local.home.node_lock))
    local.start()
    after = local.status()
    assert after.offset == before.offset and 0 <= after.time - before.time < 60
    block = Rpc(local.url() or "").call("eth_getBlockByNumber", "latest", False)
    assert abs(int(block["timestamp"], 16) - time.time() - before.offset) < 60


def test_a_frozen_supervisor_is_ended(local: LocalDevnet) -> None:
    local.start()
    pid = holder(local.home.supervisor_lock)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    from mlm.adapters.devnet import process

    assert process.kill_holder(local.home.supervisor_lock, "it", grace=0.2)


def test_keeper_snapshots_often_enough() -> None:
    """A start replays at most this many entries: about a second."""
    assert keeper.SNAPSHOT_EVERY <= 1000


def test_two_starts_at_once_make_one_devnet(local: LocalDevnet) -> None:
    found: list[str] = []
    starts = [threading.Thread(target=lambda: found.append(local.start().url)) for _ in range(3)]
    for start in starts:
        start.start()
    for start in starts:
        start.join(60)
    assert len(found) == 3 and len(set(found)) == 1


def test_the_port_is_kept(local: LocalDevnet) -> None:
    url = local.start().url
    local.stop()
    assert local.url() is None and read_json(local.home.run) == {}
    assert local.start().url == url


def test_the_engine_is_the_locks(tmp_path: Path) -> None:
    assert engine.find(tmp_path).binary.is_file()
