"""The devnet's folder: where everything lies, durable writes, and locks that outlive no process.

A lock is an flock on an open file: the kernel drops it when its last holder dies, so a held lock proves that the
process whose id stands beside it is alive and is ours, however ids are reused.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm.adapters.disk import replace_file, storage_errors
from mlm.core.errors import StorageError


@dataclass(frozen=True)
class Home:
    """MLM_HOME/devnet."""

    root: Path

    @property
    def chain(self) -> Path:
        """Snapshots of the state and the journals that continue them."""
        return self.root / "chain"

    @property
    def snapshots(self) -> Path:
        """Snapshots that the user named."""
        return self.root / "snapshots"

    @property
    def remote(self) -> Path:
        """The default folder remote."""
        return self.root / "remote"

    @property
    def deployment(self) -> Path:
        return self.root / "deployment.json"

    @property
    def genesis(self) -> Path:
        """What makes this devnet's genesis block, and the port it likes."""
        return self.root / "genesis.json"

    @property
    def run(self) -> Path:
        """The running supervisor: pid, url, the node's pid. Meaningful only while its lock is held."""
        return self.root / "run.json"

    @property
    def supervisor_lock(self) -> Path:
        return self.root / "supervisor.lock"

    @property
    def node_lock(self) -> Path:
        """Held by the node itself, which inherits it."""
        return self.root / "node.lock"

    @property
    def up_lock(self) -> Path:
        """Held while one command changes the devnet as a whole."""
        return self.root / "up.lock"

    @property
    def log(self) -> Path:
        return self.root / "logs" / "supervisor.log"

    @property
    def node_log(self) -> Path:
        return self.root / "logs" / "node.log"

    def make(self) -> None:
        """Create the folders, private to the user; raises StorageError."""
        try:
            for folder in (self.root, self.chain, self.snapshots, self.remote, self.log.parent):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot create the devnet's folder {self.root}: {error.strerror}") from error


def try_lock(path: Path, patience: float = 0.5) -> int | None:
    """An open, locked file descriptor, or None when another process holds the lock for `patience` seconds.

    `is_held` takes a shared lock for an instant, which must not look like a holder.
    """
    deadline = time.monotonic() + patience
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    while not _flock(descriptor, fcntl.LOCK_EX):
        if time.monotonic() >= deadline:
            os.close(descriptor)
            return None
        time.sleep(0.002)
    return descriptor


def is_held(path: Path) -> bool:
    """Whether some process holds the lock."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _flock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def locked(path: Path, what: str, timeout: float = 60.0) -> Iterator[None]:
    """Hold the lock, waiting at most `timeout` seconds; raises StorageError naming `what`."""
    if (descriptor := try_lock(path, timeout)) is None:
        raise StorageError(f"another process has been busy with {what} for {timeout:g} s", hint="Try again later.")
    try:
        yield
    finally:
        os.close(descriptor)


def write(path: Path, content: bytes) -> None:
    """Replace a file, private to the user, whole or not at all; raises StorageError."""
    with storage_errors(f"cannot write {path}"):
        replace_file(path, [content], mode=0o600)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, or {} when the file is missing or torn: all of these files can be made again."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Replace a JSON file whole or not at all; raises StorageError."""
    write(path, (json.dumps(value, indent=2, sort_keys=True) + "\n").encode())
