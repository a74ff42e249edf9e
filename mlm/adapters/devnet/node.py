"""One anvil process: started from a snapshot or from nothing, fed entries of the journal, asked for its state.

The same entries on the same start give the same blocks, hash for hash: every block's time is in its entry, and anvil
derives the rest from the parent.
"""

from __future__ import annotations

import gzip
import os
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm.adapters.chain.rpc import Rpc, RpcError, quantity
from mlm.adapters.devnet import txlog
from mlm.adapters.devnet.home import Home, is_held, try_lock
from mlm.adapters.devnet.process import kill_holder
from mlm.core.errors import ChainError

CHAIN_ID = 31337
_START_TIMEOUT = 30.0  # seconds; loading a large snapshot takes longest
_CALL_TIMEOUT = 120.0
_STATE_MAX = 1 << 30  # bytes of a decompressed snapshot


@dataclass(frozen=True)
class Head:
    """The newest block."""

    number: int
    hash: str
    time: int  # seconds


@dataclass(frozen=True)
class Answer:
    """A JSON-RPC result or error object, as the client shall see it."""

    result: Any = None
    error: dict[str, Any] | None = None


class Node:
    """A running anvil. Methods raise ChainError when it has died or hangs."""

    def __init__(self, home: Home, binary: Path, genesis_time: int, state: Path | None) -> None:
        """Start from `state`, or from the genesis block; raises ChainError when it does not come up."""
        lock = try_lock(home.node_lock)
        if lock is None:
            raise ChainError("another node still runs in the devnet's folder", hint="Run `mlm devnet down`.")
        os.ftruncate(lock, 0)
        self.port = _free_port()
        self.killed = False
        command = [str(binary), *_flags(self.port, genesis_time)]
        if state is not None:
            command += ["--load-state", str(state)]
        try:
            with home.node_log.open("wb") as log:
                # The shell writes its process id beside the lock that it inherits, and becomes the node.
                self.process = subprocess.Popen(
                    ["/bin/sh", "-c", 'echo $$ >"$0" && exec "$@"', str(home.node_lock), *command],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=home.chain,
                    pass_fds=(lock,),
                    start_new_session=True,
                )
        finally:
            os.close(lock)
        self.rpc = Rpc(f"http://127.0.0.1:{self.port}", timeout=_CALL_TIMEOUT)
        try:
            self.head = self._wait_until_up(home)
        except BaseException:
            self.kill()
            raise

    def alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL: the state is in the snapshot and the journal, never only in the node."""
        self.killed = True
        self.rpc.close()
        if self.alive():
            self.process.kill()
        self.process.wait(timeout=10)

    def apply(self, entry: txlog.Entry) -> Answer:
        """Make one change. The node's own refusal is an Answer; ChainError means that the node is gone."""
        try:
            if entry.kind == txlog.TX:
                answer = Answer(self.rpc.call("eth_sendRawTransaction", entry.raw))
                self._mine(entry.time)
                return answer
            if entry.kind == txlog.MINE:
                self._mine(entry.time)
                return Answer("0x0")
            if entry.kind == txlog.CALL:
                return Answer(self.rpc.call(entry.method, *entry.params))
        except RpcError as error:
            data = {} if error.data is None else {"data": error.data}
            return Answer(error={"code": error.rpc_code, "message": error.rpc_message, **data})
        return Answer()

    def _mine(self, at: int) -> None:
        block = self.rpc.call("evm_mine_detailed", {"timestamp": at})[0]
        self.head = _head(block)

    def is_idle(self) -> bool:
        """Whether no transaction waits in the pool: a snapshot does not hold those."""
        status = self.rpc.call("txpool_status")
        return all(quantity(status[key], "a pool's size") == 0 for key in ("pending", "queued"))

    def dump(self) -> bytes:
        """The whole state as --load-state takes it."""
        packed = bytes.fromhex(self.rpc.call("anvil_dumpState")[2:])
        state = gzip.decompress(packed)
        if len(state) > _STATE_MAX:
            raise ChainError(f"the devnet's state is {len(state)} bytes, expected at most {_STATE_MAX}")
        return state

    def _wait_until_up(self, home: Home) -> Head:
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            if not self.alive():
                last = home.node_log.read_bytes()[-300:].decode(errors="replace").strip()
                raise ChainError(f"the devnet's node ended with code {self.process.returncode} at its start: {last}")
            try:
                return _head(self.rpc.call("eth_getBlockByNumber", "latest", False))
            except ChainError:
                time.sleep(0.02)
        raise ChainError(f"the devnet's node did not answer within {_START_TIMEOUT:g} s", hint="See `mlm devnet logs`.")


def kill_orphan(home: Home) -> None:
    """End a node whose supervisor is gone."""
    if is_held(home.node_lock):
        kill_holder(home.node_lock, "the devnet's node")


def _head(block: Any) -> Head:
    if not isinstance(block, dict):
        raise ChainError("the devnet's node answered without a block")
    return Head(quantity(block.get("number"), "number"), block["hash"], quantity(block.get("timestamp"), "timestamp"))


def _flags(port: int, genesis_time: int) -> list[str]:
    """cancun and pruning are the fast path (some past states stay for traces of reverts); no mining of its own, since
    automine strands pipelined nonces and the supervisor mines; an epoch of 0 slots makes every block final at once."""
    return [
        *("--host", "127.0.0.1", "--port", str(port), "--chain-id", str(CHAIN_ID)),
        *("--hardfork", "cancun", "--prune-history", "8", "--no-mining", "--order", "fifo"),
        *("--slots-in-an-epoch", "0", "--timestamp", str(genesis_time), "--no-request-size-limit", "--no-cors"),
    ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
