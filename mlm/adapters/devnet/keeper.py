"""The devnet's keeper: owns the node, journals every change before the node hears of it, and restores it when it dies.

INVARIANT: the chain is the newest snapshot and the journal that continues it; the node is a cache of that.
A change is acknowledged only after its entry is on the disk and the node has applied it, so nothing acknowledged is
lost, whichever process is killed when.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm.adapters.devnet import txlog
from mlm.adapters.devnet.home import Home, read_json, write, write_json
from mlm.adapters.devnet.node import Answer, Head, Node, kill_orphan
from mlm.core.errors import ChainError, MlmError, NotFound, StateConflict, UsageError

SNAPSHOT_EVERY = 256  # entries; a replay takes about 2 ms each
_ATTEMPTS = 3

log = logging.getLogger("mlm.devnet")


@dataclass(frozen=True)
class Generation:
    """A snapshot on disk: the state after `seq` entries. `path` is None for the genesis block."""

    seq: int
    offset: int
    path: Path | None


class Keeper:
    """All changes go through `change`, one at a time. Reads go to `node.port` directly."""

    def __init__(self, home: Home, binary: Path, wall: Callable[[], float] = time.time) -> None:
        self._home, self._binary, self._wall = home, binary, wall
        self._lock = threading.RLock()
        self._stopping = False
        self.restarts = 0
        self.diverged: list[int] = []  # blocks at which a replay led elsewhere than the first time
        genesis = read_json(home.genesis)
        if "time" not in genesis:
            genesis = {**genesis, "time": int(wall())}
            write_json(home.genesis, genesis)
        self._genesis_time: int = genesis["time"]
        self.node: Node
        self._log: txlog.TxLog
        self._seq = 0  # entries since the genesis block
        self._base = 0  # entries that the newest snapshot holds
        self._offset = 0
        kill_orphan(home)
        self._restore()

    @property
    def head(self) -> Head:
        return self.node.head

    @property
    def offset(self) -> int:
        """Seconds from the wall's clock to the chain's."""
        return self._offset

    @property
    def pending(self) -> int:
        """Entries that the newest snapshot does not hold."""
        return self._seq - self._base

    def now(self) -> int:
        """The chain's clock, in seconds."""
        return int(self._wall()) + self._offset

    def tick(self) -> None:
        """Mine an empty block when the clock has moved since the last one: whoever looks sees the present."""
        if self.now() > self.head.time:
            with self._lock:
                if self.now() > self.head.time:
                    self.mine()

    def send(self, raw: str) -> Answer:
        """A raw transaction, in a block of its own."""
        return self._change(txlog.TX, raw=raw)

    def mine(self) -> Answer:
        """An empty block, now."""
        return self._change(txlog.MINE)

    def cheat(self, method: str, params: list[Any]) -> Answer:
        """One of the node's cheats that change state, such as anvil_setBalance."""
        return self._change(txlog.CALL, method=method, params=params)

    def set_clock(self, to: int) -> None:
        """Make the chain's clock read `to` now; raises UsageError when that is before the newest block."""
        with self._lock:
            if to < self.head.time:
                raise UsageError(f"time cannot go back: expected at least {self.head.time}, found {to}")
            self._change(txlog.CLOCK, offset=to - int(self._wall()))

    def advance(self, seconds: int) -> None:
        """Move the clock forward and mine a block there; raises UsageError for a negative number."""
        if seconds < 0:
            raise UsageError(f"time cannot go back: expected a positive number of seconds, found {seconds}")
        with self._lock:
            self.set_clock(max(self.now(), self.head.time) + seconds)
            self.mine()

    def snapshot(self, name: str) -> None:
        """Keep the present state under a name; raises StateConflict while transactions wait in the pool."""
        with self._lock:
            if not self.node.is_idle():
                raise StateConflict("transactions wait in the node's pool: expected none", hint="Send what is missing.")
            write(self._home.snapshots / f"{name}.{self._offset}.json", self.node.dump())
            for other in self._home.snapshots.glob(f"{name}.*.json"):
                if other.name != f"{name}.{self._offset}.json":
                    other.unlink()

    def restore(self, name: str) -> None:
        """Go back to a named state; raises NotFound. The index sees it as a reorganisation."""
        with self._lock:
            found = sorted(self._home.snapshots.glob(f"{name}.*.json"), key=lambda path: path.stat().st_mtime)
            if not found:
                known = ", ".join(sorted(path.name.split(".")[0] for path in self._home.snapshots.glob("*.json")))
                raise NotFound(f"no snapshot is called {name!r}; there are: {known or 'none'}")
            seq, offset = self._seq + 1, int(found[-1].name.split(".")[1])
            # The rename is the moment of the change: a kill before it leaves the old state, one after it the new.
            write(self._home.chain / f"state.{seq:012d}.{offset}.json", found[-1].read_bytes())
            self._log.close()
            self.node.kill()
            self._restore()

    def ensure(self) -> None:
        """Restore the node if it has died; returns when it is up. Raises ChainError when it cannot be."""
        with self._lock:
            if not self._stopping and not self.node.alive():
                self._recover()

    def stop(self) -> None:
        """Take a snapshot, if the node can still give one, and end the node."""
        with self._lock:
            self._stopping = True
            try:
                self._take()
            except (MlmError, OSError) as error:
                log.warning("no snapshot at the end, the journal has it all: %s", error)
            self.node.kill()
            self._log.close()

    def _change(self, kind: str, **fields: Any) -> Answer:
        with self._lock:
            if self._stopping:
                raise ChainError("the devnet is stopping", hint="Run `mlm devnet up`.")
            self.ensure()
            entry = txlog.Entry(kind, self.head.hash, time=max(self.now(), self.head.time), **fields)
            # SAFETY: on the disk before the node hears of it.
            self._log.append(entry)
            self._seq += 1
            answer = self._apply(entry)
            if self._seq - self._base >= SNAPSHOT_EVERY:
                try:
                    self._take()
                except MlmError as error:
                    log.warning("no snapshot: %s", error)
                    self.ensure()
            return answer

    def _apply(self, entry: txlog.Entry) -> Answer:
        if entry.kind == txlog.CLOCK:
            self._offset = entry.offset
            return Answer()
        try:
            return self.node.apply(entry)
        except ChainError as error:
            log.warning("the node failed in the middle of a change: %s", error)
            return self._recover()

    def _recover(self) -> Answer:
        """Bring the node back by snapshot and journal; the answer to the journal's last entry."""
        self.restarts += 1
        self._log.close()
        self.node.kill()
        return self._restore()

    def _restore(self) -> Answer:
        for attempt in range(1, _ATTEMPTS + 1):
            for generation in self._generations():
                try:
                    return self._replay(generation)
                except ChainError as error:
                    log.warning("attempt %d from snapshot %d failed: %s", attempt, generation.seq, error)
        raise ChainError("the devnet's node cannot be restored", hint="See `mlm devnet logs`, or `mlm devnet reset`.")

    def _replay(self, generation: Generation) -> Answer:
        journals = [seq for seq in self._journals() if seq >= generation.seq]
        entries: list[txlog.Entry] = []
        length = 0
        for seq in journals:
            if seq != generation.seq + len(entries):
                raise ChainError(f"journal {seq} does not continue snapshot {generation.seq}")
            more, length = txlog.read(self._journal(seq))
            entries += more
        node = Node(self._home, self._binary, self._genesis_time, generation.path)
        self.node, self._offset, answer = node, generation.offset, Answer()
        try:
            for entry in entries:
                if entry.parent != node.head.hash:
                    log.error("block %d came out as %s, was %s", node.head.number, node.head.hash, entry.parent)
                    self.diverged.append(node.head.number)
                if entry.kind == txlog.CLOCK:
                    self._offset, answer = entry.offset, Answer()
                else:
                    answer = node.apply(entry)
        except BaseException:
            node.kill()
            raise
        self._seq, self._base = generation.seq + len(entries), generation.seq
        last = journals[-1] if journals else generation.seq
        self._log = txlog.TxLog(self._journal(last), length)
        log.info("node %d at block %d: snapshot %d, %d entries", node.process.pid, node.head.number, *self._position())
        threading.Thread(target=self._watch, args=(node,), daemon=True).start()
        return answer

    def _position(self) -> tuple[int, int]:
        return self._base, self._seq - self._base

    def _take(self) -> None:
        """A new generation, unless the pool holds transactions; the one before it stays as a reserve."""
        if self._seq == self._base or not self.node.is_idle():
            return
        name = f"state.{self._seq:012d}.{self._offset}.json"
        write(self._home.chain / name, self.node.dump())
        self._log.close()
        self._base = self._seq
        self._log = txlog.TxLog(self._journal(self._seq), 0)
        keep = [generation.seq for generation in self._generations()][:2]
        for generation in self._generations():
            if generation.path is not None and generation.seq not in keep:
                generation.path.unlink()
        for seq in self._journals():
            if seq < min(keep):
                self._journal(seq).unlink()

    def _generations(self) -> list[Generation]:
        """Newest first; the genesis block counts while its journal is there."""
        found = []
        for path in self._home.chain.glob("state.*.json"):
            _, seq, offset, _ = path.name.split(".")
            found.append(Generation(int(seq), int(offset), path))
        if not found or self._journal(0).exists():
            found.append(Generation(0, 0, None))
        return sorted(found, key=lambda generation: -generation.seq)

    def _journal(self, seq: int) -> Path:
        return self._home.chain / f"journal.{seq:012d}"

    def _journals(self) -> list[int]:
        return sorted(int(path.name.split(".")[1]) for path in self._home.chain.glob("journal.*"))

    def _watch(self, node: Node) -> None:
        """Restore a node that dies by itself, before anybody asks for it."""
        code = node.process.wait()
        if self._stopping or node.killed:
            return
        log.warning("node %d ended with code %s", node.process.pid, code)
        try:
            self.ensure()
        except MlmError as error:
            log.error("%s", error)
